//! Parses one entry of a JWK Set into a public key, or tells why it cannot be used (RFC 7517 §4, RFC 7518 §6, RFC 8037).
//!
//! Issuers encode their keys in many ways. Padding, the standard base64 alphabet, white space, leading zero octets and
//! `null` members are accepted, because they do not change the key. The rules for sizes, curves and purposes are strict.

use std::sync::LazyLock;

use aws_lc_rs::signature::{ED25519, ParsedPublicKey};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::{FAST_RSA_BITS, Key, Public, Rsa};
use crate::engine::token::header::Algorithm;

/// Members that hold a private or a shared key (RFC 7518 §6.2.2, §6.3.2 and §6.4, RFC 8037 §2).
pub const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

macro_rules! flaws {
    ($($(#[doc = $doc:literal])+ $name:ident, $code:literal, $explanation:literal;)+) => {
        /// Why an entry of a set is not used. The order of the variants is the order of [`Flaw::ALL`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Flaw { $($(#[doc = $doc])+ $name,)+ }

        impl Flaw {
            pub const ALL: &[Flaw] = &[$(Flaw::$name,)+];

            /// The stable, machine-readable name.
            pub fn name(self) -> &'static str {
                match self { $(Flaw::$name => $code,)+ }
            }

            /// An explanation for people.
            pub fn explanation(self) -> &'static str {
                match self { $(Flaw::$name => $explanation,)+ }
            }
        }
    };
}

flaws! {
    /// `alg` is not on the allow-list, or the key cannot be used with it.
    AlgorithmMismatch, "algorithm_mismatch", "Its alg is not allowed for access tokens, or does not fit its key type";
    /// The coordinates are not a point of the curve.
    InvalidPoint, "invalid_point", "Its coordinates are not a point of its curve";
    /// The entry is not an object, or a member is missing or cannot be decoded.
    Malformed, "malformed", "A member is missing or cannot be read";
    /// `use` or `key_ops` does not allow verifying signatures (RFC 7517 §4.2, §4.3).
    NotForSignatures, "not_for_signatures", "Its use or key_ops do not allow it to verify signatures";
    /// The set already has 100 usable keys.
    OverLimit, "over_limit", "Only the first 100 usable keys of a set are used";
    /// The entry publishes its private key, so anybody can sign with it.
    PrivateMembers, "private_members", "It publishes its private key, so anybody can sign with it: replace this key";
    /// RFC 8725 §3.2: the key is symmetric, and a public document discloses it.
    Symmetric, "symmetric", "It is a symmetric key, which must not be published";
    /// No accepted algorithm uses this key type or curve.
    UnsupportedType, "unsupported_type", "Its kty or crv is not supported";
    /// The RSA modulus has fewer than 2048 or more than 8192 bits, is even, or comes from a generator that is known to be
    /// broken; or the exponent is even or 1.
    WeakRsa, "weak_rsa", "Its RSA modulus or exponent is not safe (2048 to 8192 bits, an odd exponent of 3 or more)";
    /// The length of a coordinate or of an Ed25519 key does not fit the curve.
    WrongLength, "wrong_length", "A coordinate has another length than its curve requires";
}

/// Parses one entry. Private members are reported first, whatever the purpose of the entry is.
pub(super) fn read(entry: &Value, index: usize) -> Result<Key, Flaw> {
    if !entry.is_object() {
        return Err(Flaw::Malformed);
    }
    let kty = text(entry, "kty")?.ok_or(Flaw::Malformed)?;
    if kty == "oct" {
        return Err(Flaw::Symmetric);
    }
    if PRIVATE_MEMBERS.iter().any(|name| member(entry, name).is_some_and(|value| value.as_str() != Some(""))) {
        return Err(Flaw::PrivateMembers);
    }
    let is_for_signatures = text(entry, "use")?.is_none_or(|usage| usage == "sig");
    let verifies = match member(entry, "key_ops") {
        None => true,
        Some(Value::Array(operations)) => operations.iter().any(|operation| operation == "verify"),
        Some(_) => return Err(Flaw::Malformed),
    };
    if !is_for_signatures || !verifies {
        return Err(Flaw::NotForSignatures);
    }
    let public = match kty {
        "RSA" => {
            let rsa = Rsa::parse(octets(entry, "n")?, octets(entry, "e")?).ok_or(Flaw::WeakRsa)?;
            Public::Rsa(Box::new(rsa))
        }
        "EC" => elliptic(entry)?,
        "OKP" if text(entry, "crv")? == Some("Ed25519") => {
            let x = octets(entry, "x")?;
            if x.len() != 32 {
                return Err(Flaw::WrongLength);
            }
            Public::Ed25519(ParsedPublicKey::new(&ED25519, x).map_err(|_| Flaw::InvalidPoint)?)
        }
        _ => return Err(Flaw::UnsupportedType),
    };
    let only = match text(entry, "alg")? {
        None => None,
        Some(alg) => Some(Algorithm::named(alg).ok_or(Flaw::AlgorithmMismatch)?),
    };
    let key = Key { kid: text(entry, "kid")?.map(Into::into), index, only, public };
    let is_usable = Algorithm::ALL.iter().any(|algorithm| key.allows(*algorithm));
    is_usable.then_some(key).ok_or(Flaw::AlgorithmMismatch)
}

