//! The engine: decides on access tokens, and knows nothing of Node.
//!
//! [`Engine::decide`] answers from what is already known, without I/O and without leaving the thread, or says what is
//! missing. [`Engine::wait_for_keys`] and [`Engine::introspect`] get it; then the caller decides again. A module may
//! use only those listed before it.

#![forbid(unsafe_code)]

pub mod cache;
pub mod certificate;
pub mod certificate_headers;
pub mod claims;
pub mod claims_cache;
pub mod client_auth;
pub mod config;
pub mod error;
pub mod http;
pub mod http_client;
pub mod introspection;
pub mod json;
pub mod jwk;
pub mod jws;
pub mod keys;
pub mod metadata;
pub mod options;
pub mod policy;
pub mod refresh;
pub mod time;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use lru::LruCache;

use cache::{Memory, Slot};
use claims::{Claims, Expected, Facts, Origin};
use claims_cache::{ClaimsCache, Key, Proved};
use config::Config;
use error::{Failure, Reason};
use http::Transport;
use introspection::{AnswerWaiter, Introspection};
use jwk::KeySet;
use jws::{Compact, Header, decode_base64url};
use keys::{KeyStore, Published, Readiness, Unknown, Waiter};
use policy::Policy;
use time::{Clock, Monotonic, NumericDate};

/// Decoded headers, by their encoded text: an issuer signs with few keys, so few texts recur.
const HEADERS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// A longer header is decoded every time.
const MAX_KEPT_HEADER: usize = 512;

/// What is decided on: a token, what the route asks, and the caller's time.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub token: &'c str,
    pub policy: &'c Policy,
    /// The client certificate, as the certificate resolver gave it.
    pub certificate: Option<&'c str>,
    pub now: NumericDate,
}

/// How far the caller has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// Nothing was waited for.
    First,
    /// The keys were refreshed for this token: what is there now is all there is.
    AfterRefresh,
}

/// The engine's answer.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Accepted; the claims' text.
    Claims(String),
    /// Accepted, and remembered: the claims were handed out before, under this slot.
    Remembered(Slot),
    Refused(Reason),
    /// Nothing can be said: an outage.
    Failed(Failure),
    /// Wait for the keys, then decide again.
    NeedsKeys,
    /// The signature takes long to verify: decide again off the main thread.
    IsSlow,
}

pub struct Engine {
    /// Tells engines apart: what one proved of a shared cache's entry is nothing to another.
    number: u64,
    config: Arc<Config>,
    store: Arc<KeyStore>,
    introspection: Arc<Introspection>,
    warm: Mutex<Warm>,
}

/// What makes the next decision faster.
struct Warm {
    clock_skew: f64,
    clock_tolerance: f64,
    headers: LruCache<Box<str>, Arc<Header>, RandomState>,
    memory: Option<Memory>,
}

impl Engine {
    pub fn new(
        config: Arc<Config>,
        store: Arc<KeyStore>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Monotonic>,
    ) -> Engine {
        let introspection = Introspection::new(Arc::clone(&config), Arc::clone(&store), transport, clock);
        let warm = Warm {
            clock_skew: config.clock_skew,
            clock_tolerance: config.clock_tolerance,
            headers: LruCache::with_hasher(HEADERS, RandomState::default()),
            memory: Memory::new(config.verified_tokens),
        };
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Engine { number, config, store, introspection, warm: Mutex::new(warm) }
    }

