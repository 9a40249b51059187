//! An issuer that sends `Retry-After`.

use super::issuer::{Document, EVERYTHING, Weather};
use super::tokens::{Signer, forged};
use super::world::{Outcome, World, millis, secs};

/// The header's value, and the seconds that are honoured while every token has a known key.
const WISHES: [(&str, u64); 5] = [("20", 20), ("60", 60), ("300", 300), ("301", 300), ("1e9", 300)];
/// The most seconds that are honoured for a token that only new keys can validate.
const MOST_URGENT: u64 = 30;

#[test]
fn retry_after_is_honoured_up_to_30_seconds_at_the_start() {
    for status in [429, 503] {
        for (wish, seconds) in WISHES {
            let signer = Signer::new("a");
            let world = World::new();
            world.issuer.publish(super::tokens::jwks([&signer]));
            world.issuer.set(&EVERYTHING, Weather::Status(status, Some(wish)));
            world.validate(&world.token(&signer));
            world.issuer.set(&EVERYTHING, Weather::Fine);
            for _ in 0..seconds.min(MOST_URGENT) {
                let outcome = world.decide_now(&world.token(&signer));
                assert!(matches!(outcome, Some(Outcome::Failed(_))), "{status}, {wish}: {outcome:?}");
                world.pass(millis(999));
            }
            assert_eq!(world.issuer.total(), 1, "{status}, {wish}");
            world.pass(secs(1));
            assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted, "{status}, {wish}");
        }
    }
}

#[test]
fn retry_after_is_honoured_up_to_five_minutes_when_the_keys_are_due_and_they_are_kept() {
    for status in [429, 503] {
        for (wish, seconds) in WISHES {
            let signer = Signer::new("a");
            let world = World::warm(&signer);
            world.pass(secs(250));
            world.issuer.set(&[Document::Keys], Weather::Status(status, Some(wish)));
            let before = world.issuer.count(Document::Keys);
            world.call(&world.token(&signer));
            world.pass(secs(1));
            for _ in 0..seconds - 1 {
                world.call(&world.token(&signer));
                world.pass(millis(999));
            }
            assert_eq!(world.issuer.count(Document::Keys) - before, 1, "{status}, {wish}");
            let answers = world.take_answers();
            assert_eq!(answers.len() as u64, seconds, "{status}, {wish}");
            assert!(answers.iter().all(|answer| answer.outcome == Outcome::Accepted), "{status}, {wish}");
            world.pass(secs(2));
            world.call(&world.token(&signer));
            world.pass(secs(1));
            assert_eq!(world.issuer.count(Document::Keys) - before, 2, "{status}, {wish}");
        }
    }
}

#[test]
fn a_retry_after_that_unknown_keys_provoked_keeps_a_rotation_from_nobody_for_more_than_30_seconds() {
    for (wish, seconds) in WISHES {
        let (old, new) = (Signer::new("old"), Signer::new("new"));
        let world = World::warm(&old);
        world.issuer.set(&[Document::Keys], Weather::Status(429, Some(wish)));
        let before = world.issuer.count(Document::Keys);
        world.call(&forged("provoking"));
        world.pass(secs(1));
        // The issuer recovers at once, and has rotated its keys.
        world.issuer.publish(super::tokens::jwks([&new]));
        world.issuer.set(&[Document::Keys], Weather::Fine);
        let waited = seconds.min(MOST_URGENT);
        for _ in 0..(waited - 1) * 10 {
            world.call(&forged("provoking"));
            world.call(&world.token(&old));
            world.pass(millis(100));
        }
        assert_eq!(world.issuer.count(Document::Keys) - before, 1, "{wish}");
        let accepted = world.take_answers().iter().filter(|answer| answer.outcome == Outcome::Accepted).count();
        assert_eq!(accepted as u64, (waited - 1) * 10, "{wish}");
        world.pass(millis(100));
        // The first token of the new key starts the attempt. From the second one on they are accepted.
        world.call(&world.token(&new));
        world.pass(millis(500));
        assert_eq!(world.validate(&world.token(&new)).outcome, Outcome::Accepted, "{wish}");
    }
}

#[test]
fn a_busy_issuer_is_asked_twice_a_minute_at_most_by_a_flood_of_unknown_keys() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    world.issuer.set(&[Document::Keys], Weather::Status(429, Some("300")));
    world.call(&forged("first"));
    world.pass(secs(1));
    let before = world.issuer.count(Document::Keys);
    for number in 0..6000 {
        world.call(&forged(&format!("unknown-{number}")));
        world.pass(millis(100));
    }
    let asked = world.issuer.count(Document::Keys) - before;
    assert!((19..=20).contains(&asked), "{asked} in ten minutes");
}

#[test]
fn retry_after_on_another_status_or_that_is_none_is_as_good_as_absent() {
    for (status, wish) in [(500, "60"), (302, "60"), (503, "soon"), (503, "-5"), (429, "")] {
        let signer = Signer::new("a");
        let world = World::new();
        world.issuer.publish(super::tokens::jwks([&signer]));
        world.issuer.set(&EVERYTHING, Weather::Status(status, Some(wish)));
        world.validate(&world.token(&signer));
        world.issuer.set(&EVERYTHING, Weather::Fine);
        world.pass(millis(1300));
        assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted, "{status}, {wish}");
    }
}
