//! Tests of the `jwk` of a proof, on both sides of each boundary.

use serde_json::json;

use super::super::testing::Sender;
use super::*;
use crate::engine::token::compact::encode_base64url;
use crate::engine::token::json::{self, MAX_DEPTH, ValueSeed};

/// RFC 7638 §3.1.
const N: &str = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";

fn read(jwk: &serde_json::Value, algorithm: Algorithm) -> Option<ProofKey> {
    read_text(&jwk.to_string(), algorithm)
}

fn read_text(jwk: &str, algorithm: Algorithm) -> Option<ProofKey> {
    let value = json::read(jwk.as_bytes(), ValueSeed { depth: MAX_DEPTH, keeps_nested: true })?;
    ProofKey::read(&value, algorithm)
}

fn with(mut jwk: serde_json::Value, name: &str, value: serde_json::Value) -> serde_json::Value {
    jwk[name] = value;
    jwk
}

fn rsa(n: &[u8], e: &[u8]) -> serde_json::Value {
    json!({ "kty": "RSA", "n": encode_base64url(n), "e": encode_base64url(e) })
}

/// An odd number of this many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0xa5; bits.div_ceil(8)];
    let top = 1 << ((bits - 1) % 8);
    bytes[0] = top | (0xa5 & (top - 1));
    bytes
}

