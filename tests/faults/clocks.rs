//! The caller's clock is set forward and back by an hour.

use monocloud_backend_node::engine::error::Reason;

use super::tokens::Signer;
use super::world::{Outcome, World, secs};

#[test]
fn a_clock_set_by_an_hour_costs_no_fetch_and_ages_no_cache() {
    for step in [3600.0, -3600.0] {
        let signer = Signer::new("a");
        let world = World::warm(&signer);
        let before = world.issuer.total();
        let age = world.engine.store().health().keys_age;
        world.step_clock(step);
        for _ in 0..100 {
            assert_eq!(world.decide_now(&world.token(&signer)), Some(Outcome::Accepted), "{step}");
        }
        assert_eq!(world.engine.store().health().keys_age, age, "{step}");
        world.step_clock(-step);
        assert_eq!(world.decide_now(&world.token(&signer)), Some(Outcome::Accepted), "{step}");
        assert_eq!(world.issuer.total(), before, "{step}");
    }
}

#[test]
fn keys_are_refreshed_by_their_age_whatever_the_callers_clock_does() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    let before = world.issuer.total();
    for minute in 0..60 {
        world.step_clock(if minute % 2 == 0 { 3600.0 } else { -3600.0 });
        for _ in 0..60 {
            world.call(&world.token(&signer));
            world.pass(secs(1));
        }
    }
    assert!(world.take_answers().iter().all(|answer| answer.outcome == Outcome::Accepted));
    let asked = world.issuer.total() - before;
    // In one hour the keys are refreshed after 216 to 240 seconds each, mostly with the metadata.
    assert!((15..=34).contains(&asked), "{asked}");
}

#[test]
fn a_remembered_token_expires_by_the_callers_clock_and_costs_no_fetch() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    let token = signer.token(1_000_000, world.date() + 600.0);
    assert_eq!(world.decide_now(&token), Some(Outcome::Accepted));
    assert_eq!(world.decide_now(&token), Some(Outcome::Accepted));
    assert_eq!(world.engine.remembered_tokens(), 1);
    let before = world.issuer.total();
    world.step_clock(3600.0);
    assert_eq!(world.decide_now(&token), Some(Outcome::Refused(Reason::Expired)));
    world.step_clock(-3600.0);
    assert_eq!(world.decide_now(&token), Some(Outcome::Accepted));
    assert_eq!(world.issuer.total(), before);
}
