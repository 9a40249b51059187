//! Tests with an invalid time: no token is accepted, introspected, cached or remembered.

use std::sync::Mutex;

use super::*;
use crate::engine::memory::claims_cache::ClaimsCache;
use crate::engine::testing::{set_of, token};
use crate::engine::token::claims::Origin;

const INVALID_TIMES: [f64; 5] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -f64::MIN_POSITIVE];

/// A token that expired at second 1.
fn expired() -> String {
    token("k", json!({ "exp": 1 }))
}

const INTERNAL: Verdict = Verdict::Refused(Reason::Internal);

#[test]
fn a_time_that_is_negative_or_not_finite_is_internal_for_every_kind_of_decision() {
    let world = world();
    let (known, policy) = (token("k", json!({})), Policy::default());
    world.remember(&known);
    let tokens = [expired(), known.clone(), token("k", json!({ "sub": "new" }))];
    for now in INVALID_TIMES {
        let call = |token| Call { token, policy: &policy, possession: Possession::default(), now };
        for token in &tokens {
            for attempt in [Attempt::First, Attempt::AfterRefresh] {
                assert_eq!(world.engine.decide(&call(token), attempt, true), INTERNAL, "{now}");
            }
            assert_eq!(world.engine.decide_warm(&call(token)), INTERNAL, "{now}");
            assert_eq!(world.engine.decide_with_jwks(&call(token), &set_of("k")), INTERNAL, "{now}");
        }
        let claims = r#"{"iss":"https://x","aud":"https://api.example.com","exp":1}"#;
        assert_eq!(
            world.engine.decide_introspected(claims, Origin::Introspection, &call("opaque")),
            Err(Reason::Internal.into()),
            "{now}"
        );
        let mut evaluated = ClaimsCache::new(10, 1 << 20);
        let cached = world.engine.decide_cached(&mut evaluated, claims, &call("opaque"));
        assert_eq!(cached, CachedVerdict::Refused(Reason::Internal), "{now}");
    }
    assert!(matches!(world.decide(&known), Verdict::Remembered(_)));
}

#[test]
fn by_a_time_that_is_none_nothing_is_asked_cached_or_remembered() {
    let world = world();
    let sent = world.issuer.sent();
    for now in INVALID_TIMES {
        let answers = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&answers);
        world.engine.introspect("opaque", now, Box::new(move |answer| told.lock().expect("lock").push(answer)));
        assert_eq!(*answers.lock().expect("lock"), [Err(Reason::Internal.into())], "{now}");
        for (expires, is_introspected) in [(Some(2000.0), true), (None, true), (Some(2000.0), false)] {
            assert_eq!(world.engine.cache_until(expires, is_introspected, now), None, "{now}");
        }
        for _ in 0..3 {
            assert_eq!(world.at(&token("k", json!({})), &Policy::default(), now), INTERNAL);
        }
    }
    assert_eq!((world.issuer.sent(), world.engine.remembered_tokens()), (sent, 0));
}

#[test]
fn an_invalid_skew_or_tolerance_is_internal() {
    for wrong in INVALID_TIMES {
        let world = world();
        world.engine.set_clock_tolerance(wrong);
        assert_eq!(world.decide(&expired()), INTERNAL, "{wrong}");
        world.engine.set_clock_tolerance(0.0);
        world.engine.set_clock_skew(wrong);
        assert_eq!(world.decide(&expired()), INTERNAL, "{wrong}");
    }
}
