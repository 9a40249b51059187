//! Which entries of a set are usable, and which one a header selects.

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

/// A modulus of so many bits: no real key, but odd and of the right size.
fn rsa(bits: usize, exponent: &[u8], last: u8) -> String {
    let mut modulus = vec![0xffu8; bits / 8];
    if let Some(byte) = modulus.last_mut() {
        *byte = last;
    }
    let encode = crate::engine::jws::encode_base64url;
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
fn one_bad_entry_never_spoils_the_others() {
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
    let two = set(&[ed(r#","kid":"a""#), ed(r#","kid":"b""#)]);
    assert_eq!(two.select(&header("EdDSA", None)).err(), Some(Reason::KeyAmbiguous));
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
