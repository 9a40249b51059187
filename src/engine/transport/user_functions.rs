//! Requests that the user's JavaScript performs: `fetcher`, `metadataResolver`, `jwksResolver`.
//!
//! Requests wait here until JavaScript takes them, and its answers go back to whoever asked. Nothing crosses threads:
//! a client with such functions has a key store of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::engine::error::{Failure, Reason};
use crate::engine::transport::own_client::HttpClient;
use crate::engine::transport::{Done, HttpRequest, Request, Response, Transport};

/// Sends to JavaScript what is JavaScript's, and the rest over the engine's own client.
pub struct HostTransport {
    own: Option<Arc<HttpClient>>,
    queue: Mutex<Queue>,
    /// Whether requests wait: read on the warm path, without the lock.
    is_waiting: AtomicBool,
}

#[derive(Default)]
struct Queue {
    next_id: u32,
    waiting: Vec<(u32, Request)>,
    pending: HashMap<u32, Done>,
}

impl HostTransport {
    /// `own` performs what is HTTP, unless the user's `fetcher` does that too.
    pub fn new(own: Option<Arc<HttpClient>>) -> HostTransport {
        HostTransport { own, queue: Mutex::default(), is_waiting: AtomicBool::new(false) }
    }

    pub fn is_waiting(&self) -> bool {
        self.is_waiting.load(Ordering::Relaxed)
    }

    /// JSON of everything that JavaScript should perform now: `[{ id, kind, url, headers, form, timeLimit }]`.
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

    /// The client is gone, and with it everything that could perform or wait: lets go of who asked, who may hold this.
    pub fn abandon(&self) {
        let queue = std::mem::take(&mut *self.lock());
        // Outside the lock: what is dropped here may drop what holds this.
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

/// What JavaScript found wrong, by its word for it.
pub fn host_reason(word: &str) -> Reason {
    match word {
        "body_invalid" => Reason::BodyInvalid,
        "body_too_large" => Reason::BodyTooLarge,
        "timed_out" => Reason::TimedOut,
        _ => Reason::FetcherFailed,
    }
}
