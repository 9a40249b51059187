//! Valid tokens beside tokens whose responses are odd, slow, 5xx or missing, and beside floods of them.

use std::time::Duration;

use monocloud_backend_node::engine::introspection::{MAX_IN_FLIGHT, MAX_QUEUED};
use serde_json::json;

use super::issuer::{DEADLINE, Document, LATENCY, Treatment, Weather};
use super::tokens::{AUDIENCE, TENANT};
use super::world::{Answer, Outcome, World, millis, secs};

fn world() -> World {
    let world = World::new();
    world.issuer.say(json!({ "active": true, "iss": TENANT, "aud": AUDIENCE, "sub": "user-1" }).to_string());
    assert_eq!(world.introspect("good").outcome, Outcome::Accepted);
    world
}

fn treatment(weather: Weather, takes: Duration, body: &str) -> Treatment {
    Treatment { prefix: "bad", weather, takes, body: body.to_owned() }
}

/// Every bad response to a token.
fn treatments() -> Vec<Treatment> {
    let nested = format!(r#"{{"active":true,"x":{}1{}}}"#, "[".repeat(40), "]".repeat(40));
    let fine = |body: &str| treatment(Weather::Fine, LATENCY, body);
    vec![
        fine(r#"{"active":true,"name":"Ann \ud83d"}"#),
        fine(&nested),
        fine("[]"),
        fine(r#"{"active":false}"#),
        treatment(Weather::Garbage, LATENCY, ""),
        treatment(Weather::Fine, secs(4), r#"{"active":true}"#),
        treatment(Weather::Fine, secs(4), r#"{"active":false}"#),
        treatment(Weather::Hangs, DEADLINE, ""),
        treatment(Weather::Swallowed, secs(1), ""),
        treatment(Weather::Refused, LATENCY, ""),
        treatment(Weather::Refused, millis(1), ""),
        treatment(Weather::Status(500, None), LATENCY, ""),
        treatment(Weather::Status(500, None), millis(1), ""),
        treatment(Weather::Status(429, Some("300")), LATENCY, ""),
        treatment(Weather::Status(403, None), LATENCY, ""),
    ]
}

/// Seconds of bad tokens, this many every 20 ms, beside one valid token every 100 ms. Returns the results of the
/// valid ones.
fn good_beside_bad(
    world: &World,
    seconds: usize,
    bad_per_step: usize,
    bad: fn(usize) -> String,
    good: fn(usize) -> String,
) -> Vec<Answer> {
    let mut answers = Vec::new();
    let mut number = 0;
    for step in 0..50 * seconds {
        for _ in 0..bad_per_step {
            number += 1;
            world.start_introspection(&bad(number));
        }
        if step % 5 == 0 {
            world.start_introspection(&good(step));
        }
        world.pass(millis(20));
        answers.append(&mut world.take_introspected());
        let health = world.engine.introspection().health();
        assert!(health.in_flight <= MAX_IN_FLIGHT && health.queued <= MAX_QUEUED, "{health:?}");
    }
    world.pass(DEADLINE + millis(50));
    answers.append(&mut world.take_introspected());
    answers.into_iter().filter(|(token, _)| token.starts_with("good")).map(|(_, answer)| answer).collect()
}

fn assert_all_are_accepted_soon(answers: &[Answer], seconds: usize, why: &str) {
    assert_eq!(answers.len(), 10 * seconds, "{why}");
    for answer in answers {
        assert_eq!(answer.outcome, Outcome::Accepted, "{why}: {answer:?}");
        assert!(answer.waited <= 2 * LATENCY, "{why}: {answer:?}");
    }
}

#[test]
fn one_account_at_50_a_second_with_any_bad_answer_costs_no_good_token_its_own() {
    for treatment in treatments() {
        let why = format!("{:?} {:?} {}", treatment.weather, treatment.takes, treatment.body);
        let world = world();
        world.issuer.treat(treatment);
        let answers = good_beside_bad(&world, 10, 1, |_| "bad".into(), |_| "good".into());
        assert_all_are_accepted_soon(&answers, 10, &why);
    }
}

#[test]
fn different_tokens_at_50_a_second_with_any_bad_answer_cost_no_good_token_its_own() {
    for treatment in treatments() {
        let why = format!("{:?} {:?} {}", treatment.weather, treatment.takes, treatment.body);
        let world = world();
        world.issuer.treat(treatment);
        let answers = good_beside_bad(&world, 10, 1, |number| format!("bad-{number}"), |_| "good".into());
        assert_all_are_accepted_soon(&answers, 10, &why);
    }
}

#[test]
fn a_flood_of_5000_garbage_tokens_a_second_delays_no_known_token_whatever_the_issuer_answers_them() {
    for treatment in treatments() {
        let why = format!("{:?} {:?} {}", treatment.weather, treatment.takes, treatment.body);
        let world = world();
        world.issuer.treat(treatment);
        let answers = good_beside_bad(&world, 2, 100, |number| format!("bad-{number}"), |_| "good".into());
        assert_all_are_accepted_soon(&answers, 2, &why);
    }
}

#[test]
fn a_flood_of_5000_garbage_tokens_a_second_delays_no_token_that_nobody_has_seen() {
    // Requests that hang use every slot, so no unknown token can be recognized as valid.
    for treatment in treatments().into_iter().filter(|treatment| treatment.takes <= LATENCY) {
        let why = format!("{:?} {:?} {}", treatment.weather, treatment.takes, treatment.body);
        let world = world();
        world.issuer.treat(treatment);
        let (bad, good) = (|number| format!("bad-{number}"), |number| format!("good-{number}"));
        assert_all_are_accepted_soon(&good_beside_bad(&world, 2, 100, bad, good), 2, &why);
    }
}

#[test]
fn tokens_of_one_account_that_are_active_and_slow_hold_up_no_prompt_one() {
    let world = world();
    world.issuer.treat(treatment(Weather::Fine, secs(4), r#"{"active":true}"#));
    // 500 tokens that are introspected repeatedly: each is known as active.
    let answers = good_beside_bad(&world, 10, 20, |number| format!("bad-{}", number % 500), |_| "good".into());
    assert_all_are_accepted_soon(&answers, 10, "slow");
}

#[test]
fn a_known_token_is_answered_although_the_breaker_was_opened_by_tokens_that_were_known() {
    let world = world();
    for number in 0..20 {
        assert_eq!(world.introspect(&format!("bad-{number}")).outcome, Outcome::Accepted);
    }
    world.issuer.treat(treatment(Weather::Status(500, None), millis(1), ""));
    let answers = good_beside_bad(&world, 10, 20, |number| format!("bad-{}", number % 20), |_| "good".into());
    assert_all_are_accepted_soon(&answers, 10, "known and bad");
}

#[test]
fn every_request_of_a_flood_ends_within_its_deadline() {
    for weather in [Weather::Hangs, Weather::Fine, Weather::Status(500, None)] {
        let world = world();
        world.issuer.set(&[Document::Introspection], weather.clone());
        for number in 0..3_000 {
            world.start_introspection(&format!("garbage-{number}"));
        }
        world.pass(DEADLINE + millis(1));
        let answers = world.take_introspected();
        assert_eq!(answers.len(), 3_000, "{weather:?}");
        assert!(answers.iter().all(|(_, answer)| answer.waited <= DEADLINE), "{weather:?}");
    }
}
