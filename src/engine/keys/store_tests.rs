//! The key store in virtual time, with an issuer that answers on command.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::engine::keys::metadata::Endpoint;
use crate::engine::testing::{FakeIssuer, METADATA, set_of};
use crate::engine::time::ManualMonotonic;
use crate::engine::transport::{Request, Response};

struct World {
    issuer: Arc<FakeIssuer>,
    clock: Arc<ManualMonotonic>,
    store: Arc<KeyStore>,
}

fn world_of(resolves_metadata: bool, resolves_jwks: bool) -> World {
    let lifetime = Lifetime { max_age: Duration::from_secs(300), max_stale: Duration::from_secs(86_400) };
    let source = KeySource {
        tenant: Tenant::parse("https://x").expect("a tenant"),
        metadata_lifetime: lifetime,
        keys_lifetime: lifetime,
        resolves_metadata,
        resolves_jwks,
    };
    let issuer = Arc::new(FakeIssuer::default());
    let clock = Arc::new(ManualMonotonic::default());
    let store = KeyStore::new(source, Arc::clone(&issuer) as _, Arc::clone(&clock) as _);
    World { issuer, clock, store }
}

fn down() -> Failure {
    Failure::from(Reason::ConnectionRefused).into_outage()
}

fn world() -> World {
    world_of(false, false)
}

impl World {
    fn pass(&self, seconds: f64) {
        self.clock.advance(Duration::from_secs_f64(seconds));
    }

    fn warm(&self, kid: &str) {
        self.store.wait_for_keys(Box::new(|| {}));
        self.issuer.serve(&set_of(kid));
    }

    fn generation(&self) -> Option<u64> {
        match self.store.ready_after_wait() {
            Readiness::Ready(published) => Some(published.generation),
            _ => None,
        }
    }
}

#[test]
fn two_hundred_waiters_cost_one_discovery_and_one_jwk_set() {
    let world = world();
    let woken = Arc::new(AtomicUsize::new(0));
    for _ in 0..200 {
        assert!(matches!(world.store.ready(), Readiness::Wait));
        let woken = Arc::clone(&woken);
        world.store.wait_for_keys(Box::new(move || {
            woken.fetch_add(1, Ordering::SeqCst);
        }));
    }
    world.issuer.serve(&set_of("a"));
    assert_eq!(woken.load(Ordering::SeqCst), 200);
    assert_eq!(world.issuer.sent(), 2);
    assert!(matches!(world.store.ready(), Readiness::Ready(_)));
}

#[test]
fn the_same_set_again_is_the_same_generation_and_another_is_another() {
    let world = world();
    world.warm("a");
    let first = world.generation();
    world.warm("a");
    assert_eq!(world.generation(), first);
    world.warm("b");
    assert_ne!(world.generation(), first);
}

#[test]
fn a_refresh_ahead_keeps_answering_with_the_old_keys_meanwhile() {
    let world = world();
    world.warm("a");
    world.pass(240.0);
    assert!(matches!(world.store.ready(), Readiness::Ready(_)));
    assert_eq!(world.issuer.sent(), 4);
    assert!(matches!(world.store.ready(), Readiness::Ready(_)));
    assert_eq!(world.issuer.sent(), 4);
}

#[test]
fn an_issuer_that_is_down_from_the_start_fails_every_waiter_and_is_not_asked_again_within_a_second() {
    let world = world();
    world.store.wait_for_keys(Box::new(|| {}));
    world.issuer.fail();
    assert!(matches!(world.store.ready_after_wait(), Readiness::Failed(f) if f.reason == Reason::ConnectionRefused));
    assert!(matches!(world.store.ready(), Readiness::Failed(_)));
    world.pass(0.99);
    assert!(matches!(world.store.ready(), Readiness::Failed(_)));
    world.pass(0.22);
    assert!(matches!(world.store.ready(), Readiness::Wait));
}

#[test]
fn callers_do_not_notice_an_outage_of_the_issuer_for_24_hours() {
    let world = world();
    world.warm("a");
    for _ in 0..(86_400 / 60 - 1) {
        world.pass(60.0);
        assert!(matches!(world.store.ready(), Readiness::Ready(_)));
        world.issuer.fail();
    }
    world.pass(420.0);
    assert!(matches!(world.store.ready(), Readiness::Wait | Readiness::Failed(_)));
    world.issuer.fail();
}

