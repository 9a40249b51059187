//! The engine: is an access token accepted? It does not depend on Node.
//!
//! [`Engine::decide`] returns at once and does no I/O. If it needs keys, it says so. Then the caller calls
//! [`Engine::wait_for_keys`] and decides again. [`Engine::introspect`] sends the tokens that are not validated locally to
//! the issuer. A module may use only the modules that are listed before it.

#![forbid(unsafe_code)]

pub mod error;
pub mod time;
pub mod load_limit;
pub mod token;
pub mod transport;
pub mod memory;
pub mod keys;
pub mod authorize;
pub mod introspection;
pub mod config;
mod validate;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use lru::LruCache;

use authorize::claim_requirements::ClaimsText;
use authorize::dpop::Progress;
use authorize::dpop::context::DpopContext;
pub use authorize::policy::{Policy, Possession};
use config::Config;
use error::{Failure, Reason};
use introspection::{AnswerWaiter, Introspection};
use keys::store::{KeyStore, Waiter};
pub use keys::wait::Attempt;
use memory::answers::Answers;
use memory::verified_tokens::{Slot, VerifiedTokens};
use time::{Clock, Monotonic, NumericDate};
use token::claims::CheckedClaims;
use token::claims_template::ClaimsTemplates;
use token::compact;
use token::confirmation::Confirmation;
use token::header::Header;
use transport::Transport;
pub use validate::cached::CachedVerdict;

/// The number of decoded headers that are cached. An issuer has few keys, so its tokens have few different headers.
const HEADERS: NonZeroUsize = NonZeroUsize::new(64).unwrap();
/// The maximum length of a cached header, in bytes of its encoded text. A longer header is decoded every time.
const MAX_KEPT_HEADER: usize = 512;

/// The input of a decision: a token, the requirements of the route, and the time.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub token: &'c str,
    pub policy: &'c Policy,
    pub possession: Possession<'c>,
    /// The time of the caller. If it is negative or not finite, the result is [`Reason::Internal`].
    pub now: NumericDate,
}

impl Call<'_> {
    /// Verifies the DPoP proof, if there is one. It is done before [`Self::authorize`], because it takes time and locks must
    /// not be held.
    fn prove(&self, confirmation: &Confirmation, clock: &Clock, allows_slow: bool) -> Progress {
        self.policy.prove(confirmation, self.token, self.possession, clock, allows_slow)
    }

    /// Checks the binding to a DPoP key, which is the first requirement of the route.
    fn check_key(&self, confirmation: &Confirmation) -> Result<(), Reason> {
        self.policy.check_key(confirmation, self.token, self.possession.proof)
    }

    /// Checks the requirements of the route. `text` is the text of the claims, and `answers` are those of a remembered token.
    fn authorize(
        &self,
        claims: &CheckedClaims<'_>,
        text: ClaimsText<'_>,
        answers: Option<&mut Answers>,
        clock: &Clock,
    ) -> Result<(), Reason> {
        self.policy.check(claims, self.token, self.possession, clock)?;
        match (&self.policy.claims, answers) {
            (None, _) => Ok(()),
            (Some(required), Some(answers)) => required.check_remembered(text, answers),
            (Some(required), None) => required.check(text),
        }
    }
}

/// The result of a decision.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// Accepted. This is the JSON text of the claims.
    Claims(String),
    /// Accepted, only from [`Engine::decide_warm`]. These are the values for the blanks of a claims template
    /// ([`to_text`](token::claims_template::MatchedClaims::to_text)).
    Template(String),
    /// Accepted. The token was remembered, and its claims have this slot ([`Engine::recall_claims`]).
    Remembered(Slot),
    Refused(Reason),
    /// Neither accepted nor rejected, because of an outage.
    Failed(Failure),
    /// The caller must wait for the keys and decide again.
    NeedsKeys,
    /// The signature algorithm of the token or of its DPoP proof is slow. The caller must decide again on another thread. Or
    /// the proof is a `Proof::screening`, and the caller must decide again with a `Proof::new`.
    IsSlow,
}

/// Why the claims of an introspected token were not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The token has an audience of the client, and none that the route accepts. The claims are valid for other routes.
    AudienceOfRoute,
    /// The signature algorithm of the DPoP proof is slow. The caller verifies it on another thread and decides again.
    IsSlow,
    Refused(Reason),
}

impl From<Reason> for NotAccepted {
    fn from(reason: Reason) -> Self {
        NotAccepted::Refused(reason)
    }
}

