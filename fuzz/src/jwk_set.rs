//! Any octets as a JWK Set: whatever comes out of it may verify, and fits the header that selects it (contract 5.3).

use monocloud_backend_node::engine::jwk::{KeySet, MAX_KEYS, select_in_json};
use monocloud_backend_node::engine::jws::{Algorithm, Header, decode_base64url};
use serde_json::Value;

/// How many of a set's names are asked for: every one of them would be slow, and say no more.
const NAMES: usize = 12;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some(set) = KeySet::parse(text) else { return };
    let document: Value = serde_json::from_str(text).expect("a set is JSON");
    let entries = document["keys"].as_array().expect("a set has keys");
    assert!(set.len() <= MAX_KEYS && set.len() <= entries.len());
    assert_eq!(set.is_empty(), matches!(set.len(), 0));

    let named = entries.iter().take(NAMES).filter_map(|entry| entry.get("kid")?.as_str());
    let kids: Vec<Option<&str>> = named.map(Some).chain([None, Some(""), Some("no such key")]).collect();
    // What `getPublicSigKeyFromIssuerJwks` asks is answered alike.
    for (alg, kid) in [("EdDSA", kids[0]), ("RS256", None)] {
        let header = Header { algorithm: Algorithm::named(alg).expect("an algorithm"), kid: kid.map(Into::into) };
        assert_eq!(select_in_json(text, alg, kid), set.select(&header).ok().map(|key| key.index));
    }
    assert_eq!(select_in_json(text, "HS256", None), None);
    for kid in kids {
        for algorithm in Algorithm::ALL {
            let header = Header { algorithm, kid: kid.map(Into::into) };
            let Ok(key) = set.select(&header) else { continue };
            let entry = entries.get(key.index).expect("a key is from the set");
            assert_eq!(key.kid.as_deref(), entry.get("kid").map(|kid| kid.as_str().expect("a kid is text")));
            assert!(kid.is_none() || kid == key.kid.as_deref());
            check_fit(entry, algorithm);
            assert!(key.verify(algorithm, b"anything", &[0; 256]).is_err());
            assert!(key.verify(algorithm, b"anything", b"").is_err());
        }
    }
}

fn check_fit(entry: &Value, algorithm: Algorithm) {
    let member = |name: &str| entry.get(name).map(|value| value.as_str().expect("text"));
    let octets = |name: &str| decode_base64url(member(name).expect("a part").as_bytes()).expect("base64url");
    assert!(member("use").is_none_or(|usage| usage == "sig"));
    assert!(member("alg").is_none_or(|alg| Algorithm::named(alg) == Some(algorithm)));
    if let Some(operations) = entry.get("key_ops") {
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
            assert_eq!((octets("x").len(), octets("y").len()), (length, length));
        }
        _ => {
            assert_eq!(member("kty"), Some("RSA"));
            let modulus: Vec<u8> = octets("n").into_iter().skip_while(|octet| *octet == 0).collect();
            let exponent: Vec<u8> = octets("e").into_iter().skip_while(|octet| *octet == 0).collect();
            assert!((256..=1024).contains(&modulus.len()));
            assert!(modulus.len() > 256 || modulus[0] >= 0x80, "2048 bits");
            assert!(exponent.last().is_some_and(|last| last % 2 == 1) && exponent != [1]);
        }
    }
}
