//! Which metadata document is used: that of OpenID Connect, or that of RFC 8414 §3.1?

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use monocloud_backend_node::engine::error::Reason;
use serde_json::json;

use super::issuer::{Document, Weather, metadata};
use super::tokens::{AUDIENCE, Signer, TENANT, jwks};
use super::world::{Outcome, World, millis, secs};

const ABSENT: Weather = Weather::Status(404, None);
/// Failures of the second document that do not depend on its content.
const FAULTS: [Weather; 7] = [
    Weather::Refused,
    Weather::Hangs,
    Weather::Status(403, None),
    Weather::Status(500, None),
    Weather::Status(429, Some("300")),
    Weather::Garbage,
    Weather::TooLarge,
];

fn world_of(openid: Weather, oauth: Weather) -> (World, Signer) {
    let (world, signer) = (World::new(), Signer::new("a"));
    world.issuer.publish(jwks([&signer]));
    world.issuer.say(json!({ "active": true, "iss": TENANT, "aud": AUDIENCE }).to_string());
    world.issuer.set(&[Document::Metadata], openid);
    world.issuer.set(&[Document::OAuthMetadata], oauth);
    (world, signer)
}

/// Metadata that lacks one member.
fn without(member: &str) -> Weather {
    Weather::Says(metadata(json!({ member: null })))
}

#[test]
fn an_issuer_with_rfc_8414_metadata_alone_serves_jwts_and_introspection() {
    let (world, signer) = world_of(ABSENT, Weather::Fine);
    assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted);
    assert_eq!(world.introspect("opaque").outcome, Outcome::Accepted);
    assert_eq!((world.issuer.count(Document::Metadata), world.issuer.count(Document::OAuthMetadata)), (1, 1));
    world.engine.store().with_metadata(
        false,
        Box::new(|metadata| assert_eq!(metadata.expect("metadata").text, super::issuer::metadata(json!({})))),
    );
}

#[test]
fn an_openid_place_that_answers_anything_but_404_is_an_outage_and_asks_for_nothing_else() {
    for weather in FAULTS.into_iter().chain([Weather::Status(301, None), Weather::Status(410, None)]) {
        let (world, signer) = world_of(weather.clone(), Weather::Fine);
        let answer = world.validate(&world.token(&signer));
        assert!(matches!(answer.outcome, Outcome::Failed(_)), "{weather:?}: {answer:?}");
        assert_eq!(world.issuer.count(Document::OAuthMetadata), 0, "{weather:?}");
    }
}

#[test]
fn no_document_at_either_place_is_an_outage_that_ends_soon_after_one_is_there() {
    for place in [Document::Metadata, Document::OAuthMetadata] {
        let (world, signer) = world_of(ABSENT, ABSENT);
        for _ in 0..600 {
            let answer = world.validate(&world.token(&signer));
            assert_eq!(answer.outcome, Outcome::Failed(Reason::UnexpectedStatus), "{place:?}");
            world.pass(millis(100));
        }
        world.issuer.set(&[place], Weather::Fine);
        world.pass(secs(10));
        assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted, "{place:?}");
    }
}

#[test]
fn jwts_alone_never_ask_for_the_second_document_when_the_first_names_the_keys() {
    let (world, signer) = world_of(without("introspection_endpoint"), Weather::Fine);
    for _ in 0..360 {
        assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted);
        world.pass(secs(10));
    }
    assert_eq!(world.issuer.count(Document::OAuthMetadata), 0);
}

#[test]
fn a_missing_endpoint_costs_one_more_request_per_refresh_of_the_metadata_for_all_who_wait() {
    let (world, _) = world_of(without("introspection_endpoint"), Weather::Fine);
    let accepted = Arc::new(AtomicUsize::new(0));
    for number in 0..100 {
        let accepted = Arc::clone(&accepted);
        let waiter = move |answer: Result<Arc<str>, _>| {
            accepted.fetch_add(usize::from(answer.is_ok()), Ordering::SeqCst);
        };
        world.engine.introspect(&format!("opaque-{number}"), world.date(), Box::new(waiter));
    }
    world.pass(millis(100));
    assert_eq!(accepted.load(Ordering::SeqCst), 100);
    assert_eq!(world.issuer.count(Document::OAuthMetadata), 1);
    for _ in 0..360 {
        assert_eq!(world.introspect("opaque").outcome, Outcome::Accepted);
        world.pass(secs(10));
    }
    let (first, second) = (world.issuer.count(Document::Metadata), world.issuer.count(Document::OAuthMetadata));
    assert!(first.abs_diff(second) <= 1 && (12..=18).contains(&second), "{first}, {second} in an hour");
}

#[test]
fn keys_that_only_the_second_document_names_are_found() {
    let (world, signer) = world_of(without("jwks_uri"), Weather::Fine);
    assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted);
    assert_eq!(world.issuer.count(Document::OAuthMetadata), 1);
}

#[test]
fn a_second_document_that_cannot_be_had_is_an_outage_of_introspection_and_none_of_jwts() {
    for weather in FAULTS {
        let (world, signer) = world_of(without("introspection_endpoint"), weather.clone());
        for _ in 0..60 {
            let answer = world.introspect("opaque");
            assert!(matches!(answer.outcome, Outcome::Failed(_)), "{weather:?}: {answer:?}");
            assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted, "{weather:?}");
            world.pass(millis(500));
        }
        let asked = world.issuer.count(Document::OAuthMetadata);
        assert!(asked <= 15, "{weather:?}: {asked}");
        assert_eq!(world.issuer.count(Document::Metadata), 1, "{weather:?}");
        world.issuer.set(&[Document::OAuthMetadata], Weather::Fine);
        world.pass(if matches!(weather, Weather::Status(429, _)) { secs(30) } else { secs(10) });
        assert_eq!(world.introspect("opaque").outcome, Outcome::Accepted, "{weather:?}");
    }
}

