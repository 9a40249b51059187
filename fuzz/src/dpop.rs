//! Any text as a DPoP proof (RFC 9449 §4.2), as its header and claims, as `htu` and the URL of a request (§4.3), and as a
//! nonce (§8).
//!
//! The second implementation for proofs reads the signed octets again with serde_json, and hashes the key by RFC 7638.
//! The second implementation for URLs is that of the WHATWG URL Standard. It normalizes less, but whatever it reads from
//! a text, it must read from the normalized text too: another host or another path would be another target.

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use monocloud_backend_node::engine::authorize::dpop::context::DpopContext;
use monocloud_backend_node::engine::authorize::dpop::nonce::{NonceCheck, NonceKeys};
use monocloud_backend_node::engine::authorize::dpop::settings::DpopSettings;
use monocloud_backend_node::engine::authorize::dpop::url::{ComparableUrl, MAX_URL_BYTES};
use monocloud_backend_node::engine::authorize::dpop::{GivenProof, Progress, Proof};
use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::token::compact::{decode_base64url, encode_base64url};
use monocloud_backend_node::engine::token::confirmation::Thumbprint;
use serde_json::Value;
use url::Url;

/// Valid proofs for the request below, one per line, each with another algorithm. Their keys were deleted.
pub const PROOFS: &str = include_str!("../fixtures/proofs.txt");
const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
const METHOD: &str = "GET";
const URL: &str = "https://api.example.com/things?page=1";
/// The defaults of the options, in seconds, and the largest proof.
const MAX_AGE: f64 = 60.0;
const LEEWAY: f64 = 30.0;
const MAX_PROOF_BYTES: usize = 8 * 1024;
const MAX_JTI_BYTES: usize = 256;

const NOW: f64 = 2_000_000_000.0;
const ROTATION: u32 = 60;

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    check_url(text);
    check_nonce(text);
    check_proof(text);
    // The header and the claims, signed here by a key with a public seed.
    if let Some((header, claims)) = text.split_once('\n') {
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let input = format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(claims.as_bytes()));
        let signature = key.sign(input.as_bytes());
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, encode_base64url(key.public_key().as_ref()));
        let accepted = check_proof(&format!("{input}.{}", encode_base64url(signature.as_ref())));
        assert!(accepted.is_none_or(|key| key == Thumbprint::of(jwk.as_bytes())), "only its own key signed");
    }
}

/// Presents a proof to a server that has seen none. Returns the key for which it is accepted.
fn check_proof(text: &str) -> Option<Thumbprint> {
    let settings = DpopSettings { replay_cache_size: 64, ..DpopSettings::default() };
    let context = Arc::new(DpopContext::new(settings, "https://tenant.example", "https://api.example.com"));
    let proof = |given: &str| Proof::new(Arc::clone(&context), GivenProof::One(given.into()), METHOD, vec![URL.into()]);
    let decide = |proof: &Proof, token: &str, key: &Thumbprint| {
        assert_eq!(proof.prove(token, None, key, NOW, true), Progress::Decided);
        proof.outcome(token, None, key)
    };
    let request = proof(text).check_request(TOKEN);
    assert!(text.len() <= MAX_PROOF_BYTES || request == Err(Reason::DpopProofTooLarge));
    let stated = stated_key(text);
    let other = Thumbprint::of(b"another key");

    // Every refusal is by a reason of proofs, costs nothing, and is the same when it is asked again.
    for (token, key) in [(TOKEN, other), ("another.token", stated.unwrap_or(other))] {
        let refused = proof(text);
        let outcome = decide(&refused, token, &key);
        assert!(outcome.is_err_and(|reason| reason.spec().name.starts_with("dpop_")), "{outcome:?}");
        assert_eq!(decide(&refused, token, &key), outcome);
        assert!(refused.spent().is_none() && context.replay().is_empty() && context.kept_keys() == 0);
    }
    let expected = request.err().unwrap_or(Reason::DpopKeyMismatch);
    assert_eq!(decide(&proof(text), TOKEN, &other), Err(expected), "the key is checked after the request");

    let first = proof(text);
    let Ok(()) = decide(&first, TOKEN, &stated?) else {
        assert!(first.spent().is_none() && context.replay().is_empty());
        return None;
    };
    assert_eq!(request, Ok(()));
    assert!(is_good(text), "accepted");
    assert!(first.spent().is_some() && context.replay().len() == 1);
    assert_eq!(decide(&first, TOKEN, &stated?), Ok(()), "one request may be decided on twice");
    assert_eq!(decide(&first, TOKEN, &other), Err(Reason::DpopKeyMismatch));
    assert_eq!(decide(&proof(text), TOKEN, &stated?), Err(Reason::DpopReplayed));
    assert_eq!(decide(&proof(text), TOKEN, &other), Err(Reason::DpopKeyMismatch), "also with a key that is known");
    assert_eq!(context.replay().len(), 1);
    let is_signed_here = stated == stated_key(&format!("{}.A.A", encode_base64url(own_header().as_bytes())));
    assert!(is_signed_here || PROOFS.lines().any(|proof| proof == text), "nobody signed this");
    stated
}

fn own_header() -> String {
    let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
    let x = encode_base64url(key.public_key().as_ref());
    format!(r#"{{"jwk":{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}}}"#)
}

/// A part of a proof as serde_json reads it.
fn part(text: &str, index: usize) -> Option<Value> {
    serde_json::from_slice(&decode_base64url(text.split('.').nth(index)?.as_bytes())?).ok()
}

/// The thumbprint of the `jwk` in the header (RFC 7638 §3), whatever else is wrong with the proof.
fn stated_key(text: &str) -> Option<Thumbprint> {
    let jwk = part(text, 0)?.get("jwk")?.clone();
    let names: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let members: Option<Vec<String>> =
        names.iter().map(|name| Some(format!("\"{name}\":{}", Value::from(jwk.get(name)?.as_str()?)))).collect();
    Some(Thumbprint::of(format!("{{{}}}", members?.join(",")).as_bytes()))
}

/// The rules for header and claims, implemented again (RFC 9449 §4.2 and §4.3).
fn is_good(text: &str) -> bool {
    let (Some(header), Some(claims)) = (part(text, 0), part(text, 1)) else { return false };
    let typ = header["typ"].as_str().unwrap_or_default().to_ascii_lowercase();
    let is_header_good = ["dpop+jwt", "application/dpop+jwt"].contains(&typ.as_str())
        && ["ES256", "EdDSA", "Ed25519", "PS256", "RS256"].contains(&header["alg"].as_str().unwrap_or_default())
        && ["crit", "b64"].iter().all(|name| header.get(name).is_none())
        && ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().all(|name| header["jwk"].get(name).is_none());
    let time = |name: &str| claims[name].as_f64();
    let ath = encode_base64url(digest(&SHA256, TOKEN.as_bytes()).as_ref());
    let htu = claims["htu"].as_str().and_then(ComparableUrl::parse);
    is_header_good
        && claims["jti"].as_str().is_some_and(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()))
        && claims["htm"].as_str() == Some(METHOD)
        && htu.is_some()
        && htu == ComparableUrl::of_request(URL)
        && claims["ath"].as_str() == Some(&ath)
        && time("iat").is_some_and(|iat| (NOW - MAX_AGE..=NOW + LEEWAY).contains(&iat))
        && (claims.get("exp").is_none() || time("exp").is_some_and(|exp| exp > NOW - LEEWAY))
        && (claims.get("nbf").is_none() || time("nbf").is_some_and(|nbf| nbf <= NOW + LEEWAY))
        && (claims.get("nonce").is_none() || claims["nonce"].is_string())
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
