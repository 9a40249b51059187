//! Introspection in virtual time: sharing, what each answer means, the fuse.

use std::sync::mpsc::{Receiver, channel};

use serde_json::{Value, json};

use super::*;
use crate::engine::config::{Flavour, Surroundings};
use crate::engine::options::Options;
use crate::engine::testing::{AUDIENCE, FakeIssuer, ISSUER};
use crate::engine::time::ManualMonotonic;

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
    let config = Config::prove(&options, Flavour::Backend, &Surroundings::default()).ok().expect("a config");
    let issuer = Arc::new(FakeIssuer::default());
    let clock = Arc::new(ManualMonotonic::default());
    let store = KeyStore::new(config.key_source.clone(), Arc::clone(&issuer) as _, Arc::clone(&clock) as _);
    let introspection = Introspection::new(Arc::new(config), store, Arc::clone(&issuer) as _, Arc::clone(&clock) as _);
    World { introspection, issuer, clock }
}

/// A client whose metadata is there.
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
        let answer = self.ask("token");
        let status_text = String::new();
        self.issuer.answer(Ok(Response { status, status_text, headers: Vec::new(), body: body.into() }));
        answer.try_recv().expect("an answer")
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
fn the_request_is_a_form_with_the_token_and_who_asks() {
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
fn a_request_has_an_asker_until_the_client_is_gone_and_then_none_is_made() {
    let world = world();
    let has_asker = |request: &Request| {
        let Request::Http(HttpRequest { asker: Some(asker), .. }) = request else { panic!("a request with an asker") };
        asker.has_changed().is_ok()
    };
    let _answer = world.ask("one");
    assert!(world.issuer.asks_only(has_asker));
    world.introspection.abandon();
    assert!(world.issuer.asks_only(|request| !has_asker(request)));
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
        world.answer(200, r#"{"active":true}"#).expect("the fuse is mended");
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

#[test]
fn after_ten_failures_in_a_row_one_probe_a_second_is_let_through_until_one_succeeds() {
    let world = world();
    for _ in 0..10 {
        assert_eq!(world.reason(500, ""), Some(Reason::UnexpectedStatus));
    }
    assert_eq!(world.introspection.failures(), (10, Some(Reason::UnexpectedStatus)));
    let suspended = || world.ask("token").try_recv().ok().and_then(|answer| answer.err()).map(|f| f.reason);
    let before = world.issuer.sent();
    assert_eq!(suspended(), Some(Reason::IntrospectionSuspended));
    world.clock.advance(Duration::from_millis(999));
    assert_eq!(suspended(), Some(Reason::IntrospectionSuspended));
    assert_eq!(world.issuer.sent(), before);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.reason(500, ""), Some(Reason::UnexpectedStatus));
    assert_eq!(suspended(), Some(Reason::IntrospectionSuspended));
    world.clock.advance(Duration::from_secs(1));
    assert!(world.answer(200, r#"{"active":true}"#).is_ok());
    assert!(world.answer(200, r#"{"active":true}"#).is_ok());
    assert_eq!(world.introspection.failures(), (0, None));
}

#[test]
fn what_a_token_can_provoke_is_no_outage() {
    let world = world();
    for _ in 0..30 {
        assert_eq!(world.reason(403, ""), Some(Reason::UnexpectedStatus));
    }
    assert_eq!(world.introspection.failures().0, 0);
}

#[test]
fn nobody_is_asked_about_what_cannot_be_a_token() {
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
    assert_eq!(world.introspection.failures().0, 0);
}

#[test]
fn what_is_missing_is_said_without_asking_anybody() {
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
