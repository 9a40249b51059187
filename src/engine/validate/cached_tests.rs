//! Tests of cache entries: every rule is checked, and an entry is used only for its token, by an engine that may use it,
//! and before it expires.

use super::*;
use crate::engine::memory::claims_cache::{self, ClaimsCache};

const BUDGET: usize = 1 << 20;

fn cache() -> ClaimsCache {
    ClaimsCache::new(8, BUDGET)
}

/// An entry as an engine writes it at this time.
fn entry(engine: &Engine, claims: &str, is_introspected: bool, at: f64) -> String {
    let member = engine.obtained(is_introspected, at);
    format!("{},{}", claims.strip_suffix('}').expect("an object"), &member[1..]).replacen("{,", "{", 1)
}

fn introspected(engine: &Engine, claims: &str) -> String {
    entry(engine, claims, true, NOW)
}

fn evaluate(engine: &Engine, entry: &str, token: &str, now: f64) -> CachedVerdict {
    engine.decide_cached(
        &mut cache(),
        entry,
        &Call { token, policy: &Policy::default(), possession: Possession::default(), now },
    )
}

#[test]
fn every_rule_but_the_signature_is_checked_for_a_cached_entry() {
    let world = world();
    let of = |claims: &str| introspected(&world.engine, claims);
    let good = &*of(r#"{"iss":"https://x","aud":"https://api.example.com","exp":2000,"scope":"a"}"#);
    let mut evaluated = cache();
    let mut evaluate = |entry: &str, token: &str, policy: &Policy| {
        world.engine.decide_cached(
            &mut evaluated,
            entry,
            &Call { token, policy, possession: Possession::default(), now: NOW },
        )
    };
    assert_eq!(evaluate(good, "opaque", &asks_scope("a")), CachedVerdict::Claims(good.into()));
    assert!(matches!(evaluate(good, "opaque", &asks_scope("a")), CachedVerdict::Slot(_)));
    assert_eq!(evaluate(good, "opaque", &asks_scope("b")), CachedVerdict::Refused(Reason::ScopeMissing));
    assert_eq!(
        evaluate(&of(r#"{"active":false,"exp":1001}"#), "opaque", &Policy::default()),
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
        assert_eq!(evaluate(&of(unusable), "opaque", &Policy::default()), CachedVerdict::Miss, "{unusable}");
    }
    for no_object in ["[]", "null", "\"x\"", ""] {
        assert_eq!(evaluate(no_object, "opaque", &Policy::default()), CachedVerdict::Miss, "{no_object}");
    }
    let without_exp = &*of(r#"{"iss":"https://x","aud":"https://api.example.com"}"#);
    assert_eq!(evaluate(without_exp, "opaque", &Policy::default()), CachedVerdict::Claims(without_exp.into()));
    let verdict = of(r#"{"active":false,"exp":1001}"#);
    assert_eq!(evaluate(&verdict, &token("k", json!({})), &Policy::default()), CachedVerdict::NotOurs);
}

#[test]
fn the_cached_entry_of_a_jwt_equals_its_payload_in_any_spelling() {
    let world = world();
    let jwt = token("k", json!({ "n": 1, "exp": 2000.0 }));
    let evaluate_of = |jwt: &str, entry: &str| {
        let call = Call { token: jwt, policy: &Policy::default(), possession: Possession::default(), now: NOW };
        world.engine.decide_cached(&mut cache(), entry, &call)
    };
    let evaluate = |entry: &str| evaluate_of(&jwt, entry);
    let of = |claims: &str| entry(&world.engine, claims, false, NOW);
    let payload = compact::decode_payload(&jwt).expect("a payload");
    for same in [payload.clone(), payload.replace(',', ", "), payload.replace("2000.0", "2e3")] {
        let same = of(&same);
        assert_eq!(evaluate(&same), CachedVerdict::Claims(same));
    }
    assert_eq!(evaluate(&payload), CachedVerdict::Miss, "as version 1.0 wrote it");
    assert_eq!(evaluate(&of(&payload.replace("user", "admin"))), CachedVerdict::Miss);
    assert_eq!(evaluate(&of(&payload.replace("a b", "a b c"))), CachedVerdict::Miss);
    // A lenient parser accepts a duplicate member and uses the last one. A strict parser rejects it.
    let duplicated = sign(r#"{"alg":"EdDSA","kid":"k"}"#, &payload.replacen('{', r#"{"sub":"first","#, 1));
    assert_eq!(evaluate_of(&duplicated, &of(&payload)), CachedVerdict::Miss);
    assert!(matches!(world.decide(&duplicated), Verdict::Refused(Reason::ClaimsInvalid)));
    let without_exp = token("k", json!({ "exp": null }));
    let payload = compact::decode_payload(&without_exp).expect("a payload");
    assert_eq!(evaluate_of(&without_exp, &of(&payload)), CachedVerdict::Miss, "a JWT has exp");
}

#[test]
fn the_cache_inside_the_process_gives_the_same_verdicts_and_then_a_slot() {
    let world = world();
    let mut cache = cache();
    let key = claims_cache::key_of(ISSUER, "opaque");
    let of = |claims: &str| introspected(&world.engine, claims);
    let good = &*of(r#"{"iss":"https://x","aud":"https://api.example.com","scope":"a"}"#);
    let decide = |cache: &mut ClaimsCache, policy: &Policy, now: f64| {
        world.engine.decide_in_cache(
            cache,
            &key,
            &Call { token: "opaque", policy, possession: Possession::default(), now },
        )
    };
    assert_eq!(decide(&mut cache, &asks_scope("a"), NOW), CachedVerdict::Miss);
    cache.put(key, good, 1500.0, NOW);
    assert_eq!(decide(&mut cache, &asks_scope("b"), NOW), CachedVerdict::Refused(Reason::ScopeMissing));
    assert!(matches!(decide(&mut cache, &asks_scope("a"), NOW), CachedVerdict::Slot(_) | CachedVerdict::Claims(_)));
    assert!(matches!(decide(&mut cache, &asks_scope("a"), NOW), CachedVerdict::Slot(_)));
    assert_eq!(decide(&mut cache, &asks_scope("b"), NOW), CachedVerdict::Refused(Reason::ScopeMissing));
    assert_eq!(decide(&mut cache, &asks_scope("a"), 1300.0), CachedVerdict::NotOurs, "300 seconds without exp");
    assert_eq!(decide(&mut cache, &asks_scope("a"), 1500.0), CachedVerdict::Miss);
    cache.put(key, &of(r#"{"aud":"https://other"}"#), 1500.0, NOW);
    assert_eq!(decide(&mut cache, &Policy::default(), NOW), CachedVerdict::Miss);
    assert!(cache.is_empty(), "an entry of another audience is deleted");
    cache.put(key, &of(r#"{"active":false,"exp":1200}"#), 1200.0, NOW);
    assert_eq!(decide(&mut cache, &Policy::default(), NOW), CachedVerdict::Refused(Reason::Inactive));
    assert_eq!(decide(&mut cache, &Policy::default(), 1200.0), CachedVerdict::Miss);
}

#[test]
fn an_inactive_entry_is_used_until_it_expires_also_when_it_was_validated_before() {
    let world = world();
    let mut evaluated = cache();
    let mut evaluate = |now: f64| {
        let call = Call { token: "opaque", policy: &Policy::default(), possession: Possession::default(), now };
        let verdict = introspected(&world.engine, r#"{"active":false,"exp":1200}"#);
        world.engine.decide_cached(&mut evaluated, &verdict, &call)
    };
    assert_eq!(evaluate(1000.0), CachedVerdict::Refused(Reason::Inactive));
    assert_eq!(evaluate(1199.0), CachedVerdict::Refused(Reason::Inactive));
    assert_eq!(evaluate(1200.0), CachedVerdict::Miss);
    assert_eq!(evaluate(1201.0), CachedVerdict::Miss);
}

#[test]
fn a_shared_entry_that_one_engine_validated_is_validated_again_by_another() {
    let (one, other) = (world(), world_with(json!({ "audience": "https://other" })));
    let mut cache = cache();
    let key = claims_cache::key_of("", "opaque");
    let of = |claims: &str| introspected(&one.engine, claims);
    cache.put(key, &of(r#"{"iss":"https://x","aud":"https://api.example.com"}"#), 1500.0, NOW);
    let call = Call { token: "opaque", policy: &Policy::default(), possession: Possession::default(), now: NOW };
    assert!(matches!(one.engine.decide_in_cache(&mut cache, &key, &call), CachedVerdict::Claims(_)));
    assert_eq!(other.engine.decide_in_cache(&mut cache, &key, &call), CachedVerdict::Miss);
}

#[test]
fn claims_stay_in_a_cache_until_exp_or_the_introspection_cache_duration() {
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
        assert_eq!(evaluate(&world.engine, one_dot_zero, "opaque", NOW), CachedVerdict::Miss);
    }
    for (what, of) in [("validation", CachedVerdict::Miss), ("hearsay", CachedVerdict::Miss)] {
        let changed = introspected(&world.engine, CLAIMS).replace("introspection", what);
        assert_eq!(evaluate(&world.engine, &changed, "opaque", NOW), of, "{what}");
    }
}

#[test]
fn a_client_that_introspects_jwts_does_not_use_the_entry_of_a_local_validation() {
    let (local, introspecting) = (world(), world_with(json!({ "introspectJwtTokens": true })));
    let jwt = token("k", json!({}));
    let payload = compact::decode_payload(&jwt).expect("a payload");
    let validated = entry(&local.engine, &payload, false, NOW);
    assert!(matches!(evaluate(&local.engine, &validated, &jwt, NOW), CachedVerdict::Claims(_)));
    assert_eq!(evaluate(&introspecting.engine, &validated, &jwt, NOW), CachedVerdict::NotOurs);
    assert!(matches!(
        evaluate(&introspecting.engine, &introspected(&introspecting.engine, &payload), &jwt, NOW),
        CachedVerdict::Claims(_)
    ));
}

#[test]
fn a_client_that_validates_jwts_neither_uses_nor_deletes_an_introspection_response() {
    let (local, introspecting) = (world(), world_with(json!({ "introspectJwtTokens": true })));
    let jwt = token("k", json!({}));
    let payload = compact::decode_payload(&jwt).expect("a payload");
    for claims in [INACTIVE, &payload] {
        let response = introspected(&introspecting.engine, claims);
        assert_eq!(evaluate(&local.engine, &response, &jwt, NOW), CachedVerdict::NotOurs, "{claims}");
    }
    let ended = introspected(&introspecting.engine, r#"{"active":false,"exp":1000}"#);
    assert_eq!(evaluate(&local.engine, &ended, &jwt, 1000.0), CachedVerdict::Miss, "an expired entry");
}

#[test]
fn an_introspection_response_to_one_client_id_is_not_used_by_another() {
    let one = world();
    let own = |claims: &str| introspected(&one.engine, claims);
    for (what, other) in [
        ("client id", json!({ "clientId": "other" })),
        ("tenant", json!({ "tenantDomain": "https://y" })),
        ("none", json!({ "clientId": null, "clientSecret": null })),
    ] {
        let other = world_with(other);
        for claims in [CLAIMS, INACTIVE] {
            assert_eq!(evaluate(&other.engine, &own(claims), "opaque", NOW), CachedVerdict::NotOurs, "{what}");
        }
    }
    let same = world_with(json!({ "clientSecret": "another" }));
    assert!(matches!(evaluate(&same.engine, &own(CLAIMS), "opaque", NOW), CachedVerdict::Claims(_)));
    assert_eq!(evaluate(&same.engine, &own(INACTIVE), "opaque", NOW), CachedVerdict::Refused(Reason::Inactive));
}

#[test]
fn each_client_applies_its_own_duration_to_the_time_an_entry_was_obtained() {
    let writer = world();
    for claims in [CLAIMS, INACTIVE] {
        let response = introspected(&writer.engine, claims);
        for (duration, until) in [(Some(60.0), 1060.0), (Some(0.5), 1000.5), (Some(0.0), 1000.0)] {
            let reader = world_with(json!({ "introspectionCacheDuration": duration })).engine;
            assert_eq!(evaluate(&reader, &response, "opaque", until), CachedVerdict::NotOurs, "{claims} {duration:?}");
            assert_eq!(
                evaluate(&reader, &response, "opaque", until - 0.25) == CachedVerdict::NotOurs,
                duration == Some(0.0)
            );
        }
    }
    assert!(matches!(
        evaluate(&writer.engine, &introspected(&writer.engine, CLAIMS), "opaque", 9999.0),
        CachedVerdict::Claims(_)
    ));
    assert_eq!(
        evaluate(&writer.engine, &introspected(&writer.engine, INACTIVE), "opaque", 1300.0),
        CachedVerdict::NotOurs
    );
}

#[test]
fn the_readers_duration_also_applies_to_an_entry_that_was_validated_before() {
    let reader = world_with(json!({ "introspectionCacheDuration": 60 }));
    let response = introspected(&reader.engine, CLAIMS);
    let mut evaluated = cache();
    let mut at = |now: f64| {
        let call = Call { token: "opaque", policy: &Policy::default(), possession: Possession::default(), now };
        reader.engine.decide_cached(&mut evaluated, &response, &call)
    };
    assert!(matches!(at(NOW), CachedVerdict::Claims(_)));
    assert!(matches!(at(1059.0), CachedVerdict::Slot(_)));
    assert_eq!(at(1060.0), CachedVerdict::NotOurs);
    assert_eq!(at(994.9), CachedVerdict::NotOurs, "the clock went back");
    assert!(matches!(at(995.0), CachedVerdict::Slot(_)));
}

#[test]
fn an_entry_from_more_than_5_seconds_in_the_future_is_not_used() {
    let world = world();
    for claims in [CLAIMS, INACTIVE] {
        assert_eq!(
            evaluate(&world.engine, &entry(&world.engine, claims, true, 1005.1), "opaque", NOW),
            CachedVerdict::NotOurs
        );
        assert_ne!(
            evaluate(&world.engine, &entry(&world.engine, claims, true, 1005.0), "opaque", NOW),
            CachedVerdict::NotOurs
        );
    }
    let jwt = token("k", json!({}));
    let payload = compact::decode_payload(&jwt).expect("a payload");
    let evaluate = |at: f64| evaluate(&world.engine, &entry(&world.engine, &payload, false, at), &jwt, NOW);
    assert_eq!(evaluate(1005.1), CachedVerdict::Miss);
    assert!(matches!(evaluate(1005.0), CachedVerdict::Claims(_)));
}

#[test]
fn the_entry_of_a_jwt_with_a_claim_of_the_members_name_is_a_miss() {
    let world = world();
    let member: Value = serde_json::from_str(&world.engine.obtained(false, NOW)).expect("JSON");
    let jwt = token("k", member);
    let payload = compact::decode_payload(&jwt).expect("a payload");
    assert_eq!(evaluate(&world.engine, &payload, &jwt, NOW), CachedVerdict::Miss);
}

#[test]
fn an_entry_that_is_too_large_to_be_kept_gets_the_same_verdict() {
    let world = world();
    let response = introspected(&world.engine, CLAIMS);
    for mut evaluated in [ClaimsCache::new(0, 0), ClaimsCache::new(8, 100), ClaimsCache::new(0, BUDGET)] {
        let call = Call { token: "opaque", policy: &Policy::default(), possession: Possession::default(), now: NOW };
        for _ in 0..3 {
            assert_eq!(
                world.engine.decide_cached(&mut evaluated, &response, &call),
                CachedVerdict::Claims(response.clone())
            );
        }
        let inactive = introspected(&world.engine, INACTIVE);
        assert_eq!(
            world.engine.decide_cached(&mut evaluated, &inactive, &call),
            CachedVerdict::Refused(Reason::Inactive)
        );
        assert!(evaluated.is_empty());
    }
}

#[test]
fn the_rules_of_a_route_read_the_payload_of_a_cached_jwt_and_not_the_entry() {
    let world = world();
    let claims = |roles: &str| {
        format!(r#"{{"iss":"https://x","aud":"https://api.example.com","exp":2000,"roles":{roles},"tenant":"acme"}}"#)
    };
    let token = sign(r#"{"alg":"EdDSA","kid":"k"}"#, &claims(r#"["r",{"a":1,"a":2}]"#));
    let stored = entry(&world.engine, &claims(r#"["r",{"a":2}]"#), false, NOW);
    let names = &world.engine.config().claim_names;
    let policy = |roles: &[&str], rules| Policy {
        claims: ClaimRequirements::new(
            names,
            [].into(),
            roles.iter().map(|role| (*role).into()).collect(),
            Some(rules),
        )
        .expect("good rules"),
        ..Policy::default()
    };
    let mut evaluated = cache();
    let mut evaluate = |policy: &Policy| {
        let call = Call { token: &token, policy, possession: Possession::default(), now: NOW };
        world.engine.decide_cached(&mut evaluated, &stored, &call)
    };
    for round in 0..3 {
        let accepted = evaluate(&policy(&[], r#"{"tenant":"acme"}"#));
        assert!(matches!(accepted, CachedVerdict::Claims(_) | CachedVerdict::Slot(_)), "{round}: {accepted:?}");
        assert_eq!(evaluate(&policy(&["r"], "{}")), CachedVerdict::Refused(Reason::RoleMissing), "{round}");
        let mismatch = evaluate(&policy(&[], r#"{"tenant":"other"}"#));
        assert_eq!(mismatch, CachedVerdict::Refused(Reason::ClaimMismatch), "{round}");
    }
}
