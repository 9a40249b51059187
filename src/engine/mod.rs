//! The engine: decides on access tokens, and knows nothing of Node.
//!
//! [`Engine::decide`] answers from what is already known, without I/O and without leaving the thread, or says what is
//! missing. [`Engine::wait_for_keys`] and [`Engine::introspect`] get it; then the caller decides again. A module may
//! use only those listed before it.

#![forbid(unsafe_code)]

pub mod error;
pub mod time;
pub mod load_limit;
pub mod token;
pub mod transport;
pub mod memory;
pub mod authorize;
pub mod keys;
pub mod introspection;
pub mod config;
mod validate;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use lru::LruCache;

use authorize::policy::Policy;
use config::Config;
use error::{Failure, Reason};
use introspection::{AnswerWaiter, Introspection};
use keys::store::{KeyStore, Waiter};
pub use keys::wait::Attempt;
use memory::verified_tokens::{Slot, VerifiedTokens};
use time::{Clock, Monotonic, NumericDate};
use token::claims_template::ClaimsTemplates;
use token::compact;
use token::header::Header;
use transport::Transport;
pub use validate::cached::CachedVerdict;

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
    /// The caller's time. One that is not finite or is negative gives [`Reason::Internal`].
    pub now: NumericDate,
}

/// The engine's answer.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Accepted; the claims' text.
    Claims(String),
    /// Accepted, for [`Engine::decide_warm`]; what stands in the blanks of a form of claims
    /// ([`forms::Filled::to_text`]).
    Template(String),
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
    /// Both none when no token is to be remembered.
    memory: Option<VerifiedTokens>,
    forms: Option<ClaimsTemplates>,
}

impl Engine {
    pub fn new(
        config: Arc<Config>,
        store: Arc<KeyStore>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Monotonic>,
    ) -> Engine {
        let introspection = Introspection::new(Arc::clone(&config), Arc::clone(&store), transport, clock);
        let memory = VerifiedTokens::new(config.verified_tokens, config.verified_token_bytes);
        let warm = Warm {
            clock_skew: config.clock_skew,
            clock_tolerance: config.clock_tolerance,
            headers: LruCache::with_hasher(HEADERS, RandomState::default()),
            forms: memory.is_some().then(ClaimsTemplates::default),
            memory,
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

    pub fn introspection(&self) -> &Arc<Introspection> {
        &self.introspection
    }

    /// Whether a token is validated here (contract 4); everything else is introspected.
    pub fn is_local(&self, token: &str) -> bool {
        !self.config.introspects_jwts && compact::has_three_parts(token)
    }

    /// Calls `waiter` when the keys were refreshed, or could not be. True when this call started the refresh.
    pub fn wait_for_keys(&self, waiter: Waiter) -> bool {
        self.store.wait_for_keys(waiter)
    }

    /// Asks the issuer about a token (contract 6).
    pub fn introspect(&self, token: &str, now: NumericDate, waiter: AnswerWaiter) {
        if let Err(reason) = self.clock(now) {
            return waiter(Err(reason.into()));
        }
        self.introspection.ask(token, now, waiter);
    }

    /// Its client is gone, with its thread for instance: nobody hears of its events and answers any more.
    pub fn abandon(&self) {
        self.store.forget(self.number);
        self.introspection.abandon();
    }

    /// The issuer of the metadata, or the tenant where there is none.
    pub fn issuer(&self) -> String {
        self.store
            .metadata()
            .map_or_else(|_| self.config.key_source.tenant.issuer().to_owned(), |metadata| metadata.issuer.clone())
    }

    pub fn set_clock_skew(&self, seconds: f64) {
        self.lock().clock_skew = seconds;
    }

    pub fn set_clock_tolerance(&self, seconds: f64) {
        self.lock().clock_tolerance = seconds;
    }

    /// JSON of ages (seconds), counts and the last failures' words. No secrets.
    pub fn health(&self) -> String {
        let health = self.store.health();
        let introspection = self.introspection.health();
        let seconds = |span: Option<std::time::Duration>| span.map(|span| span.as_secs_f64());
        let word = |reason: Option<Reason>| reason.map(|reason| reason.spec().word);
        serde_json::json!({
            "metadata": {
                "age": seconds(health.metadata_age),
                "nextRefresh": seconds(health.next_metadata_refresh),
                "lastError": word(health.last_metadata_failure),
            },
            "keys": {
                "age": seconds(health.keys_age),
                "nextRefresh": seconds(health.next_refresh),
                "lastError": word(health.last_failure),
                "count": health.keys,
            },
            "introspection": {
                "failures": introspection.failures,
                "lastError": word(introspection.last_failure),
                "suspended": introspection.is_suspended,
                "inFlight": introspection.in_flight,
                "queued": introspection.queued,
            },
            "rememberedTokens": self.remembered_tokens(),
        })
        .to_string()
    }

    /// How many verified tokens are remembered.
    pub fn remembered_tokens(&self) -> usize {
        self.lock().memory.as_ref().map_or(0, VerifiedTokens::len)
    }

    fn clock(&self, now: NumericDate) -> Result<Clock, Reason> {
        self.lock().clock(now)
    }

    fn lock(&self) -> MutexGuard<'_, Warm> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Warm {
    /// A caller without a time gets no decision.
    fn clock(&self, now: NumericDate) -> Result<Clock, Reason> {
        Clock::new(now, self.clock_skew, self.clock_tolerance).ok_or(Reason::Internal)
    }
}

#[cfg(test)]
mod testing;
