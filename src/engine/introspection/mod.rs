//! Token introspection (RFC 7662): one request per token in flight, a bound on all of them, and a circuit breaker for
//! an endpoint that keeps failing.
//!
//! Answers what the issuer says of a token. Whether those claims are good for us is decided by the caller, with the
//! same rules as a JWT's.

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

/// Introspections of one client that are under way at once. Some places are kept for tokens that were answered as
/// active, and promptly, before: the rest of them can wait for a slow endpoint without holding those up.
pub const MAX_IN_FLIGHT: usize = 128;
const KEPT_FOR_KNOWN_TOKENS: usize = 16;
/// Introspections of one client that wait for a place. Beyond that the oldest unknown one is `overloaded`.
pub const MAX_QUEUED: usize = 1_000;
/// Callers that wait for the answer about one token. Beyond that a caller is `overloaded`.
const MAX_WAITERS: usize = 10_000;

/// What the issuer says: the claims' text of an active token, or why there is none.
pub type Answer = Result<Arc<str>, Failure>;
pub type AnswerWaiter = Box<dyn FnOnce(Answer) + Send>;

/// The state of introspection, for `health()`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntrospectionHealth {
    pub in_flight: usize,
    pub queued: usize,
    /// Failures in a row, of whatever token, and the last of them.
    pub failures: u32,
    pub last_failure: Option<Reason>,
    pub is_suspended: bool,
}

/// What introspection needs to know of the configuration.
pub struct Settings {
    /// The audience and the groups claim, to read the claims of a response.
    pub audience: Arc<str>,
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
    /// The waiters of each token that is asked about, or waits to be.
    flights: HashMap<Box<str>, Vec<AnswerWaiter>, RandomState>,
    load: LoadLimit<Ticket>,
    breaker: Breaker,
    /// Whether a thread is starting requests: one does it for all, and not within itself.
    is_starting: bool,
    /// Whether somebody calls [`Introspection::expire`] when the next one in the queue is due.
    is_watched: bool,
    /// While it is there, somebody waits for answers.
    asking: Option<watch::Sender<()>>,
}

/// One introspection, in the queue or under way.
struct Ticket {
    token: Box<str>,
    hash: TokenHash,
    asked_at: Ticks,
    /// In the queue.
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
        let bounds = Bounds { running: MAX_IN_FLIGHT, kept: KEPT_FOR_KNOWN_TOKENS, waiting: MAX_QUEUED };
        let state = State {
            flights: HashMap::default(),
            load: LoadLimit::new(bounds),
            breaker: Breaker::default(),
            is_starting: false,
            is_watched: false,
            asking: Some(watch::Sender::default()),
        };
        let hasher = RandomState::default();
        Arc::new(Introspection { settings, store, transport, clock, hasher, state: Mutex::new(state) })
    }

    /// Asks about a token, or joins who is asking. The waiter is called once.
    pub fn ask(self: &Arc<Self>, token: &str, now: NumericDate, waiter: AnswerWaiter) {
        if token.len() > MAX_TOKEN_BYTES {
            return waiter(Err(Reason::TokenTooLarge.into()));
        }
        // RFC 6749 appendix A.12: nothing else can be an access token, so nobody is asked about it.
        if !token.bytes().all(|byte| matches!(byte, 0x20..=0x7e)) {
            return waiter(Err(Reason::TokenMalformed.into()));
        }
        if let Err(reason) = self.client().and_then(|client| client.credentials.as_ref().map_err(|reason| *reason)) {
            return waiter(Err(reason.into()));
        }
        match self.join_or_queue(token, now, waiter) {
            Ok(None) => {}
            Ok(Some(displaced)) => self.tell(displaced, &Err(Reason::Overloaded.into())),
            Err((waiter, reason)) => return waiter(Err(reason.into())),
        }
        self.start_waiting();
    }

    /// Breaks off what is under way and drops what waits: nobody will hear of it, for instance since the worker thread
    /// has ended.
    pub fn abandon(&self) {
        let mut state = self.lock();
        state.asking = None;
        let tickets = state.load.take_all();
        let waiters: Vec<_> = tickets.iter().filter_map(|ticket| state.flights.remove(&ticket.token)).collect();
        drop(state);
        // Outside the lock: what is dropped here may drop what holds this.
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

    /// Whether the caller should now see to it that [`Introspection::expire`] is called, again and again after the
    /// span that it gives, until it gives none. True at most once until then.
    pub fn needs_watch(&self) -> bool {
        let mut state = self.lock();
        let is_new = !state.is_watched && state.load.waiting() > 0;
        state.is_watched |= is_new;
        is_new
    }

    /// Ends what has waited in the queue for all of `responseTimeout`. Gives the span until the next one is due.
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
            self.tell(ticket, &Err(Reason::TimedOut.into()));
        }
        next
    }

    fn client(&self) -> Result<&Client, Reason> {
        self.settings.client.as_ref().ok_or(Reason::ClientIdRequired)
    }

    /// Adds the waiter to those of its token, or puts a new introspection into the queue. Gives the introspection that
    /// has to make way for it; or the waiter back, when it is not admitted.
    fn join_or_queue(
        &self,
        token: &str,
        now: NumericDate,
        waiter: AnswerWaiter,
    ) -> Result<Option<Ticket>, (AnswerWaiter, Reason)> {
        let hash = self.hasher.hash_one(token);
        let asked_at = self.clock.now();
        let mut state = self.lock();
        if let Some(waiters) = state.flights.get_mut(token) {
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
        state.flights.insert(token.into(), vec![waiter]);
        Ok(state.load.admit(ticket, lane))
    }

    /// Starts what may start. What ends at once makes place for the next one, which this loop sees.
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

    /// Sends once the metadata says where.
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
            // The endpoint was not asked, so this says nothing of it.
            Err(failure) => return self.finish(ticket, lane, &Err(failure), None),
        };
        let introspection = Arc::clone(&self);
        self.transport.send(
            Request::Http(request),
            Box::new(move |outcome| match outcome {
                // A kept connection that the other side had closed: asked once more, authenticated anew.
                Err(failure) if may_retry && failure.reason == Reason::ConnectionFailed => {
                    introspection.send(ticket, lane, false);
                }
                outcome => {
                    let answer = read_answer(outcome, |response| introspection.judge(response));
                    introspection.finish(ticket, lane, &answer, Some(sent_at));
                }
            }),
        );
    }

    /// The same as [`Introspection::end`]; then others may start.
    fn finish(self: &Arc<Self>, ticket: Ticket, lane: Lane, answer: &Answer, sent_at: Option<Ticks>) {
        self.end(ticket, lane, answer, sent_at);
        self.start_waiting();
    }

    /// Ends an introspection that was started; one that was sent tells something of the endpoint.
    fn end(&self, ticket: Ticket, lane: Lane, answer: &Answer, sent_at: Option<Ticks>) {
        let suspended = {
            let now = self.clock.now();
            let mut state = self.lock();
            state.load.finish(lane);
            let opens = sent_at.is_some_and(|at| state.breaker.note(ticket.hash, answer, at, now));
            // Nobody waits in vain. A known token keeps its place: it may be the next probe.
            if opens { state.load.take_others() } else { Vec::new() }
        };
        self.tell(ticket, answer);
        for ticket in suspended {
            self.tell(ticket, &Err(Reason::IntrospectionSuspended.into()));
        }
    }

    /// Gives the answer to everybody who waits for it.
    fn tell(&self, ticket: Ticket, answer: &Answer) {
        let waiters = self.lock().flights.remove(&ticket.token).unwrap_or_default();
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
