//! Introspection in virtual time: shared requests, the meaning of each response, the limits, and the circuit breaker.

use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::*;
use crate::engine::config::options::Options;
use crate::engine::config::{ClientKind, Config, HostEnvironment};
use crate::engine::testing::{AUDIENCE, FakeIssuer, ISSUER};
use crate::engine::time::ManualMonotonic;
use crate::engine::transport::{HttpRequest, Response};

struct World {
    introspection: Arc<Introspection>,
    issuer: Arc<FakeIssuer>,
    clock: Arc<ManualMonotonic>,
}

fn world_of(more: Value) -> World {
    let mut given = json!({ "tenantDomain": ISSUER, "audience": AUDIENCE });
    for (name, value) in more.as_object().expect("an object") {
        given[name] = value.clone();
    }
    let options = Options { given: &given, environment: &Value::Null };
    let config = Config::parse(&options, ClientKind::Backend, &HostEnvironment::default()).ok().expect("a config");
    let issuer = Arc::new(FakeIssuer::default());
    let clock = Arc::new(ManualMonotonic::default());
    let store = KeyStore::new(config.key_source.clone(), Arc::clone(&issuer) as _, Arc::clone(&clock) as _);
    let introspection =
        Introspection::new(config.introspection, store, Arc::clone(&issuer) as _, Arc::clone(&clock) as _);
    World { introspection, issuer, clock }
}

/// A client that has its metadata.
fn world() -> World {
    let world = world_of(json!({ "clientId": "id", "clientSecret": "secret" }));
    world.introspection.store.wait_for_metadata(false, Box::new(|| {}));
    world.issuer.serve("");
    world
}

impl World {
    fn ask(&self, token: &str) -> Receiver<Answer> {
        let (sender, receiver) = channel();
        self.introspection.ask(token, 1000.0, Box::new(move |answer| sender.send(answer).expect("a listener")));
        receiver
    }

    fn answer(&self, status: u16, body: &str) -> Answer {
        self.answer_about("token", status, body)
    }

    fn answer_about(&self, token: &str, status: u16, body: &str) -> Answer {
        let answer = self.ask(token);
        let status_text = String::new();
        self.issuer.answer(Ok(Response { status, status_text, headers: Vec::new(), body: body.into() }));
        answer.try_recv().expect("an answer")
    }

    fn failures(&self) -> (u32, Option<Reason>) {
        let health = self.introspection.health();
        (health.failures, health.last_failure)
    }

    /// Opens the breaker by ten consecutive failures of ten tokens.
    fn suspend(&self) {
        for number in 0..10 {
            assert!(self.answer_about(&format!("failing-{number}"), 500, "").is_err());
        }
        assert!(self.introspection.health().is_suspended);
    }

    fn reason(&self, status: u16, body: &str) -> Option<Reason> {
        self.answer(status, body).err().map(|failure| failure.reason)
    }
}

