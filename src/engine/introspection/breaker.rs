//! The circuit breaker of introspection. It stops requests to an endpoint that is down and sends probes until one is
//! answered.
//!
//! A single token, or the content of its response, cannot open the breaker. [`Failure::counts_for_breaker`] tells which
//! failures count. Such a failure is evidence against the endpoint only if no token was answered since its request was
//! sent. If some token was answered within the last [`TRUST_AN_ANSWER`], it is evidence only if the failing token is
//! known: the issuer answered promptly before that it is active. Garbage tokens that make the issuer respond with 500,
//! or not at all, therefore do not open the breaker while other tokens are answered.

use std::num::NonZeroUsize;
use std::time::Duration;

use foldhash::fast::RandomState;
use lru::LruCache;

use crate::engine::error::{Failure, Reason};
use crate::engine::introspection::Answer;
use crate::engine::time::Ticks;

/// The number of consecutive failures that opens the breaker, and of different tokens among them.
pub const FAILURES_TO_OPEN: u32 = 10;
pub const TOKENS_TO_OPEN: usize = 3;
/// How long after an answer only failures of known tokens are evidence that the endpoint is down.
pub const TRUST_AN_ANSWER: Duration = Duration::from_secs(10);
/// The interval of the probes while the breaker is open, for known tokens and for all others.
pub const PROBE_KNOWN_EVERY: Duration = Duration::from_millis(200);
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// How long a token that failed is neither a probe nor preferred.
pub const PAUSE_OF_A_FAILED_TOKEN: Duration = Duration::from_secs(5);
/// The longest time in which the issuer must answer about an active token for the token to become known.
pub const PROMPT: Duration = Duration::from_secs(1);
/// How many known tokens, and how many tokens that failed, are remembered as hashes.
const KNOWN: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
const FAILED: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The hash of a token, with a random seed of this process.
pub type TokenHash = u64;

pub struct Breaker {
    /// The consecutive failures of any tokens, and the reason of the last one, for `health()`.
    failures: u32,
    last_failure: Option<Reason>,
    last_answer: Option<Ticks>,
    /// The consecutive failures that are evidence against the endpoint, and the first different tokens among them.
    evidence: u32,
    tokens: Vec<TokenHash>,
    open: Option<Probes>,
    known: LruCache<TokenHash, (), RandomState>,
    failed: LruCache<TokenHash, Ticks, RandomState>,
}

/// When the next probe of each kind may be sent.
struct Probes {
    known: Ticks,
    other: Ticks,
}

impl Default for Breaker {
    fn default() -> Self {
        // Resizing an unbounded cache allocates no memory until it is used.
        let (mut known, mut failed) = (
            LruCache::unbounded_with_hasher(RandomState::default()),
            LruCache::unbounded_with_hasher(RandomState::default()),
        );
        known.resize(KNOWN);
        failed.resize(FAILED);
        Breaker {
            failures: 0,
            last_failure: None,
            last_answer: None,
            evidence: 0,
            tokens: Vec::new(),
            open: None,
            known,
            failed,
        }
    }
}

impl Breaker {
    pub fn failures(&self) -> (u32, Option<Reason>) {
        (self.failures, self.last_failure)
    }

    pub fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Whether a token is known and has not just failed. Such a token starts before others.
    pub fn is_preferred(&self, token: TokenHash, now: Ticks) -> bool {
        self.known.contains(&token) && !self.has_just_failed(token, now)
    }

    /// Whether a request for this token may be sent now. While the breaker is open, the request is a probe. A token that
    /// has just failed is not used as a probe, because another token may succeed.
    pub fn may_send(&self, token: TokenHash, now: Ticks) -> bool {
        let Some(probes) = &self.open else { return true };
        let next = if self.known.contains(&token) { probes.known } else { probes.other };
        now >= next && !self.has_just_failed(token, now)
    }

    /// Same as [`Breaker::may_send`], for a request that is sent if the result is true. Counts the probe.
    pub fn send(&mut self, token: TokenHash, now: Ticks) -> bool {
        let may_send = self.may_send(token, now);
        if may_send && let Some(probes) = &mut self.open {
            if self.known.contains(&token) {
                probes.known = now.after(PROBE_KNOWN_EVERY);
            } else {
                probes.other = now.after(PROBE_EVERY);
            }
        }
        may_send
    }

    /// Records the outcome of a request that was sent at `sent_at`. Returns true if the breaker opens because of it.
    pub fn record(&mut self, token: TokenHash, answer: &Answer, sent_at: Ticks, now: Ticks) -> bool {
        match answer {
            Err(failure) if failure.counts_for_breaker() => return self.record_failure(token, failure, sent_at, now),
            // An internal error of this package says nothing about the endpoint.
            Err(failure) if failure.reason == Reason::Internal => return false,
            Ok(_) if now.since(sent_at) <= PROMPT => {
                self.known.put(token, ());
            }
            // Inactive, rejected, unreadable or slow: the endpoint answered, but the token is not known.
            _ => {
                self.known.pop(&token);
            }
        }
        self.failed.pop(&token);
        self.tokens.clear();
        (self.failures, self.last_failure, self.evidence) = (0, None, 0);
        (self.last_answer, self.open) = (Some(now), None);
        false
    }

    fn record_failure(&mut self, token: TokenHash, failure: &Failure, sent_at: Ticks, now: Ticks) -> bool {
        self.failures = self.failures.saturating_add(1);
        self.last_failure = Some(failure.reason);
        self.failed.put(token, now);
        let is_evidence = self
            .last_answer
            .is_none_or(|at| sent_at >= at && (now.since(at) >= TRUST_AN_ANSWER || self.known.contains(&token)));
        if !is_evidence {
            return false;
        }
        self.evidence = self.evidence.saturating_add(1);
        if self.tokens.len() < TOKENS_TO_OPEN && !self.tokens.contains(&token) {
            self.tokens.push(token);
        }
        let opens = self.open.is_none() && self.evidence >= FAILURES_TO_OPEN && self.tokens.len() >= TOKENS_TO_OPEN;
        if opens {
            self.open = Some(Probes { known: now, other: now.after(PROBE_EVERY) });
        }
        opens
    }

    fn has_just_failed(&self, token: TokenHash, now: Ticks) -> bool {
        self.failed.peek(&token).is_some_and(|at| now.since(*at) < PAUSE_OF_A_FAILED_TOKEN)
    }
}
