//! What each method sends. Assertions are verified with the public half of the key that signed them.

use super::*;
use crate::engine::keys::jwk::KeySet;
use crate::engine::token::compact::Compact;
use crate::engine::token::header::Header as JwsHeader;

const ISSUER: &str = "https://issuer.example";
const ASKED: AssertionTarget<'static> =
    AssertionTarget { issuer: ISSUER, endpoint: "https://issuer.example/introspect" };

fn authenticate(method: Method, secret: &str) -> Authentication {
    let credentials = Credentials::new("id with:ä".into(), method, Some(secret.into())).ok().expect("credentials");
    credentials.authenticate(ASKED, 1000.9).expect("authentication")
}

fn assertion_of(authentication: &Authentication) -> String {
    let assertion = authentication.form.iter().find(|(name, _)| *name == "client_assertion");
    assertion.map(|(_, value)| value.clone()).expect("an assertion")
}

fn payload(token: &str) -> Value {
    let compact = Compact::split(token).ok().expect("three parts");
    serde_json::from_slice(&decode_base64url(compact.payload.as_bytes()).expect("base64url")).expect("JSON")
}

fn basic(secret: &str) -> String {
    let authorization = authenticate(Method::ClientSecretBasic, secret).authorization.expect("a header");
    let pair = STANDARD.decode(authorization.strip_prefix("Basic ").expect("Basic")).expect("base64");
    String::from_utf8(pair).expect("text")
}

#[test]
fn of_basic_credentials_only_what_a_decoder_would_change_is_encoded() {
    assert_eq!(basic("p%:+&\" w\u{7f}\u{1}é"), "id%20with%3A%C3%A4:p%25%3A%2B%26\"%20w%7F%01%C3%A9");
    // The result is the same for a server that decodes and for one that does not.
    assert_eq!(basic("a/b=c~d!e@f$g"), "id%20with%3A%C3%A4:a/b=c~d!e@f$g");
    let printable: String = (b'!'..=b'~').map(char::from).collect();
    let changed: String = basic(&printable).split_once(':').map(|(_, secret)| secret.to_owned()).expect("two halves");
    let expected = printable.replace('%', "%25").replace('&', "%26").replace('+', "%2B").replace(':', "%3A");
    assert_eq!(changed, expected);
    assert!(authenticate(Method::ClientSecretBasic, "s").form.is_empty());
}

#[test]
fn what_a_form_decoder_reads_of_basic_credentials_is_what_was_configured() {
    for secret in ["a/b=c~d!e@f$g&h", "100%", "%41", "a+b c", "ä€😀", "\t\u{7f}"] {
        let pair = basic(secret);
        let (_, encoded) = pair.split_once(':').expect("two halves");
        let decoded: Vec<_> = url::form_urlencoded::parse(format!("x={encoded}").as_bytes()).into_owned().collect();
        assert_eq!(decoded, [("x".to_owned(), secret.to_owned())], "{encoded}");
    }
}

#[test]
fn an_assertion_is_for_the_issuer_the_endpoint_or_whom_the_option_names() {
    for (option, expected) in [
        ("issuer", ISSUER),
        ("endpoint", "https://issuer.example/introspect"),
        ("https://other.example/token", "https://other.example/token"),
    ] {
        let credentials =
            Credentials::new("id".into(), Method::ClientSecretJwt, Some("secret".into())).ok().expect("credentials");
        let credentials = credentials.for_audience(AssertionAudience::named(option.into()));
        let authentication = credentials.authenticate(ASKED, 0.0).expect("authentication");
        assert_eq!(payload(&assertion_of(&authentication))["aud"], json!(expected), "{option}");
    }
}

#[test]
fn post_sends_both_in_the_form() {
    let form = authenticate(Method::ClientSecretPost, "secret").form;
    assert_eq!(form, [("client_id", "id with:ä".to_owned()), ("client_secret", "secret".to_owned())]);
}

#[test]
fn mutual_tls_sends_the_client_id_alone() {
    let credentials = Credentials::new("id".into(), Method::TlsClientAuth, None).ok().expect("credentials");
    let form = credentials.authenticate(ASKED, 0.0).expect("authentication").form;
    assert_eq!(form, [("client_id", "id".to_owned())]);
}

#[test]
fn an_assertion_is_about_the_client_for_the_issuer_alone_and_good_for_60_seconds() {
    let claims = payload(&assertion_of(&authenticate(Method::ClientSecretJwt, "0123456789abcdef0123456789abcdef")));
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("id with:ä"), &json!("id with:ä")));
    assert_eq!(claims["aud"], json!(ISSUER));
    assert_eq!((&claims["iat"], &claims["nbf"], &claims["exp"]), (&json!(1000), &json!(1000), &json!(1060)));
}

