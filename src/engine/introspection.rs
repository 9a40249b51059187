//! Token introspection (RFC 7662): one request per token in flight, and a fuse for an endpoint that keeps failing.
//!
//! Answers what the issuer says of a token. Whether those claims are good for us is decided by the caller, with the
//! same rules as a JWT's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;
use tokio::sync::watch;
use url::form_urlencoded;

use super::claims::{Claims, Expected, Origin};
use super::client_auth::Authentication;
use super::config::{Client, Config};
use super::error::{Class, Failure, Reason};
use super::http::{HttpRequest, Request, Response, Transport, read_answer};
use super::jws::MAX_TOKEN_BYTES;
use super::keys::{KeyStore, Located};
use super::metadata::Endpoint;
use super::time::{Monotonic, NumericDate, Ticks};

/// After so many failures in a row the endpoint is asked once a second only, until it answers.
const FUSE: u32 = 10;
const PROBE_EVERY: Duration = Duration::from_secs(1);

/// What the issuer says: the claims' text of an active token, or why there is none.
pub type Answer = Result<Arc<str>, Failure>;
pub type AnswerWaiter = Box<dyn FnOnce(Answer) + Send>;

pub struct Introspection {
    config: Arc<Config>,
    store: Arc<KeyStore>,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Monotonic>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The waiters of each token in flight.
    flights: HashMap<Box<str>, Vec<AnswerWaiter>, RandomState>,
    failures: u32,
    last_failure: Option<Reason>,
    next_probe: Ticks,
    /// While it is there, somebody waits for answers.
    asking: Option<watch::Sender<()>>,
}

impl Introspection {
    pub fn new(
        config: Arc<Config>,
        store: Arc<KeyStore>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Monotonic>,
    ) -> Arc<Introspection> {
        let state = State { asking: Some(watch::Sender::default()), ..State::default() };
        Arc::new(Introspection { config, store, transport, clock, state: Mutex::new(state) })
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
        let has_credentials = self.client().and_then(|client| client.credentials.as_ref().map_err(|reason| *reason));
        let endpoint = match has_credentials.and_then(|_| self.endpoint()) {
            Ok(endpoint) => endpoint,
            Err(reason) => return waiter(Err(reason.into())),
        };
        if !self.board(token, waiter) {
            return;
        }
        if !self.may_ask() {
            return self.land(token, Err(Reason::IntrospectionSuspended.into()));
        }
        let introspection = Arc::clone(self);
        let token: Box<str> = token.into();
        self.store.wait_for_endpoint(endpoint, Box::new(move || introspection.send(token, now, true)));
    }

    /// Breaks off what is under way: nobody will hear of it, for instance since the worker thread has ended.
    pub fn abandon(&self) {
        self.lock().asking = None;
    }

    /// How many failures in a row there were, and the last one: for `health()`.
    pub fn failures(&self) -> (u32, Option<Reason>) {
        let state = self.lock();
        (state.failures, state.last_failure)
    }

    fn client(&self) -> Result<&Client, Reason> {
        self.config.client.as_ref().ok_or(Reason::ClientIdRequired)
    }

    /// The endpoint for how this client authenticates.
    fn endpoint(&self) -> Result<Endpoint, Reason> {
        let trust_store = self.config.trust_store.clone().map(String::into_boxed_str);
        let is_mutual_tls = self.client()?.method.is_mutual_tls();
        Ok(if is_mutual_tls { Endpoint::MtlsIntrospection { trust_store } } else { Endpoint::Introspection })
    }

    /// Adds a waiter; true when it is the first of its token.
    fn board(&self, token: &str, waiter: AnswerWaiter) -> bool {
        let mut state = self.lock();
        if let Some(waiters) = state.flights.get_mut(token) {
            waiters.push(waiter);
            return false;
        }
        state.flights.insert(token.into(), vec![waiter]);
        true
    }

    fn may_ask(&self) -> bool {
        let now = self.clock.now();
        let mut state = self.lock();
        if state.failures < FUSE {
            return true;
        }
        let may_probe = now >= state.next_probe;
        if may_probe {
            state.next_probe = now.after(PROBE_EVERY);
        }
        may_probe
    }

