//! The header of a token: is it valid, and which algorithm and key does it name? (RFC 7515 §4, RFC 7518 §3.1, RFC 8725.)
//!
//! `jwk`, `jku`, `x5u` and `x5c` are ignored, because the sender of a token must not choose the keys (RFC 8725 §3.10).

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters,
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::engine::error::Reason;
use crate::engine::token::compact::decode_base64url;
use crate::engine::token::json::{self, Value};

/// The accepted signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). `none` and HS* are not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Algorithm {
    EdDsa,
    Es256,
    Es384,
    Es512,
    Ps256,
    Ps384,
    Ps512,
    Rs256,
    Rs384,
    Rs512,
}

impl Algorithm {
    pub const ALL: [Algorithm; 10] = [
        Algorithm::EdDsa,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::Es512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
    ];

    /// Parses an `alg` value, which is case-sensitive (RFC 7515 §4.1.1).
    /// The names of the algorithm (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2), separated by spaces.
    pub fn names(self) -> &'static str {
        match self {
            Algorithm::EdDsa => "EdDSA Ed25519",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::Es512 => "ES512",
            Algorithm::Ps256 => "PS256",
            Algorithm::Ps384 => "PS384",
            Algorithm::Ps512 => "PS512",
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
        }
    }

    pub fn named(alg: &str) -> Option<Self> {
        Some(match alg {
            "EdDSA" | "Ed25519" => Algorithm::EdDsa,
            "ES256" => Algorithm::Es256,
            "ES384" => Algorithm::Es384,
            "ES512" => Algorithm::Es512,
            "PS256" => Algorithm::Ps256,
            "PS384" => Algorithm::Ps384,
            "PS512" => Algorithm::Ps512,
            "RS256" => Algorithm::Rs256,
            "RS384" => Algorithm::Rs384,
            "RS512" => Algorithm::Rs512,
            _ => return None,
        })
    }

    /// The digest that is signed (RFC 7518 §3.1). `None` for Ed25519, which signs the whole input (RFC 8032 §5.1.6).
    pub fn digest(self) -> Option<&'static digest::Algorithm> {
        Some(match self {
            Algorithm::EdDsa => return None,
            Algorithm::Es256 | Algorithm::Ps256 | Algorithm::Rs256 => &digest::SHA256,
            Algorithm::Es384 | Algorithm::Ps384 | Algorithm::Rs384 => &digest::SHA384,
            Algorithm::Es512 | Algorithm::Ps512 | Algorithm::Rs512 => &digest::SHA512,
        })
    }

    /// The padding and hash of an RSA algorithm (RFC 7518 §3.3 and §3.5).
    pub fn rsa(self) -> Option<&'static RsaParameters> {
        Some(match self {
            Algorithm::Ps256 => &RSA_PSS_2048_8192_SHA256,
            Algorithm::Ps384 => &RSA_PSS_2048_8192_SHA384,
            Algorithm::Ps512 => &RSA_PSS_2048_8192_SHA512,
            Algorithm::Rs256 => &RSA_PKCS1_2048_8192_SHA256,
            Algorithm::Rs384 => &RSA_PKCS1_2048_8192_SHA384,
            Algorithm::Rs512 => &RSA_PKCS1_2048_8192_SHA512,
            _ => return None,
        })
    }

    /// The curve and hash of an ECDSA algorithm, with signatures as R || S (RFC 7518 §3.4).
    pub fn ecdsa(self) -> Option<&'static aws_lc_rs::signature::EcdsaVerificationAlgorithm> {
        Some(match self {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
            Algorithm::Es512 => &ECDSA_P521_SHA512_FIXED,
            _ => return None,
        })
    }

    /// The curve of an ECDSA algorithm, with the length of a coordinate in bytes (RFC 7518 §3.4, §6.2.1).
    pub fn curve(self) -> Option<(&'static str, usize)> {
        Some(match self {
            Algorithm::Es256 => ("P-256", 32),
            Algorithm::Es384 => ("P-384", 48),
            Algorithm::Es512 => ("P-521", 66),
            _ => return None,
        })
    }
}

/// The parts of a valid header that later rules need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub algorithm: Algorithm,
    pub kid: Option<Box<str>>,
}

impl Header {
    /// Decodes and validates a header. It must be a strict JSON object with an accepted `alg`, without `crit` or `b64`, and
    /// with a `typ` that is absent or of an access token (RFC 9068 §4, RFC 8725 §3.11).
    pub fn parse(encoded: &str) -> Result<Header, Reason> {
        let bytes = decode_base64url(encoded.as_bytes()).ok_or(Reason::TokenMalformed)?;
        let raw = json::read(&bytes, HeaderSeed).ok_or(Reason::HeaderInvalid)?;
        let algorithm = match raw.alg {
            Some(Value::Text(alg)) => Algorithm::named(&alg).ok_or(Reason::AlgorithmNotAllowed)?,
            _ => return Err(Reason::AlgorithmNotAllowed),
        };
        if raw.has_extension {
            return Err(Reason::CriticalHeader);
        }
        match &raw.typ {
            None => {}
            Some(Value::Text(typ)) if is_access_token_type(typ) => {}
            Some(_) => return Err(Reason::TypeNotAllowed),
        }
        let kid = match raw.kid {
            None => None,
            Some(Value::Text(kid)) => Some(kid.into()),
            Some(_) => return Err(Reason::HeaderInvalid),
        };
        Ok(Header { algorithm, kid })
    }
}

fn is_access_token_type(typ: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|allowed| typ.eq_ignore_ascii_case(allowed))
}

#[derive(Default)]
struct RawHeader<'de> {
    alg: Option<Value<'de>>,
    typ: Option<Value<'de>>,
    kid: Option<Value<'de>>,
    has_extension: bool,
}

struct HeaderSeed;

impl<'de> DeserializeSeed<'de> for HeaderSeed {
    type Value = RawHeader<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderSeed {
    type Value = RawHeader<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JOSE header")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut header = RawHeader::default();
        json::visit_members(
            map,
            |_| false,
            |name, value| match name {
                "alg" => header.alg = Some(value),
                "typ" => header.typ = Some(value),
                "kid" => header.kid = Some(value),
                "crit" | "b64" => header.has_extension = true,
                _ => {}
            },
        )?;
        Ok(header)
    }
}
