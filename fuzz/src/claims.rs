//! Any octets as the claims of a token that is signed: accepted only when a second, slower reading accepts them, and
//! always when that does and the text is strict.

use monocloud_backend_node::engine::authorize::policy::Policy;
use monocloud_backend_node::engine::token::compact::MAX_TOKEN_BYTES;
use monocloud_backend_node::engine::token::groups::group_names_of_json;
use monocloud_backend_node::engine::token::json;
use monocloud_backend_node::engine::{Attempt, Verdict};
use serde_json::Value;
use serde_json::value::RawValue;

use super::world::{self, AUDIENCE, ISSUER, NOW, TOLERANCE};

/// How deep JSON may nest (contract 5.5).
const MAX_DEPTH: usize = 32;

pub fn check(data: &[u8]) {
    // Where no rule reads, claims may hold a lone surrogate, or a number that is none in Rust.
    let value = std::str::from_utf8(data).ok().and_then(json::document);
    let is_json = std::str::from_utf8(data).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    if decide(data) {
        assert!(is_json && value.as_ref().is_none_or(|value| is_good(value, false)), "accepted");
    }
    assert!(!json::is_object(data) || is_json && value.as_ref().is_none_or(Value::is_object));
    // As serde_json writes it there is no member twice and nothing else to be strict about.
    if let Some(value) = value {
        let text = value.to_string();
        let is_readable =
            depth(&value) <= MAX_DEPTH && world::with(|world| world.sign(text.as_bytes())).len() <= MAX_TOKEN_BYTES;
        assert_eq!(decide(text.as_bytes()), is_readable && is_good(&value, false));
        assert_eq!(json::is_object(text.as_bytes()), value.is_object() && depth(&value) <= MAX_DEPTH);
        let groups = if depth(&value) <= MAX_DEPTH { group_names(&value) } else { Vec::new() };
        assert_eq!(group_names_of_json(&text).iter().map(|name| &**name).collect::<Vec<_>>(), groups);
    }
}

fn decide(claims: &[u8]) -> bool {
    let policy = Policy::default();
    world::with(|world| {
        let token = world.sign(claims);
        match world.engine.decide(&world::call(&token, &policy), Attempt::First, true) {
            Verdict::Claims(text) => {
                assert_eq!(text.as_bytes(), claims);
                true
            }
            Verdict::Remembered(slot) => {
                assert_eq!(world.engine.recall_claims(&token, slot).as_deref().map(str::as_bytes), Some(claims));
                true
            }
            Verdict::Refused(reason) => {
                assert!(reason.spec().class.code().is_some(), "{reason:?}");
                false
            }
            other => panic!("{other:?}"),
        }
    })
}

/// Contract 5.5 and 7, read once more, plainly. `is_introspected`: `iss` and `exp` may be absent (RFC 7662 §2.2).
pub fn is_good(value: &Value, is_introspected: bool) -> bool {
    let Some(claims) = value.as_object() else { return false };
    let is_text = |value: &Value| value.is_string();
    let issuer = match claims.get("iss") {
        None => is_introspected,
        Some(iss) => iss == ISSUER,
    };
    let audience = match claims.get("aud") {
        Some(Value::String(aud)) => aud == AUDIENCE,
        Some(Value::Array(all)) => all.iter().all(is_text) && all.iter().any(|aud| aud == AUDIENCE),
        _ => false,
    };
    let expiry = match claims.get("exp") {
        None => is_introspected,
        Some(exp) => exp.as_f64().is_some_and(|exp| exp > NOW - TOLERANCE),
    };
    let start = claims.get("nbf").is_none_or(|nbf| nbf.as_f64().is_some_and(|nbf| nbf <= NOW + TOLERANCE));
    let issued = claims.get("iat").is_none_or(|iat| iat.as_f64().is_some_and(|iat| iat >= 0.0));
    let subject = claims.get("sub").is_none_or(is_text);
    // No certificate is shown, so a token that is bound, or whose binding cannot be read, is not good.
    let binding = claims.get("cnf").is_none_or(|cnf| cnf.as_object().is_some_and(|cnf| !cnf.contains_key("x5t#S256")));
    issuer && audience && expiry && start && issued && subject && binding
}

/// Contract 7: an array of strings or of `{ id, name }`.
fn group_names(value: &Value) -> Vec<&str> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    let names = items.iter().flat_map(|item| [Some(item), item.get("id"), item.get("name")]);
    names.flatten().filter_map(Value::as_str).collect()
}

pub fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}