#[test]
fn a_second_document_that_was_there_serves_through_its_outage() {
    for weather in FAULTS.into_iter().chain([ABSENT]) {
        let (world, _) = world_of(without("introspection_endpoint"), Weather::Fine);
        assert_eq!(world.introspect("opaque").outcome, Outcome::Accepted);
        world.pass(secs(200));
        world.issuer.set(&[Document::OAuthMetadata], weather.clone());
        for _ in 0..600 {
            let answer = world.introspect("opaque");
            assert_eq!(answer.outcome, Outcome::Accepted, "{weather:?}: {answer:?}");
            assert!(answer.waited <= secs(1) + millis(50), "{weather:?}: {answer:?}");
            world.pass(secs(10));
        }
    }
}

#[test]
fn a_second_document_of_another_issuer_or_of_none_is_not_used() {
    for (issuer, reason) in [
        (json!("https://elsewhere.example"), Reason::MetadataIssuerMismatch),
        (json!(null), Reason::BodyInvalid),
        (json!(7), Reason::BodyInvalid),
    ] {
        let says = Weather::Says(metadata(json!({ "issuer": issuer })));
        let (world, signer) = world_of(without("introspection_endpoint"), says.clone());
        assert_eq!(world.introspect("opaque").outcome, Outcome::Failed(reason), "{issuer}");
        assert_eq!(world.issuer.count(Document::Introspection), 0, "{issuer}");
        assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted, "{issuer}");
        let (world, signer) = world_of(ABSENT, says);
        assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Failed(reason), "{issuer}");
        assert_eq!(world.issuer.count(Document::Keys), 0, "{issuer}");
    }
}

#[test]
fn an_endpoint_that_must_not_be_called_is_not_looked_for_elsewhere() {
    let unsafe_one = Weather::Says(metadata(json!({ "introspection_endpoint": "http://issuer.example/introspect" })));
    let (world, _) = world_of(unsafe_one, Weather::Fine);
    assert_eq!(world.introspect("opaque").outcome, Outcome::Failed(Reason::EndpointRefused));
    assert_eq!(world.issuer.count(Document::OAuthMetadata), 0);
}

#[test]
fn an_endpoint_that_neither_document_names_is_looked_for_again_every_30_seconds() {
    for oauth in [ABSENT, without("introspection_endpoint")] {
        let (world, _) = world_of(without("introspection_endpoint"), oauth);
        for _ in 0..3000 {
            let answer = world.introspect("opaque");
            assert_eq!(answer.outcome, Outcome::Failed(Reason::IntrospectionEndpointMissing));
            world.pass(millis(100));
        }
        for document in [Document::Metadata, Document::OAuthMetadata] {
            assert!((9..=11).contains(&world.issuer.count(document)), "{document:?}: {}", world.issuer.count(document));
        }
        world.issuer.set(&[Document::Metadata], Weather::Fine);
        world.introspect("opaque");
        world.pass(secs(30));
        world.introspect("opaque");
        world.pass(secs(1));
        assert_eq!(world.introspect("opaque").outcome, Outcome::Accepted);
    }
}

#[test]
fn keys_that_moved_are_found_at_their_new_address_before_the_metadata_is_due() {
    let (world, old) = world_of(Weather::Says(metadata(json!({ "jwks_uri": format!("{TENANT}/old") }))), ABSENT);
    // The old address worked once.
    world.issuer.set(&[Document::Elsewhere], Weather::Says(jwks([&old])));
    assert_eq!(world.validate(&world.token(&old)).outcome, Outcome::Accepted);
    world.pass(secs(10));
    let new = Signer::new("new");
    world.issuer.set(&[Document::Elsewhere], ABSENT);
    world.issuer.set(&[Document::Metadata], Weather::Fine);
    world.issuer.publish(jwks([&new]));
    assert_eq!(world.validate(&world.token(&new)).outcome, Outcome::Failed(Reason::UnexpectedStatus));
    world.pass(millis(1300));
    world.call(&world.token(&new));
    world.pass(millis(100));
    assert_eq!(world.validate(&world.token(&new)).outcome, Outcome::Accepted);
}

#[test]
fn metadata_that_is_broken_is_fetched_again_while_no_keys_can_be_had() {
    for broken in [
        without("jwks_uri"),
        without("issuer"),
        Weather::Says(metadata(json!({ "jwks_uri": format!("{TENANT}/nowhere") }))),
        Weather::Says(metadata(json!({ "jwks_uri": "http://issuer.example/jwks" }))),
        Weather::Says(metadata(json!({ "issuer": "https://elsewhere.example" }))),
    ] {
        let (world, signer) = world_of(broken.clone(), ABSENT);
        let answer = world.validate(&world.token(&signer));
        assert!(matches!(answer.outcome, Outcome::Failed(_)), "{broken:?}: {answer:?}");
        world.issuer.set(&[Document::Metadata], Weather::Fine);
        world.pass(millis(1300));
        assert_eq!(world.validate(&world.token(&signer)).outcome, Outcome::Accepted, "{broken:?}");
    }
}
