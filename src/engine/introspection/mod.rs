//! Token introspection (RFC 7662): one request per token at a time, a limit on all requests, and a circuit breaker for an
//! endpoint that keeps failing.
//!
//! Returns what the issuer says about a token. The caller decides whether those claims are acceptable, with the same
//! rules as for a JWT.

pub mod client_auth;
mod breaker;
mod exchange;

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::watch;

use self::breaker::{Breaker, TokenHash};
use self::client_auth::{Credentials, Method};
use crate::engine::error::{Failure, Reason};
use crate::engine::keys::store::KeyStore;
use crate::engine::load_limit::{Bounds, Lane, LoadLimit};
use crate::engine::time::{Monotonic, NumericDate, Ticks};
use crate::engine::token::compact::MAX_TOKEN_BYTES;
use crate::engine::transport::{Request, Transport, read_answer};

/// The largest number of introspections of one client at a time. Some of them are reserved for known tokens: tokens that
/// were active, and promptly answered, before. Unknown tokens that wait for a slow endpoint therefore do not block known
/// tokens.
pub const MAX_IN_FLIGHT: usize = 128;
const KEPT_FOR_KNOWN_TOKENS: usize = 16;
/// The largest queue of introspections of one client. When it is full, the oldest unknown token fails as `overloaded`.
pub const MAX_QUEUED: usize = 1_000;
/// The largest number of callers that wait for the answer about one token. Further callers fail as `overloaded`.
const MAX_WAITERS: usize = 10_000;

/// The result of an introspection: the claims of an active token as JSON text, or the failure.
pub type Answer = Result<Arc<str>, Failure>;
pub type AnswerWaiter = Box<dyn FnOnce(Answer) + Send>;

/// The state of introspection, for `health()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntrospectionHealth {
    pub in_flight: usize,
    pub queued: usize,
    /// The consecutive failures of any tokens, and the reason of the last one.
    pub failures: u32,
    pub last_failure: Option<Reason>,
    pub is_suspended: bool,
}

/// What introspection needs to know of the configuration.
pub struct Settings {
    /// The groups claim, to read the claims of a response.
    pub groups_claim: Arc<str>,
    /// `None` when no client is configured. Tokens that need introspection are then rejected.
    pub client: Option<Client>,
    /// The time limit of one introspection, including its time in the queue.
    pub time_limit: Duration,
    /// The trust store whose mutual-TLS endpoint is used (RFC 8705 §5).
    pub trust_store: Option<Box<str>>,
}

/// The client that introspects tokens.
pub struct Client {
    pub method: Method,
    /// An error says why the client cannot authenticate. It is reported at the first introspection, so that an API that
    /// only receives JWTs can leave the credentials out.
    pub credentials: Result<Credentials, Reason>,
}

pub struct Introspection {
    settings: Arc<Settings>,
    store: Arc<KeyStore>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Monotonic>,
    hasher: RandomState,
    state: Mutex<State>,
}

struct State {
    /// The callers that wait for each token that is in the queue or in flight.
    waiters: HashMap<Box<str>, Vec<AnswerWaiter>, RandomState>,
    load: LoadLimit<Ticket>,
    breaker: Breaker,
    /// Whether a thread is starting requests. One thread does this for all callers, and never recursively.
    is_starting: bool,
    /// Whether a timer calls [`Introspection::expire`] when the next introspection in the queue times out.
    is_watched: bool,
    /// Dropping it cancels all requests. `None` once the client is gone.
    cancel: Option<watch::Sender<()>>,
}

/// One introspection, in the queue or in flight.
struct Ticket {
    token: Box<str>,
    hash: TokenHash,
    asked_at: Ticks,
    /// The time that it spent in the queue.
    waited: Duration,
    /// The caller's time.
    now: NumericDate,
}

