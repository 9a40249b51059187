//! Any octets as what a cache gives for a token, opaque or a JWT: worth what a second, slower reading makes of it, for a
//! JWT nothing unless it is the JWT's own payload, and the same however often it is asked (contract 11).

use monocloud_backend_node::engine::authorize::policy::Policy;
use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::memory::claims_cache::{self, ClaimsCache};
use monocloud_backend_node::engine::token::compact::{MAX_TOKEN_BYTES, decode_base64url};
use monocloud_backend_node::engine::token::json;
use monocloud_backend_node::engine::{CachedVerdict, Call};
use serde_json::Value;
use serde_json::value::RawValue;

use super::claims::{depth, is_good};
use super::world::{self, ISSUER, NOW, World};

const OPAQUE: &str = "opaque";
/// A good entry of the opaque token, and of no JWT.
const ANOTHER: &str = r#"{"iss":"https://tenant.example","aud":"https://api.example.com"}"#;
/// How deep claims may nest (contract 5.5).
const MAX_DEPTH: usize = 32;
/// Entries and bytes: an eighth of them is for inactive verdicts.
const ROOM: (usize, usize) = (8, 1 << 24);

/// What an entry is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Worth {
    Accepted,
    /// Claims of a token that is bound to a certificate: none is shown.
    Bound,
    Inactive,
    Nothing,
}

thread_local! {
    /// Where a JWT's entry decides anything: an engine that has had no keys yet.
    static UNACQUAINTED: World = World::unacquainted();
}

/// The first octet, a digit in the corpus, chooses one of the signed tokens; the rest is the entry, but for our member.
pub fn check(data: &[u8]) {
    let Some((first, entry)) = data.split_first() else { return };
    // A cache gives a text: of octets that are none, what JavaScript makes of them.
    let entry = String::from_utf8_lossy(entry);
    let value = json::document(&entry);
    // Where no rule reads, claims may hold a number that is none in Rust.
    if value.is_none() && serde_json::from_str::<&RawValue>(&entry).is_ok() {
        return;
    }
    let signed: Vec<&str> = world::SIGNED.lines().collect();
    let jwt = signed[usize::from(first.wrapping_sub(b'0')) % signed.len()];
    world::with(|world| check_in(world, jwt, &entry, value.as_ref(), &[ISSUER]));
    // Until its metadata is read, the issuer is known but for one trailing slash.
    let issuers = [ISSUER, &format!("{ISSUER}/")];
    UNACQUAINTED.with(|world| check_in(world, jwt, &entry, value.as_ref(), &issuers));
}

fn check_in(world: &World, jwt: &str, entry: &str, value: Option<&Value>, issuers: &[&str]) {
    let opaque = value.map_or(Worth::Nothing, |value| worth_of_opaque(value, issuers));
    check_lenient(world, OPAQUE, entry, opaque);
    let Some(value) = value else { return check_lenient(world, jwt, entry, Worth::Nothing) };
    let own = worth_of_jwt(value, issuers);
    let as_read = as_javascript(value.clone());
    check_lenient(world, jwt, entry, if as_read == payload_of(jwt) { own } else { Worth::Nothing });

    // As serde_json writes it there is no member twice and nothing else to be strict about.
    let text = value.to_string();
    let is_readable = depth(value) <= MAX_DEPTH;
    // Of a verdict that a token is inactive two members are looked at, however deep others are.
    if is_readable || opaque == Worth::Inactive {
        assert_eq!(ask(world, OPAQUE, &text), opaque, "{text}");
    }
    // The JWT that says this itself, its numbers in another spelling, and both texts as its entry.
    let token = world.sign(as_read.to_string().as_bytes());
    if is_readable && token.len() <= MAX_TOKEN_BYTES {
        check_lenient(world, &token, entry, own);
        assert_eq!(ask(world, &token, &text), own, "{text}");
    }
}

/// An entry in any spelling is worth what it should be, or nothing.
fn check_lenient(world: &World, token: &str, entry: &str, expected: Worth) {
    let found = ask(world, token, entry);
    assert!(found == expected || found == Worth::Nothing, "{found:?}, not {expected:?}: {entry}");
}

