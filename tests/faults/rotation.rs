//! Keys are added and withdrawn under load.

use std::time::Duration;

use monocloud_backend_node::engine::error::Reason;

use super::issuer::{Document, Weather};
use super::tokens::{Signer, forged, jwks};
use super::world::{Answer, Outcome, World, millis, secs};

const ROTATIONS: usize = 100;

fn signers() -> Vec<Signer> {
    (0..=ROTATIONS).map(|number| Signer::new(format!("key-{number}"))).collect()
}

/// Ten requests per second, and beside each this many with an unknown key.
fn load(world: &World, signer: &Signer, span: Duration, forgeries: usize) {
    for round in 0..span.as_millis() / 100 {
        for number in 0..forgeries {
            world.call(&forged(&format!("{}-{round}-{number}", signer.kid)));
        }
        world.call(&world.token(signer));
        world.pass(millis(100));
    }
}

/// The results of tokens signed with a real key. Forged tokens are never accepted.
fn good(answers: Vec<Answer>) -> Vec<Answer> {
    answers.into_iter().filter(|answer| answer.outcome == Outcome::Accepted).collect()
}

#[test]
fn no_valid_token_is_refused_in_100_rotations_announced_5_seconds_ahead() {
    for every in [secs(1), secs(7), secs(20)] {
        let signers = signers();
        let world = World::warm(&signers[0]);
        // At every moment the current key and those of the next 5 seconds are published.
        let ahead = 1 + (5000 / every.as_millis() as usize);
        for number in 0..ROTATIONS {
            let last = (number + ahead).min(ROTATIONS);
            world.issuer.publish(jwks(&signers[number..=last]));
            load(&world, &signers[number], every, 0);
        }
        let answers = world.take_answers();
        assert_eq!(answers.len() as u128, ROTATIONS as u128 * every.as_millis() / 100);
        for answer in answers {
            assert_eq!(answer.outcome, Outcome::Accepted, "every {every:?}: {answer:?}");
        }
    }
}

#[test]
fn no_valid_token_is_refused_in_100_announced_rotations_under_a_flood_of_unknown_keys() {
    let signers = signers();
    let world = World::warm(&signers[0]);
    for number in 0..ROTATIONS {
        // Six seconds: five, and the time of the refresh itself.
        world.issuer.publish(jwks(&signers[number..=number + 1]));
        load(&world, &signers[number], secs(6), 10);
    }
    world.pass(secs(10));
    let accepted = good(world.take_answers());
    assert_eq!(accepted.len(), ROTATIONS * 60);
}

#[test]
fn each_of_100_surprise_rotations_is_accepted_within_5_seconds() {
    for forgeries in [0, 10] {
        let signers = signers();
        let world = World::warm(&signers[0]);
        for signer in &signers[1..] {
            world.take_answers();
            world.issuer.publish(jwks([signer]));
            let rotated = world.now();
            load(&world, signer, secs(11), forgeries);
            let accepted = good(world.take_answers());
            let first = accepted.first().map(|answer| answer.at.since(rotated));
            let slack = millis(200);
            assert!(first.is_some_and(|span| span <= secs(5) + slack), "{} of {forgeries}: {first:?}", signer.kid);
            // From then on all of them: 11 seconds at 10 per second, minus those before.
            assert!(accepted.len() >= 58, "{} of {forgeries}: {}", signer.kid, accepted.len());
        }
    }
}

#[test]
fn a_surprise_rotation_is_accepted_at_once_when_nobody_floods() {
    let signers = signers();
    let world = World::warm(&signers[0]);
    world.issuer.publish(jwks([&signers[1]]));
    let answer = world.validate(&world.token(&signers[1]));
    assert_eq!(answer.outcome, Outcome::Accepted);
    assert!(answer.waited < millis(50), "{answer:?}");
}

#[test]
fn a_rotation_during_an_outage_is_accepted_within_10_seconds_of_its_end_and_of_a_short_one_within_5() {
    for fault in [Weather::Refused, Weather::Hangs, Weather::Status(500, None), Weather::Garbage] {
        for seconds in [0, 1, 5, 20, 300] {
            let signers = signers();
            let world = World::warm(&signers[0]);
            world.pass(secs(10));
            world.issuer.set(&[Document::Keys], fault.clone());
            world.issuer.publish(jwks([&signers[1]]));
            load(&world, &signers[1], secs(seconds) + millis(100), 0);
            world.issuer.set(&[Document::Keys], Weather::Fine);
            let back = world.now();
            load(&world, &signers[1], secs(40), 0);
            let first = good(world.take_answers()).first().map(|answer| answer.at.since(back));
            // Pauses double from one second, so an attempt comes at the latest after another outage's length.
            let patience = secs(5).max(secs(seconds) * 2).min(secs(10) + millis(200));
            assert!(first.is_some_and(|span| span <= patience), "{fault:?} of {seconds} s: {first:?}");
        }
    }
}

#[test]
fn a_withdrawn_key_is_refused_after_the_next_refresh_and_so_are_the_tokens_remembered_by_it() {
    let (old, new) = (Signer::new("old"), Signer::new("new"));
    let world = World::warm(&old);
    let tokens: Vec<_> = (0..50).map(|_| world.token(&old)).collect();
    // Tokens are remembered when they are verified for the second time.
    for token in tokens.iter().chain(&tokens) {
        assert_eq!(world.decide_now(token), Some(Outcome::Accepted));
    }
    assert_eq!(world.engine.remembered_tokens(), 50);
    world.issuer.publish(jwks([&new]));
    assert_eq!(world.validate(&world.token(&new)).outcome, Outcome::Accepted);
    for token in &tokens {
        assert_eq!(world.validate(token).outcome, Outcome::Refused(Reason::KeyNotFound));
    }
}

#[test]
fn a_key_withdrawn_without_a_successor_is_refused_after_the_refresh_that_comes_by_age() {
    let (kept, gone) = (Signer::new("kept"), Signer::new("gone"));
    let world = World::new();
    world.issuer.publish(jwks([&kept, &gone]));
    let token = world.token(&gone);
    assert_eq!(world.validate(&token).outcome, Outcome::Accepted);
    world.issuer.publish(jwks([&kept]));
    let withdrawn = world.now();
    let refused = loop {
        world.call(&token);
        world.pass(secs(1));
        let answer = world.take_answers().pop().expect("an answer");
        if answer.outcome != Outcome::Accepted {
            break answer;
        }
    };
    assert_eq!(refused.outcome, Outcome::Refused(Reason::KeyNotFound));
    assert!(refused.at.since(withdrawn) <= secs(301), "{refused:?}");
}

#[test]
fn a_key_replaced_under_the_same_kid_takes_its_remembered_tokens_with_it() {
    let (old, new) = (Signer::new("same"), Signer::new("same"));
    let world = World::warm(&old);
    let token = world.token(&old);
    assert_eq!(world.decide_now(&token), Some(Outcome::Accepted));
    assert_eq!(world.decide_now(&token), Some(Outcome::Accepted));
    world.issuer.publish(jwks([&new]));
    world.pass(secs(301));
    assert_eq!(world.validate(&token).outcome, Outcome::Refused(Reason::SignatureInvalid));
    assert_eq!(world.validate(&world.token(&new)).outcome, Outcome::Accepted);
}