    /// This engine's own number in this process.
    pub fn number(&self) -> u64 {
        self.number
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn store(&self) -> &Arc<KeyStore> {
        &self.store
    }

    pub fn introspection(&self) -> &Introspection {
        &self.introspection
    }

    /// Whether a token is validated here (contract 4); everything else is introspected.
    pub fn is_local(&self, token: &str) -> bool {
        !self.config.introspects_jwts && jws::has_three_parts(token)
    }

    /// Decides on a JWT from what is known. `allows_slow` is for callers off the main thread.
    pub fn decide(&self, call: &Call<'_>, attempt: Attempt, allows_slow: bool) -> Verdict {
        let readiness = match attempt {
            Attempt::First => self.store.ready(),
            Attempt::AfterRefresh => self.store.ready_after_wait(),
        };
        match readiness {
            Readiness::Ready(published) => self.decide_with(call, &published, attempt, allows_slow),
            // A token that no key could save is refused without asking for keys.
            Readiness::Wait => self.read(call.token).map_or_else(Verdict::Refused, |_| Verdict::NeedsKeys),
            Readiness::Failed(failure) => {
                self.read(call.token).map_or_else(Verdict::Refused, |_| Verdict::Failed(failure))
            }
        }
    }

    fn decide_with(&self, call: &Call<'_>, published: &Published, attempt: Attempt, allows_slow: bool) -> Verdict {
        let clock = self.clock(call.now);
        if let Some(verdict) = self.decide_from_memory(call, published.generation, &clock) {
            return verdict;
        }
        let verified = self.verify(call.token, &published.set, &published.issuer, &clock, allows_slow);
        match verified {
            Ok(Verified { text, facts }) => {
                let authorized = call.policy.check(&facts, call.certificate);
                if let Some(memory) = &mut self.lock().memory {
                    memory.remember(call.token, facts, published.generation, &clock);
                }
                authorized.map_or_else(Verdict::Refused, |()| Verdict::Claims(text))
            }
            Err(Obstacle::IsSlow) => Verdict::IsSlow,
            Err(Obstacle::UnknownKey(kid)) => {
                match self.store.unknown_kid(kid.as_deref(), attempt == Attempt::AfterRefresh) {
                    Unknown::Wait => Verdict::NeedsKeys,
                    Unknown::Refuse => Verdict::Refused(Reason::KeyNotFound),
                    Unknown::Failed(failure) => Verdict::Failed(failure),
                }
            }
            Err(Obstacle::Refused(reason)) => Verdict::Refused(reason),
        }
    }

    /// Every rule that can change from call to call, on the facts of a token that was verified before.
    fn decide_from_memory(&self, call: &Call<'_>, generation: u64, clock: &Clock) -> Option<Verdict> {
        let mut warm = self.lock();
        let memory = warm.memory.as_mut()?;
        let (slot, facts) = memory.recall(call.token, generation)?;
        if let Err(reason) = facts.check_times(clock) {
            memory.forget(call.token);
            return Some(Verdict::Refused(reason));
        }
        let authorized = call.policy.check(facts, call.certificate);
        Some(authorized.map_or_else(Verdict::Refused, |()| Verdict::Remembered(slot)))
    }

    /// The claims' text of a remembered token, for the first time its slot is handed out.
    pub fn recall_claims(&self, token: &str, slot: Slot) -> Option<String> {
        let is_held = self.lock().memory.as_ref().is_some_and(|memory| memory.holds(token, slot));
        if is_held { jws::decode_payload(token) } else { None }
    }

    /// Decides on a JWT against the caller's own JWK Set, which replaces the issuer's. Nothing is remembered.
    pub fn decide_with_jwks(&self, call: &Call<'_>, jwks: &str) -> Verdict {
        let Some(set) = KeySet::parse(jwks) else {
            return Verdict::Refused(Reason::KeyNotFound);
        };
        let issuer = self.issuer();
        let verified = self.verify(call.token, &set, &issuer, &self.clock(call.now), true);
        let authorized = verified.and_then(|Verified { text, facts }| {
            call.policy.check(&facts, call.certificate).map_err(Obstacle::Refused).map(|()| text)
        });
        match authorized {
            Ok(text) => Verdict::Claims(text),
            Err(Obstacle::Refused(reason)) => Verdict::Refused(reason),
            Err(Obstacle::UnknownKey(_) | Obstacle::IsSlow) => Verdict::Refused(Reason::KeyNotFound),
        }
    }

    /// Rules 1 to 5 of contract 5, in order.
    fn verify(
        &self,
        token: &str,
        keys: &KeySet,
        issuer: &str,
        clock: &Clock,
        allows_slow: bool,
    ) -> Result<Verified, Obstacle> {
        let Parsed { compact, payload, signature, header } = self.read(token).map_err(Obstacle::Refused)?;
        let key = keys.select(&header).map_err(|reason| match reason {
            Reason::KeyNotFound => Obstacle::UnknownKey(header.kid.clone()),
            reason => Obstacle::Refused(reason),
        })?;
        if key.is_slow() && !allows_slow {
            return Err(Obstacle::IsSlow);
        }
        let input = compact.signing_input.as_bytes();
        key.verify(header.algorithm, input, &signature).map_err(Obstacle::Refused)?;
        let facts = self.prove(&payload, issuer, Origin::Jwt, clock).map_err(Obstacle::Refused)?;
        let text = String::from_utf8(payload).map_err(|_| Obstacle::Refused(Reason::ClaimsInvalid))?;
        Ok(Verified { text, facts })
    }

    /// Rules 1 and 2: three parts of strict base64url, then the header.
    fn read<'t>(&self, token: &'t str) -> Result<Parsed<'t>, Reason> {
        let compact = Compact::split(token)?;
        let signature = decode_base64url(compact.signature.as_bytes()).ok_or(Reason::TokenMalformed)?;
        let payload = decode_base64url(compact.payload.as_bytes()).ok_or(Reason::TokenMalformed)?;
        let header = self.header(compact.header)?;
        Ok(Parsed { compact, payload, signature, header })
    }

    fn header(&self, encoded: &str) -> Result<Arc<Header>, Reason> {
        if encoded.len() > MAX_KEPT_HEADER {
            return Header::parse(encoded).map(Arc::new);
        }
        if let Some(header) = self.lock().headers.get(encoded) {
            return Ok(Arc::clone(header));
        }
        let header = Arc::new(Header::parse(encoded)?);
        self.lock().headers.put(encoded.into(), Arc::clone(&header));
        Ok(header)
    }

    /// Rule 5: the claims.
    fn prove(&self, text: &[u8], issuer: &str, origin: Origin, clock: &Clock) -> Result<Facts, Reason> {
        let Config { audience, groups_claim, .. } = &*self.config;
        let expected = Expected { issuer, audience, groups_claim, origin };
        let claims = Claims::read(text, &expected).ok_or(Reason::ClaimsInvalid)?;
        // RFC 7662 §2.2. In a JWT the word means nothing.
        if origin != Origin::Jwt && claims.is_denied() {
            return Err(Reason::Inactive);
        }
        claims.prove(&expected, clock)
    }

    /// Calls `waiter` when the keys were refreshed, or could not be. True when this call started the refresh.
    pub fn wait_for_keys(&self, waiter: Waiter) -> bool {
        self.store.wait_for_keys(waiter)
    }

    /// Asks the issuer about a token (contract 6).
    pub fn introspect(&self, token: &str, now: NumericDate, waiter: AnswerWaiter) {
        self.introspection.ask(token, now, waiter);
    }

    /// Decides on the claims of an active token: the same rules, with `iss` and `exp` optional.
    pub fn decide_introspected(&self, claims: &str, call: &Call<'_>) -> Result<(), Reason> {
        let facts = self.prove(claims.as_bytes(), &self.issuer(), Origin::Introspection, &self.clock(call.now))?;
        call.policy.check(&facts, call.certificate)
    }

    /// Decides on what a cache gave for a token (contract 11). What was proved of the same text before is in `judged`.
    pub fn decide_cached(&self, judged: &mut ClaimsCache, entry: &str, call: &Call<'_>) -> Recalled {
        let key = claims_cache::key_of("", call.token);
        if judged.get(&key, call.now).is_none_or(|known| *known.text != *entry) {
            judged.put(key, entry, f64::INFINITY, call.now);
        }
        self.decide_in_cache(judged, &key, call)
    }

    /// Decides on what the cache inside the process has, which keeps what was proved of an entry.
    pub fn decide_in_cache(&self, cache: &mut ClaimsCache, key: &Key, call: &Call<'_>) -> Recalled {
        let Some(entry) = cache.get(key, call.now) else { return Recalled::Miss };
        let clock = self.clock(call.now);
        let is_first = entry.proved.as_ref().is_none_or(|(number, _)| *number != self.number);
        if is_first {
            entry.proved = self.prove_cached(&entry.text, call, &clock).map(|proved| (self.number, proved));
        }
        let verdict = match &entry.proved {
            Some((_, Proved::Inactive)) => Err(Reason::Inactive),
            Some((_, Proved::Claims(facts))) if facts.check_times(&clock).is_ok() => {
                call.policy.check(facts, call.certificate)
            }
            _ => {
                cache.remove(key);
                return Recalled::Miss;
            }
        };
        match verdict {
            Err(reason) => Recalled::Refused(reason),
            Ok(()) if is_first => Recalled::Claims(entry.text.to_string()),
            Ok(()) => Recalled::Slot(entry.slot),
        }
    }

    /// What an entry is, if it is one of this token for us.
    fn prove_cached(&self, entry: &str, call: &Call<'_>, clock: &Clock) -> Option<Proved> {
        let is_local = self.is_local(call.token);
        // A JWT says its claims itself: an entry that says anything else is another token's, or was changed.
        if is_local && !is_payload_of(call.token, entry) {
            return None;
        }
        if !is_local && is_inactive_verdict(entry, call.now) {
            return Some(Proved::Inactive);
        }
        // Before the metadata is there, the issuer is known but for one trailing slash.
        let domain = self.config.key_source.tenant.domain();
        let issuers = match self.store.metadata() {
            Ok(metadata) => vec![metadata.issuer.clone()],
            Err(_) => vec![domain.to_owned(), format!("{domain}/")],
        };
        let origin = if is_local { Origin::Jwt } else { Origin::Cache };
        issuers.iter().find_map(|issuer| self.prove(entry.as_bytes(), issuer, origin, clock).ok()).map(Proved::Claims)
    }

    /// Until when claims may stay in a cache (epoch seconds); `None` when they may not at all.
    pub fn cache_until(&self, expires: Option<NumericDate>, is_introspected: bool, now: NumericDate) -> Option<f64> {
        const WITHOUT_EXPIRY: f64 = 300.0;
        let bound = match self.config.introspection_cache {
            Some(seconds) if is_introspected => now + seconds,
            None if is_introspected && expires.is_none() => now + WITHOUT_EXPIRY,
            _ => f64::INFINITY,
        };
        let until = expires.unwrap_or(f64::INFINITY).min(bound).floor();
        (until.is_finite() && until > now).then_some(until)
    }

    /// The issuer of the metadata, or the tenant where there is none.
    pub fn issuer(&self) -> String {
        self.store
            .metadata()
            .map_or_else(|_| self.config.key_source.tenant.domain().to_owned(), |metadata| metadata.issuer.clone())
    }

    pub fn set_clock_skew(&self, seconds: f64) {
        self.lock().clock_skew = seconds;
    }

    pub fn set_clock_tolerance(&self, seconds: f64) {
        self.lock().clock_tolerance = seconds;
    }

    /// How many verified tokens are remembered.
    pub fn remembered_tokens(&self) -> usize {
        self.lock().memory.as_ref().map_or(0, Memory::len)
    }

    fn clock(&self, now: NumericDate) -> Clock {
        let warm = self.lock();
        Clock { now, skew: warm.clock_skew, tolerance: warm.clock_tolerance }
    }

    fn lock(&self) -> MutexGuard<'_, Warm> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a cached entry is worth.
