//! What a cached entry is worth: held against every rule, of this token, for this engine, until its end.

use super::*;
use crate::engine::memory::claims_cache::{self, ClaimsCache};

const BUDGET: usize = 1 << 20;

fn cache() -> ClaimsCache {
    ClaimsCache::new(8, BUDGET)
}

/// An entry as an engine writes it at a time.
fn entry(engine: &Engine, claims: &str, is_introspected: bool, at: f64) -> String {
    let member = engine.obtained(is_introspected, at);
    format!("{},{}", claims.strip_suffix('}').expect("an object"), &member[1..]).replacen("{,", "{", 1)
}

fn introspected(engine: &Engine, claims: &str) -> String {
    entry(engine, claims, true, NOW)
}

fn judge(engine: &Engine, entry: &str, token: &str, now: f64) -> CachedVerdict {
    engine.decide_cached(&mut cache(), entry, &Call { token, policy: &Policy::default(), certificate: None, now })
}

#[test]
fn a_cached_entry_is_held_against_every_rule_but_the_signature() {
    let world = world();
    let of = |claims: &str| introspected(&world.engine, claims);
    let good = &*of(r#"{"iss":"https://x","aud":"https://api.example.com","exp":2000,"scope":"a"}"#);
    let mut judged = cache();
    let mut judge = |entry: &str, token: &str, policy: &Policy| {
        world.engine.decide_cached(&mut judged, entry, &Call { token, policy, certificate: None, now: NOW })
    };
    assert_eq!(judge(good, "opaque", &asks_scope("a")), CachedVerdict::Claims(good.into()));
    assert!(matches!(judge(good, "opaque", &asks_scope("a")), CachedVerdict::Slot(_)));
    assert_eq!(judge(good, "opaque", &asks_scope("b")), CachedVerdict::Refused(Reason::ScopeMissing));
    assert_eq!(
        judge(&of(r#"{"active":false,"exp":1001}"#), "opaque", &Policy::default()),
        CachedVerdict::Refused(Reason::Inactive)
    );
    for unusable in [
        "{}",
        r#"{"active":false,"exp":1000}"#,
        r#"{"active":false,"exp":1001,"iss":"https://y"}"#,
        r#"{"active":false}"#,
        r#"{"aud":"https://api.example.com","exp":2000}"#,
        r#"{"iss":"https://x","aud":"https://api.example.com","active":false}"#,
        r#"{"iss":"https://x","aud":"https://api.example.com","exp":2000,"active":"true"}"#,
        r#"{"iss":"https://y","aud":"https://api.example.com","exp":2000}"#,
        r#"{"iss":"https://x","aud":"https://other","exp":2000}"#,
        r#"{"iss":"https://x","aud":"https://api.example.com","exp":1000}"#,
    ] {
        assert_eq!(judge(&of(unusable), "opaque", &Policy::default()), CachedVerdict::Miss, "{unusable}");
    }
    for no_object in ["[]", "null", "\"x\"", ""] {
        assert_eq!(judge(no_object, "opaque", &Policy::default()), CachedVerdict::Miss, "{no_object}");
    }
    let without_exp = &*of(r#"{"iss":"https://x","aud":"https://api.example.com"}"#);
    assert_eq!(judge(without_exp, "opaque", &Policy::default()), CachedVerdict::Claims(without_exp.into()));
    let verdict = of(r#"{"active":false,"exp":1001}"#);
    assert_eq!(judge(&verdict, &token("k", json!({})), &Policy::default()), CachedVerdict::NotOurs);
}

#[test]
fn the_cached_entry_of_a_jwt_is_its_own_payload_in_any_spelling() {
    let world = world();
    let jwt = token("k", json!({ "n": 1, "exp": 2000.0 }));
    let judge_of = |jwt: &str, entry: &str| {
        let call = Call { token: jwt, policy: &Policy::default(), certificate: None, now: NOW };
        world.engine.decide_cached(&mut cache(), entry, &call)
    };
    let judge = |entry: &str| judge_of(&jwt, entry);
    let of = |claims: &str| entry(&world.engine, claims, false, NOW);
    let payload = compact::decode_payload(&jwt).expect("a payload");
    for same in [payload.clone(), payload.replace(',', ", "), payload.replace("2000.0", "2e3")] {
        let same = of(&same);
        assert_eq!(judge(&same), CachedVerdict::Claims(same));
    }
    assert_eq!(judge(&payload), CachedVerdict::Miss, "as version 1.0 wrote it");
    assert_eq!(judge(&of(&payload.replace("user", "admin"))), CachedVerdict::Miss);
    assert_eq!(judge(&of(&payload.replace("a b", "a b c"))), CachedVerdict::Miss);
    // Twice the same member: a strict reader refuses what a lenient one takes the last of.
    let twice = sign(r#"{"alg":"EdDSA","kid":"k"}"#, &payload.replacen('{', r#"{"sub":"first","#, 1));
    assert_eq!(judge_of(&twice, &of(&payload)), CachedVerdict::Miss);
    assert!(matches!(world.decide(&twice), Verdict::Refused(Reason::ClaimsInvalid)));
    let without_exp = token("k", json!({ "exp": null }));
    let payload = compact::decode_payload(&without_exp).expect("a payload");
    assert_eq!(judge_of(&without_exp, &of(&payload)), CachedVerdict::Miss, "a JWT has exp");
}

#[test]
fn the_cache_inside_the_process_answers_like_any_other_and_then_by_slot() {
    let world = world();
    let mut cache = cache();
    let key = claims_cache::key_of(ISSUER, "opaque");
    let of = |claims: &str| introspected(&world.engine, claims);
    let good = &*of(r#"{"iss":"https://x","aud":"https://api.example.com","scope":"a"}"#);
    let ask = |cache: &mut ClaimsCache, policy: &Policy, now: f64| {
        world.engine.decide_in_cache(cache, &key, &Call { token: "opaque", policy, certificate: None, now })
    };
    assert_eq!(ask(&mut cache, &asks_scope("a"), NOW), CachedVerdict::Miss);
    cache.put(key, good, 1500.0, NOW);
    assert_eq!(ask(&mut cache, &asks_scope("b"), NOW), CachedVerdict::Refused(Reason::ScopeMissing));
    assert!(matches!(ask(&mut cache, &asks_scope("a"), NOW), CachedVerdict::Slot(_) | CachedVerdict::Claims(_)));
    assert!(matches!(ask(&mut cache, &asks_scope("a"), NOW), CachedVerdict::Slot(_)));
    assert_eq!(ask(&mut cache, &asks_scope("b"), NOW), CachedVerdict::Refused(Reason::ScopeMissing));
    assert_eq!(ask(&mut cache, &asks_scope("a"), 1300.0), CachedVerdict::NotOurs, "300 seconds without exp");
    assert_eq!(ask(&mut cache, &asks_scope("a"), 1500.0), CachedVerdict::Miss);
    cache.put(key, &of(r#"{"aud":"https://other"}"#), 1500.0, NOW);
    assert_eq!(ask(&mut cache, &Policy::default(), NOW), CachedVerdict::Miss);
    assert!(cache.is_empty(), "an entry of another audience is deleted");
    cache.put(key, &of(r#"{"active":false,"exp":1200}"#), 1200.0, NOW);
    assert_eq!(ask(&mut cache, &Policy::default(), NOW), CachedVerdict::Refused(Reason::Inactive));
    assert_eq!(ask(&mut cache, &Policy::default(), 1200.0), CachedVerdict::Miss);
}

#[test]
fn an_inactive_verdict_is_good_until_its_end_also_when_it_was_judged_before() {
    let world = world();
    let mut judged = cache();
    let mut judge = |now: f64| {
        let call = Call { token: "opaque", policy: &Policy::default(), certificate: None, now };
        let verdict = introspected(&world.engine, r#"{"active":false,"exp":1200}"#);
        world.engine.decide_cached(&mut judged, &verdict, &call)
    };
    assert_eq!(judge(1000.0), CachedVerdict::Refused(Reason::Inactive));
    assert_eq!(judge(1199.0), CachedVerdict::Refused(Reason::Inactive));
    assert_eq!(judge(1200.0), CachedVerdict::Miss);
    assert_eq!(judge(1201.0), CachedVerdict::Miss);
}

#[test]
fn what_one_engine_proved_of_a_shared_entry_is_nothing_to_another() {
    let (one, other) = (world(), world_with(json!({ "audience": "https://other" })));
    let mut cache = cache();
    let key = claims_cache::key_of("", "opaque");
    let of = |claims: &str| introspected(&one.engine, claims);
    cache.put(key, &of(r#"{"iss":"https://x","aud":"https://api.example.com"}"#), 1500.0, NOW);
    let call = Call { token: "opaque", policy: &Policy::default(), certificate: None, now: NOW };
    assert!(matches!(one.engine.decide_in_cache(&mut cache, &key, &call), CachedVerdict::Claims(_)));
    assert_eq!(other.engine.decide_in_cache(&mut cache, &key, &call), CachedVerdict::Miss);
}

#[test]
fn claims_stay_in_a_cache_until_exp_or_the_bound_for_introspected_ones() {
    let unbounded = world().engine;
    assert_eq!(unbounded.cache_until(Some(2000.0), false, NOW), Some(2000.0));
    assert_eq!(unbounded.cache_until(Some(2000.9), true, NOW), Some(2000.0));
    assert_eq!(unbounded.cache_until(None, true, NOW), Some(1300.0));
    assert_eq!(unbounded.cache_until(Some(1000.0), true, NOW), None);
    assert_eq!(unbounded.cache_until(None, false, NOW), None);
    let bounded = world_with(json!({ "introspectionCacheDuration": 60 })).engine;
    assert_eq!(bounded.cache_until(Some(2000.0), true, NOW), Some(1060.0));
    assert_eq!(bounded.cache_until(Some(1030.0), true, NOW), Some(1030.0));
    assert_eq!(bounded.cache_until(Some(2000.0), false, NOW), Some(2000.0));
    let a_hundred_years = NOW + 100.0 * 365.0 * 86_400.0;
    for is_introspected in [false, true] {
        assert_eq!(unbounded.cache_until(Some(2e206), is_introspected, NOW), Some(a_hundred_years));
    }
    let longest = world_with(json!({ "introspectionCacheDuration": 1e300 })).engine;
    assert_eq!(longest.cache_until(None, true, NOW), Some(a_hundred_years));
    let off = world_with(json!({ "introspectionCacheDuration": 0 })).engine;
    assert_eq!(off.cache_until(Some(2000.0), true, NOW), None);
    assert_eq!(off.cache_until(None, true, NOW), None);
}

const CLAIMS: &str = r#"{"iss":"https://x","aud":"https://api.example.com","exp":99999}"#;
const INACTIVE: &str = r#"{"active":false,"exp":99999}"#;

#[test]
fn an_entry_that_does_not_say_how_it_was_obtained_is_a_miss() {
    let world = world();
    for one_dot_zero in [CLAIMS, INACTIVE] {
        assert_eq!(judge(&world.engine, one_dot_zero, "opaque", NOW), CachedVerdict::Miss);
    }
    for (what, of) in [("validation", CachedVerdict::Miss), ("hearsay", CachedVerdict::Miss)] {
        let changed = introspected(&world.engine, CLAIMS).replace("introspection", what);
        assert_eq!(judge(&world.engine, &changed, "opaque", NOW), of, "{what}");
    }
}

#[test]
fn a_client_that_introspects_jwts_uses_no_entry_that_a_local_validation_made() {
    let (local, asks) = (world(), world_with(json!({ "introspectJwtTokens": true })));
    let jwt = token("k", json!({}));
    let payload = compact::decode_payload(&jwt).expect("a payload");
    let validated = entry(&local.engine, &payload, false, NOW);
    assert!(matches!(judge(&local.engine, &validated, &jwt, NOW), CachedVerdict::Claims(_)));
    assert_eq!(judge(&asks.engine, &validated, &jwt, NOW), CachedVerdict::NotOurs);
    assert!(matches!(judge(&asks.engine, &introspected(&asks.engine, &payload), &jwt, NOW), CachedVerdict::Claims(_)));
}

#[test]
fn a_client_that_validates_jwts_neither_uses_nor_deletes_what_the_issuer_said_of_one() {
    let (local, asks) = (world(), world_with(json!({ "introspectJwtTokens": true })));
    let jwt = token("k", json!({}));
    let payload = compact::decode_payload(&jwt).expect("a payload");
    for claims in [INACTIVE, &payload] {
        let said = introspected(&asks.engine, claims);
        assert_eq!(judge(&local.engine, &said, &jwt, NOW), CachedVerdict::NotOurs, "{claims}");
    }
    let ended = introspected(&asks.engine, r#"{"active":false,"exp":1000}"#);
    assert_eq!(judge(&local.engine, &ended, &jwt, 1000.0), CachedVerdict::Miss, "a verdict that has ended");
}

#[test]
fn what_the_issuer_said_to_one_client_id_is_not_used_by_another() {
    let one = world();
    let own = |claims: &str| introspected(&one.engine, claims);
    for (what, other) in [
        ("client id", json!({ "clientId": "other" })),
        ("tenant", json!({ "tenantDomain": "https://y" })),
        ("none", json!({ "clientId": null, "clientSecret": null })),
    ] {
        let other = world_with(other);
        for claims in [CLAIMS, INACTIVE] {
            assert_eq!(judge(&other.engine, &own(claims), "opaque", NOW), CachedVerdict::NotOurs, "{what}");
        }
    }
    let same = world_with(json!({ "clientSecret": "another" }));
    assert!(matches!(judge(&same.engine, &own(CLAIMS), "opaque", NOW), CachedVerdict::Claims(_)));
    assert_eq!(judge(&same.engine, &own(INACTIVE), "opaque", NOW), CachedVerdict::Refused(Reason::Inactive));
}

#[test]
fn each_client_applies_its_own_duration_to_the_time_an_entry_was_obtained() {
    let writer = world();
    for claims in [CLAIMS, INACTIVE] {
        let said = introspected(&writer.engine, claims);
        for (duration, until) in [(Some(60.0), 1060.0), (Some(0.5), 1000.5), (Some(0.0), 1000.0)] {
            let reader = world_with(json!({ "introspectionCacheDuration": duration })).engine;
            assert_eq!(judge(&reader, &said, "opaque", until), CachedVerdict::NotOurs, "{claims} {duration:?}");
            assert_eq!(judge(&reader, &said, "opaque", until - 0.25) == CachedVerdict::NotOurs, duration == Some(0.0));
        }
    }
    assert!(matches!(
        judge(&writer.engine, &introspected(&writer.engine, CLAIMS), "opaque", 9999.0),
        CachedVerdict::Claims(_)
    ));
    assert_eq!(
        judge(&writer.engine, &introspected(&writer.engine, INACTIVE), "opaque", 1300.0),
        CachedVerdict::NotOurs
    );
}

#[test]
fn an_entry_that_was_proved_before_ends_with_its_readers_duration_too() {
    let reader = world_with(json!({ "introspectionCacheDuration": 60 }));
    let said = introspected(&reader.engine, CLAIMS);
    let mut judged = cache();
    let mut at = |now: f64| {
        let call = Call { token: "opaque", policy: &Policy::default(), certificate: None, now };
        reader.engine.decide_cached(&mut judged, &said, &call)
    };
    assert!(matches!(at(NOW), CachedVerdict::Claims(_)));
    assert!(matches!(at(1059.0), CachedVerdict::Slot(_)));
    assert_eq!(at(1060.0), CachedVerdict::NotOurs);
    assert_eq!(at(994.9), CachedVerdict::NotOurs, "the clock went back");
    assert!(matches!(at(995.0), CachedVerdict::Slot(_)));
}

#[test]
fn an_entry_from_further_in_the_future_than_clocks_differ_is_not_used() {
    let world = world();
    for claims in [CLAIMS, INACTIVE] {
        assert_eq!(
            judge(&world.engine, &entry(&world.engine, claims, true, 1005.1), "opaque", NOW),
            CachedVerdict::NotOurs
        );
        assert_ne!(
            judge(&world.engine, &entry(&world.engine, claims, true, 1005.0), "opaque", NOW),
            CachedVerdict::NotOurs
        );
    }
    let jwt = token("k", json!({}));
    let payload = compact::decode_payload(&jwt).expect("a payload");
    let judge = |at: f64| judge(&world.engine, &entry(&world.engine, &payload, false, at), &jwt, NOW);
    assert_eq!(judge(1005.1), CachedVerdict::Miss);
    assert!(matches!(judge(1005.0), CachedVerdict::Claims(_)));
}

#[test]
fn a_jwt_with_a_claim_of_our_name_has_no_entry() {
    let world = world();
    let member: Value = serde_json::from_str(&world.engine.obtained(false, NOW)).expect("JSON");
    let jwt = token("k", member);
    let payload = compact::decode_payload(&jwt).expect("a payload");
    assert_eq!(judge(&world.engine, &payload, &jwt, NOW), CachedVerdict::Miss);
}

#[test]
fn an_entry_too_large_to_be_remembered_is_decided_on_all_the_same() {
    let world = world();
    let said = introspected(&world.engine, CLAIMS);
    for mut judged in [ClaimsCache::new(0, 0), ClaimsCache::new(8, 100), ClaimsCache::new(0, BUDGET)] {
        let call = Call { token: "opaque", policy: &Policy::default(), certificate: None, now: NOW };
        for _ in 0..3 {
            assert_eq!(world.engine.decide_cached(&mut judged, &said, &call), CachedVerdict::Claims(said.clone()));
        }
        let inactive = introspected(&world.engine, INACTIVE);
        assert_eq!(world.engine.decide_cached(&mut judged, &inactive, &call), CachedVerdict::Refused(Reason::Inactive));
        assert!(judged.is_empty());
    }
}
