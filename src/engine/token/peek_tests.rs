use super::*;
use crate::engine::token::compact::encode_base64url;

const ISSUER: &str = "https://a.example";

fn token(payload: impl AsRef<[u8]>) -> String {
    format!("h.{}.s", encode_base64url(payload.as_ref()))
}

fn refused(payload: impl AsRef<[u8]>) -> Option<Reason> {
    issuer_of(&token(payload)).expect_err("no issuer")
}

#[test]
fn the_issuer_is_the_first_level_member_wherever_it_stands() {
    for payload in [
        r#"{"iss":"https://a.example"}"#,
        r#" { "sub" : "x" , "iss" : "https://a.example" } "#,
        r#"{"act":{"iss":"https://b.example"},"iss":"https://a.example"}"#,
        r#"{"iss":"https://a.example","act":{"iss":"https://b.example"}}"#,
        r#"{"a":[["iss","https://b.example"]],"iss":"https://a.example"}"#,
    ] {
        assert_eq!(issuer_of(&token(payload)).as_deref(), Ok(ISSUER), "{payload}");
    }
}

#[test]
fn an_escaped_name_or_value_is_read_as_json_says() {
    for payload in [
        r#"{"iss":"https://\u0061.example"}"#,
        r#"{"iss":"https:\/\/a.example"}"#,
        r#"{"\u0069ss":"https://a.example"}"#,
        // Rust cannot represent the other member.
        r#"{"x":"\ud800","iss":"https://\u0061.example"}"#,
        r#"{"x":1e400,"iss":"https://a.example"}"#,
    ] {
        assert_eq!(issuer_of(&token(payload)).as_deref(), Ok(ISSUER), "{payload}");
    }
}

#[test]
fn a_payload_that_is_not_one_strict_json_object_is_refused() {
    for payload in [
        "",
        "null",
        "[]",
        r#""iss""#,
        "{",
        r#"{"iss":"https://a.example"} x"#,
        r#"{"iss":"https://a.example",}"#,
        r#"{iss:"https://a.example"}"#,
        r#"{"iss":"https://a.example","iss":"https://a.example"}"#,
        r#"{"iss":"https://a.example","\u0069ss":"https://b.example"}"#,
        r#"{"iss":"https://a.example","x":1,"x":2}"#,
        r#"{"iss":"https://\ud800"}"#,
        "\u{feff}{}",
    ] {
        let reason = if payload.is_empty() { Reason::TokenMalformed } else { Reason::ClaimsInvalid };
        assert_eq!(refused(payload), Some(reason), "{payload}");
    }
    assert_eq!(refused(b"{\"iss\":\"https://\xff\"}"), Some(Reason::ClaimsInvalid));
    let nested = format!(r#"{{"iss":"https://a.example","x":{}{}}}"#, "[".repeat(32), "]".repeat(32));
    assert_eq!(refused(nested), Some(Reason::ClaimsInvalid));
}

#[test]
fn an_issuer_that_cannot_be_the_name_of_a_client_is_another_issuer() {
    for value in [
        "null",
        "1",
        "true",
        "{}",
        r#"["https://a.example"]"#,
        r#""""#,
        r#""a.example""#,
        r#""https://a.example\nlevel=info""#,
        r#""https://a.example\r""#,
        r#""https://a.example\u0000""#,
        r#""https://a.example\u001b[31m""#,
        r#""https://a.example\u0085""#,
        r#""https://a.example\u2028""#,
        r#""https://a.example b""#,
    ] {
        assert_eq!(refused(format!(r#"{{"iss":{value}}}"#)), Some(Reason::IssuerMismatch), "{value}");
    }
    assert_eq!(refused("{}"), Some(Reason::IssuerMismatch));
}

#[test]
fn an_issuer_of_2048_bytes_is_read_and_one_byte_more_is_another_issuer() {
    let issuer = format!("https://{}", "a".repeat(MAX_ISSUER_BYTES - 8));
    assert_eq!(issuer_of(&token(format!(r#"{{"iss":"{issuer}"}}"#))).as_deref(), Ok(&*issuer));
    assert_eq!(refused(format!(r#"{{"iss":"{issuer}a"}}"#)), Some(Reason::IssuerMismatch));
}

#[test]
fn size_and_form_come_first() {
    for text in ["", "a", "a.b", "a.b.c.d", "a.b.c.d.e"] {
        assert_eq!(issuer_of(text), Err(None), "{text}");
    }
    for text in ["..", "a..c", "a.e30.", ".e30.c", "a.e30=.c", "a.e3+.c", "a.\u{e4}.c"] {
        assert_eq!(issuer_of(text), Err(Some(Reason::TokenMalformed)), "{text}");
    }
    for text in ["a".repeat(MAX_TOKEN_BYTES + 1), format!("a.{}.c", "A".repeat(MAX_TOKEN_BYTES))] {
        assert_eq!(issuer_of(&text), Err(Some(Reason::TokenTooLarge)));
    }
}

#[test]
fn thousands_of_members_are_read_once() {
    let members: String = (0..1200).map(|i| format!(r#""m{i}":0,"#)).collect();
    assert_eq!(issuer_of(&token(format!(r#"{{{members}"iss":"{ISSUER}"}}"#))).as_deref(), Ok(ISSUER));
}
