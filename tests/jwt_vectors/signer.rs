//! The keys of `__test__/vectors/private-jwks.json`, and their signatures (RFC 7518 §3, RFC 8037).

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, RsaEncoding, RsaKeyPair};

use monocloud_backend_node::engine::token::compact::decode_base64url;
use serde_json::{Map, Value};

use super::file;

pub struct Signers(Vec<Map<String, Value>>);

impl Signers {
    pub fn read() -> Signers {
        Signers(serde_json::from_str(&file::text("private-jwks.json")).expect("an array of JWKs"))
    }

    /// The key that signs with an algorithm unless a vector names another.
    pub fn key_for(alg: &str) -> &'static str {
        match alg {
            "EdDSA" => "ed",
            "ES256" => "p256",
            "ES384" => "p384",
            "ES512" => "p521",
            _ => "rsa",
        }
    }

    /// The public half (RFC 7517 §4, RFC 7518 §6), without `kid`.
    pub fn public(&self, kid: &str) -> Map<String, Value> {
        let is_public = |name: &str| ["kty", "crv", "x", "y", "n", "e"].contains(&name);
        let members = self.jwk(kid).iter().filter(|(name, _)| is_public(name));
        members.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    pub fn sign(&self, alg: &str, kid: &str, input: &[u8]) -> Vec<u8> {
        match alg {
            "EdDSA" => self.ed25519(kid).sign(input).as_ref().to_vec(),
            "ES256" => self.ecdsa(kid, &signature::ECDSA_P256_SHA256_FIXED_SIGNING, input),
            "ES384" => self.ecdsa(kid, &signature::ECDSA_P384_SHA384_FIXED_SIGNING, input),
            "ES512" => self.ecdsa(kid, &signature::ECDSA_P521_SHA512_FIXED_SIGNING, input),
            "HS256" => self.hmac(kid, hmac::HMAC_SHA256, input),
            "HS384" => self.hmac(kid, hmac::HMAC_SHA384, input),
            "HS512" => self.hmac(kid, hmac::HMAC_SHA512, input),
            "PS256" => self.rsa(kid, &signature::RSA_PSS_SHA256, input),
            "PS384" => self.rsa(kid, &signature::RSA_PSS_SHA384, input),
            "PS512" => self.rsa(kid, &signature::RSA_PSS_SHA512, input),
            "RS256" => self.rsa(kid, &signature::RSA_PKCS1_SHA256, input),
            "RS384" => self.rsa(kid, &signature::RSA_PKCS1_SHA384, input),
            "RS512" => self.rsa(kid, &signature::RSA_PKCS1_SHA512, input),
            other => panic!("nothing signs with {other}"),
        }
    }

    fn ed25519(&self, kid: &str) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_and_public_key(&self.octets(kid, "d"), &self.octets(kid, "x"))
            .expect("an Ed25519 key")
    }

    fn ecdsa(&self, kid: &str, algorithm: &'static EcdsaSigningAlgorithm, input: &[u8]) -> Vec<u8> {
        let point = [&[4], self.octets(kid, "x").as_slice(), self.octets(kid, "y").as_slice()].concat();
        let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &self.octets(kid, "d"), &point);
        pair.expect("an EC key").sign(&SystemRandom::new(), input).expect("a signature").as_ref().to_vec()
    }

    fn rsa(&self, kid: &str, encoding: &'static dyn RsaEncoding, input: &[u8]) -> Vec<u8> {
        let pair = RsaKeyPair::from_der(&self.rsa_der(kid)).expect("an RSA key");
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), input, &mut signature).expect("a signature");
        signature
    }

    /// The signature of an attacker who uses the public key as a secret (RFC 8725 §2.1).
    fn hmac(&self, kid: &str, algorithm: hmac::Algorithm, input: &[u8]) -> Vec<u8> {
        hmac::sign(&hmac::Key::new(algorithm, &self.octets(kid, "n")), input).as_ref().to_vec()
    }

    /// RFC 8017 A.1.2.
    fn rsa_der(&self, kid: &str) -> Vec<u8> {
        let fields = ["n", "e", "d", "p", "q", "dp", "dq", "qi"].map(|name| integer(&self.octets(kid, name)));
        tagged(0x30, &[integer(&[]), fields.concat()].concat())
    }

    fn octets(&self, kid: &str, name: &str) -> Vec<u8> {
        let text = self.jwk(kid).get(name).and_then(Value::as_str).unwrap_or_else(|| panic!("{kid} has no {name}"));
        decode_base64url(text.as_bytes()).expect("base64url")
    }

    fn jwk(&self, kid: &str) -> &Map<String, Value> {
        let found = self.0.iter().find(|jwk| jwk.get("kid").is_some_and(|other| other == kid));
        found.unwrap_or_else(|| panic!("no key {kid}"))
    }
}

/// X.690 §8.3: a non-negative INTEGER in the fewest octets; an empty magnitude is 0.
fn integer(magnitude: &[u8]) -> Vec<u8> {
    let needs_zero = magnitude.first().is_none_or(|first| *first >= 0x80);
    let sign: &[u8] = if needs_zero { &[0] } else { &[] };
    tagged(0x02, &[sign, magnitude].concat())
}

/// X.690 §8.1: a tag, the length in the fewest octets, the content.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|octet| *octet == 0).collect();
    let long_form = match length.as_slice() {
        [short] if *short < 0x80 => vec![],
        octets => vec![0x80 | u8::try_from(octets.len()).expect("a length of few octets")],
    };
    [vec![tag], long_form, length, content.to_vec()].concat()
}
