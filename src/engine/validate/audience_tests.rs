//! Tests of several audiences, and of routes that accept some of them: the verdict about a token is the same whether it is
//! new, remembered, matches a template, or comes from a cache or the issuer.

use super::*;
use crate::engine::memory::claims_cache::ClaimsCache;
use crate::engine::testing::{sign, token};
use crate::engine::token::claims::Origin;

fn two() -> World {
    let world = world_with(json!({ "audience": ["api-a", "api-b"] }));
    world.refresh("k");
    world
}

fn route(world: &World, audience: &str) -> Policy {
    let audiences = world.engine.config().audiences.subset(&[audience.to_owned()]);
    assert!(audiences.is_some());
    Policy { audiences, ..Policy::default() }
}

fn for_audience(audience: &str) -> String {
    token("k", json!({ "aud": audience }))
}

const REFUSED: Verdict = Verdict::Refused(Reason::AudienceMismatch);

#[test]
fn a_remembered_token_is_refused_by_another_route_and_stays_remembered() {
    let world = two();
    let of_a = for_audience("api-a");
    let (route_a, route_b) = (route(&world, "api-a"), route(&world, "api-b"));
    world.remember(&of_a);
    for _ in 0..3 {
        assert_eq!(world.at(&of_a, &route_b, NOW), REFUSED);
        assert!(matches!(world.at(&of_a, &route_a, NOW), Verdict::Remembered(_)));
    }
    assert_eq!(world.engine.remembered_tokens(), 1);
    let both = token_with_both();
    world.remember(&both);
    assert!(matches!(world.at(&both, &route_b, NOW), Verdict::Remembered(_)));
    let new = token("k", json!({ "aud": "api-a", "sub": "new" }));
    assert_eq!((world.at(&new, &route_b, NOW), world.decide(&for_audience("api-c"))), (REFUSED, REFUSED));
}

fn token_with_both() -> String {
    token("k", json!({ "aud": ["x", "api-b", "api-a"] }))
}

#[test]
fn an_audience_in_a_blank_of_a_template_is_the_one_that_is_checked() {
    let world = two();
    let warm = |token: &str, policy: &Policy| {
        world.engine.decide_warm(&Call { token, policy, possession: Possession::default(), now: NOW })
    };
    for sub in ["a", "b", "c"] {
        warm(&token("k", json!({ "sub": sub, "aud": "api-a" })), &Policy::default());
        warm(&token("k", json!({ "sub": sub, "aud": "api-b" })), &Policy::default());
    }
    let of = |sub: &str, audience: &str| token("k", json!({ "sub": sub, "aud": audience }));
    for (sub, audience, other) in [("d", "api-a", "api-b"), ("e", "api-b", "api-a")] {
        assert!(matches!(warm(&of(sub, audience), &Policy::default()), Verdict::Template(_)), "it matches");
        assert!(matches!(warm(&of("f", audience), &route(&world, audience)), Verdict::Template(_)));
        assert_eq!(warm(&of("g", audience), &route(&world, other)), REFUSED);
    }
    assert_eq!(warm(&of("h", "api-c"), &Policy::default()), REFUSED);
}

#[test]
fn a_cached_entry_is_refused_by_another_route_and_stays_in_the_cache() {
    let world = two();
    let (route_a, route_b) = (route(&world, "api-a"), route(&world, "api-b"));
    let claims = r#"{"iss":"https://x","aud":"api-a","exp":2000,"#;
    let entry = format!("{claims}{}", &world.engine.obtained(true, NOW)[1..]);
    let mut evaluated = ClaimsCache::new(8, 1 << 20);
    let mut evaluate = |policy: &Policy| {
        let call = Call { token: "opaque", policy, possession: Possession::default(), now: NOW };
        world.engine.decide_cached(&mut evaluated, &entry, &call)
    };
    let refused = CachedVerdict::Refused(Reason::AudienceMismatch);
    assert_eq!(evaluate(&route_b), refused, "the first time");
    assert!(matches!(evaluate(&route_a), CachedVerdict::Slot(_)));
    assert_eq!(evaluate(&route_b), refused);
    assert!(matches!(evaluate(&Policy::default()), CachedVerdict::Slot(_)));
}

