//! Any octets as a cache entry of an opaque token or a JWT. The result equals that of a second, slower
//! implementation. For a JWT, only an entry that equals the JWT's own payload counts. Asking again gives the same
//! result.

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
/// A valid entry of the opaque token, and of no JWT.
const ANOTHER: &str = r#"{"iss":"https://tenant.example","aud":"https://api.example.com"}"#;
/// The nesting limit of claims (`MAX_DEPTH` of the engine).
const MAX_DEPTH: usize = 32;
/// The limits for entries and bytes; an eighth of each is for inactive verdicts.
const LIMITS: (usize, usize) = (8, 1 << 24);

/// The expected result for an entry.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Worth {
    Accepted,
    /// Claims of a token that is bound to a certificate, in a call without a certificate.
    Bound,
    Inactive,
    Nothing,
}

thread_local! {
    /// An engine that has had no keys yet: the only case in which a JWT's entry decides anything.
    static UNACQUAINTED: World = World::unacquainted();
}

/// The first octet, a digit in the corpus, selects a signed token. The rest is the entry without our member.
pub fn check(data: &[u8]) {
    let Some((first, entry)) = data.split_first() else { return };
    // A cache returns text. JavaScript decodes invalid UTF-8 in the same way.
    let entry = String::from_utf8_lossy(entry);
    let value = json::document(&entry);
    // Claims that no rule reads may contain a number that Rust cannot represent.
    if value.is_none() && serde_json::from_str::<&RawValue>(&entry).is_ok() {
        return;
    }
    let signed: Vec<&str> = world::SIGNED.lines().collect();
    let jwt = signed[usize::from(first.wrapping_sub(b'0')) % signed.len()];
    world::with(|world| check_in(world, jwt, &entry, value.as_ref(), &[ISSUER]));
    // Before its metadata is read, the issuer is known except for one trailing slash.
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

    // serde_json writes no duplicate members, so strictness does not matter any more.
    let text = value.to_string();
    let is_readable = depth(value) <= MAX_DEPTH;
    // Of an inactive verdict only two members are read, even if others are nested too deeply.
    if is_readable || opaque == Worth::Inactive {
        assert_eq!(ask(world, OPAQUE, &text), opaque, "{text}");
    }
    // A JWT with these claims, its numbers in another spelling, and both texts as its entry.
    let token = world.sign(as_read.to_string().as_bytes());
    if is_readable && token.len() <= MAX_TOKEN_BYTES {
        check_lenient(world, &token, entry, own);
        assert_eq!(ask(world, &token, &text), own, "{text}");
    }
}

/// An entry in any spelling gives its expected result, or none.
fn check_lenient(world: &World, token: &str, entry: &str, expected: Worth) {
    let found = ask(world, token, entry);
    assert!(found == expected || found == Worth::Nothing, "{found:?}, not {expected:?}: {entry}");
}

/// Reads the entry twice. Claims are returned once as text and then as a slot. A rejection repeats. A worthless entry
/// is deleted.
fn ask(world: &World, token: &str, entry: &str) -> Worth {
    let policy = Policy::default();
    let bare =
        world.engine.decide_cached(&mut ClaimsCache::new(LIMITS.0, LIMITS.1), entry, &world::call(token, &policy));
    assert!(bare == CachedVerdict::Miss || entry.contains("obtained"), "as version 1.0 wrote it: {entry}");
    let entry = &*with_member(world, token, entry);
    let mut cache = ClaimsCache::new(LIMITS.0, LIMITS.1);
    let ask = |cache: &mut ClaimsCache, entry: &str, now: f64| {
        world.engine.decide_cached(cache, entry, &Call { now, ..world::call(token, &policy) })
    };
    let first = ask(&mut cache, entry, NOW);
    let second = ask(&mut cache, entry, NOW);
    let worth = match (&first, &second) {
        (CachedVerdict::Miss, CachedVerdict::Miss) => {
            assert!(cache.is_empty());
            return Worth::Nothing;
        }
        (CachedVerdict::Claims(text), CachedVerdict::Slot(slot)) => {
            assert_eq!(text, entry);
            let kept = cache.get(&claims_cache::key_of("", token), NOW).expect("an entry");
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
    assert_eq!(ask(&mut cache, entry, NOW), second);
    // A similar entry in between is validated separately, and this entry is then validated again.
    let another = with_member(world, token, ANOTHER);
    let another = format!("{another:width$}", width = entry.len());
    if entry != another {
        assert_eq!(matches!(ask(&mut cache, &another, NOW), CachedVerdict::Claims(_)), token == OPAQUE);
        assert_eq!(ask(&mut cache, entry, NOW), first);
    }
    // At twice its end the entry has expired, whatever was validated before.
    let end = serde_json::from_str(entry).ok().and_then(|value: Value| value.get("exp")?.as_f64());
    if let Some(end) = end {
        assert_eq!(ask(&mut cache, entry, 2.0 * end), CachedVerdict::Miss);
    }
    worth
}

/// The entry with our member in the first place. A text that is not an object stays as it is.
fn with_member<'t>(world: &World, token: &str, entry: &'t str) -> String {
    let member = world.engine.obtained(token == OPAQUE, NOW);
    let member = member.strip_suffix('}').expect("an object");
    // JSON's white space.
    let trimmed = |text: &'t str| text.trim_start_matches([' ', '\t', '\n', '\r']);
    match trimmed(entry).strip_prefix('{') {
        Some(rest) if trimmed(rest).starts_with('}') => format!("{member}{rest}"),
        Some(rest) => format!("{member},{rest}"),
        None => entry.to_owned(),
    }
}

/// The rules for entries, implemented again: claims must have an issuer and may lack an end; an inactive verdict has
/// a time.
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

/// A JWT's own claims have all of these members, and `active` has no meaning in them.
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
    // A bound token is never accepted here.
    claims.as_object_mut().expect("an issuer is a member").remove("cnf");
    if is_good(&claims, may_leave_out) { Worth::Bound } else { Worth::Nothing }
}

/// Converts every number as JavaScript does: `1.0` is `1`.
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