/// Asks, and asks again: the claims come once, then their slot; a refusal is the same, and what is worth nothing is gone.
fn ask(world: &World, token: &str, entry: &str) -> Worth {
    let policy = Policy::default();
    let bare = world.engine.decide_cached(&mut ClaimsCache::new(ROOM.0, ROOM.1), entry, &world::call(token, &policy));
    assert!(bare == CachedVerdict::Miss || entry.contains("obtained"), "as version 1.0 wrote it: {entry}");
    let entry = &*with_member(world, token, entry);
    let mut judged = ClaimsCache::new(ROOM.0, ROOM.1);
    let ask = |judged: &mut ClaimsCache, entry: &str, now: f64| {
        world.engine.decide_cached(judged, entry, &Call { now, ..world::call(token, &policy) })
    };
    let first = ask(&mut judged, entry, NOW);
    let second = ask(&mut judged, entry, NOW);
    let worth = match (&first, &second) {
        (CachedVerdict::Miss, CachedVerdict::Miss) => {
            assert!(judged.is_empty());
            return Worth::Nothing;
        }
        (CachedVerdict::Claims(text), CachedVerdict::Slot(slot)) => {
            assert_eq!(text, entry);
            let kept = judged.get(&claims_cache::key_of("", token), NOW).expect("an entry");
            assert_eq!((&*kept.text, kept.slot), (entry, *slot));
            Worth::Accepted
        }
        (CachedVerdict::Refused(Reason::Inactive), CachedVerdict::Refused(Reason::Inactive)) => Worth::Inactive,
        (CachedVerdict::Refused(reason), CachedVerdict::Refused(again)) if reason == again => {
            assert_eq!(reason.spec().class.code(), Some("invalid_token"), "{reason:?}");
            Worth::Bound
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(ask(&mut judged, entry, NOW), second);
    // Another entry in between, if only its text can tell, is judged for itself, and this one anew.
    let another = with_member(world, token, ANOTHER);
    let another = format!("{another:width$}", width = entry.len());
    if entry != another {
        assert_eq!(matches!(ask(&mut judged, &another, NOW), CachedVerdict::Claims(_)), token == OPAQUE);
        assert_eq!(ask(&mut judged, entry, NOW), first);
    }
    // At twice its end it is over, whatever was proved of it.
    let end = serde_json::from_str(entry).ok().and_then(|value: Value| value.get("exp")?.as_f64());
    if let Some(end) = end {
        assert_eq!(ask(&mut judged, entry, 2.0 * end), CachedVerdict::Miss);
    }
    worth
}

/// The entry with the member that says how it was obtained, in the first place; a text that is no object stays as it is.
fn with_member<'t>(world: &World, token: &str, entry: &'t str) -> String {
    let member = world.engine.obtained(token == OPAQUE, NOW);
    let member = member.strip_suffix('}').expect("an object");
    // White space as JSON has it.
    let trimmed = |text: &'t str| text.trim_start_matches([' ', '\t', '\n', '\r']);
    match trimmed(entry).strip_prefix('{') {
        Some(rest) if trimmed(rest).starts_with('}') => format!("{member}{rest}"),
        Some(rest) => format!("{member},{rest}"),
        None => entry.to_owned(),
    }
}

/// Contract 11, read once more, plainly: claims that say their issuer and may leave their end out, or that the token is
/// inactive until a time.
fn worth_of_opaque(value: &Value, issuers: &[&str]) -> Worth {
    match value.get("active") {
        Some(Value::Bool(false)) => {
            let is_on = value.get("exp").and_then(Value::as_f64).is_some_and(|end| end > NOW);
            let is_ours = value.get("iss").is_none_or(|iss| issuers.iter().any(|issuer| iss == issuer));
            if is_on && is_ours { Worth::Inactive } else { Worth::Nothing }
        }
        Some(active) if *active != Value::Bool(true) => Worth::Nothing,
        _ => worth_of_claims(value, issuers, true),
    }
}

/// A JWT's own claims have all of them, and `active` means nothing in them.
fn worth_of_jwt(value: &Value, issuers: &[&str]) -> Worth {
    worth_of_claims(value, issuers, false)
}

fn worth_of_claims(value: &Value, issuers: &[&str], may_leave_out: bool) -> Worth {
    let Some(issuer) = value.get("iss").filter(|iss| issuers.iter().any(|issuer| iss == issuer)) else {
        return Worth::Nothing;
    };
    // `is_good` knows one issuer.
    let mut claims = value.clone();
    if issuer != ISSUER {
        claims["iss"] = ISSUER.into();
    }
    if is_good(&claims, may_leave_out) {
        return Worth::Accepted;
    }
    // And no token that is bound.
    claims.as_object_mut().expect("an issuer is a member").remove("cnf");
    if is_good(&claims, may_leave_out) { Worth::Bound } else { Worth::Nothing }
}

/// With every number as JavaScript has it: `1.0` is `1`.
fn as_javascript(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_f64()),
        Value::Array(items) => items.into_iter().map(as_javascript).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, as_javascript(value))).collect(),
        other => other,
    }
}

fn payload_of(jwt: &str) -> Value {
    let part = jwt.split('.').nth(1).expect("a payload");
    let octets = decode_base64url(part.as_bytes()).expect("base64url");
    as_javascript(serde_json::from_slice(&octets).expect("JSON"))
}
