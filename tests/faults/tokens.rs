//! Real tokens, signed with Ed25519 (RFC 8037), and the JWK Set of their keys.

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub const TENANT: &str = "https://issuer.example";
pub const AUDIENCE: &str = "https://api.example.com";

/// One of the issuer's keys.
pub struct Signer {
    pub kid: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub fn new(kid: impl Into<String>) -> Self {
        Signer { kid: kid.into(), pair: Ed25519KeyPair::generate().expect("a key pair") }
    }

    pub fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": self.kid, "use": "sig", "x": x })
    }

    /// An access token that ends at `exp`. Another `id` gives another token.
    pub fn token(&self, id: u64, exp: f64) -> String {
        let header = json!({ "alg": "EdDSA", "kid": self.kid, "typ": "at+jwt" });
        let claims = json!({ "iss": TENANT, "aud": AUDIENCE, "sub": "user-1", "exp": exp, "jti": id.to_string() });
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.pair.sign(input.as_bytes()));
        format!("{input}.{signature}")
    }
}

/// A token with a `kid` that no issuer has, like an attacker's. Its signature is never verified, and it is cheap to
/// make.
pub fn forged(kid: &str) -> String {
    static REST: LazyLock<String> = LazyLock::new(|| {
        let claims = json!({ "iss": TENANT, "aud": AUDIENCE, "exp": 4_000_000_000_u32 });
        format!("{}.{}", encode(&claims), URL_SAFE_NO_PAD.encode([7; 64]))
    });
    let header = format!(r#"{{"alg":"EdDSA","kid":"{kid}"}}"#);
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), *REST)
}

pub fn jwks<'s>(signers: impl IntoIterator<Item = &'s Signer>) -> String {
    json!({ "keys": signers.into_iter().map(Signer::jwk).collect::<Vec<_>>() }).to_string()
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}
