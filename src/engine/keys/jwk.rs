//! JWK Sets: which keys of the issuer may verify signatures, and which key signed a token (RFC 7517, RFC 7518 §6,
//! RFC 8037).
//!
//! An unusable key is left out and does not affect the others. [`Flaw`] tells why. Each key is parsed once. aws-lc
//! verifies the signatures.

use std::collections::HashMap;
use std::sync::OnceLock;

use aws_lc_rs::digest::digest;
use aws_lc_rs::signature::{ParsedPublicKey, RsaPublicKeyComponents};
use foldhash::fast::RandomState;
use serde_json::{Value, json};

use crate::engine::error::Reason;
use crate::engine::token::compact::encode_base64url;
use crate::engine::token::header::{Algorithm, Header};
use crate::engine::token::json;

/// The largest number of keys that are used from one set. Further keys are left out.
pub const MAX_KEYS: usize = 100;

/// The accepted sizes of RSA moduli, in bits. RFC 7518 §3.3 requires at least 2048. Above 8192, verification is too slow.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The largest RSA key, in bits, that verifies fast enough for the main thread.
const FAST_RSA_BITS: usize = 3072;

/// The usable keys of one JWK Set.
pub struct KeySet {
    keys: Vec<Key>,
    by_kid: HashMap<Box<str>, Vec<usize>, RandomState>,
    /// The number of entries that were left out, by flaw.
    left_out: [usize; Flaw::ALL.len()],
}

impl KeySet {
    /// Parses a JWK Set. Returns `None` if the text is not a JWK Set. A set without a usable key is valid.
    pub fn parse(text: &str) -> Option<KeySet> {
        let document = json::document(text)?;
        let mut set = KeySet { keys: Vec::new(), by_kid: HashMap::default(), left_out: Default::default() };
        for (index, entry) in document.get("keys")?.as_array()?.iter().enumerate() {
            if let Err(flaw) = entry::read(entry, index).and_then(|key| set.add(key)) {
                // The array has one count for each flaw, in the order of the variants, so the index always exists.
                set.left_out[flaw as usize] += 1;
            }
        }
        Some(set)
    }

    /// Adds a key. A repeated entry is ignored, so that it does not make the selection ambiguous.
    fn add(&mut self, key: Key) -> Result<(), Flaw> {
        if self.keys.iter().any(|other| other.is_same_as(&key)) {
            return Ok(());
        }
        if self.keys.len() == MAX_KEYS {
            return Err(Flaw::OverLimit);
        }
        if let Some(kid) = &key.kid {
            self.by_kid.entry(kid.clone()).or_default().push(self.keys.len());
        }
        self.keys.push(key);
        Ok(())
    }

    /// The flaws of the entries that were left out, each with the number of entries.
    pub fn left_out(&self) -> impl Iterator<Item = (Flaw, usize)> {
        Flaw::ALL.iter().copied().zip(self.left_out).filter(|(_, count)| *count > 0)
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Selects the key that a header names by `kid`. Without `kid`, selects the only key that fits the algorithm.
    pub fn select(&self, header: &Header) -> Result<&Key, Reason> {
        let fits = |key: &&Key| key.allows(header.algorithm);
        match &header.kid {
            Some(kid) => {
                let named = self.by_kid.get(kid.as_ref()).map(Vec::as_slice).unwrap_or_default();
                only_key(named.iter().filter_map(|index| self.keys.get(*index)).filter(fits))
            }
            None => only_key(self.keys.iter().filter(fits)),
        }
    }
}

/// Several entries of one public key count as one key, for instance with and without `alg`, or with two `kid`s.
fn only_key<'k>(mut fitting: impl Iterator<Item = &'k Key>) -> Result<&'k Key, Reason> {
    let key = fitting.next().ok_or(Reason::KeyNotFound)?;
    if fitting.all(|other| other.public.is_same_as(&key.public)) { Ok(key) } else { Err(Reason::KeyAmbiguous) }
}

