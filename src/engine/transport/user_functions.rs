//! Requests that the user's JavaScript performs: `fetcher`, `metadataResolver` and `jwksResolver`.
//!
//! A request waits in a queue until JavaScript takes it. JavaScript returns the outcome, which goes to the callback of the
//! request. All of this happens on one thread, because a client with such functions has its own key store.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::engine::error::{Failure, Reason};
use crate::engine::transport::own_client::HttpClient;
use crate::engine::transport::{Done, HttpRequest, Request, Response, Transport};

/// Passes requests for the user's functions to JavaScript, and the others to the engine's own client.
pub struct HostTransport {
    own: Option<Arc<HttpClient>>,
    queue: Mutex<Queue>,
    /// Whether requests wait. The warm path reads this without taking the lock.
    is_waiting: AtomicBool,
}

#[derive(Default)]
struct Queue {
    next_id: u32,
    waiting: Vec<(u32, Request)>,
    pending: HashMap<u32, Done>,
}

impl HostTransport {
    /// `own` performs the HTTP requests. It is `None` when the user's `fetcher` performs them.
    pub fn new(own: Option<Arc<HttpClient>>) -> HostTransport {
        HostTransport { own, queue: Mutex::default(), is_waiting: AtomicBool::new(false) }
    }

    pub fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    /// Takes all waiting requests out of the queue, as JSON: `[{ id, kind, url, headers, form, timeLimit }]`.
    pub fn take(&self) -> String {
        let waiting = {
            let mut queue = self.lock();
            self.is_waiting.store(false, Ordering::Relaxed);
            std::mem::take(&mut queue.waiting)
        };
        let row = |(id, request): (u32, Request)| match request {
            Request::ResolveJwks => json!({ "id": id, "kind": "jwks" }),
            Request::ResolveMetadata => json!({ "id": id, "kind": "metadata" }),
            Request::Http(HttpRequest { url, headers, form, time_limit, .. }) => {
                let limit = time_limit.map(|limit| limit.as_millis() as u64);
                let url = url.as_str();
                json!({ "id": id, "kind": "http", "url": url, "headers": headers, "form": form, "timeLimit": limit })
            }
        };
        Value::Array(waiting.into_iter().map(row).collect()).to_string()
    }

    pub fn answer(&self, id: u32, outcome: Result<Response, Failure>) {
        let done = self.lock().pending.remove(&id);
        if let Some(done) = done {
            done(outcome);
        }
    }

    /// Drops all requests without an answer, because the client is gone.
    pub fn abandon(&self) {
        let queue = std::mem::take(&mut *self.lock());
        // Dropped without the lock, because a callback may hold the last reference to this object.
        drop(queue);
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for HostTransport {
    fn send(&self, request: Request, done: Done) {
        match (&request, &self.own) {
            (Request::Http(_), Some(own)) => own.send(request, done),
            _ => {
                let mut queue = self.lock();
                let id = queue.next_id;
                queue.next_id = id.wrapping_add(1);
                queue.waiting.push((id, request));
                queue.pending.insert(id, done);
                self.is_waiting.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// The reason for a failure that JavaScript reports by name.
pub fn host_reason(name: &str) -> Reason {
    match name {
        "body_invalid" => Reason::BodyInvalid,
        "body_too_large" => Reason::BodyTooLarge,
        "timed_out" => Reason::TimedOut,
        _ => Reason::FetcherFailed,
    }
}