#[test]
fn a_hundred_calls_for_one_token_share_one_request_and_two_tokens_do_not() {
    let world = world();
    let before = world.issuer.sent();
    let answers: Vec<_> = (0..100).map(|_| world.ask("one")).collect();
    let other = world.ask("other");
    assert_eq!(world.issuer.sent() - before, 2);
    world.issuer.serve(r#"{"active":true}"#);
    assert!(answers.iter().chain([&other]).all(|answer| answer.try_recv().is_ok_and(|answer| answer.is_ok())));
}

#[test]
fn the_request_is_a_form_with_the_token_and_the_credentials() {
    let world = world();
    let _answer = world.ask("a b&c");
    let Request::Http(request) = world.issuer.answer(Err(Reason::TimedOut.into())) else { panic!("a request") };
    let form = request.form.expect("a form");
    assert_eq!(form, "token=a+b%26c&token_type_hint=access_token&client_id=id&client_secret=secret");
    assert_eq!(request.url.as_str(), "https://x/introspect");
    assert!(
        !format!("{:?}", HttpRequest { form: Some(form), ..HttpRequest::get_json(request.url) }).contains("secret")
    );
}

#[test]
fn requests_are_cancelled_when_the_client_is_gone_and_no_new_one_is_sent() {
    let world = world();
    let is_wanted = |request: &Request| {
        let Request::Http(HttpRequest { cancel_signal: Some(signal), .. }) = request else { panic!("a cancel signal") };
        signal.has_changed().is_ok()
    };
    let _answer = world.ask("one");
    assert!(world.issuer.asks_only(is_wanted));
    world.introspection.abandon();
    assert!(world.issuer.asks_only(|request| !is_wanted(request)));
    let before = world.issuer.sent();
    let refused = world.ask("two").try_recv().expect("at once").expect_err("a failure");
    assert_eq!((refused.reason, world.issuer.sent()), (Reason::TimedOut, before));
}

#[test]
fn only_active_true_is_active() {
    let world = world();
    assert!(world.answer(200, r#"{"active":true,"sub":"x"}"#).is_ok());
    for body in [
        r#"{"active":false}"#,
        r#"{"active":"true"}"#,
        r#"{"active":1}"#,
        r#"{"active":null}"#,
        "{}",
        r#"{"active":[true]}"#,
    ] {
        assert_eq!(world.reason(200, body), Some(Reason::Inactive), "{body}");
    }
}

#[test]
fn a_body_that_is_not_one_strict_object_is_no_verdict() {
    let world = world();
    for body in
        ["", "[]", "null", "<html>", r#"{"active":true,"active":true}"#, r#"{"active":true}x"#, r#"{"active":tr"#]
    {
        assert_eq!(world.reason(200, body), Some(Reason::BodyInvalid), "{body}");
    }
}

#[test]
fn each_status_has_its_class() {
    let world = world();
    assert_eq!(world.reason(400, ""), Some(Reason::IntrospectionRefused));
    assert_eq!(world.reason(401, ""), Some(Reason::ClientRefused));
    for status in [201, 204, 301, 302, 403, 404, 429, 500, 503] {
        assert_eq!(world.reason(status, ""), Some(Reason::UnexpectedStatus), "{status}");
    }
    assert_eq!(world.reason(400, r#"{"error":"invalid_client"}"#), Some(Reason::ClientRefused));
    for error in ["invalid_request", "unauthorized_client", "Invalid_client", "invalid_client ", ""] {
        let body = format!(r#"{{"error":"{error}"}}"#);
        assert_eq!(world.reason(400, &body), Some(Reason::IntrospectionRefused), "{error}");
    }
    let error = |status: u16, body: &str| {
        let detail = world.answer(status, body).err().and_then(|failure| failure.detail);
        detail.and_then(|detail| detail.error)
    };
    assert_eq!(error(400, "").as_deref(), Some("introspection_failed"));
    assert_eq!(error(401, "<html>").as_deref(), Some("invalid_client"));
    assert_eq!(error(400, r#"{"error":"invalid_request"}"#).as_deref(), Some("invalid_request"));
}

#[test]
fn a_broken_connection_is_tried_once_more_and_a_refused_one_is_not() {
    let world = world();
    let answer = world.ask("token");
    world.issuer.answer(Err(Reason::ConnectionFailed.into()));
    world.issuer.answer(Err(Reason::ConnectionFailed.into()));
    assert_eq!(answer.try_recv().expect("an answer").err().map(|f| f.reason), Some(Reason::ConnectionFailed));
    let before = world.issuer.sent();
    let answer = world.ask("token");
    world.issuer.answer(Err(Reason::ConnectionRefused.into()));
    assert!(answer.try_recv().is_ok());
    assert_eq!(world.issuer.sent() - before, 1);
}

fn reason_of(answer: &Receiver<Answer>) -> Option<Reason> {
    answer.try_recv().expect("an answer, at once").err().map(|failure| failure.reason)
}

#[test]
fn after_ten_failures_of_several_tokens_one_probe_per_second_is_sent_until_one_is_answered() {
    let world = world();
    world.suspend();
    assert_eq!(world.failures(), (10, Some(Reason::UnexpectedStatus)));
    let before = world.issuer.sent();
    assert_eq!(reason_of(&world.ask("other")), Some(Reason::IntrospectionSuspended));
    world.clock.advance(Duration::from_millis(999));
    assert_eq!(reason_of(&world.ask("other")), Some(Reason::IntrospectionSuspended));
    assert_eq!(world.issuer.sent(), before);
    world.clock.advance(Duration::from_millis(1));
    assert!(world.answer_about("other", 500, "").is_err());
    assert_eq!(reason_of(&world.ask("another")), Some(Reason::IntrospectionSuspended));
    world.clock.advance(Duration::from_secs(1));
    assert!(world.answer_about("another", 200, r#"{"active":true}"#).is_ok());
    assert!(world.answer_about("other", 200, r#"{"active":true}"#).is_ok());
    assert_eq!(world.failures(), (0, None));
}

#[test]
fn two_tokens_never_suspend_introspection_and_the_third_does() {
    let world = world();
    for number in 0..100 {
        assert!(world.answer_about(&format!("{}", number % 2), 500, "").is_err());
    }
    assert_eq!((world.failures().0, world.introspection.health().is_suspended), (100, false));
    assert!(world.answer_about("third", 500, "").is_err());
    assert!(world.introspection.health().is_suspended);
}

#[test]
fn a_token_that_has_just_failed_is_no_probe() {
    let world = world();
    world.suspend();
    world.clock.advance(Duration::from_secs(1));
    let before = world.issuer.sent();
    assert_eq!(reason_of(&world.ask("failing-3")), Some(Reason::IntrospectionSuspended));
    assert_eq!(world.issuer.sent(), before);
    // Later it may be a probe again, because an API may be called with few tokens.
    world.clock.advance(Duration::from_secs(4));
    assert!(world.answer_about("failing-3", 200, r#"{"active":true}"#).is_ok());
}

#[test]
fn what_a_token_or_the_content_of_its_answer_can_cause_suspends_nothing_and_ends_a_suspension() {
    let bodies = [r#"{"active":true,"name":"Ann \ud83d"}"#, "[]", "<html>", "{\"active\":true,\"x\":\u{0}}"];
    let odd = bodies.map(|body| (200, body)).into_iter().chain([201, 302, 403, 404, 413, 414, 451].map(|s| (s, "")));
    for (status, body) in odd {
        let world = world();
        for number in 0..30 {
            world.answer_about(&format!("odd-{number}"), status, body).ok();
        }
        assert_eq!(world.failures(), (0, None), "{status} {body}");
        world.clock.advance(Duration::from_secs(10));
        world.suspend();
        world.clock.advance(Duration::from_secs(1));
        world.answer_about("odd", status, body).ok();
        assert!(!world.introspection.health().is_suspended, "{status} {body}");
    }
}

#[test]
fn beside_an_answer_of_the_last_ten_seconds_only_failures_of_known_tokens_suspend() {
    let world = world();
    let fail_ten = |name: &str| {
        for number in 0..10 {
            assert!(world.answer_about(&format!("{name}-{number}"), 500, "").is_err());
        }
        world.introspection.health().is_suspended
    };
    let accept_ten = |name: &str| {
        for number in 0..10 {
            assert!(world.answer_about(&format!("{name}-{number}"), 200, r#"{"active":true}"#).is_ok());
        }
    };
    accept_ten("known");
    assert!(!fail_ten("garbage"));
    assert!(fail_ten("known"));
    world.clock.advance(Duration::from_secs(5));
    accept_ten("known");
    world.clock.advance(Duration::from_millis(9_999));
    assert!(!fail_ten("garbage"));
    world.clock.advance(Duration::from_millis(1));
    assert!(fail_ten("garbage"));
}

#[test]
fn a_failure_of_a_request_that_was_sent_before_the_last_answer_is_no_evidence() {
    let world = world();
    let waiting: Vec<_> = (0..100).map(|number| world.ask(&format!("slow-{number}"))).collect();
    let requests = world.issuer.take();
    world.clock.advance(Duration::from_millis(1));
    assert!(world.answer_about("good", 200, r#"{"active":true}"#).is_ok());
    world.clock.advance(Duration::from_secs(20));
    requests.into_iter().for_each(|(_, done)| done(Err(Reason::TimedOut.into())));
    assert!(waiting.iter().all(|answer| reason_of(answer) == Some(Reason::TimedOut)));
    assert!(!world.introspection.health().is_suspended);
}

#[test]
fn a_known_token_is_a_probe_when_the_unknown_ones_have_had_theirs() {
    let world = world();
    assert!(world.answer_about("known", 200, r#"{"active":true}"#).is_ok());
    world.clock.advance(Duration::from_secs(10));
    world.suspend();
    world.clock.advance(Duration::from_secs(1));
    assert!(world.answer_about("unknown", 500, "").is_err());
    assert_eq!(reason_of(&world.ask("unknown-too")), Some(Reason::IntrospectionSuspended));
    assert!(world.answer_about("known", 200, r#"{"active":true}"#).is_ok());
    assert!(!world.introspection.health().is_suspended);
}

#[test]
fn what_waits_in_the_queue_is_answered_when_the_breaker_opens_and_a_known_token_keeps_its_place() {
    let world = world();
    assert!(world.answer_about("known", 200, r#"{"active":true}"#).is_ok());
    world.clock.advance(Duration::from_secs(10));
    let _under_way: Vec<_> = (0..MAX_IN_FLIGHT).map(|number| world.ask(&format!("{number}"))).collect();
    let waiting: Vec<_> = (0..20).map(|number| world.ask(&format!("waiting-{number}"))).collect();
    for _ in 0..10 {
        world.issuer.answer(Err(Reason::ConnectionRefused.into()));
    }
    // Each of the first nine failures let one waiting token start.
    let (suspended, sent) = waiting.split_at(11);
    assert!(suspended.iter().all(|answer| reason_of(answer) == Some(Reason::IntrospectionSuspended)));
    assert!(sent.iter().all(|answer| answer.try_recv().is_err()));
    let known = world.ask("known");
    world.issuer.serve(r#"{"active":true}"#);
    assert!(known.try_recv().is_ok_and(|answer| answer.is_ok()));
}

#[test]
fn at_most_128_are_in_flight_and_1000_wait_and_beyond_that_the_oldest_is_overloaded() {
    let world = world();
    let before = world.issuer.sent();
    let answers: Vec<_> = (0..3_000).map(|number| world.ask(&format!("garbage-{number}"))).collect();
    let under_way = MAX_IN_FLIGHT - KEPT_FOR_KNOWN_TOKENS;
    assert_eq!(world.issuer.sent() - before, under_way);
    let health = world.introspection.health();
    assert_eq!((health.in_flight, health.queued), (under_way, MAX_QUEUED));
    for (number, answer) in answers.iter().enumerate() {
        let is_displaced = (under_way..3_000 - MAX_QUEUED).contains(&number);
        let reason = answer.try_recv().ok().and_then(|answer| answer.err()).map(|failure| failure.reason);
        assert_eq!(reason, is_displaced.then_some(Reason::Overloaded), "{number}");
    }
    world.issuer.serve(r#"{"active":false}"#);
    assert_eq!(answers.iter().filter(|answer| answer.try_recv().is_ok()).count(), under_way + MAX_QUEUED);
    let health = world.introspection.health();
    assert_eq!((health.in_flight, health.queued, health.is_suspended), (0, 0, false));
}

#[test]
fn a_known_token_is_sent_at_once_beside_garbage_that_holds_every_other_place() {
    let world = world();
    assert!(world.answer_about("known", 200, r#"{"active":true}"#).is_ok());
    let _garbage: Vec<_> = (0..3_000).map(|number| world.ask(&format!("garbage-{number}"))).collect();
    let before = world.issuer.sent();
    let _known = world.ask("known");
    assert_eq!(world.issuer.sent() - before, 1);
}

#[test]
fn a_token_that_was_answered_slowly_is_not_preferred() {
    let world = world();
    let slow = world.ask("known-but-slow");
    world.clock.advance(Duration::from_millis(1_001));
    world.issuer.serve(r#"{"active":true}"#);
    assert!(slow.try_recv().is_ok_and(|answer| answer.is_ok()));
    let _garbage: Vec<_> = (0..200).map(|number| world.ask(&format!("garbage-{number}"))).collect();
    let before = world.issuer.sent();
    let _slow = world.ask("known-but-slow");
    assert_eq!(world.issuer.sent(), before);
}

#[test]
fn the_newest_of_the_unknown_tokens_is_sent_next() {
    let world = world();
    let under_way = MAX_IN_FLIGHT - KEPT_FOR_KNOWN_TOKENS;
    let _garbage: Vec<_> = (0..500).map(|number| world.ask(&format!("garbage-{number}"))).collect();
    let newest = world.ask("newest");
    world.issuer.answer(Ok(Response::resolved(r#"{"active":false}"#.into())));
    let requests = world.issuer.take();
    assert_eq!(requests.len(), under_way);
    let (Request::Http(last), _) = requests.into_iter().next_back().expect("a request") else { panic!("HTTP") };
    assert!(last.form.is_some_and(|form| form.starts_with("token=newest&")));
    drop(newest);
}

#[test]
fn what_waits_in_the_queue_ends_at_its_deadline_and_what_is_sent_late_has_the_rest_of_it() {
    let world = world();
    let _under_way: Vec<_> = (0..MAX_IN_FLIGHT).map(|number| world.ask(&format!("{number}"))).collect();
    assert!(world.introspection.needs_watch());
    assert!(!world.introspection.needs_watch(), "one watch is enough");
    world.clock.advance(Duration::from_millis(1_500));
    let waiting = world.ask("waiting");
    assert_eq!(world.introspection.expire(), Some(Duration::from_millis(3_500)));
    world.clock.advance(Duration::from_millis(2_500));
    world.issuer.answer(Ok(Response::resolved(r#"{"active":false}"#.into())));
    let requests = world.issuer.take();
    let (Request::Http(last), _) = requests.last().expect("a request") else { panic!("HTTP") };
    assert_eq!(last.time_limit, Some(Duration::from_millis(2_500)));
    let late = world.ask("late");
    world.clock.advance(Duration::from_millis(4_999));
    world.introspection.expire();
    assert!(late.try_recv().is_err());
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.introspection.expire(), None);
    assert_eq!(reason_of(&late), Some(Reason::TimedOut));
    drop((requests, waiting));
}

#[test]
fn an_abandoned_client_drops_all_waiters() {
    let world = world();
    let answers: Vec<_> = (0..3_000).map(|number| world.ask(&format!("garbage-{number}"))).collect();
    world.introspection.abandon();
    assert_eq!(world.introspection.health().queued, 0);
    let before = world.issuer.sent();
    world.issuer.serve(r#"{"active":false}"#);
    assert_eq!((world.introspection.health().in_flight, world.issuer.sent()), (0, before));
    drop(answers);
}

#[test]
fn the_callers_that_wait_for_one_token_are_bounded() {
    let world = world();
    let answers: Vec<_> = (0..MAX_WAITERS + 5).map(|_| world.ask("one")).collect();
    let (joined, refused) = answers.split_at(MAX_WAITERS);
    assert!(refused.iter().all(|answer| reason_of(answer) == Some(Reason::Overloaded)));
    world.issuer.serve(r#"{"active":true}"#);
    assert!(joined.iter().all(|answer| answer.try_recv().is_ok_and(|answer| answer.is_ok())));
}

#[test]
fn a_failure_to_fetch_metadata_does_not_count_for_the_breaker() {
    let world = world_of(json!({ "clientId": "id", "clientSecret": "secret" }));
    let answers: Vec<_> = (0..2_000).map(|number| world.ask(&format!("{number}"))).collect();
    world.issuer.fail();
    let ended = answers.iter().filter(|answer| answer.try_recv().is_ok()).count();
    assert_eq!((ended, world.failures(), world.introspection.health().is_suspended), (2_000, (0, None), false));
}

#[test]
fn no_request_is_sent_for_a_text_that_cannot_be_a_token() {
    let world = world();
    let before = world.issuer.sent();
    for token in ["a\0", "a\n", "ä", "a\u{7f}"] {
        let answer = world.ask(token).try_recv().expect("at once");
        assert_eq!(answer.err().map(|failure| failure.reason), Some(Reason::TokenMalformed));
    }
    assert_eq!(world.issuer.sent(), before);
}

#[test]
fn a_refusal_is_an_answer_and_no_failure_of_the_endpoint() {
    let world = world();
    for _ in 0..30 {
        assert_eq!(world.reason(401, ""), Some(Reason::ClientRefused));
        assert_eq!(world.reason(200, r#"{"active":false}"#), Some(Reason::Inactive));
    }
    assert_eq!(world.failures().0, 0);
}

#[test]
fn a_missing_credential_is_reported_without_a_request() {
    let reason = |world: &World, token: &str| world.ask(token).try_recv().expect("at once").err().map(|f| f.reason);
    assert_eq!(reason(&world_of(json!({})), "t"), Some(Reason::ClientIdRequired));
    assert_eq!(reason(&world_of(json!({ "clientId": "id" })), "t"), Some(Reason::ClientSecretRequired));
    assert_eq!(reason(&world(), &"t".repeat(MAX_TOKEN_BYTES + 1)), Some(Reason::TokenTooLarge));
}

#[test]
fn metadata_without_the_endpoint_is_a_configuration_error() {
    let world = world_of(json!({ "clientId": "id", "clientSecret": "secret" }));
    let answer = world.ask("token");
    world.issuer.answer(Ok(Response::resolved(r#"{"issuer":"https://x"}"#.into())));
    world.issuer.answer(Ok(Response { status: 404, ..Response::default() }));
    let reason = answer.try_recv().expect("an answer").err().map(|failure| failure.reason);
    assert_eq!(reason, Some(Reason::IntrospectionEndpointMissing));
}