/// A key that may verify signatures.
pub struct Key {
    pub kid: Option<Box<str>>,
    /// The index of its entry in the set.
    pub index: usize,
    /// The `alg` member, if present. The key is then used with no other algorithm (RFC 7517 §4.4).
    only: Option<Algorithm>,
    public: Public,
}

enum Public {
    Ed25519(ParsedPublicKey),
    Ec(Algorithm, ParsedPublicKey),
    Rsa(Box<Rsa>),
}

/// An RSA key. It is parsed once for each algorithm that uses it.
struct Rsa {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    bits: usize,
    parsed: [OnceLock<Option<ParsedPublicKey>>; Algorithm::ALL.len()],
}

impl Key {
    /// Whether `kty`, `crv` and `alg` fit an algorithm. `use` and `key_ops` were checked when the entry was parsed.
    fn allows(&self, algorithm: Algorithm) -> bool {
        let by_type = match &self.public {
            Public::Ed25519(_) => algorithm == Algorithm::EdDsa,
            Public::Ec(curve, _) => algorithm == *curve,
            Public::Rsa(_) => algorithm.rsa().is_some(),
        };
        by_type && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether verification is slow enough to block the event loop.
    pub fn is_slow(&self) -> bool {
        match &self.public {
            Public::Ed25519(_) => false,
            Public::Ec(curve, _) => *curve != Algorithm::Es256,
            Public::Rsa(rsa) => Key::is_slow_rsa(rsa.bits),
        }
    }

    /// Verifies a signature of the signing input (RFC 7515 §5.2).
    pub fn verify(&self, algorithm: Algorithm, signing_input: &[u8], signature: &[u8]) -> Result<(), Reason> {
        let key = self.parsed(algorithm).ok_or(Reason::SignatureInvalid)?;
        match algorithm.digest() {
            // Hashing first gives the same result with fewer allocations in aws-lc.
            Some(hash) => key.verify_digest_sig(&digest(hash, signing_input), signature),
            None => key.verify_sig(signing_input, signature),
        }
        .map_err(|_| Reason::SignatureInvalid)
    }

    /// The parsed key for aws-lc, if the algorithm may use it.
    pub fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        match &self.public {
            _ if !self.allows(algorithm) => None,
            Public::Ed25519(key) | Public::Ec(_, key) => Some(key),
            Public::Rsa(rsa) => rsa.parsed(algorithm),
        }
    }

    /// The public members only, encoded as RFC 7518 §6 requires, whatever encoding the issuer used.
    fn to_jwk(&self) -> Value {
        match &self.public {
            Public::Ed25519(key) => json!({ "kty": "OKP", "crv": "Ed25519", "x": encode_base64url(key.as_ref()) }),
            Public::Ec(curve, key) => {
                let coordinates = key.as_ref().get(1..).unwrap_or_default();
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                let crv = match curve {
                    Algorithm::Es256 => "P-256",
                    Algorithm::Es384 => "P-384",
                    _ => "P-521",
                };
                json!({ "kty": "EC", "crv": crv, "x": encode_base64url(x), "y": encode_base64url(y) })
            }
            Public::Rsa(rsa) => {
                json!({ "kty": "RSA", "n": encode_base64url(&rsa.modulus), "e": encode_base64url(&rsa.exponent) })
            }
        }
    }

    fn is_same_as(&self, other: &Key) -> bool {
        self.kid == other.kid && self.only == other.only && self.public.is_same_as(&other.public)
    }
}

impl Public {
    fn is_same_as(&self, other: &Public) -> bool {
        match (self, other) {
            (Public::Ed25519(a), Public::Ed25519(b)) => a.as_ref() == b.as_ref(),
            (Public::Ec(curve, a), Public::Ec(other_curve, b)) => curve == other_curve && a.as_ref() == b.as_ref(),
            (Public::Rsa(a), Public::Rsa(b)) => a.modulus == b.modulus && a.exponent == b.exponent,
            _ => false,
        }
    }
}