pub struct Engine {
    /// Identifies the engine. An entry of a shared cache that one engine validated is validated again by another.
    id: u64,
    config: Arc<Config>,
    store: Arc<KeyStore>,
    introspection: Arc<Introspection>,
    dpop: Arc<DpopContext>,
    warm: Mutex<Warm>,
}

/// State that makes later decisions faster.
struct Warm {
    clock_skew: f64,
    clock_tolerance: f64,
    headers: LruCache<Box<str>, Arc<Header>, RandomState>,
    /// `None`, like `templates`, if no tokens are remembered.
    memory: Option<VerifiedTokens>,
    templates: Option<ClaimsTemplates>,
}

impl Engine {
    pub fn new(
        config: Arc<Config>,
        store: Arc<KeyStore>,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Monotonic>,
    ) -> Engine {
        let introspection = Introspection::new(Arc::clone(&config.introspection), Arc::clone(&store), transport, clock);
        let memory = VerifiedTokens::new(config.verified_tokens, config.verified_token_bytes);
        let warm = Warm {
            clock_skew: config.clock_skew,
            clock_tolerance: config.clock_tolerance,
            headers: LruCache::with_hasher(HEADERS, RandomState::default()),
            templates: memory.is_some().then(ClaimsTemplates::default),
            memory,
        };
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let dpop = Arc::new(DpopContext::new(
            config.dpop.clone(),
            config.key_source.tenant.domain(),
            &config.audiences.sorted(),
        ));
        Engine { id, config, store, introspection, dpop, warm: Mutex::new(warm) }
    }

    /// Shares used proofs, nonces and keys with other engines of the process.
    pub fn with_dpop(self, dpop: Arc<DpopContext>) -> Engine {
        Engine { dpop, ..self }
    }

    /// What the proofs for this engine share.
    pub fn dpop(&self) -> &Arc<DpopContext> {
        &self.dpop
    }

    /// The id of this engine, unique in the process.
    pub fn id(&self) -> u64 {
        self.id
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

    /// Whether a token is validated locally. All other tokens are introspected.
    pub fn is_local(&self, token: &str) -> bool {
        !self.config.introspects_jwts && compact::has_three_parts(token)
    }

    /// Calls `waiter` when the current key refresh has succeeded or failed. Starts a refresh if there is none, and then
    /// returns true.
    pub fn wait_for_keys(&self, waiter: Waiter) -> bool {
        self.store.wait_for_keys(waiter)
    }

    /// Introspects a token (RFC 7662) and calls `waiter` with the result.
    pub fn introspect(&self, token: &str, now: NumericDate, waiter: AnswerWaiter) {
        if let Err(reason) = self.clock(now) {
            return waiter(Err(reason.into()));
        }
        self.introspection.ask(token, now, waiter);
    }

    /// Removes the observers of this engine and cancels its introspections, when the client or its thread has ended.
    pub fn abandon(&self) {
        self.store.forget(self.id);
        self.introspection.abandon();
    }

    /// The issuer of the metadata. If there is no metadata, the issuer of the tenant.
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

    /// The state of keys, metadata and introspection, as JSON: ages in seconds, counts, and the reasons of the last
    /// failures. It contains no secrets.
    pub fn health(&self) -> String {
        let health = self.store.health();
        let introspection = self.introspection.health();
        let seconds = |span: Option<std::time::Duration>| span.map(|span| span.as_secs_f64());
        let name = |reason: Option<Reason>| reason.map(|reason| reason.spec().name);
        serde_json::json!({
            "metadata": {
                "age": seconds(health.metadata_age),
                "nextRefresh": seconds(health.next_metadata_refresh),
                "lastError": name(health.last_metadata_failure),
            },
            "keys": {
                "age": seconds(health.keys_age),
                "nextRefresh": seconds(health.next_refresh),
                "lastError": name(health.last_failure),
                "count": health.keys,
            },
            "introspection": {
                "failures": introspection.failures,
                "lastError": name(introspection.last_failure),
                "suspended": introspection.is_suspended,
                "inFlight": introspection.in_flight,
                "queued": introspection.queued,
            },
            "rememberedProofs": self.dpop().replay().len(),
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
    /// The clock of one decision. An invalid time is an internal error, so no token is accepted.
    fn clock(&self, now: NumericDate) -> Result<Clock, Reason> {
        Clock::new(now, self.clock_skew, self.clock_tolerance).ok_or(Reason::Internal)
    }
}

#[cfg(test)]
mod testing;