#[test]
fn the_keys_of_rfc_7638_and_rfc_8037_have_their_thumbprints() {
    let rsa = json!({ "kty": "RSA", "n": N, "e": "AQAB", "kid": "2011-04-29", "alg": "RS256" });
    let rsa = read(&rsa, Algorithm::Rs256).expect("a key").thumbprint;
    assert_eq!(rsa.to_base64url(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" });
    let okp = read(&okp, Algorithm::EdDsa).expect("a key").thumbprint;
    assert_eq!(okp.to_base64url(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
}

#[test]
fn a_key_with_any_private_or_symmetric_member_is_refused() {
    let jwk = Sender::es256().jwk();
    assert!(read(&jwk, Algorithm::Es256).is_some());
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [json!("AA"), json!(""), json!(null), json!([])] {
            assert!(read(&with(jwk.clone(), name, value), Algorithm::Es256).is_none(), "{name}");
        }
    }
    assert!(read(&json!({ "kty": "oct", "k": "AA" }), Algorithm::Es256).is_none());
}

#[test]
fn a_key_fits_its_algorithm_only() {
    let (ec, okp) = (Sender::es256().jwk(), Sender::numbered(1).jwk());
    let rsa = json!({ "kty": "RSA", "n": N, "e": "AQAB" });
    for algorithm in Algorithm::ALL {
        assert_eq!(read(&ec, algorithm).is_some(), algorithm == Algorithm::Es256, "{algorithm:?}");
        assert_eq!(read(&okp, algorithm).is_some(), algorithm == Algorithm::EdDsa, "{algorithm:?}");
        assert_eq!(read(&rsa, algorithm).is_some(), algorithm.rsa().is_some(), "{algorithm:?}");
    }
    assert!(read(&with(okp, "crv", json!("X25519")), Algorithm::EdDsa).is_none());
    assert!(read(&with(ec, "crv", json!("P-384")), Algorithm::Es256).is_none());
}

#[test]
fn a_key_for_another_use_or_algorithm_is_refused() {
    let jwk = Sender::numbered(1).jwk();
    let accepts =
        |name: &str, value: serde_json::Value| read(&with(jwk.clone(), name, value), Algorithm::EdDsa).is_some();
    assert!(accepts("use", json!("sig")) && accepts("alg", json!("Ed25519")) && accepts("alg", json!("EdDSA")));
    assert!(accepts("key_ops", json!(["verify"])) && accepts("key_ops", json!(["x", "verify"])));
    assert!(accepts("kid", json!(1)) && accepts("x5c", json!("x")) && accepts("jku", json!({})), "not looked at");
    for (name, value) in [
        ("use", json!("enc")),
        ("use", json!(null)),
        ("alg", json!("ES256")),
        ("alg", json!(1)),
        ("key_ops", json!([])),
        ("key_ops", json!(["sign"])),
        ("key_ops", json!(["verify", "verify"])),
        ("key_ops", json!(["verify", 1])),
        ("key_ops", json!("verify")),
    ] {
        assert!(!accepts(name, value.clone()), "{name}: {value}");
    }
}

#[test]
fn a_coordinate_has_exactly_the_length_of_its_curve_in_strict_base64url() {
    let jwk = Sender::es256().jwk();
    let x = jwk["x"].as_str().expect("x");
    let octets = decode_base64url(x.as_bytes()).expect("octets");
    for wrong in [
        String::new(),
        format!("{x}="),
        encode_base64url(&octets[1..]),
        encode_base64url(&[&[0], octets.as_slice()].concat()),
        format!(" {x}"),
    ] {
        assert!(read(&with(jwk.clone(), "x", json!(wrong)), Algorithm::Es256).is_none(), "{wrong:?}");
    }
    for wrong in [json!(null), json!(1), json!([x])] {
        assert!(read(&with(jwk.clone(), "x", wrong), Algorithm::Es256).is_none());
    }
    let okp = json!({ "kty": "OKP", "crv": "Ed25519", "x": encode_base64url(&[1; 31]) });
    assert!(read(&okp, Algorithm::EdDsa).is_none());
}

#[test]
fn a_point_that_is_not_on_the_curve_is_refused() {
    let jwk = Sender::es256().jwk();
    for (name, value) in [("y", jwk["x"].clone()), ("x", json!(encode_base64url(&[0; 32])))] {
        let key = read(&with(jwk.clone(), name, value), Algorithm::Es256).expect("a key that is not parsed yet");
        assert!(key.parse().is_none());
    }
}

#[test]
fn an_rsa_modulus_has_2048_to_4096_bits_is_odd_and_has_no_leading_zero() {
    let accepts = |n: &[u8]| read(&rsa(n, &[1, 0, 1]), Algorithm::Ps256).is_some();
    assert!(accepts(&modulus(2048)) && accepts(&modulus(2049)) && accepts(&modulus(4096)));
    assert!(!accepts(&modulus(2047)) && !accepts(&modulus(4097)) && !accepts(&[]));
    assert!(!accepts(&[&[0], modulus(2048).as_slice()].concat()));
    let mut even = modulus(2048);
    *even.last_mut().expect("a byte") -= 1;
    assert!(!accepts(&even));
}

#[test]
fn an_rsa_exponent_is_odd_and_from_3_to_below_2_to_the_32() {
    let n = modulus(2048);
    for good in [&[3][..], &[1, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
        assert!(read(&rsa(&n, good), Algorithm::Ps256).is_some(), "{good:?}");
    }
    for bad in [&[][..], &[1], &[2], &[1, 0, 0], &[0, 3], &[1, 0, 0, 0, 1]] {
        assert!(read(&rsa(&n, bad), Algorithm::Ps256).is_none(), "{bad:?}");
    }
}

#[test]
fn an_rsa_key_of_more_than_3072_bits_and_every_curve_but_p_256_is_slow() {
    let slow = |bits: usize| read(&rsa(&modulus(bits), &[1, 0, 1]), Algorithm::Ps256).expect("a key").is_slow();
    assert!(!slow(2048) && !slow(3072) && slow(3080) && slow(4096));
    assert!(!read(&Sender::es256().jwk(), Algorithm::Es256).expect("a key").is_slow());
    assert!(read(&Sender::es384().jwk(), Algorithm::Es384).expect("a key").is_slow());
}

#[test]
fn a_jwk_that_is_no_object_or_has_a_duplicate_member_is_refused() {
    for text in ["null", "[]", "\"x\"", "{}", r#"{"kty":1}"#] {
        assert!(read_text(text, Algorithm::EdDsa).is_none(), "{text}");
    }
    let jwk = Sender::numbered(1).jwk().to_string();
    assert!(read_text(&jwk, Algorithm::EdDsa).is_some());
    assert!(read_text(&jwk.replacen('{', r#"{"kty":"OKP","#, 1), Algorithm::EdDsa).is_none());
}
