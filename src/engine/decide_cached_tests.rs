//! What a cached entry is worth: held against every rule, of this token, for this engine, until its end.

use std::num::NonZeroUsize;

use super::*;
use crate::engine::claims_cache::ClaimsCache;

#[test]
fn a_cached_entry_is_held_against_every_rule_but_the_signature() {
    let world = world();
    let good = r#"{"iss":"https://x","aud":"https://api.example.com","exp":2000,"scope":"a"}"#;
    let mut judged = ClaimsCache::new(NonZeroUsize::MIN);
    let mut judge = |entry: &str, token: &str, policy: &Policy| {
        world.engine.decide_cached(&mut judged, entry, &Call { token, policy, certificate: None, now: NOW })
    };
    assert_eq!(judge(good, "opaque", &asks_scope("a")), Recalled::Claims(good.into()));
    assert!(matches!(judge(good, "opaque", &asks_scope("a")), Recalled::Slot(_)));
    assert_eq!(judge(good, "opaque", &asks_scope("b")), Recalled::Refused(Reason::ScopeMissing));
    assert_eq!(
        judge(r#"{"active":false,"exp":1001}"#, "opaque", &Policy::default()),
        Recalled::Refused(Reason::Inactive)
    );
    for unusable in [
        "[]",
        "null",
        "{}",
        "\"x\"",
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
        assert_eq!(judge(unusable, "opaque", &Policy::default()), Recalled::Miss, "{unusable}");
    }
    let without_exp = r#"{"iss":"https://x","aud":"https://api.example.com"}"#;
    assert_eq!(judge(without_exp, "opaque", &Policy::default()), Recalled::Claims(without_exp.into()));
    assert_eq!(judge(r#"{"active":false,"exp":1001}"#, &token("k", json!({})), &Policy::default()), Recalled::Miss);
}

#[test]
fn the_cached_entry_of_a_jwt_is_its_own_payload_in_any_spelling() {
    let world = world();
    let jwt = token("k", json!({ "n": 1, "exp": 2000.0 }));
    let judge_of = |jwt: &str, entry: &str| {
        let call = Call { token: jwt, policy: &Policy::default(), certificate: None, now: NOW };
        world.engine.decide_cached(&mut ClaimsCache::new(NonZeroUsize::MIN), entry, &call)
    };
    let judge = |entry: &str| judge_of(&jwt, entry);
    let payload = jws::decode_payload(&jwt).expect("a payload");
    for same in [payload.clone(), payload.replace(',', ", "), payload.replace("2000.0", "2e3")] {
        assert_eq!(judge(&same), Recalled::Claims(same));
    }
    assert_eq!(judge(&payload.replace("user", "admin")), Recalled::Miss);
    assert_eq!(judge(&payload.replace("a b", "a b c")), Recalled::Miss);
    // Twice the same member: a strict reader refuses what a lenient one takes the last of.
    let twice = sign(r#"{"alg":"EdDSA","kid":"k"}"#, &payload.replacen('{', r#"{"sub":"first","#, 1));
    assert_eq!(judge_of(&twice, &payload), Recalled::Miss);
    assert!(matches!(world.decide(&twice), Verdict::Refused(Reason::ClaimsInvalid)));
    let without_exp = token("k", json!({ "exp": null }));
    let payload = jws::decode_payload(&without_exp).expect("a payload");
    assert_eq!(judge_of(&without_exp, &payload), Recalled::Miss, "a JWT has exp");
}

#[test]
fn the_cache_inside_the_process_answers_like_any_other_and_then_by_slot() {
    let world = world();
    let mut cache = ClaimsCache::new(NonZeroUsize::new(4).expect("a capacity"));
    let key = claims_cache::key_of(ISSUER, "opaque");
    let good = r#"{"iss":"https://x","aud":"https://api.example.com","scope":"a"}"#;
    let ask = |cache: &mut ClaimsCache, policy: &Policy, now: f64| {
        world.engine.decide_in_cache(cache, &key, &Call { token: "opaque", policy, certificate: None, now })
    };
    assert_eq!(ask(&mut cache, &asks_scope("a"), NOW), Recalled::Miss);
    cache.put(key, good, 1500.0, NOW);
    assert_eq!(ask(&mut cache, &asks_scope("b"), NOW), Recalled::Refused(Reason::ScopeMissing));
    assert!(matches!(ask(&mut cache, &asks_scope("a"), NOW), Recalled::Slot(_) | Recalled::Claims(_)));
    assert!(matches!(ask(&mut cache, &asks_scope("a"), NOW), Recalled::Slot(_)));
    assert_eq!(ask(&mut cache, &asks_scope("b"), NOW), Recalled::Refused(Reason::ScopeMissing));
    assert_eq!(ask(&mut cache, &asks_scope("a"), 1500.0), Recalled::Miss);
    cache.put(key, r#"{"aud":"https://other"}"#, 1500.0, NOW);
    assert_eq!(ask(&mut cache, &Policy::default(), NOW), Recalled::Miss);
    assert!(cache.is_empty(), "an entry of another audience is deleted");
    cache.put(key, r#"{"active":false,"exp":1200}"#, 1200.0, NOW);
    assert_eq!(ask(&mut cache, &Policy::default(), NOW), Recalled::Refused(Reason::Inactive));
    assert_eq!(ask(&mut cache, &Policy::default(), 1200.0), Recalled::Miss);
}

#[test]
fn an_inactive_verdict_is_good_until_its_end_also_when_it_was_judged_before() {
    let world = world();
    let mut judged = ClaimsCache::new(NonZeroUsize::MIN);
    let mut judge = |now: f64| {
        let call = Call { token: "opaque", policy: &Policy::default(), certificate: None, now };
        world.engine.decide_cached(&mut judged, r#"{"active":false,"exp":1200}"#, &call)
    };
    assert_eq!(judge(1000.0), Recalled::Refused(Reason::Inactive));
    assert_eq!(judge(1199.0), Recalled::Refused(Reason::Inactive));
    assert_eq!(judge(1200.0), Recalled::Miss);
    assert_eq!(judge(1201.0), Recalled::Miss);
}

#[test]
fn what_one_engine_proved_of_a_shared_entry_is_nothing_to_another() {
    let (one, other) = (world(), world_with(json!({ "audience": "https://other" })));
    let mut cache = ClaimsCache::new(NonZeroUsize::new(4).expect("a capacity"));
    let key = claims_cache::key_of("", "opaque");
    cache.put(key, r#"{"iss":"https://x","aud":"https://api.example.com"}"#, 1500.0, NOW);
    let call = Call { token: "opaque", policy: &Policy::default(), certificate: None, now: NOW };
    assert!(matches!(one.engine.decide_in_cache(&mut cache, &key, &call), Recalled::Claims(_)));
    assert_eq!(other.engine.decide_in_cache(&mut cache, &key, &call), Recalled::Miss);
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
    let off = world_with(json!({ "introspectionCacheDuration": 0 })).engine;
    assert_eq!(off.cache_until(Some(2000.0), true, NOW), None);
    assert_eq!(off.cache_until(None, true, NOW), None);
}