impl Introspection {
    pub fn new(
        settings: Arc<Settings>,
        store: Arc<KeyStore>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Monotonic>,
    ) -> Arc<Introspection> {
        let bounds = Bounds { running: MAX_IN_FLIGHT, reserved: KEPT_FOR_KNOWN_TOKENS, waiting: MAX_QUEUED };
        let state = State {
            waiters: HashMap::default(),
            load: LoadLimit::new(bounds),
            breaker: Breaker::default(),
            is_starting: false,
            is_watched: false,
            cancel: Some(watch::Sender::default()),
        };
        let hasher = RandomState::default();
        Arc::new(Introspection { settings, store, transport, clock, hasher, state: Mutex::new(state) })
    }

    /// Introspects a token, or joins the introspection of the same token. The waiter is called once.
    pub fn ask(self: &Arc<Self>, token: &str, now: NumericDate, waiter: AnswerWaiter) {
        if token.len() > MAX_TOKEN_BYTES {
            return waiter(Err(Reason::TokenTooLarge.into()));
        }
        // RFC 6749 appendix A.12 allows no other characters in an access token, so no request is sent for it.
        if !token.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
            return waiter(Err(Reason::TokenMalformed.into()));
        }
        if let Err(reason) = self.client().and_then(|client| client.credentials.as_ref().map_err(|reason| *reason)) {
            return waiter(Err(reason.into()));
        }
        match self.join_or_queue(token, now, waiter) {
            Ok(None) => {}
            Ok(Some(displaced)) => self.answer(displaced, &Err(Reason::Overloaded.into())),
            Err((waiter, reason)) => return waiter(Err(reason.into())),
        }
        self.start_waiting();
    }

    /// Cancels all requests and drops all waiters without calling them, for instance because the worker thread of the
    /// client has ended.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.cancel = None;
        let tickets = state.load.take_all();
        let waiters: Vec<_> = tickets.iter().filter_map(|ticket| state.waiters.remove(&ticket.token)).collect();
        drop(state);
        // Dropped without the lock, because a waiter may hold the last reference to this object.
        drop((tickets, waiters));
    }

    pub fn health(&self) -> IntrospectionHealth {
        let state = self.lock();
        let (failures, last_failure) = state.breaker.failures();
        IntrospectionHealth {
            in_flight: state.load.running(),
            queued: state.load.waiting(),
            failures,
            last_failure,
            is_suspended: state.breaker.is_open(),
        }
    }

    /// Whether the caller has to start a timer that calls [`Introspection::expire`]. The timer repeats the call after the
    /// returned span, until none is returned. Returns true only if no such timer is running.
    pub fn needs_watch(&self) -> bool {
        let mut state = self.lock();
        let is_new = !state.is_watched && state.load.waiting() > 0;
        state.is_watched |= is_new;
        is_new
    }

    /// Times out the introspections that have waited in the queue for `responseTimeout`. Returns the time until the next
    /// one times out.
    pub fn expire(&self) -> Option<Duration> {
        let limit = self.settings.time_limit;
        let (due, next) = {
            let now = self.clock.now();
            let mut state = self.lock();
            let due = state.load.take_due(|ticket| now.since(ticket.asked_at) >= limit);
            let oldest = state.load.oldest().map(|ticket| ticket.asked_at).min();
            state.is_watched = oldest.is_some();
            (due, oldest.map(|at| limit.saturating_sub(now.since(at))))
        };
        for ticket in due {
            self.answer(ticket, &Err(Reason::TimedOut.into()));
        }
        next
    }

    fn client(&self) -> Result<&Client, Reason> {
        self.settings.client.as_ref().ok_or(Reason::ClientIdRequired)
    }

    /// Joins the introspection of the same token, or puts a new one into the queue. Returns the introspection that is
    /// displaced by it. An error returns the waiter with the reason why it was not admitted.
    fn join_or_queue(
        &self,
        token: &str,
        now: NumericDate,
        waiter: AnswerWaiter,
    ) -> Result<Option<Ticket>, (AnswerWaiter, Reason)> {
        let hash = self.hasher.hash_one(token);
        let asked_at = self.clock.now();
        let mut state = self.lock();
        if let Some(waiters) = state.waiters.get_mut(token) {
            if waiters.len() >= MAX_WAITERS {
                return Err((waiter, Reason::Overloaded));
            }
            waiters.push(waiter);
            return Ok(None);
        }
        if !state.breaker.may_send(hash, asked_at) {
            return Err((waiter, Reason::IntrospectionSuspended));
        }
        let is_preferred = state.breaker.is_preferred(hash, asked_at);
        let lane = if is_preferred { Lane::Preferred } else { Lane::Other };
        let ticket = Ticket { token: token.into(), hash, asked_at, waited: Duration::ZERO, now };
        state.waiters.insert(token.into(), vec![waiter]);
        Ok(state.load.admit(ticket, lane))
    }

    /// Starts introspections until none may start. One that ends at once frees its place, and the loop starts the next.
    fn start_waiting(self: &Arc<Self>) {
        if std::mem::replace(&mut self.lock().is_starting, true) {
            return;
        }
        loop {
            let now = self.clock.now();
            let mut state = self.lock();
            let Some((mut ticket, lane)) = state.load.start() else {
                state.is_starting = false;
                return;
            };
            ticket.waited = now.since(ticket.asked_at);
            let refusal = if ticket.waited >= self.settings.time_limit {
                Some(Reason::TimedOut)
            } else if !state.breaker.send(ticket.hash, now) {
                Some(Reason::IntrospectionSuspended)
            } else {
                None
            };
            drop(state);
            match refusal {
                Some(reason) => self.end(ticket, lane, &Err(reason.into()), None),
                None => self.send_when_located(ticket, lane),
            }
        }
    }

    /// Sends the request when the metadata with the URL of the endpoint is available.
    fn send_when_located(self: &Arc<Self>, ticket: Ticket, lane: Lane) {
        match self.endpoint() {
            Err(reason) => self.end(ticket, lane, &Err(reason.into()), None),
            Ok(endpoint) => {
                let introspection = Arc::clone(self);
                let send = move || introspection.send(ticket, lane, true);
                self.store.wait_for_endpoint(endpoint, Box::new(send));
            }
        }
    }

    fn send(self: Arc<Self>, ticket: Ticket, lane: Lane, may_retry: bool) {
        let sent_at = self.clock.now();
        let request = match self.request(&ticket) {
            Ok(request) => request,
            // No request was sent, so the failure does not count for the circuit breaker.
            Err(failure) => return self.finish(ticket, lane, &Err(failure), None),
        };
        let introspection = Arc::clone(&self);
        self.transport.send(
            Request::Http(request),
            Box::new(move |outcome| match outcome {
                // The server may have closed an idle connection. The request is retried once with a new authentication.
                Err(failure) if may_retry && failure.reason == Reason::ConnectionFailed => {
                    introspection.send(ticket, lane, false);
                }
                outcome => {
                    let answer = read_answer(outcome, |response| introspection.parse_answer(response));
                    introspection.finish(ticket, lane, &answer, Some(sent_at));
                }
            }),
        );
    }

    /// Ends an introspection, then starts the next ones.
    fn finish(self: &Arc<Self>, ticket: Ticket, lane: Lane, answer: &Answer, sent_at: Option<Ticks>) {
        self.end(ticket, lane, answer, sent_at);
        self.start_waiting();
    }

    /// Ends an introspection that was started. With `sent_at`, its answer counts for the circuit breaker.
    fn end(&self, ticket: Ticket, lane: Lane, answer: &Answer, sent_at: Option<Ticks>) {
        let suspended = {
            let now = self.clock.now();
            let mut state = self.lock();
            state.load.finish(lane);
            let opens = sent_at.is_some_and(|at| state.breaker.record(ticket.hash, answer, at, now));
            // When the breaker opens, unknown tokens fail at once. A known token stays, because it may be the next probe.
            if opens { state.load.take_others() } else { Vec::new() }
        };
        self.answer(ticket, answer);
        for ticket in suspended {
            self.answer(ticket, &Err(Reason::IntrospectionSuspended.into()));
        }
    }

    /// Gives the answer to every caller that waits for it.
    fn answer(&self, ticket: Ticket, answer: &Answer) {
        let waiters = self.lock().waiters.remove(&ticket.token).unwrap_or_default();
        for waiter in waiters {
            waiter(answer.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
