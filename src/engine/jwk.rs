//! JWK Sets: which of the issuer's keys may verify, and which one signed this token (RFC 7517, RFC 7518 §6, RFC 8037).
//!
//! A key that cannot be used is left out and spoils none of the others. Keys are parsed once; a signature is verified
//! by aws-lc.

use std::collections::HashMap;
use std::sync::OnceLock;

use aws_lc_rs::digest::digest;
use aws_lc_rs::signature::{ED25519, ParsedPublicKey, RsaPublicKeyComponents};
use foldhash::fast::RandomState;
use serde_json::Value;

use super::error::Reason;
use super::jws::{Algorithm, Header, decode_base64url};

/// The most keys of a set that are used; the rest is left out.
pub const MAX_KEYS: usize = 100;

/// RSA moduli accepted, in bits (RFC 7518 §3.3 asks for 2048 at least; above 8192 a verify costs too much).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// An RSA key above this many bits verifies slowly enough to be kept off the main thread.
const FAST_RSA_BITS: usize = 3072;

/// The usable keys of one JWK Set.
pub struct KeySet {
    keys: Vec<Key>,
    by_kid: HashMap<Box<str>, Vec<usize>, RandomState>,
}

impl KeySet {
    /// Reads a JWK Set; `None` when it is not one at all. A set without a usable key is a set.
    pub fn parse(text: &str) -> Option<KeySet> {
        let document: Value = serde_json::from_str(text).ok()?;
        let entries = document.get("keys")?.as_array()?;
        let mut set = KeySet { keys: Vec::new(), by_kid: HashMap::default() };
        for (index, entry) in entries.iter().enumerate() {
            if set.keys.len() == MAX_KEYS {
                break;
            }
            if let Some(key) = Key::parse(entry, index) {
                set.add(key);
            }
        }
        Some(set)
    }

    /// The same key twice is one key, so that a repeated entry makes nothing ambiguous.
    fn add(&mut self, key: Key) {
        if self.keys.iter().any(|other| other.is_same_as(&key)) {
            return;
        }
        if let Some(kid) = &key.kid {
            self.by_kid.entry(kid.clone()).or_default().push(self.keys.len());
        }
        self.keys.push(key);
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key that a header names: by `kid`, or the only one that fits (contract 5.3).
    pub fn select(&self, header: &Header) -> Result<&Key, Reason> {
        let fits = |key: &&Key| key.allows(header.algorithm);
        let (first, second) = match &header.kid {
            Some(kid) => {
                let named = self.by_kid.get(kid.as_ref()).map(Vec::as_slice).unwrap_or_default();
                let mut fitting = named.iter().filter_map(|index| self.keys.get(*index)).filter(fits);
                (fitting.next(), fitting.next())
            }
            None => {
                let mut fitting = self.keys.iter().filter(fits);
                (fitting.next(), fitting.next())
            }
        };
        match (first, second) {
            (Some(key), None) => Ok(key),
            (Some(_), Some(_)) => Err(Reason::KeyAmbiguous),
            (None, _) => Err(Reason::KeyNotFound),
        }
    }
}

/// One key that may verify signatures.
pub struct Key {
    pub kid: Option<Box<str>>,
    /// Its place in the set it came from.
    pub index: usize,
    /// The `alg` member, when there is one: the key is for nothing else.
    only: Option<Algorithm>,
    public: Public,
}

enum Public {
    Ed25519(ParsedPublicKey),
    Ec(Algorithm, ParsedPublicKey),
    Rsa(Box<Rsa>),
}

/// An RSA key, parsed once for each algorithm it is used with.
struct Rsa {
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    bits: usize,
    parsed: [OnceLock<Option<ParsedPublicKey>>; Algorithm::ALL.len()],
}

impl Key {
    /// Reads one entry of a set; `None` for one that must not or cannot verify. `oct` never may.
    fn parse(entry: &Value, index: usize) -> Option<Key> {
        let member = |name: &str| match entry.get(name) {
            None => Some(None),
            Some(value) => value.as_str().map(Some),
        };
        let is_for_signatures = member("use")?.is_none_or(|usage| usage == "sig");
        let verifies = match entry.get("key_ops") {
            None => true,
            Some(operations) => operations.as_array()?.iter().any(|operation| operation == "verify"),
        };
        if !is_for_signatures || !verifies {
            return None;
        }
        let only = match member("alg")? {
            None => None,
            Some(alg) => Some(Algorithm::named(alg)?),
        };
        let public = match member("kty")?? {
            "RSA" => Public::Rsa(Box::new(Rsa::parse(bytes(entry, "n")?, bytes(entry, "e")?)?)),
            "EC" => {
                let (algorithm, coordinate_bytes) = match member("crv")?? {
                    "P-256" => (Algorithm::Es256, 32),
                    "P-384" => (Algorithm::Es384, 48),
                    "P-521" => (Algorithm::Es512, 66),
                    _ => return None,
                };
                let (x, y) = (bytes(entry, "x")?, bytes(entry, "y")?);
                // RFC 7518 §6.2.1.2: full-length coordinates.
                if x.len() != coordinate_bytes || y.len() != coordinate_bytes {
                    return None;
                }
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                Public::Ec(algorithm, ParsedPublicKey::new(algorithm.ecdsa()?, point).ok()?)
            }
            "OKP" if member("crv")?? == "Ed25519" => {
                let x = bytes(entry, "x")?;
                if x.len() != 32 {
                    return None;
                }
                Public::Ed25519(ParsedPublicKey::new(&ED25519, x).ok()?)
            }
            _ => return None,
        };
        let key = Key { kid: member("kid")?.map(Into::into), index, only, public };
        Algorithm::ALL.iter().any(|algorithm| key.allows(*algorithm)).then_some(key)
    }

