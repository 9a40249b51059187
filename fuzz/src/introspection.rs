//! Any octets as the body of an introspection response, under one of several statuses. Only an active token returns
//! claims, and they are unchanged. No error contains a body that may contain claims.

use std::sync::{Arc, Mutex};

use monocloud_backend_node::engine::authorize::policy::Policy;
use monocloud_backend_node::engine::error::{Class, Failure, Reason};
use monocloud_backend_node::engine::token::claims::Origin;
use monocloud_backend_node::engine::token::json;
use monocloud_backend_node::engine::transport::Response;
use serde_json::Value;

use super::claims::{depth, is_good};
use super::world::{self, NOW, World};

const TOKEN: &str = "opaque";
/// The first octet selects the status; the rest is the body.
const STATUSES: [u16; 8] = [200, 200, 200, 200, 400, 401, 403, 302];
/// How many characters of a foreign text an error may contain.
const EXCERPT: usize = 1024;

pub fn check(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let status = STATUSES[usize::from(*first) % STATUSES.len()];
    // None of these responses opens the circuit breaker: neither their content nor their statuses count.
    world::with(|world| match ask(world, status, body) {
        Ok(text) => check_claims(world, status, body, &text),
        Err(failure) => check_failure(status, &failure),
    });
}

fn ask(world: &World, status: u16, body: &[u8]) -> Result<Arc<str>, Failure> {
    world.will_say(Response { status, body: body.to_vec(), ..Response::default() });
    let answer = Arc::new(Mutex::new(None));
    let waiter = Arc::clone(&answer);
    world.engine.introspect(TOKEN, NOW, Box::new(move |outcome| *waiter.lock().expect("a lock") = Some(outcome)));
    let answer = answer.lock().expect("a lock").take();
    answer.expect("an answer, at once")
}

fn check_claims(world: &World, status: u16, body: &[u8], text: &str) {
    assert_eq!(status, 200);
    assert_eq!(text.as_bytes(), body);
    // Claims that no rule reads may contain a number that Rust cannot represent.
    let Some(value) = json::document(text) else { return };
    assert_eq!(value.get("active"), Some(&Value::Bool(true)));
    let policy = Policy::default();
    let decision = world.engine.decide_introspected(text, Origin::Introspection, &world::call(TOKEN, &policy));
    assert_eq!(decision.is_ok(), is_good(&value, true));
    assert!(depth(&value) <= 32);
}

fn check_failure(status: u16, failure: &Failure) {
    let class = failure.reason.spec().class;
    match status {
        200 => assert!(matches!(failure.reason, Reason::Inactive | Reason::BodyInvalid), "{:?}", failure.reason),
        400 | 401 => assert_eq!(class, Class::Op),
        _ => assert_eq!(class, Class::Http),
    }
    let Some(detail) = &failure.detail else { return };
    assert_eq!(detail.status, Some(status));
    assert!(status != 200 || detail.body.is_empty());
    for text in [Some(&detail.body), detail.error.as_ref(), detail.error_description.as_ref()].into_iter().flatten() {
        assert!(text.chars().count() <= EXCERPT);
    }
}