/// Keys of octets that are exactly as long as they must be, for a `jwk` that is not part of a set.
impl Key {
    /// A key on the curve of an ECDSA algorithm. `None` unless it is a point of the curve.
    pub fn of_point(algorithm: Algorithm, x: &[u8], y: &[u8]) -> Option<Key> {
        let point = [&[4], x, y].concat();
        let point = ParsedPublicKey::new(algorithm.ecdsa()?, point).ok()?;
        Some(Key::alone(Public::Ec(algorithm, point)))
    }

    pub fn of_ed25519(x: &[u8]) -> Option<Key> {
        ParsedPublicKey::new(&ED25519, x).ok().map(|key| Key::alone(Public::Ed25519(key)))
    }

    /// `None` unless [`Rsa::parse`] accepts it.
    pub fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Option<Key> {
        let rsa = Rsa::parse(modulus.to_vec(), exponent.to_vec())?;
        Some(Key::alone(Public::Rsa(Box::new(rsa))))
    }

    /// Whether [`Key::is_slow`] holds for an RSA key of this size.
    pub fn is_slow_rsa(bits: usize) -> bool {
        bits > FAST_RSA_BITS
    }

    fn alone(public: Public) -> Key {
        Key { kid: None, index: 0, only: None, public }
    }
}

fn elliptic(entry: &Value) -> Result<Public, Flaw> {
    let (algorithm, length) = match text(entry, "crv")?.ok_or(Flaw::Malformed)? {
        "P-256" => (Algorithm::Es256, 32),
        "P-384" => (Algorithm::Es384, 48),
        "P-521" => (Algorithm::Es512, 66),
        _ => return Err(Flaw::UnsupportedType),
    };
    let (x, y) = (coordinate(entry, "x", length)?, coordinate(entry, "y", length)?);
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    let curve = algorithm.ecdsa().ok_or(Flaw::UnsupportedType)?;
    Ok(Public::Ec(algorithm, ParsedPublicKey::new(curve, point).map_err(|_| Flaw::InvalidPoint)?))
}

/// Restores a coordinate to its full length, as RFC 7518 §6.2.1.2 requires. Some encoders omit leading zero octets or add
/// one for the sign. The number, and so the point of the curve, is the same.
fn coordinate(entry: &Value, name: &str, length: usize) -> Result<Vec<u8>, Flaw> {
    const MAX_ZEROS: usize = 2;
    let given = octets(entry, name)?;
    let digits = without_leading_zeros(&given);
    let is_near = given.len().abs_diff(length) <= MAX_ZEROS;
    let missing = length.checked_sub(digits.len()).filter(|_| is_near).ok_or(Flaw::WrongLength)?;
    Ok([vec![0; missing].as_slice(), digits].concat())
}

pub(super) fn without_leading_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The value of a member. `null` counts as absent.
pub(super) fn member<'j>(entry: &'j Value, name: &str) -> Option<&'j Value> {
    entry.get(name).filter(|value| !value.is_null())
}

fn text<'j>(entry: &'j Value, name: &str) -> Result<Option<&'j str>, Flaw> {
    match member(entry, name) {
        None => Ok(None),
        Some(value) => value.as_str().map(Some).ok_or(Flaw::Malformed),
    }
}

/// Decodes base64url or base64, with or without padding and white space.
fn octets(entry: &Value, name: &str) -> Result<Vec<u8>, Flaw> {
    static LENIENT: LazyLock<GeneralPurpose> = LazyLock::new(|| {
        let config = GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent);
        GeneralPurpose::new(&URL_SAFE, config)
    });
    let encoded = text(entry, name)?.ok_or(Flaw::Malformed)?;
    let url_safe: Vec<u8> = encoded
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .map(|byte| match byte {
            b'+' => b'-',
            b'/' => b'_',
            other => other,
        })
        .collect();
    LENIENT.decode(url_safe).map_err(|_| Flaw::Malformed)
}
