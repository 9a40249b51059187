//! Converts private JWKs to the DER that the signers read: RFC 8017 A.1.2 for RSA, and PKCS#8 for the curves.

use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair};
use serde_json::Value;

use super::bytes;

/// An EC key (RFC 7518 §6.2) as PKCS#8. The public point must belong to the private key.
pub fn ec_pkcs8(jwk: &Value, signing: &'static EcdsaSigningAlgorithm) -> Option<Vec<u8>> {
    let point = [&[0x04], bytes(jwk, "x")?.as_slice(), bytes(jwk, "y")?.as_slice()].concat();
    let pair = EcdsaKeyPair::from_private_key_and_public_key(signing, &bytes(jwk, "d")?, &point).ok()?;
    Some(pair.to_pkcs8v1().ok()?.as_ref().to_vec())
}

/// An Ed25519 key (RFC 8037 §2) as PKCS#8. `d` is the seed, and the public key `x` must belong to it.
pub fn ed25519_pkcs8(jwk: &Value) -> Option<Vec<u8>> {
    let pair = Ed25519KeyPair::from_seed_and_public_key(&bytes(jwk, "d")?, &bytes(jwk, "x")?).ok()?;
    Some(pair.to_pkcs8v1().ok()?.as_ref().to_vec())
}

/// An RSA key of two primes as `RSAPrivateKey` (RFC 8017 A.1.2).
pub fn rsa_private_key_der(jwk: &Value) -> Option<Vec<u8>> {
    let mut fields = integer(&[0]);
    for name in ["n", "e", "d", "p", "q", "dp", "dq", "qi"] {
        fields.extend(integer(&bytes(jwk, name)?));
    }
    Some(tagged(0x30, &fields))
}

/// A non-negative INTEGER in the fewest bytes (X.690 §8.3).
fn integer(magnitude: &[u8]) -> Vec<u8> {
    let digits: Vec<u8> = magnitude.iter().copied().skip_while(|byte| *byte == 0).collect();
    let needs_zero = digits.first().is_none_or(|first| *first >= 0x80);
    let content = if needs_zero { [&[0], digits.as_slice()].concat() } else { digits };
    tagged(0x02, &content)
}

/// A tag, the length in the fewest bytes, and the content (X.690 §8.1, §10.1).
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    match length.as_slice() {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}
