//! Row 12: the introspection endpoint is down, slow, or talks rubbish.

use monocloud_backend_node::engine::error::Reason;
use serde_json::json;

use super::issuer::{DEADLINE, Document, EVERYTHING, Weather};
use super::tokens::{AUDIENCE, TENANT};
use super::world::{Outcome, World, millis, secs};

/// After so many failures in a row, so many a second are let through.
const FUSE: usize = 10;

const FAULTS: [Weather; 6] = [
    Weather::Refused,
    Weather::Swallowed,
    Weather::Hangs,
    Weather::Status(500, None),
    Weather::Status(429, None),
    Weather::Garbage,
];

fn world() -> World {
    let world = World::new();
    world.issuer.say(json!({ "active": true, "iss": TENANT, "aud": AUDIENCE, "sub": "user-1" }).to_string());
    assert_eq!(world.introspect("warm").outcome, Outcome::Accepted);
    world
}

#[test]
fn introspection_that_fails_is_a_503_within_the_deadline_and_never_a_verdict() {
    for weather in FAULTS {
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
fn after_10_failures_in_a_row_one_a_second_is_let_through() {
    for weather in FAULTS {
        let world = world();
        world.issuer.set(&[Document::Introspection], weather.clone());
        for number in 0..FUSE {
            world.introspect(&format!("token-{number}"));
        }
        let before = world.issuer.count(Document::Introspection);
        let began = world.now();
        let mut suspended = 0;
        // Callers that come one after the other, ten a second at most, for a minute.
        while world.now().since(began) < secs(60) {
            let answer = world.introspect("another");
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
        for number in 0..FUSE - 1 {
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
        for number in 0..FUSE * 2 {
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
    for number in 0..FUSE * 3 {
        let answer = world.introspect(&format!("token-{number}"));
        assert_eq!(answer.outcome, Outcome::Refused(Reason::Inactive));
    }
    assert_eq!(world.engine.introspection().failures(), (0, None));
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
    assert_eq!(world.engine.introspection().failures().0, 1);
}
