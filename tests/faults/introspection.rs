//! The introspection endpoint is down or slow, or its response is not a JSON object.

use monocloud_backend_node::engine::error::Reason;
use serde_json::json;

use super::issuer::{DEADLINE, Document, EVERYTHING, Weather};
use super::tokens::{AUDIENCE, TENANT};
use super::world::{Outcome, World, millis, secs};

/// This many failures in a row open the circuit breaker.
const FAILURES_TO_OPEN: usize = 10;

const FAULTS: [Weather; 5] =
    [Weather::Refused, Weather::Swallowed, Weather::Hangs, Weather::Status(500, None), Weather::Status(429, None)];

fn world() -> World {
    let world = World::new();
    world.issuer.say(json!({ "active": true, "iss": TENANT, "aud": AUDIENCE, "sub": "user-1" }).to_string());
    assert_eq!(world.introspect("warm").outcome, Outcome::Accepted);
    // From here on, a failure of any token counts.
    world.pass(secs(10));
    world
}

#[test]
fn introspection_that_fails_is_a_503_within_the_deadline_and_never_a_verdict() {
    for weather in FAULTS.into_iter().chain([Weather::Garbage]) {
        let world = world();
        world.issuer.set(&[Document::Introspection], weather.clone());
        for number in 0..30 {
            let answer = world.introspect(&format!("token-{number}"));
            assert!(matches!(answer.outcome, Outcome::Failed(_)), "{weather:?}: {answer:?}");
            assert!(answer.waited <= DEADLINE + millis(50), "{weather:?}: {answer:?}");
        }
    }
}

#[test]
fn after_10_failures_in_a_row_one_probe_a_second_is_sent() {
    for weather in FAULTS {
        let world = world();
        world.issuer.set(&[Document::Introspection], weather.clone());
        for number in 0..FAILURES_TO_OPEN {
            world.introspect(&format!("token-{number}"));
        }
        let before = world.issuer.count(Document::Introspection);
        let began = world.now();
        let mut suspended = 0;
        // Sequential callers, at most ten per second, for a minute.
        while world.now().since(began) < secs(60) {
            let answer = world.introspect(&format!("another-{:?}", world.now()));
            suspended += usize::from(answer.outcome == Outcome::Failed(Reason::IntrospectionSuspended));
            world.pass(millis(100));
        }
        let probes = world.issuer.requests(Document::Introspection).split_off(before);
        assert!(probes.len() >= 5 && suspended > 0, "{weather:?}: {} probes, {suspended} suspended", probes.len());
        for pair in probes.windows(2) {
            assert!(pair[1].since(pair[0]) >= secs(1), "{weather:?}: {pair:?}");
        }
    }
}

#[test]
fn nine_failures_in_a_row_suspend_nothing() {
    let world = world();
    for _ in 0..5 {
        world.issuer.set(&[Document::Introspection], Weather::Refused);
        for number in 0..FAILURES_TO_OPEN - 1 {
            assert_eq!(world.introspect(&format!("{number}")).outcome, Outcome::Failed(Reason::ConnectionRefused));
        }
        world.issuer.set(&[Document::Introspection], Weather::Fine);
        assert_eq!(world.introspect("good").outcome, Outcome::Accepted);
    }
}

#[test]
fn the_first_probe_that_succeeds_ends_the_suspension() {
    for weather in FAULTS {
        let world = world();
        world.issuer.set(&[Document::Introspection], weather.clone());
        for number in 0..FAILURES_TO_OPEN * 2 {
            world.introspect(&format!("token-{number}"));
        }
        world.issuer.set(&[Document::Introspection], Weather::Fine);
        world.pass(secs(1));
        for number in 0..100 {
            let answer = world.introspect(&format!("after-{number}"));
            assert_eq!(answer.outcome, Outcome::Accepted, "{weather:?}: {answer:?}");
        }
    }
}

#[test]
fn an_inactive_answer_is_an_endpoint_that_works() {
    let world = world();
    world.issuer.say(json!({ "active": false }).to_string());
    for number in 0..FAILURES_TO_OPEN * 3 {
        let answer = world.introspect(&format!("token-{number}"));
        assert_eq!(answer.outcome, Outcome::Refused(Reason::Inactive));
    }
    assert_eq!(world.engine.introspection().health().failures, 0);
}

#[test]
fn an_answer_that_is_no_json_object_is_no_outage_of_the_endpoint() {
    let world = world();
    world.issuer.set(&[Document::Introspection], Weather::Garbage);
    for number in 0..FAILURES_TO_OPEN * 3 {
        let answer = world.introspect(&format!("token-{number}"));
        assert_eq!(answer.outcome, Outcome::Failed(Reason::BodyInvalid));
    }
    assert_eq!(world.engine.introspection().health().failures, 0);
}

#[test]
fn an_issuer_that_is_wholly_down_from_the_start_is_asked_for_its_metadata_once_a_second_at_most() {
    let world = World::new();
    world.issuer.set(&EVERYTHING, Weather::Refused);
    for _ in 0..100 {
        let answer = world.introspect("token");
        assert!(matches!(answer.outcome, Outcome::Failed(_)), "{answer:?}");
        world.pass(millis(100));
    }
    assert_eq!(world.issuer.count(Document::Introspection), 0);
    assert!(world.issuer.count(Document::Metadata) <= 11, "{}", world.issuer.count(Document::Metadata));
}

#[test]
fn concurrent_calls_for_one_token_share_one_failing_request() {
    let world = world();
    world.issuer.set(&[Document::Introspection], Weather::Hangs);
    let before = world.issuer.count(Document::Introspection);
    let ended = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    for _ in 0..200 {
        let ended = std::sync::Arc::clone(&ended);
        let waiter = move |_| {
            ended.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        };
        world.engine.introspect("same", world.date(), Box::new(waiter));
    }
    world.pass(DEADLINE + millis(50));
    assert_eq!(ended.load(std::sync::atomic::Ordering::SeqCst), 200);
    assert_eq!(world.issuer.count(Document::Introspection) - before, 1);
    assert_eq!(world.engine.introspection().health().failures, 1);
}
