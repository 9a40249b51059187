//! Any text as a token: accepted only if it equals a signed token, octet for octet.

use monocloud_backend_node::engine::authorize::policy::Policy;
use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::token::compact::{Compact, MAX_TOKEN_BYTES, decode_base64url, encode_base64url};
use monocloud_backend_node::engine::token::header::Header;
use monocloud_backend_node::engine::{Attempt, Verdict};

use super::world;

pub fn check(data: &[u8]) {
    check_base64url(data);
    let Ok(token) = std::str::from_utf8(data) else { return };
    check_split(token);
    let is_signed = world::SIGNED.lines().any(|signed| signed == token);
    let policy = Policy::default();
    world::with(|world| {
        for attempt in [Attempt::First, Attempt::AfterRefresh] {
            let verdict = world.engine.decide(&world::call(token, &policy), attempt, true);
            match (&verdict, is_signed) {
                (Verdict::Claims(text), true) => assert_eq!(Some(text.clone()), payload_of(token)),
                (Verdict::Remembered(slot), true) => {
                    assert_eq!(world.engine.recall_claims(token, *slot), payload_of(token));
                }
                // One of the signed tokens has a `jkt` that is no thumbprint (RFC 9449 §6.1).
                (Verdict::Refused(Reason::ConfirmationInvalid), true) => {
                    assert!(payload_of(token).is_some_and(|claims| claims.contains(r#""cnf":{"jkt":"x"}"#)));
                }
                // An unknown `kid` may cause one fetch of the keys.
                (Verdict::NeedsKeys, false) => assert_eq!(attempt, Attempt::First),
                (Verdict::Refused(reason), false) => assert!(is_about_tokens(*reason), "{reason:?}"),
                _ => panic!("signed: {is_signed}, but {verdict:?}"),
            }
        }
    });
}

/// The strict decoder accepts what the definition allows, and nothing else (RFC 4648 §5, §3.5).
fn check_base64url(data: &[u8]) {
    let decoded = decode_base64url(data);
    assert_eq!(decoded, decode_slowly(data));
    if let Some(octets) = decoded {
        assert_eq!(encode_base64url(&octets).as_bytes(), data);
    }
}

/// Decodes as the definition says: six bits per letter, and the remaining bits are zero.
fn decode_slowly(data: &[u8]) -> Option<Vec<u8>> {
    let mut octets = Vec::with_capacity(data.len());
    let (mut bits, mut count) = (0u32, 0);
    for letter in data {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0 && count < 6).then_some(octets)
}

fn check_split(token: &str) {
    match Compact::split(token) {
        Ok(compact) => {
            assert_eq!(format!("{}.{}.{}", compact.header, compact.payload, compact.signature), token);
            assert_eq!(format!("{}.{}", compact.header, compact.payload), compact.signing_input);
            assert!(token.len() <= MAX_TOKEN_BYTES);
            if let Ok(header) = Header::parse(compact.header) {
                check_header(compact.header, &header);
            }
        }
        Err(Reason::TokenTooLarge) => assert!(token.len() > MAX_TOKEN_BYTES),
        Err(_) => assert!(token.split('.').count() != 3 || token.split('.').any(str::is_empty)),
    }
}

/// An accepted header contains what serde_json reads in it.
fn check_header(encoded: &str, header: &Header) {
    let octets = decode_base64url(encoded.as_bytes()).expect("base64url");
    let value: serde_json::Value = serde_json::from_slice(&octets).expect("JSON");
    let alg = value["alg"].as_str().expect("alg");
    assert!(alg != "none" && !alg.starts_with("HS"));
    assert_eq!(value.get("kid").map(|kid| kid.as_str().expect("kid")), header.kid.as_deref());
    assert!(value.get("crit").is_none() && value.get("b64").is_none());
    if let Some(typ) = value.get("typ") {
        let typ = typ.as_str().expect("typ").to_ascii_lowercase();
        assert!(["jwt", "at+jwt", "application/at+jwt"].contains(&typ.as_str()));
    }
}

fn payload_of(token: &str) -> Option<String> {
    String::from_utf8(decode_slowly(token.split('.').nth(1)?.as_bytes())?).ok()
}

/// A text alone never causes an outage or an internal error.
fn is_about_tokens(reason: Reason) -> bool {
    reason.spec().class.code().is_some()
}
