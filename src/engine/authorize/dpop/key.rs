//! The `jwk` of a proof: is it a safe public key that fits the algorithm, and what is its thumbprint? (RFC 7517 §4, RFC
//! 7518 §6, RFC 7638, RFC 8037, RFC 9449 §4.2.)
//!
//! Unlike a key that an issuer publishes, it has exactly one spelling: strict base64url, coordinates of the curve's full
//! length, and RSA numbers without leading zeros. So two spellings of a key cannot have two thumbprints.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::engine::keys::jwk::{Key, PRIVATE_MEMBERS};
use crate::engine::token::compact::decode_base64url;
use crate::engine::token::confirmation::Thumbprint;
use crate::engine::token::header::Algorithm;
use crate::engine::token::json::Value;

/// The accepted sizes of RSA moduli, in bits (RFC 7518 §3.3). The sender chooses this key, so it is not as large as an
/// issuer's may be.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;
/// The longest RSA exponent, in bytes.
const MAX_EXPONENT_BYTES: usize = 4;

/// The public key of a proof. Whether its point is on the curve is checked only when it is known to be the token's key,
/// because that takes longer than everything before. So a flood of self-made keys costs little.
pub struct ProofKey {
    pub thumbprint: Thumbprint,
    algorithm: Algorithm,
    spelled: Spelled,
}

impl ProofKey {
    /// Reads the `jwk` of a header.
    pub fn read(jwk: &Value<'_>, algorithm: Algorithm) -> Option<ProofKey> {
        let Value::Object(members) = jwk else { return None };
        let jwk = Jwk(members);
        if PRIVATE_MEMBERS.iter().any(|name| jwk.get(name).is_some()) || !jwk.is_for(algorithm) {
            return None;
        }
        let kty = jwk.text("kty")?;
        let spelled = match (kty, algorithm.curve()) {
            ("EC", Some((curve, length))) if curve == jwk.text("crv")? => {
                Spelled::Ec { curve, x: jwk.octets("x", length)?, y: jwk.octets("y", length)? }
            }
            ("OKP", None) if algorithm == Algorithm::EdDsa && jwk.text("crv")? == "Ed25519" => {
                Spelled::Ed25519(jwk.octets("x", 32)?)
            }
            ("RSA", None) if algorithm.rsa().is_some() => Spelled::Rsa { n: jwk.modulus()?, e: jwk.exponent()? },
            _ => return None,
        };
        let thumbprint = jwk.thumbprint(&spelled)?;
        Some(ProofKey { thumbprint, algorithm, spelled })
    }

    /// Whether a verification may block the event loop.
    pub fn is_slow(&self) -> bool {
        match &self.spelled {
            Spelled::Ec { .. } => self.algorithm != Algorithm::Es256,
            Spelled::Ed25519(_) => false,
            Spelled::Rsa { n, .. } => Key::is_slow_rsa(n.len() * 8),
        }
    }

    /// The key for aws-lc. `None` for a point that is not on its curve, and for an RSA key that is not safe.
    pub fn parse(&self) -> Option<Arc<Key>> {
        let key = match &self.spelled {
            Spelled::Ec { x, y, .. } => Key::of_point(self.algorithm, x, y)?,
            Spelled::Ed25519(x) => Key::of_ed25519(x)?,
            Spelled::Rsa { n, e } => Key::of_rsa(n, e)?,
        };
        Some(Arc::new(key))
    }
}

/// The members of a key, decoded.
enum Spelled {
    Ec { curve: &'static str, x: Vec<u8>, y: Vec<u8> },
    Ed25519(Vec<u8>),
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// The members of a `jwk` object. Reading the header has shown that they have no duplicates.
struct Jwk<'v, 'de>(&'v [(std::borrow::Cow<'de, str>, Value<'de>)]);

impl<'v, 'de> Jwk<'v, 'de> {
    fn get(&self, name: &str) -> Option<&'v Value<'de>> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> Option<&'v str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Whether `use`, `key_ops` and `alg`, if present, allow verifying with this algorithm (RFC 7517 §4.2 to §4.4).
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let is_for_signatures = self.get("use").is_none() || self.text("use") == Some("sig");
        let is_for_algorithm =
            self.get("alg").is_none() || self.text("alg").and_then(Algorithm::named) == Some(algorithm);
        let verifies = match self.get("key_ops") {
            None => true,
            Some(Value::Array(operations)) => {
                let is_sound = |(at, operation)| {
                    matches!(operation, &Value::Text(_)) && !operations.iter().take(at).any(|other| other == operation)
                };
                operations.iter().enumerate().all(is_sound) && operations.contains(&Value::Text("verify".into()))
            }
            Some(_) => false,
        };
        is_for_signatures && is_for_algorithm && verifies
    }

    /// RFC 7638 §3: the SHA-256 of the required members in lexicographic order, without white space. The members are taken
    /// as they are written: strict base64url has one spelling for the same octets.
    fn thumbprint(&self, spelled: &Spelled) -> Option<Thumbprint> {
        let parts: &[&str] = match spelled {
            Spelled::Ec { curve, .. } => &[
                r#"{"crv":""#,
                curve,
                r#"","kty":"EC","x":""#,
                self.text("x")?,
                r#"","y":""#,
                self.text("y")?,
                r#""}"#,
            ],
            Spelled::Ed25519(_) => &[r#"{"crv":"Ed25519","kty":"OKP","x":""#, self.text("x")?, r#""}"#],
            Spelled::Rsa { .. } => &[r#"{"e":""#, self.text("e")?, r#"","kty":"RSA","n":""#, self.text("n")?, r#""}"#],
        };
        // An allocation takes longer than to copy the members of the usual key.
        let mut members = SmallVec::<[u8; 256]>::new();
        parts.iter().for_each(|part| members.extend_from_slice(part.as_bytes()));
        Some(Thumbprint::of(&members))
    }

    fn octets(&self, name: &str, length: usize) -> Option<Vec<u8>> {
        decode_base64url(self.text(name)?.as_bytes()).filter(|octets| octets.len() == length)
    }

    /// An odd number of an accepted size.
    fn modulus(&self) -> Option<Vec<u8>> {
        let modulus = decode_base64url(self.text("n")?.as_bytes())?;
        let zeros = modulus.first().filter(|first| **first != 0)?.leading_zeros() as usize;
        (RSA_BITS.contains(&(modulus.len() * 8 - zeros)) && is_odd(&modulus)).then_some(modulus)
    }

    /// An odd number of 3 or more and below 2^32 (RFC 8017 §3.1).
    fn exponent(&self) -> Option<Vec<u8>> {
        let exponent = decode_base64url(self.text("e")?.as_bytes())?;
        let has_leading_zero = exponent.first().is_none_or(|first| *first == 0);
        let is_sound = !has_leading_zero && exponent.len() <= MAX_EXPONENT_BYTES && is_odd(&exponent);
        (is_sound && exponent.as_slice() != [1]).then_some(exponent)
    }
}

fn is_odd(number: &[u8]) -> bool {
    number.last().is_some_and(|last| last & 1 == 1)
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
