//! Test helpers: senders with their keys, and proofs with some members replaced.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    Ed25519KeyPair, KeyPair,
};
use serde_json::{Map, Value, json};

use super::context::DpopContext;
use super::settings::DpopSettings;
use super::{GivenProof, Progress, Proof};
use crate::engine::error::Reason;
use crate::engine::token::compact::encode_base64url;
use crate::engine::token::confirmation::Thumbprint;

pub const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
pub const ATH: &str = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";
pub const URL: &str = "https://resource.example.org/protectedresource";
pub const NOW: f64 = 1_562_262_620.0;

pub enum Sender {
    Ed25519(Ed25519KeyPair),
    Ec(EcdsaKeyPair, &'static str, &'static str),
}

impl Sender {
    /// A fast sender. Senders with different numbers have different keys.
    pub fn numbered(number: u16) -> Sender {
        let mut seed = [7; 32];
        seed[..2].copy_from_slice(&number.to_be_bytes());
        Sender::Ed25519(Ed25519KeyPair::from_seed_unchecked(&seed).expect("a key"))
    }

    pub fn es256() -> Sender {
        Sender::ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "ES256", "P-256")
    }

    pub fn es384() -> Sender {
        Sender::ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "ES384", "P-384")
    }

    fn ec(algorithm: &'static EcdsaSigningAlgorithm, alg: &'static str, curve: &'static str) -> Sender {
        Sender::Ec(EcdsaKeyPair::generate(algorithm).expect("a key"), alg, curve)
    }

    pub fn alg(&self) -> &'static str {
        match self {
            Sender::Ed25519(_) => "EdDSA",
            Sender::Ec(_, alg, _) => alg,
        }
    }

    pub fn jwk(&self) -> Value {
        match self {
            Sender::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode_base64url(key.public_key().as_ref()) })
            }
            Sender::Ec(key, _, curve) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({ "kty": "EC", "crv": curve, "x": encode_base64url(x), "y": encode_base64url(y) })
            }
        }
    }

    /// Written with the members of RFC 7638 §3.2 by hand, not by the code under test.
    pub fn thumbprint(&self) -> Thumbprint {
        let jwk = self.jwk();
        let member = |name: &str| jwk[name].as_str().expect("a text");
        let text = match self {
            Sender::Ed25519(_) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, member("x")),
            Sender::Ec(..) => {
                format!(r#"{{"crv":"{}","kty":"EC","x":"{}","y":"{}"}}"#, member("crv"), member("x"), member("y"))
            }
        };
        Thumbprint::of(text.as_bytes())
    }

    pub fn sign(&self, header: &str, payload: &str) -> String {
        let input = format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(payload.as_bytes()));
        let signature = match self {
            Sender::Ed25519(key) => key.sign(input.as_bytes()).as_ref().to_vec(),
            Sender::Ec(key, ..) => key.sign(&SystemRandom::new(), input.as_bytes()).expect("signed").as_ref().to_vec(),
        };
        format!("{input}.{}", encode_base64url(&signature))
    }

    /// A valid proof, with some members replaced. Null removes a member.
    pub fn proof_with(&self, header: Value, claims: Value) -> String {
        let valid_header = json!({ "typ": "dpop+jwt", "alg": self.alg(), "jwk": self.jwk() });
        let valid_claims = json!({ "jti": "a", "htm": "GET", "htu": URL, "iat": NOW - 2.0, "ath": ATH });
        self.sign(&merged(valid_header, header).to_string(), &merged(valid_claims, claims).to_string())
    }

    pub fn proof(&self, claims: Value) -> String {
        self.proof_with(json!({}), claims)
    }
}

fn merged(mut valid: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().expect("an object") {
        valid[name] = value.clone();
    }
    let members = valid.as_object().expect("an object").clone();
    Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>())
}

pub fn context() -> Arc<DpopContext> {
    context_with(DpopSettings::default())
}

pub fn context_with(settings: DpopSettings) -> Arc<DpopContext> {
    Arc::new(DpopContext::new(settings, "https://x", "https://api"))
}

/// The proof with another signature.
pub fn forged(proof: &str) -> String {
    let mut bytes = proof.as_bytes().to_vec();
    let middle = bytes.len() - 40;
    bytes[middle] = if bytes[middle] == b'A' { b'B' } else { b'A' };
    String::from_utf8(bytes).expect("text")
}

/// One request with this proof.
pub fn request(context: &Arc<DpopContext>, proof: &str) -> Proof {
    Proof::new(Arc::clone(context), GivenProof::One(proof.into()), "GET", vec![URL.into()])
}

/// Proves and asks for the result, as an engine does.
pub fn decide(proof: &Proof, token: &str, key: &Thumbprint, now: f64) -> Result<(), Reason> {
    assert_eq!(proof.prove(token, None, key, now, true), Progress::Decided);
    proof.outcome(token, None, key)
}

/// The result of one request with this proof, in a context of its own.
pub fn result(sender: &Sender, proof: &str) -> Result<(), Reason> {
    decide(&request(&context(), proof), TOKEN, &sender.thumbprint(), NOW)
}
