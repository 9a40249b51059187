//! Which entries of a set are usable, and which key a header selects.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair,
};

use super::*;

const X: &str = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
const Y: &str = "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM";
const ED: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

fn ec(extra: &str) -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"{extra}}}"#)
}

fn ed(extra: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED}"{extra}}}"#)
}

/// An odd modulus of this many bits. It is not the modulus of a real key.
fn rsa(bits: usize, exponent: &[u8], last: u8) -> String {
    let mut modulus = vec![0xffu8; bits / 8];
    if let Some(byte) = modulus.last_mut() {
        *byte = last;
    }
    let encode = crate::engine::token::compact::encode_base64url;
    format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, encode(&modulus), encode(exponent))
}

fn set(keys: &[String]) -> KeySet {
    KeySet::parse(&format!(r#"{{"keys":[{}]}}"#, keys.join(","))).expect("a set")
}

fn header(alg: &str, kid: Option<&str>) -> Header {
    Header { algorithm: Algorithm::named(alg).expect("an algorithm"), kid: kid.map(Into::into) }
}

fn is_usable(key: String) -> bool {
    set(&[key]).len() == 1
}

#[test]
fn a_key_for_encryption_or_without_the_verify_operation_is_left_out() {
    assert!(is_usable(ec(r#","use":"sig","key_ops":["verify"]"#)));
    for extra in
        [r#","use":"enc""#, r#","use":1"#, r#","key_ops":["sign"]"#, r#","key_ops":[]"#, r#","key_ops":"verify""#]
    {
        assert!(!is_usable(ec(extra)), "{extra}");
    }
}

#[test]
fn an_oct_key_is_never_usable() {
    assert!(!is_usable(r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS256"}"#.into()));
}

#[test]
fn an_rsa_modulus_of_2048_to_8192_bits_is_usable() {
    let e = [1, 0, 1];
    assert!(is_usable(rsa(2048, &e, 0xff)));
    assert!(is_usable(rsa(8192, &e, 0xff)));
    assert!(!is_usable(rsa(2040, &e, 0xff)));
    assert!(!is_usable(rsa(1024, &e, 0xff)));
    assert!(!is_usable(rsa(8200, &e, 0xff)));
    assert!(!is_usable(rsa(2048, &e, 0xfe)), "an even modulus");
}

#[test]
fn an_rsa_exponent_is_odd_and_3_at_least() {
    assert!(is_usable(rsa(2048, &[3], 0xff)));
    for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[0, 0, 1]] {
        assert!(!is_usable(rsa(2048, exponent, 0xff)), "{exponent:?}");
    }
}

#[test]
fn a_point_off_the_curve_or_of_another_length_is_left_out() {
    assert!(!is_usable(ec("").replace(X, Y)));
    assert!(!is_usable(ec("").replace(X, "MKBC")));
    assert!(!is_usable(ec("").replace("P-256", "P-384")));
    assert!(!is_usable(ec("").replace("P-256", "secp256k1")));
    assert!(!is_usable(ed("").replace("Ed25519", "Ed448")));
    assert!(!is_usable(ed("").replace(ED, X.get(..40).unwrap_or_default())));
}

#[test]
fn an_alg_that_does_not_fit_the_key_leaves_it_out() {
    assert!(!is_usable(ec(r#","alg":"ES384""#)));
    assert!(!is_usable(ec(r#","alg":"HS256""#)));
    assert!(!is_usable(ec(r#","alg":1"#)));
    assert!(is_usable(ed(r#","alg":"EdDSA""#)));
    assert!(is_usable(ed(r#","alg":"Ed25519""#)));
}

#[test]
fn one_bad_entry_never_affects_the_others() {
    let keys =
        ["null".into(), "1".into(), "{}".into(), r#"{"kty":1}"#.into(), ec(r#","kid":7"#), ec(r#","kid":"good""#)];
    let set = set(&keys);
    assert_eq!(set.len(), 1);
    assert_eq!(set.select(&header("ES256", Some("good"))).map(|key| key.index), Ok(5));
}

#[test]
fn a_kid_selects_among_the_keys_that_fit() {
    let set = set(&[ec(r#","kid":"a""#), ed(r#","kid":"a""#), ed(r#","kid":"b""#)]);
    assert_eq!(set.select(&header("ES256", Some("a"))).map(|key| key.index), Ok(0));
    assert_eq!(set.select(&header("EdDSA", Some("a"))).map(|key| key.index), Ok(1));
    assert_eq!(set.select(&header("ES256", Some("b"))).err(), Some(Reason::KeyNotFound));
    assert_eq!(set.select(&header("ES256", Some("__proto__"))).err(), Some(Reason::KeyNotFound));
}

#[test]
fn without_a_kid_only_the_only_fitting_key_is_selected() {
    let one = set(&[ec(r#","kid":"a""#), ed("")]);
    assert_eq!(one.select(&header("ES256", None)).map(|key| key.index), Ok(0));
    assert_eq!(one.select(&header("RS256", None)).err(), Some(Reason::KeyNotFound));
    let e = [1, 0, 1];
    let two = set(&[rsa(2048, &e, 0xff), rsa(2048, &e, 0xfd)]);
    assert_eq!(two.select(&header("RS256", None)).err(), Some(Reason::KeyAmbiguous));
}

#[test]
fn the_same_entry_twice_is_one_key_and_two_keys_of_one_kid_are_ambiguous() {
    let e = [1, 0, 1];
    let kid = |key: String| key.replace(r#""kty""#, r#""kid":"k","kty""#);
    assert_eq!(set(&[ec(""), ec("")]).len(), 1);
    let two = set(&[kid(rsa(2048, &e, 0xff)), kid(rsa(2048, &e, 0xfd))]);
    assert_eq!(two.select(&header("RS256", Some("k"))).err(), Some(Reason::KeyAmbiguous));
}

#[test]
fn rsa_entries_of_one_modulus_are_one_key_only_when_they_have_one_exponent() {
    let one = set(&[rsa(2048, &[1, 0, 1], 0xff), rsa(2048, &[0, 1, 0, 1], 0xff)]);
    assert_eq!(one.len(), 1, "a leading zero makes no other number");
    assert!(one.select(&header("RS256", None)).is_ok());
    let two = set(&[rsa(2048, &[1, 0, 1], 0xff), rsa(2048, &[3], 0xff)]);
    assert_eq!(two.select(&header("RS256", None)).err(), Some(Reason::KeyAmbiguous));
}

#[test]
fn at_most_100_keys_are_used() {
    let keys: Vec<_> = (0..150).map(|i| ec(&format!(r#","kid":"{i}""#))).collect();
    let set = set(&keys);
    assert_eq!(set.len(), MAX_KEYS);
    assert!(set.select(&header("ES256", Some("99"))).is_ok());
    assert!(set.select(&header("ES256", Some("100"))).is_err());
}

#[test]
fn a_text_that_is_no_set_is_none_and_an_empty_set_is_a_set() {
    for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":"x"}"#, "<html>"] {
        assert!(KeySet::parse(text).is_none(), "{text}");
    }
    let nested = format!(r#"{{"keys":[],"x":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    assert!(KeySet::parse(&nested).is_none());
    assert!(KeySet::parse(r#"{"keys":[]}"#).is_some_and(|set| set.is_empty()));
}

#[test]
fn a_key_verifies_nothing_under_an_algorithm_it_is_not_for() {
    let set = set(&[ec("")]);
    let key = set.select(&header("ES256", None)).expect("the key");
    assert_eq!(key.verify(Algorithm::Rs256, b"x", &[0; 64]), Err(Reason::SignatureInvalid));
    assert_eq!(key.verify(Algorithm::Es256, b"x", &[0; 64]), Err(Reason::SignatureInvalid));
}

/// Whether a key in this encoding equals the key in the usual encoding.
fn is_same_key(encoded: String, usual: &str) -> bool {
    set(&[encoded, usual.to_owned()]).len() == 1
}

#[test]
fn padding_the_standard_alphabet_white_space_and_trailing_bits_encode_the_same_key() {
    let ed_like = |x: &str| ed("").replace(ED, x);
    let standard = ED.replace('-', "+").replace('_', "/");
    assert_ne!(standard, ED);
    for x in [
        format!("{ED}="),
        standard.clone(),
        format!("{standard}="),
        ED.replace("hc", r"h\r\n c"),
        ED.replace("URo", "URp"),
    ] {
        assert!(is_same_key(ed_like(&x), &ed("")), "{x}");
    }
    assert!(is_same_key(ec("").replace(Y, &format!("{Y}=")), &ec("")));
    let modulus = rsa(2048, &[1, 0, 1], 0xff);
    assert!(is_same_key(modulus.replace("_", "/").replace(r#""e""#, r#""alg":null,"e""#), &modulus));
    for x in [ED.replace("hc", "h!"), ED.replace("hc", "h=c"), String::new()] {
        assert!(!is_usable(ed_like(&x)), "{x}");
    }
}

/// The coordinates of an EC key whose `x` begins with a zero octet.
fn point_with_a_leading_zero(signing: &'static EcdsaSigningAlgorithm) -> (Vec<u8>, Vec<u8>) {
    loop {
        let pair = EcdsaKeyPair::generate(signing).expect("a key");
        let coordinates = pair.public_key().as_ref().get(1..).expect("an uncompressed point");
        let (x, y) = coordinates.split_at(coordinates.len() / 2);
        if x.first() == Some(&0) {
            return (x.to_vec(), y.to_vec());
        }
    }
}

#[test]
fn coordinates_without_their_leading_zero_or_with_one_more_are_the_same_key_and_others_are_left_out() {
    for (curve, signing) in [
        ("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        ("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        ("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
    ] {
        let (x, y) = point_with_a_leading_zero(signing);
        let key = |x: &[u8], y: &[u8]| {
            let encode = crate::engine::token::compact::encode_base64url;
            format!(r#"{{"kty":"EC","crv":"{curve}","x":"{}","y":"{}"}}"#, encode(x), encode(y))
        };
        let usual = key(&x, &y);
        assert!(is_usable(usual.clone()), "{curve}");
        assert!(is_same_key(key(without_leading_zeros(&x), &y), &usual), "{curve}: the zero is missing");
        assert!(is_same_key(key(&[&[0], x.as_slice()].concat(), &[&[0], y.as_slice()].concat()), &usual), "{curve}");
        for (x, y) in [
            ([&[1], x.as_slice()].concat(), y.clone()),
            (x.clone(), y.get(..y.len() - 3).unwrap_or_default().to_vec()),
            ([&[0; 3], x.as_slice()].concat(), y.clone()),
        ] {
            assert_eq!(left_out(&key(&x, &y)), ["wrong_length"], "{curve}");
        }
        // A coordinate that is cut at its end is another number, and the result is not a point of the curve.
        assert_eq!(left_out(&key(x.get(..x.len() - 1).unwrap_or_default(), &y)), ["invalid_point"], "{curve}");
    }
}

#[test]
fn one_key_in_entries_with_and_without_alg_or_under_two_kids_is_not_ambiguous() {
    let twice = set(&[ec(r#","kid":"a""#), ec(r#","kid":"a","alg":"ES256""#)]);
    assert_eq!(twice.select(&header("ES256", Some("a"))).map(|key| key.index), Ok(0));
    let e = [1, 0, 1];
    let with_alg = rsa(2048, &e, 0xff).replace(r#""kty""#, r#""alg":"PS256","kty""#);
    let rsa_twice = set(&[with_alg, rsa(2048, &e, 0xff)]);
    assert_eq!(rsa_twice.select(&header("PS256", None)).map(|key| key.index), Ok(0));
    assert_eq!(rsa_twice.select(&header("RS256", None)).map(|key| key.index), Ok(1));
    let two_kids = set(&[ed(r#","kid":"a""#), ed(r#","kid":"b""#)]);
    assert_eq!(two_kids.select(&header("EdDSA", None)).map(|key| key.index), Ok(0));
}

/// The flaw of an entry that is left out.
fn left_out(key: &str) -> Vec<&'static str> {
    set(&[key.to_owned()]).left_out().map(|(flaw, _)| flaw.name()).collect()
}

#[test]
fn an_entry_that_is_left_out_is_counted_by_its_flaw() {
    for (key, flaw) in [
        ("1".to_owned(), "malformed"),
        ("{}".to_owned(), "malformed"),
        (ec(r#","kid":7"#), "malformed"),
        (ec(r#","key_ops":"verify""#), "malformed"),
        (ed("").replace(ED, "!"), "malformed"),
        (r#"{"kty":"oct","k":"c2VjcmV0"}"#.to_owned(), "symmetric"),
        (ec(r#","use":"enc""#), "not_for_signatures"),
        (ec(r#","alg":"ES384""#), "algorithm_mismatch"),
        (ec(r#","alg":"ECDH-ES""#), "algorithm_mismatch"),
        (ec("").replace("P-256", "secp256k1"), "unsupported_type"),
        (r#"{"kty":"AKP"}"#.to_owned(), "unsupported_type"),
        (ec("").replace(X, Y), "invalid_point"),
        (ec("").replace("P-256", "P-521"), "wrong_length"),
        (ed("").replace(ED, ED.get(..40).unwrap_or_default()), "wrong_length"),
        (rsa(1024, &[1, 0, 1], 0xff), "weak_rsa"),
    ] {
        assert_eq!(left_out(&key), [flaw], "{key}");
    }
    let many: Vec<_> = (0..103).map(|i| ec(&format!(r#","kid":"{i}""#))).collect();
    assert_eq!(set(&many).left_out().collect::<Vec<_>>(), [(Flaw::OverLimit, 3)]);
    assert_eq!(set(&[ec(""), ec("")]).left_out().count(), 0, "an entry that comes twice");
}

#[test]
fn an_entry_that_publishes_its_private_key_is_left_out_whatever_it_is_for() {
    for extra in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in [r#""AQAB""#, "[]", "1"] {
            assert_eq!(left_out(&ec(&format!(r#","{extra}":{value}"#))), ["private_members"], "{extra}: {value}");
        }
    }
    assert_eq!(left_out(&ec(r#","use":"enc","d":"AQAB""#)), ["private_members"]);
    assert!(is_usable(ec(r#","d":null,"k":"""#)), "a member without a value holds no key");
}

#[test]
fn null_members_of_an_entry_count_as_absent() {
    assert!(is_usable(ec(r#","kid":null,"alg":null,"use":null,"key_ops":null"#)));
}

#[test]
fn a_lone_surrogate_does_not_invalidate_a_set() {
    let set = set(&[ec(r#","kid":"good","name":"\ud83d""#), ed(r#","kid":"\ud83d""#)]);
    assert_eq!(set.len(), 2);
    assert!(set.select(&header("ES256", Some("good"))).is_ok());
}

#[test]
fn a_description_says_of_each_entry_whether_it_is_used_and_why_not() {
    let text = format!(r#"{{"keys":[{},{},7]}}"#, ec(r#","kid":"a""#), ec(r#","use":"enc""#));
    let rows: Value = serde_json::from_str(&describe_jwks(&text).expect("a description")).expect("JSON");
    let row = |index: usize| (rows[index]["kid"].clone(), rows[index]["usable"].clone(), rows[index]["why"].clone());
    assert_eq!(row(0), (json!("a"), json!(true), json!(null)));
    assert_eq!(row(1), (json!(null), json!(false), json!("not_for_signatures")));
    assert_eq!(row(2), (json!(null), json!(false), json!("malformed")));
    assert_eq!((&rows[0]["kty"], &rows[0]["crv"]), (&json!("EC"), &json!("P-256")));
    assert_eq!(describe_jwks("[]"), None);
}

/// A generated key of a curve, as a JWK.
fn generated(curve: &str, signing: &'static EcdsaSigningAlgorithm) -> String {
    let encode = crate::engine::token::compact::encode_base64url;
    let pair = EcdsaKeyPair::generate(signing).expect("a key");
    let coordinates = pair.public_key().as_ref().get(1..).expect("an uncompressed point");
    let (x, y) = coordinates.split_at(coordinates.len() / 2);
    format!(r#"{{"kty":"EC","crv":"{curve}","x":"{}","y":"{}"}}"#, encode(x), encode(y))
}

#[test]
fn keys_of_different_curves_are_different_keys_and_each_is_selected_by_its_algorithm() {
    let keys = [
        generated("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
        generated("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
        generated("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
        ed(""),
        rsa(2048, &[1, 0, 1], 0xff),
    ];
    assert_eq!(set(&keys).len(), keys.len());
    let jwks = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
    for (index, alg) in ["ES256", "ES384", "ES512", "EdDSA", "PS256"].into_iter().enumerate() {
        let (selected, jwk) = select_in_json(&jwks, alg, None).expect("a key");
        let value = |text: &str| serde_json::from_str::<Value>(text).expect("a JWK");
        assert_eq!((selected, value(&jwk)), (index, value(&keys[index])), "{alg}");
    }
}