#[test]
fn a_jti_is_never_used_twice() {
    let credentials =
        Credentials::new("id".into(), Method::ClientSecretJwt, Some("secret".into())).ok().expect("credentials");
    let jti = || {
        let authentication = credentials.authenticate(ASKED, 0.0).expect("authentication");
        payload(&assertion_of(&authentication))["jti"].as_str().map(str::to_owned).expect("a jti")
    };
    let all: std::collections::HashSet<_> = (0..100).map(|_| jti()).collect();
    assert_eq!(all.len(), 100);
}

#[test]
fn a_plain_secret_signs_hs256_and_an_oct_jwk_what_it_says() {
    let alg_of = |secret: &str| {
        let assertion = assertion_of(&authenticate(Method::ClientSecretJwt, secret));
        let compact = Compact::split(&assertion).ok().expect("three parts");
        let header = decode_base64url(compact.header.as_bytes()).expect("base64url");
        serde_json::from_slice::<Value>(&header).expect("JSON")["alg"].clone()
    };
    assert_eq!(alg_of("plain"), json!("HS256"));
    assert_eq!(alg_of(r#"{"kty":"oct","k":"c2VjcmV0"}"#), json!("HS256"));
    assert_eq!(alg_of(r#"{"kty":"oct","k":"c2VjcmV0","alg":"HS512"}"#), json!("HS512"));
    for bad in [r#"{"kty":"oct","k":"c2VjcmV0","alg":"RS256"}"#, r#"{"kty":"oct","k":""}"#, r#"{"kty":"RSA"}"#] {
        let credentials = Credentials::new("id".into(), Method::ClientSecretJwt, Some(bad.into()));
        assert_eq!(credentials.err(), Some(CredentialsError::Unusable), "{bad}");
    }
}

fn public_half(mut jwk: Value) -> Value {
    jwk.as_object_mut().expect("a JWK").retain(|name, _| !["d", "p", "q", "dp", "dq", "qi"].contains(&name.as_str()));
    jwk
}

/// One key of each type, generated for this test.
#[test]
fn a_private_jwk_signs_what_its_public_half_verifies() {
    let keys = include_str!("../../../__test__/vectors/private-jwks.json");
    let keys: Vec<Value> = serde_json::from_str(keys).expect("JSON");
    assert_eq!(keys.len(), 5);
    for jwk in keys {
        let algorithms: &[&str] = match jwk["kty"].as_str() {
            Some("RSA") => &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
            Some("OKP") => &["", "EdDSA", "Ed25519"],
            _ => &[""],
        };
        for alg in algorithms {
            let mut private = jwk.clone();
            if !alg.is_empty() {
                private["alg"] = json!(alg);
            }
            let assertion = assertion_of(&authenticate(Method::PrivateKeyJwt, &private.to_string()));
            let set = KeySet::parse(&json!({ "keys": [public_half(private)] }).to_string()).expect("a set");
            let compact = Compact::split(&assertion).ok().expect("three parts");
            let header = JwsHeader::parse(compact.header).expect("a header");
            assert_eq!(header.kid.as_deref(), jwk["kid"].as_str());
            let said = decode_base64url(compact.header.as_bytes()).expect("base64url");
            let said: Value = serde_json::from_slice(&said).expect("JSON");
            assert!(alg.is_empty() || said["alg"] == json!(alg), "{said}");
            let signature = decode_base64url(compact.signature.as_bytes()).expect("base64url");
            let key = set.select(&header).ok().expect("the key");
            assert_eq!(key.verify(header.algorithm, compact.signing_input.as_bytes(), &signature), Ok(()), "{alg}");
        }
    }
}

#[test]
fn a_secret_that_is_missing_or_unusable_is_found_when_the_client_is_made() {
    let missing = Credentials::new("id".into(), Method::ClientSecretPost, None);
    assert_eq!(missing.err(), Some(CredentialsError::Missing));
    for bad in [
        "plain",
        "{}",
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
        r#"{"kty":"EC","crv":"P-256","d":"AA"}"#,
        r#"{"kty":"OKP","crv":"Ed25519","d":"AA","alg":"EdDSA"}"#,
    ] {
        let credentials = Credentials::new("id".into(), Method::PrivateKeyJwt, Some(bad.into()));
        assert_eq!(credentials.err(), Some(CredentialsError::Unusable), "{bad}");
    }
}
