//! Any octets as the claims of a signed token. They are accepted only if a second, slower implementation accepts
//! them, and always if it does and the text is strict JSON.

use monocloud_backend_node::engine::authorize::policy::Policy;
use monocloud_backend_node::engine::token::compact::MAX_TOKEN_BYTES;
use monocloud_backend_node::engine::token::json;
use monocloud_backend_node::engine::token::lists::group_names_of_json;
use monocloud_backend_node::engine::{Attempt, Verdict};
use serde_json::Value;
use serde_json::value::RawValue;

use super::world::{self, AUDIENCE, ISSUER, NOW, TOLERANCE};

/// The nesting limit of JSON (`MAX_DEPTH` of the engine).
const MAX_DEPTH: usize = 32;

pub fn check(data: &[u8]) {
    // Claims that no rule reads may contain a lone surrogate, or a number that Rust cannot represent.
    let value = std::str::from_utf8(data).ok().and_then(json::document);
    let is_json = std::str::from_utf8(data).is_ok_and(|text| serde_json::from_str::<&RawValue>(text).is_ok());
    if decide(data) {
        assert!(is_json && value.as_ref().is_none_or(|value| is_good(value, false)), "accepted");
    }
    assert!(!json::is_object(data) || is_json && value.as_ref().is_none_or(Value::is_object));
    // serde_json writes no duplicate members, so strictness does not matter any more.
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

/// The rules for claims, implemented again. `is_introspected`: `iss` and `exp` may be absent (RFC 7662 §2.2).
pub fn is_good(value: &Value, is_introspected: bool) -> bool {
    let Some(claims) = value.as_object() else { return false };
    // In a response, a member that is null counts as absent.
    let claims: serde_json::Map<_, _> =
        claims.clone().into_iter().filter(|(_, value)| !is_introspected || !value.is_null()).collect();
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
    // Neither a certificate nor a DPoP proof is passed, so a bound token, or one with an unreadable binding, is not accepted.
    let is_bound = |cnf: &serde_json::Map<String, Value>| cnf.contains_key("x5t#S256") || cnf.contains_key("jkt");
    let is_dpop = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("DPoP"));
    let binding = claims.get("cnf").is_none_or(|cnf| cnf.as_object().is_some_and(|cnf| !is_bound(cnf)))
        && !(is_introspected && claims.get("token_type").is_some_and(is_dpop));
    issuer && audience && expiry && start && issued && subject && binding
}

/// Groups are an array of strings or of `{ id, name }`.
fn group_names(value: &Value) -> Vec<&str> {
    // A claim that is one string is one group.
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    if value.is_object() {
        return Vec::new();
    }
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