    /// Whether `kty`, `crv` and `alg` fit an algorithm; `use` and `key_ops` were asked before.
    fn allows(&self, algorithm: Algorithm) -> bool {
        let by_type = match &self.public {
            Public::Ed25519(_) => algorithm == Algorithm::EdDsa,
            Public::Ec(curve, _) => algorithm == *curve,
            Public::Rsa(_) => algorithm.rsa().is_some(),
        };
        by_type && self.only.is_none_or(|only| only == algorithm)
    }

    /// Whether verifying takes long enough to hold the event loop.
    pub fn is_slow(&self) -> bool {
        match &self.public {
            Public::Ed25519(_) => false,
            Public::Ec(curve, _) => *curve != Algorithm::Es256,
            Public::Rsa(rsa) => rsa.bits > FAST_RSA_BITS,
        }
    }

    /// RFC 7515 §5.2: whether this key made this signature of this input.
    pub fn verify(&self, algorithm: Algorithm, signing_input: &[u8], signature: &[u8]) -> Result<(), Reason> {
        let key = self.parsed(algorithm).ok_or(Reason::SignatureInvalid)?;
        match algorithm.digest() {
            // The same in two steps, which costs aws-lc fewer allocations.
            Some(hash) => key.verify_digest_sig(&digest(hash, signing_input), signature),
            None => key.verify_sig(signing_input, signature),
        }
        .map_err(|_| Reason::SignatureInvalid)
    }

    /// The key as aws-lc has it, if an algorithm may use it.
    pub fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        match &self.public {
            _ if !self.allows(algorithm) => None,
            Public::Ed25519(key) | Public::Ec(_, key) => Some(key),
            Public::Rsa(rsa) => rsa.parsed(algorithm),
        }
    }

    fn is_same_as(&self, other: &Key) -> bool {
        let is_same_public = match (&self.public, &other.public) {
            (Public::Ed25519(a), Public::Ed25519(b)) => a.as_ref() == b.as_ref(),
            (Public::Ec(curve, a), Public::Ec(other_curve, b)) => curve == other_curve && a.as_ref() == b.as_ref(),
            (Public::Rsa(a), Public::Rsa(b)) => a.modulus == b.modulus && a.exponent == b.exponent,
            _ => false,
        };
        is_same_public && self.kid == other.kid && self.only == other.only
    }
}

impl Rsa {
    /// RFC 7518 §6.3.1; odd modulus of an accepted size, odd exponent of 3 at least.
    fn parse(modulus: Vec<u8>, exponent: Vec<u8>) -> Option<Rsa> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
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

fn bytes(entry: &Value, name: &str) -> Option<Vec<u8>> {
    decode_base64url(entry.get(name)?.as_str()?.as_bytes())
}

fn without_leading_zeros(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}

/// CVE-2017-15361: moduli of a broken generator are powers of 65537 modulo every small prime.
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

/// The place of the key a header names in a JWK Set, both as JSON (`getPublicSigKeyFromIssuerJwks`).
pub fn select_in_json(jwks: &str, alg: &str, kid: Option<&str>) -> Option<usize> {
    let header = Header { algorithm: Algorithm::named(alg)?, kid: kid.map(Into::into) };
    KeySet::parse(jwks)?.select(&header).ok().map(|key| key.index)
}

#[cfg(test)]
#[path = "jwk_tests.rs"]
mod tests;
