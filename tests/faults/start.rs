//! The issuer is down when the process starts.

use std::time::Duration;

use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::time::Ticks;

use super::issuer::{Document, EVERYTHING, LATENCY, Weather};
use super::tokens::{Signer, jwks};
use super::world::{Outcome, World, millis, secs};

/// The documents that may be down, with those that the engine then keeps fetching.
const DOWN: [(&[Document], Document); 2] = [(&EVERYTHING, Document::Metadata), (&[Document::Keys], Document::Keys)];

fn world_down(documents: &[Document], weather: &Weather, signer: &Signer) -> World {
    let world = World::new();
    world.issuer.publish(jwks([signer]));
    world.issuer.set(documents, weather.clone());
    world
}

/// A request every 50 milliseconds.
fn traffic(world: &World, signer: &Signer, span: Duration) {
    for _ in 0..span.as_millis() / 50 {
        world.call(&world.token(signer));
        world.pass(millis(50));
    }
}

fn gaps(requests: &[Ticks]) -> Vec<Duration> {
    requests.windows(2).map(|pair| pair[1].since(pair[0])).collect()
}

#[test]
fn every_request_to_an_issuer_down_from_the_start_is_a_503_within_1500_milliseconds() {
    for weather in [Weather::Refused, Weather::Swallowed, Weather::Status(500, None), Weather::Garbage] {
        for (documents, _) in DOWN {
            let signer = Signer::new("a");
            let world = world_down(documents, &weather, &signer);
            traffic(&world, &signer, secs(30));
            let answers = world.take_answers();
            assert!(answers.len() > 500);
            for answer in answers {
                assert!(matches!(answer.outcome, Outcome::Failed(_)), "{weather:?}: {answer:?}");
                assert!(answer.waited <= millis(1500), "{weather:?}: {answer:?}");
            }
        }
    }
}

#[test]
fn an_issuer_down_from_the_start_is_asked_once_a_second_and_in_the_end_once_in_10_seconds() {
    for (documents, asked) in DOWN {
        let signer = Signer::new("a");
        let world = world_down(documents, &Weather::Refused, &signer);
        traffic(&world, &signer, secs(600));
        let requests = world.issuer.requests(asked);
        // 50 ms between requests, 20 ms per exchange; both bounds include the jitter of 20 %.
        let slack = millis(50) + LATENCY;
        for gap in gaps(&requests) {
            assert!(gap >= secs(1) && gap <= secs(10) + slack, "{asked:?}: {gap:?}");
        }
        let (early, late): (Vec<_>, Vec<_>) = requests.iter().copied().partition(|at| *at < Ticks(10_000));
        assert!((8..=11).contains(&early.len()), "{asked:?}: {early:?}");
        let settled: Vec<_> = late.into_iter().filter(|at| *at > Ticks(120_000)).collect();
        assert!(settled.len() > 10, "{settled:?}");
        assert!(gaps(&settled).iter().all(|gap| *gap >= secs(8)), "{asked:?}: {:?}", gaps(&settled));
    }
}

#[test]
fn a_token_is_valid_within_1500_milliseconds_of_the_end_of_an_outage_of_less_than_10_seconds() {
    for weather in [Weather::Refused, Weather::Swallowed, Weather::Status(503, None)] {
        for (documents, _) in DOWN {
            for tenth in 1..=99 {
                let signer = Signer::new("a");
                let world = world_down(documents, &weather, &signer);
                traffic(&world, &signer, millis(tenth * 100));
                world.issuer.set(documents, Weather::Fine);
                let back = world.now();
                world.take_answers();
                traffic(&world, &signer, millis(1500));
                let answers = world.take_answers();
                let accepted = answers.iter().find(|answer| answer.outcome == Outcome::Accepted);
                assert!(
                    accepted.is_some_and(|answer| answer.at.since(back) <= millis(1500)),
                    "{weather:?}, {documents:?} down for {tenth}00 ms: {accepted:?}"
                );
            }
        }
    }
}

#[test]
fn after_a_long_outage_a_token_is_valid_within_10_seconds() {
    let signer = Signer::new("a");
    let world = world_down(&EVERYTHING, &Weather::Refused, &signer);
    traffic(&world, &signer, secs(600));
    world.issuer.set(&EVERYTHING, Weather::Fine);
    world.take_answers();
    traffic(&world, &signer, secs(10) + millis(100));
    assert_eq!(world.take_answers().last().map(|answer| answer.outcome.clone()), Some(Outcome::Accepted));
}

#[test]
fn a_token_that_no_key_could_save_is_refused_without_asking_an_issuer_that_is_down() {
    let signer = Signer::new("a");
    let world = world_down(&EVERYTHING, &Weather::Refused, &signer);
    assert_eq!(world.decide_now("a.b.c"), Some(Outcome::Refused(Reason::TokenMalformed)));
    assert_eq!(world.issuer.total(), 0);
}