    fn send(self: Arc<Self>, token: Box<str>, now: NumericDate, may_retry: bool) {
        let request = match self.request(&token, now) {
            Ok(request) => request,
            Err(failure) => return self.land(&token, Err(failure)),
        };
        let introspection = Arc::clone(&self);
        self.transport.send(
            Request::Http(request),
            Box::new(move |outcome| match outcome {
                // A kept connection that the other side had closed: asked once more, authenticated anew.
                Err(failure) if may_retry && failure.reason == Reason::ConnectionFailed => {
                    introspection.send(token, now, false);
                }
                outcome => {
                    let answer = read_answer(outcome, |response| introspection.judge(response));
                    introspection.land(&token, answer);
                }
            }),
        );
    }

    /// RFC 7662 §2.1, authenticated.
    fn request(&self, token: &str, now: NumericDate) -> Result<HttpRequest, Failure> {
        let client = self.client()?;
        let Located { url, issuer } = self.store.endpoint(&self.endpoint()?)?;
        let credentials = client.credentials.as_ref().map_err(|reason| *reason)?;
        let Authentication { authorization, form: proof } = credentials.authenticate(&issuer, now)?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", token).append_pair("token_type_hint", "access_token").extend_pairs(proof);
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let asker = self.lock().asking.as_ref().map(watch::Sender::subscribe).ok_or(Reason::TimedOut)?;
        let form = Some(form.finish());
        Ok(HttpRequest { url, headers, form, presents_certificate: client.method.is_mutual_tls(), asker: Some(asker) })
    }

    /// What an answer means (contract 6).
    fn judge(&self, response: &Response) -> Answer {
        match response.status {
            200 => {}
            400 => return Err(op_failure(response, Reason::IntrospectionRefused, "introspection_failed")),
            401 => return Err(op_failure(response, Reason::ClientRefused, "invalid_client")),
            _ => return Err(response.failure(Reason::UnexpectedStatus)),
        }
        let expected = Expected {
            issuer: "",
            audience: &self.config.audience,
            groups_claim: &self.config.groups_claim,
            origin: Origin::Introspection,
        };
        let text = response.document()?;
        match Claims::read(text.as_bytes(), &expected) {
            None => Err(response.failure(Reason::BodyInvalid)),
            Some(claims) if !claims.is_active() => Err(Reason::Inactive.into()),
            Some(_) => Ok(text.into()),
        }
    }

    fn land(&self, token: &str, answer: Answer) {
        let waiters = {
            let now = self.clock.now();
            let mut state = self.lock();
            state.note(&answer, now);
            state.flights.remove(token).unwrap_or_default()
        };
        for waiter in waiters {
            waiter(answer.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// An endpoint that answers works; one that cannot be reached, breaks or talks rubbish does not.
    fn note(&mut self, answer: &Answer, now: Ticks) {
        match answer {
            Err(failure) if failure.reason == Reason::IntrospectionSuspended => {}
            Err(failure) if is_outage(failure) => {
                self.failures = self.failures.saturating_add(1);
                self.last_failure = Some(failure.reason);
                if self.failures == FUSE {
                    self.next_probe = now.after(PROBE_EVERY);
                }
            }
            _ => {
                self.failures = 0;
                self.last_failure = None;
            }
        }
    }
}

/// No connection, no answer in time, a broken server, rubbish. A token can make a working endpoint answer oddly (the
/// 403 of a firewall): that is no outage.
fn is_outage(failure: &Failure) -> bool {
    let status = failure.detail.as_ref().and_then(|detail| detail.status);
    failure.reason.spec().class == Class::Http && status.is_none_or(|status| matches!(status, 200 | 429 | 500..))
}

/// RFC 6749 §5.2: the `error` of the body, or the documented word when there is none.
fn op_failure(response: &Response, reason: Reason, otherwise: &str) -> Failure {
    let mut failure = response.failure(reason);
    if let Some(detail) = &mut failure.detail {
        detail.error.get_or_insert_with(|| otherwise.to_owned());
    }
    failure
}

#[cfg(test)]
#[path = "introspection_tests.rs"]
mod tests;
