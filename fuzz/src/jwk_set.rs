//! Any octets as a JWK Set: every selected key is suitable for verification and fits the header that selected it.

use monocloud_backend_node::engine::keys::jwk::{KeySet, MAX_KEYS, describe_jwks, select_in_json};
use monocloud_backend_node::engine::token::header::{Algorithm, Header};
use monocloud_backend_node::engine::token::json;
use serde_json::Value;

/// How many kids of a set are looked up. All of them would be slow and prove nothing more.
const NAMES: usize = 12;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(set) = KeySet::parse(text) else { return };
    let document = json::document(text).expect("a set is JSON");
    let entries = document["keys"].as_array().expect("a set has keys");
    assert!(set.len() <= MAX_KEYS && set.len() <= entries.len());
    assert_eq!(set.is_empty(), matches!(set.len(), 0));
    let rows: Value = serde_json::from_str(&describe_jwks(text).expect("a set")).expect("JSON");
    let rows = rows.as_array().expect("rows");
    assert_eq!(rows.len(), entries.len());
    assert_eq!(rows.iter().filter(|row| row["usable"] == false).count(), set.left_out().map(|(_, n)| n).sum::<usize>());

    let named = entries.iter().take(NAMES).filter_map(|entry| entry.get("kid")?.as_str());
    let kids: Vec<Option<&str>> = named.map(Some).chain([None, Some(""), Some("no such key")]).collect();
    // `getPublicSigKeyFromIssuerJwks` selects the same key.
    for (alg, kid) in [("EdDSA", kids[0]), ("RS256", None)] {
        let header = Header { algorithm: Algorithm::named(alg).expect("an algorithm"), kid: kid.map(Into::into) };
        let selected = select_in_json(text, alg, kid);
        assert_eq!(selected.as_ref().map(|(index, _)| *index), set.select(&header).ok().map(|key| key.index));
        // The canonical spelling of a key is the same key.
        let again = selected.and_then(|(_, jwk)| KeySet::parse(&format!("{{\"keys\":[{jwk}]}}")));
        assert!(again.is_none_or(|again| again.len() == 1));
    }
    assert_eq!(select_in_json(text, "HS256", None), None);
    for kid in kids {
        for algorithm in Algorithm::ALL {
            let header = Header { algorithm, kid: kid.map(Into::into) };
            let Ok(key) = set.select(&header) else { continue };
            let entry = entries.get(key.index).expect("a key is from the set");
            assert_eq!(key.kid.as_deref(), member(entry, "kid"));
            assert!(kid.is_none() || kid == key.kid.as_deref());
            check_fit(entry, algorithm);
            assert!(key.verify(algorithm, b"anything", &[0; 256]).is_err());
            assert!(key.verify(algorithm, b"anything", b"").is_err());
        }
    }
}

/// A text member; null counts as absent.
fn member<'j>(entry: &'j Value, name: &str) -> Option<&'j str> {
    entry.get(name).filter(|value| !value.is_null()).map(|value| value.as_str().expect("text"))
}

/// Decodes base64 of either alphabet, with or without padding and white space, in a slow and simple way.
fn octets(text: &str) -> Vec<u8> {
    let mut bits = 0u32;
    let mut count = 0;
    let mut out = Vec::new();
    for byte in text.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'-' | b'+' => 62,
            b'_' | b'/' => 63,
            _ => panic!("no base64"),
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    out
}

fn check_fit(entry: &Value, algorithm: Algorithm) {
    let member = |name: &str| member(entry, name);
    let octets = |name: &str| octets(member(name).expect("a part"));
    let number = |name: &str| octets(name).into_iter().skip_while(|octet| *octet == 0).collect::<Vec<u8>>();
    assert!(member("use").is_none_or(|usage| usage == "sig"));
    assert!(member("alg").is_none_or(|alg| Algorithm::named(alg) == Some(algorithm)));
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(entry.get(private).is_none_or(|value| value.is_null() || value == ""), "{private}");
    }
    if let Some(operations) = entry.get("key_ops").filter(|operations| !operations.is_null()) {
        assert!(operations.as_array().expect("key_ops").iter().any(|operation| operation == "verify"));
    }
    match algorithm {
        Algorithm::EdDsa => {
            assert_eq!((member("kty"), member("crv")), (Some("OKP"), Some("Ed25519")));
            assert_eq!(octets("x").len(), 32);
        }
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 => {
            let (curve, length) = match algorithm {
                Algorithm::Es256 => ("P-256", 32),
                Algorithm::Es384 => ("P-384", 48),
                _ => ("P-521", 66),
            };
            assert_eq!((member("kty"), member("crv")), (Some("EC"), Some(curve)));
            for name in ["x", "y"] {
                assert!(octets(name).len().abs_diff(length) <= 2 && number(name).len() <= length, "{name}");
            }
        }
        _ => {
            assert_eq!(member("kty"), Some("RSA"));
            let (modulus, exponent) = (number("n"), number("e"));
            assert!((256..=1024).contains(&modulus.len()));
            assert!(modulus.len() > 256 || modulus[0] >= 0x80, "2048 bits");
            assert!(exponent.last().is_some_and(|last| last % 2 == 1) && exponent != [1]);
        }
    }
}
