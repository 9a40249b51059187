//! Row 4: an issuer that says when to come back.

use super::issuer::{Document, EVERYTHING, Weather};
use super::tokens::{Signer, forged};
use super::world::{Outcome, World, millis, secs};

/// What is sent, and the seconds that are kept to.
const WISHES: [(&str, u64); 4] = [("60", 60), ("300", 300), ("301", 300), ("1e9", 300)];

#[test]
fn retry_after_is_honoured_up_to_five_minutes_at_the_start() {
    for status in [429, 503] {
        for (wish, seconds) in WISHES {
            let signer = Signer::new("a");
            let world = World::new();
            world.issuer.publish(super::tokens::jwks([&signer]));
            world.issuer.set(&EVERYTHING, Weather::Status(status, Some(wish)));
            world.validate(&world.token(&signer));
            world.issuer.set(&EVERYTHING, Weather::Fine);
            for _ in 0..seconds {
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
fn retry_after_is_honoured_when_the_keys_are_due_and_they_are_kept() {
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
                // A flood of unknown keys does not hurry it either.
                world.call(&forged("unknown"));
                world.pass(millis(999));
            }
            assert_eq!(world.issuer.count(Document::Keys) - before, 1, "{status}, {wish}");
            let (known, unknown): (Vec<_>, Vec<_>) =
                world.take_answers().into_iter().partition(|answer| answer.outcome == Outcome::Accepted);
            assert_eq!(known.len() as u64, seconds, "{status}, {wish}");
            assert!(unknown.iter().all(|answer| matches!(answer.outcome, Outcome::Failed(_))), "{status}, {wish}");
            world.pass(secs(2));
            world.call(&world.token(&signer));
            world.pass(secs(1));
            assert_eq!(world.issuer.count(Document::Keys) - before, 2, "{status}, {wish}");
        }
    }
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
