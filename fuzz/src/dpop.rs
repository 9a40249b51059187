//! Any text as `htu` of a DPoP proof and as the URL of a request (RFC 9449 §4.3), and as a nonce (§8).
//!
//! The second implementation for URLs is that of the WHATWG URL Standard. It normalizes less, but whatever it reads from
//! a text, it must read from the normalized text too: another host or another path would be another target.

use monocloud_backend_node::engine::authorize::dpop::nonce::{NonceCheck, NonceKeys};
use monocloud_backend_node::engine::authorize::dpop::url::{ComparableUrl, MAX_URL_BYTES};
use url::Url;

const NOW: f64 = 2_000_000_000.0;
const ROTATION: u32 = 60;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check_url(text);
    check_nonce(text);
}

fn check_url(text: &str) {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let target = &text[..end];
    assert_eq!(ComparableUrl::of_request(text), ComparableUrl::parse(target));
    let Some(url) = ComparableUrl::parse(text) else { return };
    assert!(text.len() <= MAX_URL_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(ComparableUrl::parse(target).as_ref(), Some(&url), "query and fragment are ignored");

    let normalized = url.as_str();
    assert!(normalized.len() <= MAX_URL_BYTES + 1, "nothing but the path of an empty path is added");
    let again = ComparableUrl::parse(normalized);
    assert!(normalized.len() > MAX_URL_BYTES || again.as_ref() == Some(&url), "normalizing twice changes nothing");
    let rest = normalized.strip_prefix("https://").or(normalized.strip_prefix("http://")).expect("a scheme");
    let (authority, path) = rest.split_at(rest.find('/').expect("a path"));
    assert!(!authority.is_empty() && !authority.contains('@'));
    assert!(!authority.bytes().zip(authority.bytes().skip(1)).any(|(a, b)| a == b'%' && b.is_ascii_lowercase()));
    assert!(path.split('/').all(|segment| segment != "." && segment != ".."));

    if let (Ok(given), Ok(normalized)) = (Url::parse(target), Url::parse(normalized)) {
        assert!(given.username().is_empty() && given.password().is_none());
        assert_eq!(
            (given.scheme(), given.host(), given.port_or_known_default()),
            (normalized.scheme(), normalized.host(), normalized.port_or_known_default())
        );
        assert_eq!(decoded(given.path()), decoded(normalized.path()));
    }
}

/// Only the nonces of three rotations are good.
fn check_nonce(text: &str) {
    let keys = NonceKeys::new(&[7; 32], "https://tenant.example", "https://api.example.com", ROTATION);
    let nonce = |rotations: f64| keys.current(NOW + rotations * f64::from(ROTATION));
    let expected = match text {
        text if text == nonce(0.0) => NonceCheck::Current(counter(0)),
        text if text == nonce(-1.0) => NonceCheck::Recent(counter(-1)),
        text if text == nonce(1.0) => NonceCheck::Recent(counter(1)),
        _ => NonceCheck::Stale,
    };
    assert_eq!(keys.check(text, NOW), expected);
}

fn counter(rotations: i64) -> u32 {
    u32::try_from(NOW as i64 / i64::from(ROTATION) + rotations).expect("a counter")
}

fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut decoded) = (text.as_bytes(), Vec::new());
    while let [first, rest @ ..] = bytes {
        let escape = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok()).filter(|_| *first == b'%');
        let byte = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        bytes = if byte.is_some() { &rest[2..] } else { rest };
    }
    decoded
}
