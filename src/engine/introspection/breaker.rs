//! The circuit breaker of introspection: stops asking an endpoint that is down, and asks it again once it may be up.
//!
//! Nothing that one token, or the content of its answer, can cause opens it. Which reasons count is a column of the
//! catalogue ([`Failure::counts_for_breaker`]). Of those, a failure is evidence against the endpoint only when no
//! token was answered since the request was sent, and, while some token was answered within the last
//! [`TRUST_AN_ANSWER`], only when the failing token is known: it was itself answered as active, and promptly. So
//! garbage tokens for which the issuer answers 500, or not at all, open nothing beside tokens that are answered.

use std::num::NonZeroUsize;
use std::time::Duration;

use foldhash::fast::RandomState;
use lru::LruCache;

use crate::engine::error::{Failure, Reason};
use crate::engine::introspection::Answer;
use crate::engine::time::Ticks;

/// So many failures in a row, of so many different tokens at least, open the breaker.
pub const FAILURES_TO_OPEN: u32 = 10;
pub const TOKENS_TO_OPEN: usize = 3;
/// For so long after an answer, only the failures of known tokens are evidence that the endpoint is down.
pub const TRUST_AN_ANSWER: Duration = Duration::from_secs(10);
/// While the breaker is open: how often a request is let through as a probe, for known tokens and for all others.
pub const PROBE_KNOWN_EVERY: Duration = Duration::from_millis(200);
pub const PROBE_EVERY: Duration = Duration::from_secs(1);
/// For so long a token that failed is not used as a probe, and has no precedence.
pub const PAUSE_OF_A_FAILED_TOKEN: Duration = Duration::from_secs(5);
/// An active token that took longer to be answered has no precedence.
pub const PROMPT: Duration = Duration::from_secs(1);
/// Known tokens remembered, as hashes; and tokens that failed lately.
const KNOWN: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();
const FAILED: NonZeroUsize = NonZeroUsize::new(1_000).unwrap();

/// The hash of a token, under a seed of this process.
pub type TokenHash = u64;

pub struct Breaker {
    /// Failures in a row, of whatever token, and the last of them: for `health()`.
    failures: u32,
    last_failure: Option<Reason>,
    last_answer: Option<Ticks>,
    /// The failures in a row that are evidence against the endpoint, and the first different tokens among them.
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
        // Both grow as they are used.
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

    /// Whether a token was active when it was last asked about, was answered promptly, and has not failed since.
    pub fn is_preferred(&self, token: TokenHash, now: Ticks) -> bool {
        self.known.contains(&token) && !self.has_just_failed(token, now)
    }

    /// Whether a request about this token may be sent now. With an open breaker it is a probe, which a token that has
    /// just failed cannot be: the next one may tell more.
    pub fn may_send(&self, token: TokenHash, now: Ticks) -> bool {
        let Some(probes) = &self.open else { return true };
        let next = if self.known.contains(&token) { probes.known } else { probes.other };
        now >= next && !self.has_just_failed(token, now)
    }

    /// The same, for a request that is sent when the answer is true.
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

    /// Notes how a request ended that was sent at `sent_at`. True when the breaker opens for it.
    pub fn note(&mut self, token: TokenHash, answer: &Answer, sent_at: Ticks, now: Ticks) -> bool {
        match answer {
            Err(failure) if failure.counts_for_breaker() => return self.note_failure(token, failure, sent_at, now),
            // A defect of ours says nothing of the endpoint.
            Err(failure) if failure.reason == Reason::Internal => return false,
            Ok(_) if now.since(sent_at) <= PROMPT => {
                self.known.put(token, ());
            }
            // Inactive, refused, odd, or slow: an answer, but no reason for precedence.
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

    fn note_failure(&mut self, token: TokenHash, failure: &Failure, sent_at: Ticks, now: Ticks) -> bool {
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
