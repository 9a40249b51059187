//! Tests of claims that match a template: the verdicts are the same as without a template.

use super::*;
use crate::engine::testing::token;

impl World {
    fn decide_warm(&self, token: &str, policy: &Policy) -> Verdict {
        self.engine.decide_warm(&Call { token, policy, certificate: None, now: NOW })
    }

    /// A world that has learnt a template from the claims of two users.
    fn with_template(more: Value) -> World {
        let world = world_with(more);
        world.refresh("k");
        for sub in ["ann", "bob"] {
            let verdict = world.decide_warm(&token("k", json!({ "sub": sub })), &Policy::default());
            assert!(is_claims(&verdict));
        }
        world
    }
}

fn is_template(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Template(_))
}

#[test]
fn claims_of_a_third_user_match_the_template_and_a_caller_that_cannot_read_it_gets_the_claims() {
    let world = World::with_template(json!({}));
    assert!(is_template(&world.decide_warm(&token("k", json!({ "sub": "carl" })), &Policy::default())));
    assert!(is_claims(&world.decide(&token("k", json!({ "sub": "dora" })))));
}

#[test]
fn every_rule_is_held_against_claims_that_fit_a_form() {
    let world = World::with_template(json!({}));
    for (changes, policy, reason) in [
        (json!({ "exp": 1000 }), Policy::default(), Reason::Expired),
        (json!({ "sub": "eve" }), asks_scope("c"), Reason::ScopeMissing),
        (
            json!({ "sub": "eve" }),
            Policy { binding: BindingMode::Required, ..Policy::default() },
            Reason::ConfirmationMissing,
        ),
        (json!({ "sub": "eve" }), Policy { groups: ["g".into()].into(), ..Policy::default() }, Reason::GroupMissing),
    ] {
        let token = token("k", changes);
        let before = world.engine.claims_template(1);
        assert_eq!(world.decide_warm(&token, &policy), Verdict::Refused(reason));
        assert!(before.is_some() && world.engine.claims_template(1) == before, "the claims matched the template");
    }
}

#[test]
fn a_scope_in_a_blank_is_the_one_that_is_checked() {
    let world = World::with_template(json!({}));
    world.decide_warm(&token("k", json!({ "sub": "carl", "scope": "a b c" })), &Policy::default());
    world.decide_warm(&token("k", json!({ "sub": "carl", "scope": "b" })), &Policy::default());
    let [with, without] = ["x c", "x"].map(|scope| token("k", json!({ "sub": "carl", "scope": scope })));
    assert!(is_template(&world.decide_warm(&with, &asks_scope("c"))));
    assert!(is_template(&world.decide_warm(&without, &Policy::default())));
    assert_eq!(world.decide_warm(&without, &asks_scope("c")), Verdict::Refused(Reason::ScopeMissing));
}

#[test]
fn a_forged_signature_is_refused_also_when_the_claims_match_a_template() {
    let world = World::with_template(json!({}));
    let good = token("k", json!({ "sub": "carl" }));
    let (_, signature) = good.rsplit_once('.').expect("a signature");
    let other = token("k", json!({ "sub": "eve" }));
    let (input, _) = other.rsplit_once('.').expect("a signature");
    let forged = format!("{input}.{signature}");
    assert_eq!(world.decide_warm(&forged, &Policy::default()), Verdict::Refused(Reason::SignatureInvalid));
}

#[test]
fn no_template_is_learnt_from_invalid_claims() {
    let world = world();
    for _ in 0..3 {
        world.decide_warm(&token("k", json!({ "aud": "other" })), &Policy::default());
        world.decide_warm(&token("k", json!({ "exp": 1 })), &Policy::default());
    }
    assert_eq!(world.engine.claims_template(0), None);
}

#[test]
fn a_token_whose_claims_match_a_template_is_remembered_after_two_decisions() {
    let world = World::with_template(json!({}));
    let token = token("k", json!({ "sub": "carl" }));
    for _ in 0..2 {
        assert!(is_template(&world.decide_warm(&token, &Policy::default())));
    }
    assert!(matches!(world.decide_warm(&token, &Policy::default()), Verdict::Remembered(_)));
    assert_eq!(world.decide_warm(&token, &asks_scope("c")), Verdict::Refused(Reason::ScopeMissing));
}

#[test]
fn with_a_cache_size_of_0_no_template_is_learnt() {
    let world = World::with_template(json!({ "verifiedTokenCacheSize": 0 }));
    assert!(is_claims(&world.decide_warm(&token("k", json!({ "sub": "carl" })), &Policy::default())));
    assert_eq!(world.engine.claims_template(0), None);
}
