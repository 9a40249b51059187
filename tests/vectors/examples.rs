//! The examples of the RFCs: JWS of RFC 7520 §4, RFC 8037 appendix A and RFC 7797 §4, and the certificate of RFC 8705
//! appendix A.

use monocloud_backend_node::engine::authorize::certificate::thumbprint_of_pem;
use monocloud_backend_node::engine::authorize::mode::BindingMode;
use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::token::compact::encode_base64url;
use monocloud_backend_node::engine::token::confirmation::{Binding, Thumbprint};
use serde_json::Value;

use super::support::{folder, read, say, set_of, text, verdict};

/// The text at a JSON pointer.
fn at<'v>(example: &'v Value, pointer: &str) -> &'v str {
    example.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {pointer}"))
}

/// The cookbook includes the private members of each key. An issuer publishes the public half.
fn public_half(key: &Value) -> Value {
    let mut key = key.clone();
    let members = key.as_object_mut().expect("a JWK");
    for name in ["d", "p", "q", "dp", "dq", "qi"] {
        members.remove(name);
    }
    key
}

const SIGNED: [&str; 4] = [
    "cookbook/jws/4_1.rsa_v15_signature.json",
    "cookbook/jws/4_2.rsa-pss_signature.json",
    "cookbook/jws/4_3.ecdsa_signature.json",
    "cookbook/curve25519/jws.json",
];

#[test]
fn the_cookbook_signatures_verify_and_no_longer_do_under_another_header_or_payload() {
    let folder = folder();
    for name in SIGNED {
        let example: Value = read(&folder, name);
        let set = set_of(&public_half(&example["input"]["key"]));
        let compact = at(&example, "/output/compact");
        assert_eq!(verdict(&set, compact), Ok(()), "{name}");
        let published_whole = set_of(&example["input"]["key"]);
        assert_eq!(verdict(&published_whole, compact), Err(Reason::KeyNotFound), "{name}: a published private key");
        let (signing_input, signature) = compact.rsplit_once('.').expect("a signature");
        let (header, payload) = signing_input.split_once('.').expect("a header and a payload");
        assert_eq!(signing_input, at(&example, "/signing/sig-input"), "{name}");
        assert_eq!(payload, encode_base64url(at(&example, "/input/payload").as_bytes()), "{name}");
        let other_payload = format!("{header}.{payload}AAAA.{signature}");
        assert_eq!(verdict(&set, &other_payload), Err(Reason::SignatureInvalid), "{name}");
        let other_header = encode_base64url(format!(r#"{{"alg":"{}"}} "#, at(&example, "/input/alg")).as_bytes());
        let other_header = format!("{other_header}.{payload}.{signature}");
        assert_eq!(verdict(&set, &other_header), Err(Reason::SignatureInvalid), "{name}");
    }
    say(&format!("\ncookbook: {} compact JWS accepted\n", SIGNED.len()));
}

/// Examples that the engine rejects although their RFC calls them valid, with the rule.
const REFUSED: [(&str, Reason, &str); 4] = [
    ("cookbook/jws/4_4.hmac-sha2_integrity_protection.json", Reason::AlgorithmNotAllowed, "HS256 is never allowed"),
    ("cookbook/jws/4_5.signature_with_detached_content.json", Reason::TokenMalformed, "the payload is detached"),
    ("cookbook/rfc7797/hmac-sha2_b64_false.json", Reason::AlgorithmNotAllowed, "HS256, and `b64` besides"),
    ("cookbook/curve25519/ecdh-es.json", Reason::TokenMalformed, "five parts: a JWE"),
];

#[test]
fn the_cookbook_examples_that_our_rules_forbid_are_refused() {
    let folder = folder();
    let mut table = format!("\ncookbook: {} compact examples refused\n", REFUSED.len());
    for (name, reason, why) in REFUSED {
        let example: Value = read(&folder, name);
        let compact = at(&example, "/output/compact");
        assert_eq!(verdict(&set_of(&example["input"]["key"]), compact), Err(reason), "{name}: {why}");
        table += &format!("  {name}: {why}\n");
    }
    say(&table);
}

#[test]
fn the_cookbook_examples_in_json_serialization_are_no_tokens() {
    let folder = folder();
    let in_json = [
        "cookbook/jws/4_6.protecting_specific_header_fields.json",
        "cookbook/jws/4_7.protecting_content_only.json",
        "cookbook/jws/4_8.multiple_signatures.json",
        "cookbook/rfc7797/4.2.hmac-sha2_b64_false.json",
    ];
    for name in in_json.into_iter().chain(SIGNED) {
        let example: Value = read(&folder, name);
        let set = set_of(&example["input"]["key"]);
        for form in ["json", "json_flat"] {
            let Some(jws) = example["output"].get(form) else {
                assert_eq!((name, form), (in_json[2], "json_flat"), "only 4.8 has no flattened form");
                continue;
            };
            assert_eq!(verdict(&set, &jws.to_string()), Err(Reason::TokenMalformed), "{name} {form}");
        }
    }
}

#[test]
fn of_the_multiple_signatures_only_the_rsa_one_makes_a_token() {
    let folder = folder();
    let example: Value = read(&folder, "cookbook/jws/4_8.multiple_signatures.json");
    let keys = example["input"]["key"].as_array().expect("keys");
    let set = serde_json::json!({ "keys": keys.iter().map(public_half).collect::<Vec<_>>() });
    let payload = at(&example, "/output/json/payload");
    let signatures = example.pointer("/output/json/signatures").and_then(Value::as_array).expect("signatures");
    let verdicts: Vec<_> = signatures
        .iter()
        .map(|signature| {
            let header = signature.get("protected").and_then(Value::as_str).unwrap_or_default();
            verdict(&set, &format!("{header}.{payload}.{}", at(signature, "/signature")))
        })
        .collect();
    let expected = [Ok(()), Err(Reason::TokenMalformed), Err(Reason::AlgorithmNotAllowed)];
    assert_eq!(verdicts, expected, "RS256, ES512 without a protected header, HS256");
}

#[test]
fn the_rfc_8705_certificate_has_its_thumbprint_and_binds_though_it_expired_in_2022() {
    let folder = folder();
    let example: Value = read(&folder, "rfc8705/appendix_a.json");
    let expected = at(&example, "/x5t#S256");
    let pem = text(&folder, "rfc8705/appendix_a.pem");
    assert_eq!(thumbprint_of_pem(&pem).map(Thumbprint::to_base64url).as_deref(), Some(expected));
    let bound_to = |text: &str| Binding::Bound(Thumbprint::parse(text).expect("a thumbprint"));
    let other = encode_base64url(&[0; 32]);
    for mode in [BindingMode::WhenPresent, BindingMode::Required] {
        assert_eq!(mode.check(&bound_to(expected), Some(&pem)), Ok(()));
        assert_eq!(mode.check(&bound_to(&other), Some(&pem)), Err(Reason::CertificateMismatch));
    }
    say("\nrfc8705: 1 certificate and its thumbprint\n");
}