impl Rsa {
    /// Requires an odd modulus of an accepted size and an odd exponent of 3 or more (RFC 7518 §6.3.1).
    fn parse(modulus: Vec<u8>, exponent: Vec<u8>) -> Option<Rsa> {
        let modulus = without_leading_zeros(&modulus).to_vec();
        let exponent = without_leading_zeros(&exponent).to_vec();
        let bits = modulus.len() * 8 - modulus.first()?.leading_zeros() as usize;
        let is_odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        let is_sound = RSA_BITS.contains(&bits)
            && is_odd(&modulus)
            && is_odd(&exponent)
            && exponent.as_slice() != [1]
            && !is_roca(&modulus);
        if !is_sound {
            return None;
        }
        let rsa = Rsa { modulus, exponent, bits, parsed: Default::default() };
        rsa.parse_for(Algorithm::Rs256)?;
        Some(rsa)
    }

    fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        self.parsed.get(algorithm as usize)?.get_or_init(|| self.parse_for(algorithm)).as_ref()
    }

    fn parse_for(&self, algorithm: Algorithm) -> Option<ParsedPublicKey> {
        let components = RsaPublicKeyComponents { n: &self.modulus, e: &self.exponent };
        components.to_parsed_public_key(algorithm.rsa()?).ok()
    }
}

/// CVE-2017-15361 (ROCA): the moduli of a broken generator are powers of 65537 modulo every small prime.
fn is_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107,
        109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|prime| {
        let remainder = modulus.iter().fold(0u32, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let generator = 65537 % prime;
        let mut power = 1;
        loop {
            if power == remainder {
                return true;
            }
            power = power * generator % prime;
            if power == 1 {
                return false;
            }
        }
    })
}

/// Selects a key from the JSON text of a JWK Set. Returns the index of its entry and its public JWK.
pub fn select_in_json(jwks: &str, alg: &str, kid: Option<&str>) -> Option<(usize, String)> {
    let header = Header { algorithm: Algorithm::named(alg)?, kid: kid.map(Into::into) };
    KeySet::parse(jwks)?.select(&header).ok().map(|key| (key.index, key.to_jwk().to_string()))
}

/// Selects the key that a header names. The header is JSON text.
pub fn select_by_header(jwks: &str, header: &str) -> Option<(usize, String)> {
    let header = json::document(header)?;
    let member = |name: &str| header.get(name).and_then(Value::as_str);
    select_in_json(jwks, member("alg")?, member("kid"))
}

/// Describes every entry of a JWK Set for the doctor, as JSON: `[{ index, kid, kty, crv, alg, use, usable, why,
/// explanation }]`. `why` is the name of a [`Flaw`], or null for a usable entry. Returns `None` if the text is not a JWK
/// Set.
pub fn describe_jwks(text: &str) -> Option<String> {
    let document = json::document(text)?;
    let mut set = KeySet { keys: Vec::new(), by_kid: HashMap::default(), left_out: Default::default() };
    let rows = document.get("keys")?.as_array()?.iter().enumerate().map(|(index, value)| {
        let flaw = entry::read(value, index).and_then(|key| set.add(key)).err();
        let shown = |name: &str| entry::member(value, name).cloned().unwrap_or_default();
        json!({
            "index": index,
            "kid": shown("kid"),
            "kty": shown("kty"),
            "crv": shown("crv"),
            "alg": shown("alg"),
            "use": shown("use"),
            "usable": flaw.is_none(),
            "why": flaw.map(Flaw::name),
            "explanation": flaw.map(Flaw::explanation),
        })
    });
    Some(Value::Array(rows.collect()).to_string())
}

#[path = "jwk_entry.rs"]
mod entry;
use entry::without_leading_zeros;
pub use entry::{Flaw, PRIVATE_MEMBERS};

#[cfg(test)]
#[path = "jwk_tests.rs"]
mod tests;
