//! The issuer worked, and then is down, slow or returns invalid documents.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use monocloud_backend_node::engine::error::Reason;

use super::issuer::{DEADLINE, Document, EVERYTHING, Weather};
use super::tokens::{Signer, forged};
use super::world::{Outcome, World, millis, secs};

const DAY: Duration = secs(86_400);
/// The usual `jwksCacheDuration`.
const MAX_AGE: Duration = secs(300);

const FAULTS: [Weather; 6] = [
    Weather::Refused,
    Weather::Swallowed,
    Weather::Hangs,
    Weather::Status(500, None),
    Weather::Status(302, None),
    Weather::Garbage,
];

#[test]
fn no_valid_token_is_refused_and_nobody_waits_in_24_hours_of_any_outage() {
    for weather in FAULTS {
        let signer = Signer::new("a");
        let world = World::warm(&signer);
        // The latest moment: the keys are almost due for a refresh.
        world.pass(secs(200));
        world.issuer.set(&EVERYTHING, weather.clone());
        let began = world.now();
        while world.now().since(began) < DAY {
            world.call(&world.token(&signer));
            world.pass(secs(20));
        }
        let answers = world.take_answers();
        assert_eq!(answers.len(), 4320);
        for answer in answers {
            assert_eq!(answer.outcome, Outcome::Accepted, "{weather:?} after {:?}", answer.at.since(began));
            assert_eq!(answer.waited, Duration::ZERO, "{weather:?} after {:?}", answer.at.since(began));
        }
        // jwksMaxStale counts from the end of `jwksCacheDuration`.
        world.pass(MAX_AGE);
        let answer = world.validate(&world.token(&signer));
        assert!(matches!(answer.outcome, Outcome::Failed(_)), "{weather:?}: {answer:?}");
    }
}

#[test]
fn an_outage_found_out_after_a_quiet_hour_costs_one_second_once() {
    for weather in FAULTS {
        let signer = Signer::new("a");
        let world = World::warm(&signer);
        world.pass(secs(3600));
        world.issuer.set(&EVERYTHING, weather.clone());
        let began = world.now();
        for _ in 0..200 {
            world.call(&world.token(&signer));
            world.pass(millis(100));
        }
        for answer in world.take_answers() {
            let started = answer.at.since(began).saturating_sub(answer.waited);
            let patience = if started < secs(1) { secs(1) } else { Duration::ZERO };
            assert_eq!(answer.outcome, Outcome::Accepted, "{weather:?}: {answer:?}");
            assert!(answer.waited <= patience, "{weather:?}, begun after {started:?}: {answer:?}");
        }
    }
}

#[test]
fn the_issuer_is_asked_once_in_30_seconds_during_a_day_of_outage() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    world.pass(secs(200));
    world.issuer.set(&EVERYTHING, Weather::Refused);
    let before = world.issuer.total();
    let token = world.token(&signer);
    for _ in 0..86_400 {
        assert_eq!(world.decide_now(&token), Some(Outcome::Accepted));
        world.pass(secs(1));
    }
    let asked = world.issuer.total() - before;
    // 30 s plus up to 20 %, for the keys and for the metadata, and the first, faster attempts.
    assert!((2300..=2 * 2880 + 20).contains(&asked), "{asked}");
}

#[test]
fn what_happens_to_the_keys_is_told_to_who_observes() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    world.engine.store().observe(1, Box::new(move |event, _took| log.lock().expect("lock").push(format!("{event:?}"))));
    world.pass(secs(250));
    world.issuer.set(&EVERYTHING, Weather::Refused);
    world.call(&world.token(&signer));
    world.pass(secs(2));
    world.issuer.set(&EVERYTHING, Weather::Fine);
    world.call(&world.token(&signer));
    world.pass(secs(60));
    world.call(&world.token(&signer));
    world.pass(secs(1));
    let seen = seen.lock().expect("lock").clone();
    assert_eq!(seen.first().map(String::as_str), Some("RefreshFailed { reason: ConnectionRefused }"));
    assert_eq!(seen.last().map(String::as_str), Some("Refreshed { keys: 1, left_out: [] }"));
}

#[test]
fn a_hanging_issuer_holds_a_token_of_an_unknown_key_for_the_deadline_and_one_of_a_known_key_not_at_all() {
    let signer = Signer::new("a");
    let world = World::warm(&signer);
    world.issuer.set(&EVERYTHING, Weather::Hangs);
    world.call(&forged("unknown"));
    for _ in 0..60 {
        let outcome = world.decide_now(&world.token(&signer));
        assert_eq!(outcome, Some(Outcome::Accepted), "{:?}", world.now());
        world.pass(millis(100));
    }
    let answers = world.take_answers();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0].outcome, Outcome::Failed(Reason::TimedOut));
    assert!(answers[0].waited <= DEADLINE, "{answers:?}");
}

#[test]
fn a_set_without_a_usable_key_or_that_is_none_replaces_nothing() {
    for text in [
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#,
        r#"{"keys":{}}"#,
        "[]",
        "null",
        "",
        "<html>Sorry</html>",
        r#"{"keys":[{"kty":"OKP""#,
    ] {
        let signer = Signer::new("a");
        let world = World::warm(&signer);
        world.issuer.publish(text.to_owned());
        assert!(matches!(world.validate(&forged("b")).outcome, Outcome::Failed(_)), "{text}");
        assert_eq!(world.decide_now(&world.token(&signer)), Some(Outcome::Accepted), "{text}");
        let health = world.engine.store().health();
        let expected = if text.starts_with(r#"{"keys":["#) && text.ends_with('}') {
            Reason::KeysEmpty
        } else {
            Reason::BodyInvalid
        };
        assert_eq!((health.keys, health.last_failure), (1, Some(expected)), "{text}");
    }
}

#[test]
fn of_a_set_of_5000_keys_100_are_used() {
    let signers: Vec<_> = (0..5000).map(|number| Signer::new(format!("k{number}"))).collect();
    let world = World::new();
    world.issuer.publish(super::tokens::jwks(&signers));
    assert_eq!(world.validate(&world.token(&signers[99])).outcome, Outcome::Accepted);
    assert_eq!(world.validate(&world.token(&signers[100])).outcome, Outcome::Refused(Reason::KeyNotFound));
    assert_eq!(world.engine.store().health().keys, 100);
    assert_eq!(world.issuer.count(Document::Keys), 2, "one at first, one for the unknown key");
}
