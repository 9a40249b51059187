//! Decisions on claims that fit a form: the same as on any others, whatever was learnt before.

use super::*;
use crate::engine::testing::token;

impl World {
    fn decide_warm(&self, token: &str, policy: &Policy) -> Verdict {
        self.engine.decide_warm(&Call { token, policy, certificate: None, now: NOW })
    }

    /// A world that has learnt the form of a user's claims.
    fn with_form(more: Value) -> World {
        let world = world_with(more);
        world.refresh("k");
        for sub in ["ann", "bob"] {
            let verdict = world.decide_warm(&token("k", json!({ "sub": sub })), &Policy::default());
            assert!(is_claims(&verdict));
        }
        world
    }
}

fn is_form(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Template(_))
}

#[test]
fn the_third_user_of_an_issuer_fits_the_form_and_the_caller_who_cannot_read_it_gets_the_claims() {
    let world = World::with_form(json!({}));
    assert!(is_form(&world.decide_warm(&token("k", json!({ "sub": "carl" })), &Policy::default())));
    assert!(is_claims(&world.decide(&token("k", json!({ "sub": "dora" })))));
}

#[test]
fn every_rule_is_held_against_claims_that_fit_a_form() {
    let world = World::with_form(json!({}));
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
        let before = world.engine.form(1);
        assert_eq!(world.decide_warm(&token, &policy), Verdict::Refused(reason));
        assert!(before.is_some() && world.engine.form(1) == before, "by the form");
    }
}

#[test]
fn a_scope_in_a_blank_is_the_one_that_counts() {
    let world = World::with_form(json!({}));
    world.decide_warm(&token("k", json!({ "sub": "carl", "scope": "a b c" })), &Policy::default());
    world.decide_warm(&token("k", json!({ "sub": "carl", "scope": "b" })), &Policy::default());
    let [with, without] = ["x c", "x"].map(|scope| token("k", json!({ "sub": "carl", "scope": scope })));
    assert!(is_form(&world.decide_warm(&with, &asks_scope("c"))));
    assert!(is_form(&world.decide_warm(&without, &Policy::default())));
    assert_eq!(world.decide_warm(&without, &asks_scope("c")), Verdict::Refused(Reason::ScopeMissing));
}

#[test]
fn a_signature_that_nobody_made_is_refused_whatever_the_claims_fit() {
    let world = World::with_form(json!({}));
    let good = token("k", json!({ "sub": "carl" }));
    let (_, signature) = good.rsplit_once('.').expect("a signature");
    let other = token("k", json!({ "sub": "eve" }));
    let (input, _) = other.rsplit_once('.').expect("a signature");
    let forged = format!("{input}.{signature}");
    assert_eq!(world.decide_warm(&forged, &Policy::default()), Verdict::Refused(Reason::SignatureInvalid));
}

#[test]
fn nothing_is_learnt_from_claims_that_are_refused() {
    let world = world();
    for _ in 0..3 {
        world.decide_warm(&token("k", json!({ "aud": "other" })), &Policy::default());
        world.decide_warm(&token("k", json!({ "exp": 1 })), &Policy::default());
    }
    assert_eq!(world.engine.form(0), None);
}

#[test]
fn a_token_whose_claims_fit_a_form_is_remembered_when_it_comes_for_the_second_time() {
    let world = World::with_form(json!({}));
    let token = token("k", json!({ "sub": "carl" }));
    for _ in 0..2 {
        assert!(is_form(&world.decide_warm(&token, &Policy::default())));
    }
    assert!(matches!(world.decide_warm(&token, &Policy::default()), Verdict::Remembered(_)));
    assert_eq!(world.decide_warm(&token, &asks_scope("c")), Verdict::Refused(Reason::ScopeMissing));
}

#[test]
fn who_wants_no_token_remembered_has_no_forms() {
    let world = World::with_form(json!({ "verifiedTokenCacheSize": 0 }));
    assert!(is_claims(&world.decide_warm(&token("k", json!({ "sub": "carl" })), &Policy::default())));
    assert_eq!(world.engine.form(0), None);
}
