//! Each key that Wycheproof wants rejected is rejected for the case's fault: with the fault repaired, it verifies.

use aws_lc_rs::signature::{RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RsaPublicKeyComponents};
use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::token::compact::decode_base64url;
use monocloud_backend_node::engine::token::header::Header;
use serde_json::{Value, json};

use super::jws::{JWK, JWS, Judged, cases, find};
use super::support::{folder, key_set, verdict};

/// The members that are wrong and their repair; `Null` removes a member.
fn faults() -> Vec<(&'static str, u32, Value)> {
    let y = "UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw";
    vec![
        (JWS, 353, json!({ "use": null })),
        (JWS, 354, json!({ "use": null })),
        (JWS, 355, json!({ "key_ops": null })),
        (JWS, 356, json!({ "key_ops": ["verify"] })),
        (JWK, 6, json!({ "use": "sig", "alg": "RS256" })),
        (JWK, 19, json!({ "alg": "ES256" })),
        (JWK, 20, json!({ "alg": null })),
        (JWK, 21, json!({ "use": "sig" })),
        (JWK, 22, json!({ "y": y })),
        (JWK, 23, json!({ "crv": "P-256" })),
        (JWK, 24, json!({ "kty": "EC" })),
    ]
}

fn mended(case: &Judged, mend: &Value) -> Value {
    let mut set = case.set.clone();
    let key = set.pointer_mut("/keys/0").and_then(Value::as_object_mut);
    let key = key.unwrap_or_else(|| panic!("tcId {}: no key", case.id));
    for (name, value) in mend.as_object().expect("members") {
        match value {
            Value::Null => key.remove(name),
            value => key.insert(name.clone(), value.clone()),
        };
    }
    set
}

#[test]
fn a_key_with_a_fault_is_left_out_of_its_set_and_verifies_once_that_fault_is_mended() {
    let folder = folder();
    for (file, id, mend) in faults() {
        let cases = cases(&folder, file);
        let case = find(&cases, id);
        assert!(key_set(&case.set).is_empty(), "{file} tcId {id}");
        assert_eq!(case.verdict(), Err(Reason::KeyNotFound), "{file} tcId {id}");
        assert_eq!(verdict(&mended(case, &mend), &case.jws), Ok(()), "{file} tcId {id}");
    }
}

/// RSA keys with a valid signature each: of a ROCA modulus, of 1024 bits, of exponent 1.
const WEAK: [u32; 3] = [7, 8, 9];

#[test]
fn a_weak_rsa_key_is_left_out_of_its_set() {
    let folder = folder();
    let cases = cases(&folder, JWK);
    for id in WEAK {
        let case = find(&cases, id);
        let set = key_set(&case.set);
        assert!(set.is_empty(), "tcId {id}");
        // Two of the three have no payload, so they are not tokens. This test checks only the key.
        let header = case.jws.split('.').next().map(Header::parse).and_then(Result::ok);
        let header = header.unwrap_or_else(|| panic!("tcId {id}: no header"));
        assert_eq!(set.select(&header).err(), Some(Reason::KeyNotFound), "tcId {id}");
    }
}

#[test]
fn a_roca_modulus_and_1024_bits_are_refused_for_the_key_and_not_for_the_signature() {
    let folder = folder();
    let cases = cases(&folder, JWK);
    for id in [7, 8] {
        let case = find(&cases, id);
        let bytes = |text: &str| decode_base64url(text.as_bytes()).unwrap_or_else(|| panic!("not base64url: {text}"));
        let (modulus, exponent) = (bytes(case.member("n")), bytes(case.member("e")));
        let components = RsaPublicKeyComponents { n: modulus, e: exponent };
        let (input, signature) = case.jws.rsplit_once('.').unwrap_or_else(|| panic!("tcId {id}: no signature"));
        let algorithm = &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY;
        let verified = components.verify(algorithm, input.as_bytes(), &bytes(signature));
        assert!(verified.is_ok(), "tcId {id}: aws-lc takes the key and the signature");
    }
}
