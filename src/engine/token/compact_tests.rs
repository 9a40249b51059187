//! Tests of the compact serialization and the header, on both sides of each boundary.

use super::*;
use crate::engine::token::header::*;

fn header(json: &str) -> Result<Header, Reason> {
    Header::parse(&encode_base64url(json.as_bytes()))
}

#[test]
fn exactly_three_non_empty_parts_are_a_token() {
    assert!(Compact::split("a.b.c").is_ok());
    for malformed in ["", ".", "..", "a.b", "a.b.c.d", ".b.c", "a..c", "a.b.", &".".repeat(16_000)] {
        assert_eq!(Compact::split(malformed).err(), Some(Reason::TokenMalformed), "{malformed:.20}");
    }
}

#[test]
fn a_token_of_16_kib_is_accepted_and_one_byte_more_is_not() {
    let token = format!("a.{}.c", "b".repeat(MAX_TOKEN_BYTES - 4));
    assert!(Compact::split(&token).is_ok());
    assert_eq!(Compact::split(&format!("{token}c")).err(), Some(Reason::TokenTooLarge));
}

#[test]
fn the_signing_input_is_header_dot_payload() {
    assert_eq!(Compact::split("ab.cd.ef").map(|c| c.signing_input), Ok("ab.cd"));
}

#[test]
fn base64url_with_padding_another_alphabet_white_space_or_stray_bits_is_refused() {
    assert_eq!(decode_base64url(b"-_-_"), Some(vec![0xfb, 0xff, 0xbf]));
    for bad in ["YQ==", "+/+/", "YW Jj", "YWJj\n", "YWJj\0", "YR", "YWJ", "Y"] {
        assert_eq!(decode_base64url(bad.as_bytes()), None, "{bad:?}");
    }
    assert_eq!(decode_base64url(b"YQ"), Some(b"a".to_vec()));
}

#[test]
fn stray_bits_are_refused_in_long_text_too() {
    let good = encode_base64url(&[7u8; 200]);
    assert!(decode_base64url(good.as_bytes()).is_some());
    let mut stray = good.into_bytes();
    *stray.last_mut().expect("not empty") += 1;
    assert!(decode_base64url(&stray).is_none());
}

#[test]
fn every_listed_algorithm_is_accepted_and_nothing_else() {
    for alg in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"] {
        assert!(header(&format!(r#"{{"alg":"{alg}"}}"#)).is_ok(), "{alg}");
    }
    for alg in [
        r#""none""#,
        r#""None""#,
        r#""NONE""#,
        r#""HS256""#,
        r#""HS512""#,
        r#""rs256""#,
        r#""ES256K""#,
        r#""Ed448""#,
        "null",
        "1",
        r#"["RS256"]"#,
        r#""""#,
    ] {
        assert_eq!(header(&format!(r#"{{"alg":{alg}}}"#)), Err(Reason::AlgorithmNotAllowed), "{alg}");
    }
    assert_eq!(header("{}"), Err(Reason::AlgorithmNotAllowed));
}

#[test]
fn crit_and_b64_are_refused_with_any_value() {
    for member in [r#""crit":[]"#, r#""crit":["exp"]"#, r#""crit":null"#, r#""b64":false"#, r#""b64":true"#] {
        assert_eq!(header(&format!(r#"{{"alg":"RS256",{member}}}"#)), Err(Reason::CriticalHeader), "{member}");
    }
}

#[test]
fn typ_is_absent_or_an_access_token_type_in_any_case() {
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert!(header(&format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#)).is_ok(), "{typ}");
    }
    for typ in [
        r#""logout+jwt""#,
        r#""dpop+jwt""#,
        r#""secevent+jwt""#,
        r#""token-introspection+jwt""#,
        r#""application/jwt""#,
        r#""""#,
        "null",
        "1",
    ] {
        assert_eq!(header(&format!(r#"{{"alg":"RS256","typ":{typ}}}"#)), Err(Reason::TypeNotAllowed), "{typ}");
    }
}

#[test]
fn kid_is_a_string_or_absent() {
    assert_eq!(header(r#"{"alg":"RS256","kid":"k"}"#).map(|h| h.kid), Ok(Some("k".into())));
    assert_eq!(header(r#"{"alg":"RS256"}"#).map(|h| h.kid), Ok(None));
    for kid in ["1", "{}", "null", "[]"] {
        assert_eq!(header(&format!(r#"{{"alg":"RS256","kid":{kid}}}"#)), Err(Reason::HeaderInvalid), "{kid}");
    }
}

#[test]
fn a_duplicate_member_is_refused_also_when_its_name_is_escaped() {
    assert_eq!(header(r#"{"alg":"RS256","alg":"RS256"}"#), Err(Reason::HeaderInvalid));
    assert_eq!(header(r#"{"alg":"RS256","\u0061lg":"none"}"#), Err(Reason::HeaderInvalid));
}

#[test]
fn a_header_that_is_not_one_object_is_refused() {
    for text in
        ["", "[]", "\"RS256\"", "null", r#"{"alg":"RS256"}{}"#, r#"{"alg":"RS256""#, "\u{feff}{\"alg\":\"RS256\"}"]
    {
        assert_eq!(header(text), Err(Reason::HeaderInvalid), "{text:?}");
    }
}

#[test]
fn a_header_with_32_levels_is_accepted_and_with_33_is_not() {
    let nested = |levels: usize| format!(r#"{{"alg":"RS256","x":{}{}}}"#, "[".repeat(levels), "]".repeat(levels));
    assert!(header(&nested(31)).is_ok());
    assert_eq!(header(&nested(32)), Err(Reason::HeaderInvalid));
    assert_eq!(header(&nested(5_000)), Err(Reason::HeaderInvalid));
}