#[test]
fn a_route_that_accepts_some_audiences_leaves_introspected_claims_valid_for_others() {
    let world = two();
    let (route_a, route_b) = (route(&world, "api-a"), route(&world, "api-b"));
    let decide = |claims: &str, policy: &Policy| {
        let call = Call { token: "opaque", policy, possession: Possession::default(), now: NOW };
        world.engine.decide_introspected(claims, Origin::Introspection, &call)
    };
    assert_eq!(decide(r#"{"active":true,"aud":"api-a"}"#, &route_a), Ok(()));
    assert_eq!(decide(r#"{"active":true,"aud":"api-a"}"#, &route_b), Err(NotAccepted::AudienceOfRoute));
    let other = Err(Reason::AudienceMismatch.into());
    assert_eq!(decide(r#"{"active":true,"aud":"api-c"}"#, &route_b), other, "not for this client at all");
    assert_eq!(decide(r#"{"active":true,"aud":null}"#, &Policy::default()), other);
}

#[test]
fn a_response_without_aud_is_accepted_from_issuer_and_cache_if_the_client_says_so() {
    let world = world_with(json!({ "audience": ["api-a", "api-b"], "introspectionAudience": "when_present" }));
    world.refresh("k");
    let narrow = route(&world, "api-a");
    for aud in ["", r#""aud":null,"#] {
        let claims = format!(r#"{{"iss":"https://x",{aud}"exp":2000}}"#);
        let decide = |origin: Origin, policy: &Policy| {
            let call = Call { token: "opaque", policy, possession: Possession::default(), now: NOW };
            world.engine.decide_introspected(&claims, origin, &call)
        };
        assert_eq!(decide(Origin::Introspection, &Policy::default()), Ok(()));
        assert_eq!(decide(Origin::Introspection, &narrow), Err(NotAccepted::AudienceOfRoute));
        assert_eq!(decide(Origin::CustomMethod, &Policy::default()), Err(Reason::AudienceMismatch.into()));

        let entry = format!(r#"{{"iss":"https://x",{aud}"exp":2000,{}"#, &world.engine.obtained(true, NOW)[1..]);
        let cached = |engine: &Engine, policy: &Policy| {
            let call = Call { token: "opaque", policy, possession: Possession::default(), now: NOW };
            engine.decide_cached(&mut ClaimsCache::new(8, 1 << 20), &entry, &call)
        };
        if aud.is_empty() {
            assert!(matches!(cached(&world.engine, &Policy::default()), CachedVerdict::Claims(_)));
            assert_eq!(cached(&world.engine, &narrow), CachedVerdict::Refused(Reason::AudienceMismatch));
        } else {
            assert_eq!(cached(&world.engine, &Policy::default()), CachedVerdict::Miss, "null is never written");
        }
        assert_eq!(cached(&two().engine, &Policy::default()), CachedVerdict::Miss, "another client requires aud");
    }
    assert_eq!(world.decide(&token("k", json!({ "aud": null }))), REFUSED, "a JWT needs aud");
    let entry = format!(r#"{{"iss":"https://x","aud":"other","exp":2000,{}"#, &world.engine.obtained(true, NOW)[1..]);
    let call = Call { token: "opaque", policy: &Policy::default(), possession: Possession::default(), now: NOW };
    let cached = world.engine.decide_cached(&mut ClaimsCache::new(8, 1 << 20), &entry, &call);
    assert_eq!(cached, CachedVerdict::Miss, "a wrong aud is never accepted");
}

#[test]
fn a_jwt_for_another_api_is_refused_also_if_the_response_about_it_omits_aud() {
    let world = world_with(json!({
        "audience": ["api-a", "api-b"],
        "introspectionAudience": "when_present",
        "introspectJwtTokens": true
    }));
    world.refresh("k");
    let response = r#"{"active":true,"iss":"https://x","exp":2000}"#;
    let decide = |token: &str, policy: &Policy| {
        let call = Call { token, policy, possession: Possession::default(), now: NOW };
        let decided = world.engine.decide_introspected(response, Origin::Introspection, &call);
        let entry = format!("{},{}", response.trim_end_matches('}'), &world.engine.obtained(true, NOW)[1..]);
        let cached = world.engine.decide_cached(&mut ClaimsCache::new(8, 1 << 20), &entry, &call);
        let is_accepted = matches!(cached, CachedVerdict::Claims(_));
        assert_eq!(decided.is_ok(), is_accepted, "the cache decides as the issuer's response: {token}");
        decided
    };
    let any = Policy::default();
    for aud in [json!("api-a"), json!(["other", "api-a"]), json!(null)] {
        assert_eq!(decide(&token("k", json!({ "aud": aud })), &any), Ok(()), "{aud}");
    }
    for aud in [json!("other"), json!([]), json!(["api-a", 1]), json!(7), json!("")] {
        assert_eq!(decide(&token("k", json!({ "aud": aud })), &any), Err(Reason::AudienceMismatch.into()), "{aud}");
    }
    assert_eq!(decide(&for_audience("api-a"), &route(&world, "api-a")), Ok(()));
    assert_eq!(decide(&for_audience("api-a"), &route(&world, "api-b")), Err(NotAccepted::AudienceOfRoute));
    let twice = sign("{}", r#"{"aud":"other","aud":"api-a"}"#);
    assert_eq!(decide(&twice, &any), Err(Reason::ClaimsInvalid.into()));
    for opaque in ["opaque", "an.opaque.token", "MA.MA.MA", "a..b"] {
        assert_eq!(decide(opaque, &any), Ok(()), "{opaque}");
    }
}