#[derive(Debug, PartialEq)]
pub enum Recalled {
    /// Accepted for the first time; the claims' text.
    Claims(String),
    /// There is none, or none of this token for us: to be deleted, and the token validated anew.
    Miss,
    /// Good claims, and not enough for this route; or a verdict that the token is inactive.
    Refused(Reason),
    /// Accepted again; the claims were handed out before, under this slot.
    Slot(Slot),
}

/// A token that passed rules 1 and 2.
struct Parsed<'t> {
    compact: Compact<'t>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    header: Arc<Header>,
}

/// A token that passed rules 1 to 5.
struct Verified {
    text: String,
    facts: Facts,
}

/// What stands between a token and its claims.
enum Obstacle {
    IsSlow,
    Refused(Reason),
    UnknownKey(Option<Box<str>>),
}

/// Whether a text says what a JWT's payload says: mostly it is the same text.
fn is_payload_of(token: &str, entry: &str) -> bool {
    let Some(payload) = jws::decode_payload(token) else { return false };
    if payload == entry {
        return true;
    }
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    matches!((value(&payload), value(entry)), (Some(payload), Some(entry)) if is_same_json(&payload, &entry))
}

/// Equality as JavaScript sees it: `1.0` is `1`, members have no order.
fn is_same_json(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => a.as_f64() == b.as_f64(),
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same_json(a, b)),
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same_json(a, b)))
        }
        _ => a == b,
    }
}

/// `{ "active": false, "exp": … }`, before that time.
fn is_inactive_verdict(entry: &str, now: NumericDate) -> bool {
    let Ok(entry) = serde_json::from_str::<serde_json::Value>(entry) else { return false };
    let is_inactive = entry.get("active") == Some(&serde_json::Value::Bool(false));
    is_inactive && entry.get("exp").and_then(serde_json::Value::as_f64).is_some_and(|exp| exp > now)
}

#[cfg(test)]
mod testing;

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
