//! A minute of 10,000 unknown keys per second.

use std::time::Duration;

use monocloud_backend_node::engine::error::Reason;

use super::allocation;
use super::issuer::Document;
use super::tokens::{Signer, forged, jwks};
use super::world::{Outcome, World, millis, secs};

/// `A_STEP` unknown keys arrive per `STEP`.
const STEP: Duration = millis(10);
const A_STEP: usize = 100;
/// So many waits of a second begin within it if each is shared for 50 ms, and one without a limit.
const MAX_WAITS: usize = 21;
const MEGABYTE: isize = 1024 * 1024;

/// A flood of new unknown keys, and one valid token per hundred. Counts the results of the valid tokens.
fn flood(world: &World, signer: &Signer, span: Duration, name: &str) -> usize {
    let mut accepted = 0;
    for step in 0..span.as_millis() / STEP.as_millis() {
        for number in 0..A_STEP {
            world.call(&forged(&format!("{name}-{step}-{number}")));
        }
        world.call(&world.token(signer));
        assert!(world.open_waits() <= MAX_WAITS);
        world.pass(STEP);
        for answer in world.take_answers() {
            match answer.outcome {
                Outcome::Accepted => accepted += 1,
                Outcome::Refused(Reason::KeyNotFound) => {}
                outcome => panic!("{outcome:?}"),
            }
        }
    }
    accepted
}

#[test]
fn a_minute_of_10000_unknown_keys_a_second_costs_14_fetches_and_delays_no_known_key() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    let before = world.issuer.total();
    let accepted = flood(&world, &signer, secs(60), "unknown");
    let asked = world.issuer.total() - before;
    assert!((10..=14).contains(&asked), "{asked}");
    assert_eq!(accepted, 6000);
}

#[test]
fn a_rotation_in_the_middle_of_the_flood_is_accepted_within_5_seconds() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let world = World::warm(&old);
    flood(&world, &old, secs(7), "before");
    world.issuer.publish(jwks([&new]));
    let accepted = flood(&world, &new, secs(10), "after");
    // A hundred valid tokens per second: all of the last 5 seconds.
    assert!(accepted >= 490, "{accepted}");
}

#[test]
fn the_memory_of_refused_keys_is_bounded_by_a_megabyte() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    let token = world.token(&signer);
    assert_eq!(world.decide_now(&token), Some(Outcome::Accepted));
    let before = allocation::held();
    for number in 0..200_000 {
        // A kid is remembered after a token waited for a fetch of keys: the longest path.
        let kid = format!("{number}-{}", "x".repeat(200));
        let refused = world.engine.store().unknown_kid(Some(&kid), true);
        assert_eq!(refused, monocloud_backend_node::engine::keys::store::UnknownKid::Refuse);
    }
    let grown = allocation::held() - before;
    assert!(grown > 0 && grown <= MEGABYTE, "{grown}");
    assert!(world.engine.store().health().refused_kids <= 4096);
    assert_eq!(world.issuer.count(Document::Keys), 1);
}

#[test]
fn what_a_flood_leaves_behind_is_bounded_by_a_megabyte() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    let before = allocation::held();
    for number in 0..50_000 {
        world.call(&forged(&format!("unknown-{number}")));
        if number % 100 == 0 {
            world.pass(STEP);
        }
        world.take_answers();
    }
    world.pass(secs(10));
    world.take_answers();
    let grown = allocation::held() - before;
    assert!(grown <= MEGABYTE, "{grown}");
}
