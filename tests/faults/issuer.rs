//! An issuer in virtual time: it responds or fails as the fault of each document says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use monocloud_backend_node::engine::error::{Failure, Reason};
use monocloud_backend_node::engine::time::{ManualMonotonic, Monotonic, Ticks};
use monocloud_backend_node::engine::transport::{Done, HttpRequest, Request, Response, Transport};
use serde_json::{Value, json};

use super::tokens::TENANT;

/// How long an exchange with a healthy issuer takes.
pub const LATENCY: Duration = Duration::from_millis(20);
/// `responseTimeout`, after which the transport times out.
pub const DEADLINE: Duration = Duration::from_secs(5);
/// The timeout of the transport for a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Document {
    Metadata,
    /// RFC 8414 §3.1. Not published unless its `Weather` is set.
    OAuthMetadata,
    Keys,
    Introspection,
    /// Any other address: never available.
    Elsewhere,
}

pub const EVERYTHING: [Document; 3] = [Document::Metadata, Document::Keys, Document::Introspection];

#[derive(Clone, Debug)]
pub enum Weather {
    Fine,
    /// Nothing listens.
    Refused,
    /// Packets are lost: no connection within its deadline.
    Swallowed,
    /// Accepts, and never ends its response: hangs, or sends very slowly.
    Hangs,
    /// Another status, with `Retry-After` if there is one.
    Status(u16, Option<&'static str>),
    /// 200 and a body that is not a document.
    Garbage,
    /// 200 and this body.
    Says(String),
    /// 200 and a body that is longer than the limit.
    TooLarge,
}

/// How the introspection endpoint treats some tokens.
pub struct Treatment {
    /// Tokens with this prefix.
    pub prefix: &'static str,
    pub weather: Weather,
    pub takes: Duration,
    /// The response of a healthy endpoint for them.
    pub body: String,
}

pub struct Issuer {
    clock: Arc<ManualMonotonic>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    weather: HashMap<Document, Weather>,
    jwks: String,
    introspected: String,
    treatments: Vec<Treatment>,
    flights: Vec<Flight>,
    /// When each request was received.
    log: Vec<(Ticks, Document)>,
}

/// An exchange in progress. Its result was fixed when the request was received.
struct Flight {
    ends_at: Ticks,
    outcome: Result<Response, Failure>,
    done: Done,
}

impl Issuer {
    pub fn new(clock: Arc<ManualMonotonic>) -> Arc<Issuer> {
        Arc::new(Issuer { clock, state: Mutex::default() })
    }

    pub fn publish(&self, jwks: String) {
        self.lock().jwks = jwks;
    }

    /// The introspection response for any token.
    pub fn say(&self, introspected: String) {
        self.lock().introspected = introspected;
    }

    /// From now on, some tokens are treated differently from all others.
    pub fn treat(&self, treatment: Treatment) {
        self.lock().treatments.push(treatment);
    }

    pub fn set(&self, documents: &[Document], weather: Weather) {
        let mut state = self.lock();
        for document in documents {
            state.weather.insert(*document, weather.clone());
        }
    }

    /// When each request for a document was received.
    pub fn requests(&self, document: Document) -> Vec<Ticks> {
        self.lock().log.iter().filter(|(_, other)| *other == document).map(|(at, _)| *at).collect()
    }

    pub fn count(&self, document: Document) -> usize {
        self.requests(document).len()
    }

    /// The number of requests for all documents.
    pub fn total(&self) -> usize {
        self.lock().log.len()
    }

    /// When the next exchange ends.
    pub fn next_landing(&self) -> Option<Ticks> {
        self.lock().flights.iter().map(|flight| flight.ends_at).min()
    }

    /// Ends the exchanges that are due.
    pub fn land(&self) {
        let now = self.clock.now();
        loop {
            let flight = {
                let mut state = self.lock();
                let Some(index) = state.flights.iter().position(|flight| flight.ends_at <= now) else { return };
                state.flights.remove(index)
            };
            (flight.done)(flight.outcome);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under the lock")
    }
}

impl Transport for Issuer {
    fn send(&self, request: Request, done: Done) {
        let Request::Http(request) = request else { panic!("nothing is resolved here: {request:?}") };
        let document = match request.url.path() {
            "/jwks" => Document::Keys,
            "/introspect" => Document::Introspection,
            "/.well-known/openid-configuration" => Document::Metadata,
            "/.well-known/oauth-authorization-server" => Document::OAuthMetadata,
            _ => Document::Elsewhere,
        };
        let now = self.clock.now();
        let mut state = self.lock();
        let span = match state.weather(document) {
            Weather::Swallowed => CONNECT_DEADLINE,
            Weather::Hangs => DEADLINE,
            _ => LATENCY,
        };
        let (span, outcome) = state.treatment_of(&request).unwrap_or_else(|| (span, state.outcome(document)));
        let limit = request.time_limit.unwrap_or(DEADLINE);
        let (span, outcome) = if span > limit { (limit, Err(Reason::TimedOut.into())) } else { (span, outcome) };
        state.log.push((now, document));
        state.flights.push(Flight { ends_at: now.after(span), outcome, done });
    }
}

impl State {
    fn weather(&self, document: Document) -> Weather {
        self.weather.get(&document).cloned().unwrap_or(match document {
            Document::OAuthMetadata | Document::Elsewhere => Weather::Status(404, None),
            _ => Weather::Fine,
        })
    }

    fn treatment_of(&self, request: &HttpRequest) -> Option<(Duration, Result<Response, Failure>)> {
        let token = request.form.as_deref()?.strip_prefix("token=")?;
        let treatment = self.treatments.iter().find(|treatment| token.starts_with(treatment.prefix))?;
        Some((treatment.takes, outcome_under(treatment.weather.clone(), treatment.body.clone())))
    }

    fn outcome(&self, document: Document) -> Result<Response, Failure> {
        let body = match document {
            Document::Metadata | Document::OAuthMetadata => metadata(json!({})),
            Document::Keys => self.jwks.clone(),
            Document::Elsewhere => String::new(),
            Document::Introspection => self.introspected.clone(),
        };
        outcome_under(self.weather(document), body)
    }
}

fn outcome_under(weather: Weather, body: String) -> Result<Response, Failure> {
    match weather {
        Weather::Fine => Ok(Response::resolved(body)),
        Weather::Refused => Err(Reason::ConnectionRefused.into()),
        Weather::Swallowed | Weather::Hangs => Err(Reason::TimedOut.into()),
        Weather::Status(status, retry_after) => {
            let headers = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
            Ok(Response { status, headers: headers.into_iter().collect(), ..Response::default() })
        }
        Weather::Garbage => Ok(Response::resolved("<html>Sorry</html>".into())),
        Weather::Says(body) => Ok(Response::resolved(body)),
        Weather::TooLarge => Err(Response::resolved(String::new()).failure(Reason::BodyTooLarge)),
    }
}

/// Valid metadata with some members replaced; null removes one.
pub fn metadata(changes: Value) -> String {
    let mut members = json!({
        "issuer": TENANT,
        "jwks_uri": format!("{TENANT}/jwks"),
        "introspection_endpoint": format!("{TENANT}/introspect"),
    });
    for (name, value) in changes.as_object().expect("an object") {
        members[name] = value.clone();
    }
    let members = members.as_object().expect("an object").clone().into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(members.collect()).to_string()
}