#[test]
fn an_empty_set_replaces_nothing() {
    let world = world();
    world.warm("a");
    world.store.wait_for_keys(Box::new(|| {}));
    world.issuer.serve(r#"{"keys":[]}"#);
    assert!(matches!(world.store.ready(), Readiness::Ready(published) if published.set.len() == 1));
    assert_eq!(world.store.health().last_failure, Some(Reason::KeysEmpty));
}

#[test]
fn metadata_of_another_issuer_is_a_validation_error_and_an_outage() {
    let world = world();
    world.store.wait_for_keys(Box::new(|| {}));
    world.issuer.answer(Ok(Response::resolved(r#"{"issuer":"https://y"}"#.into())));
    let Readiness::Failed(failure) = world.store.ready_after_wait() else { panic!("no failure") };
    assert_eq!(failure.reason, Reason::MetadataIssuerMismatch);
    assert!(failure.detail.is_some_and(|detail| detail.is_outage));
}

#[test]
fn a_failure_to_get_metadata_or_keys_is_an_outage_whatever_its_status() {
    for status in [201, 204, 302, 400, 401, 403, 404, 418, 429, 500, 503] {
        for is_metadata in [true, false] {
            let world = world();
            world.store.wait_for_keys(Box::new(|| {}));
            if !is_metadata {
                world.issuer.answer(Ok(Response::resolved(METADATA.into())));
            }
            let answer = || Ok(Response { status, ..Response::default() });
            world.issuer.answer(answer());
            if is_metadata && status == 404 {
                world.issuer.answer(answer());
            }
            let Readiness::Failed(failure) = world.store.ready_after_wait() else { panic!("no failure") };
            let detail = failure.detail.expect("a detail");
            assert_eq!((detail.status, detail.is_outage), (Some(status), true), "{is_metadata}");
        }
    }
}

#[test]
fn each_document_names_the_mutual_tls_endpoint_by_itself() {
    let plain = r#""introspection_endpoint":"https://x/plain""#;
    let alias = r#""mtls_endpoint_aliases":{"introspection_endpoint":"https://x/mtls"}"#;
    let no_alias = r#""mtls_endpoint_aliases":{}"#;
    let found = |first: &[&str], second: &[&str]| {
        let world = world();
        let endpoint = Endpoint::MtlsIntrospection { trust_store: None };
        world.store.wait_for_endpoint(endpoint.clone(), Box::new(|| {}));
        for members in [first, second] {
            if world.issuer.is_asked() {
                let text = format!("{{{}}}", [&[r#""issuer":"https://x""#], members].concat().join(","));
                world.issuer.answer(Ok(Response::resolved(text)));
            }
        }
        let sent = world.issuer.sent();
        let located = world.store.endpoint(&endpoint);
        (located.map(|located| located.url.path().to_owned()).map_err(|failure| failure.reason), sent)
    };
    assert_eq!(found(&[plain, alias], &[]), (Ok("/mtls".into()), 1));
    assert_eq!(found(&[plain], &[alias]), (Ok("/plain".into()), 1));
    assert_eq!(found(&[plain, no_alias], &[alias]), (Ok("/mtls".into()), 2));
    assert_eq!(found(&[plain, no_alias], &[plain]), (Ok("/plain".into()), 2));
    assert_eq!(found(&[plain, no_alias], &[no_alias]), (Err(Reason::MtlsEndpointMissing), 2));
    assert_eq!(found(&[], &[]), (Err(Reason::IntrospectionEndpointMissing), 2));
}

#[test]
fn a_flood_of_unknown_kids_costs_at_most_14_requests_per_minute() {
    let world = world();
    world.warm("a");
    let before = world.issuer.sent();
    for tick in 0..60_000 {
        let kid = format!("unknown-{tick}");
        if world.store.unknown_kid(Some(&kid), false) == UnknownKid::Wait {
            world.store.wait_for_keys(Box::new(|| {}));
            world.issuer.serve(&set_of("a"));
        }
        world.clock.advance(Duration::from_millis(1));
    }
    let asked = world.issuer.sent() - before;
    assert!((12..=14).contains(&asked), "{asked}");
}

#[test]
fn a_rotation_is_picked_up_at_once() {
    let world = world();
    world.warm("a");
    assert_eq!(world.store.unknown_kid(Some("b"), false), UnknownKid::Wait);
    assert!(world.store.wait_for_keys(Box::new(|| {})));
    assert!(!world.store.wait_for_keys(Box::new(|| {})), "the second joins the fetch of the first");
    world.issuer.serve(&set_of("b"));
    assert!(matches!(world.store.ready(), Readiness::Ready(published) if published.set.len() == 1));
}

#[test]
fn a_kid_refused_a_moment_ago_asks_for_nothing_and_after_5_seconds_it_may_again() {
    let world = world();
    world.warm("a");
    assert_eq!(world.store.unknown_kid(Some("b"), true), UnknownKid::Refuse);
    assert_eq!(world.store.unknown_kid(Some("b"), false), UnknownKid::Refuse);
    world.pass(5.0);
    assert_eq!(world.store.unknown_kid(Some("b"), false), UnknownKid::Wait);
}

#[test]
fn an_unknown_kid_while_the_issuer_is_failing_is_an_outage_and_no_refusal() {
    let world = world();
    world.warm("a");
    world.store.wait_for_keys(Box::new(|| {}));
    world.issuer.fail();
    assert_eq!(world.store.unknown_kid(Some("b"), false), UnknownKid::Failed(down()));
}

#[test]
fn with_a_jwks_resolver_alone_no_metadata_is_asked_for_and_the_issuer_is_the_tenant() {
    let world = world_of(false, true);
    world.warm("a");
    assert_eq!(world.issuer.sent(), 1);
    assert!(matches!(world.store.ready(), Readiness::Ready(published) if published.issuer.as_ref() == "https://x"));
}

#[test]
fn with_both_resolvers_nothing_is_fetched() {
    let world = world_of(true, true);
    world.store.wait_for_keys(Box::new(|| {}));
    let is_resolved = |request: &Request| !matches!(request, Request::Http(_));
    assert!(world.issuer.asks_only(is_resolved));
    world.issuer.answer(Ok(Response::resolved(r#"{"issuer":"https://x/"}"#.into())));
    assert!(world.issuer.asks_only(is_resolved));
    world.issuer.answer(Ok(Response::resolved(set_of("a"))));
    assert!(matches!(world.store.ready(), Readiness::Ready(published) if published.issuer.as_ref() == "https://x/"));
}

#[test]
fn observers_are_told_of_successes_and_failures_until_they_are_forgotten() {
    let world = world();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&seen);
    world.store.observe(1, Box::new(move |event, _took| log.lock().expect("lock").push(format!("{event:?}"))));
    world.warm("a");
    world.store.wait_for_keys(Box::new(|| {}));
    world.issuer.fail();
    world.store.forget(1);
    world.warm("b");
    assert_eq!(
        *seen.lock().expect("lock"),
        ["Refreshed { keys: 1, left_out: [] }", "RefreshFailed { reason: ConnectionRefused }"]
    );
}
