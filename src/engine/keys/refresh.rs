//! When to fetch a document again: age, refresh ahead, one fetch at a time, use of stale documents, and back-off.
//!
//! A state machine without I/O and without a clock. Its owner passes the time, begins the fetch that it advises, and
//! reports the outcome.

use std::time::Duration;

use crate::engine::error::{Failure, Reason};
use crate::engine::time::Ticks;

/// The share of `max_age` after which a document is refreshed in the background.
const REFRESH_AHEAD: f64 = 0.8;
/// The shortest and the longest pause after a failure.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause while tokens arrive that need a newer document. Jitter makes it shorter.
const URGENT_PAUSE: Duration = Duration::from_secs(10);
/// The longest `Retry-After` that is followed for such tokens. An attacker who sends unknown `kid`s can make the issuer
/// answer 429, and a longer wait would delay a key rotation for every caller. An attacker who shortens a genuine
/// `Retry-After` in this way gains one attempt per 30 seconds.
const URGENT_RETRY_AFTER: Duration = Duration::from_secs(30);
/// The shortest time between a failed fetch and the next one when there is no usable document.
const MIN_GAP: Duration = Duration::from_millis(100);
/// Without a usable document, pauses do not grow for this long, so that callers recover soon after a short outage.
const EAGER_FOR: Duration = Duration::from_secs(10);
/// A caller with a usable document does not wait for a fetch that began longer ago than this.
const MAX_JOIN_AGE: Duration = Duration::from_secs(1);
/// A document is usable for at least this long, so that callers who waited for it can decide with it.
const MIN_USE: Duration = Duration::from_secs(1);
/// The share by which the refresh ahead and the pauses vary, so that the instances of a fleet do not fetch in step.
const JITTER: f64 = 0.2;

/// How long a document may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lifetime {
    /// From this age, the next call waits for a refresh.
    pub max_age: Duration,
    /// How much longer a document is used while it cannot be refreshed.
    pub max_stale: Duration,
}

/// A document and the state of its refresh.
pub struct Refresh<T> {
    lifetime: Lifetime,
    current: Option<Current<T>>,
    /// When the fetch in progress began.
    in_flight_since: Option<Ticks>,
    streak: Option<FailureStreak>,
    random: Random,
}

struct Current<T> {
    value: T,
    since: Ticks,
    refresh_at: Ticks,
}

/// Consecutive failures.
struct FailureStreak {
    failure: Failure,
    since: Ticks,
    pause: Duration,
    retry_at: Ticks,
    /// The retry time while tokens arrive that need a newer document. Never later than `retry_at`.
    urgent_at: Ticks,
    /// Whether such a token arrived since the last attempt.
    is_urgent: bool,
}

/// What to do with a document now.
#[derive(Debug, PartialEq)]
pub enum Advice {
    /// Use the document.
    Use,
    /// Use the document, and begin a fetch.
    UseAndRefresh,
    /// Wait for a fetch. A usable document may be used if the fetch fails or takes long.
    Wait,
    /// There is no usable document, and it is too early for the next attempt.
    Fail(Failure),
}

impl<T> Refresh<T> {
    pub fn new(lifetime: Lifetime, seed: u64) -> Self {
        Refresh { lifetime, current: None, in_flight_since: None, streak: None, random: Random(seed) }
    }

    /// The document, if it may still be used.
    pub fn usable(&self, now: Ticks) -> Option<&T> {
        self.current
            .as_ref()
            .filter(|current| now.since(current.since) <= self.max_stale())
            .map(|current| &current.value)
    }

    fn max_stale(&self) -> Duration {
        self.lifetime.max_age.saturating_add(self.lifetime.max_stale).max(MIN_USE)
    }

    /// What the caller should do now.
    pub fn advise(&self, now: Ticks) -> Advice {
        let may_ask = self.may_ask(now);
        let Some(current) = self.current.as_ref().filter(|_| self.usable(now).is_some()) else {
            return match &self.streak {
                _ if self.is_in_flight() => Advice::Wait,
                Some(streak) if !may_ask => Advice::Fail(streak.failure.clone()),
                _ => Advice::Wait,
            };
        };
        // A caller with a usable document never waits for a failing issuer, which is retried in the background. Nor does
        // it wait for a fetch that began long ago and may hang.
        let is_past_age = now.since(current.since) >= self.lifetime.max_age;
        let is_late = self.in_flight_since.is_some_and(|since| now.since(since) >= MAX_JOIN_AGE);
        if is_past_age && self.streak.is_none() && !is_late {
            return Advice::Wait;
        }
        // A failed refresh is retried after its pause, even if the document is still young.
        let is_due = now >= current.refresh_at || self.streak.is_some();
        if is_due && may_ask && !self.is_in_flight() { Advice::UseAndRefresh } else { Advice::Use }
    }

    /// What a caller should do that needs a newer document than the current one. It waits for a fetch, unless it is too
    /// early for the next attempt.
    pub fn advise_renewal(&self, now: Ticks) -> Advice {
        match self.advise(now) {
            Advice::Use | Advice::UseAndRefresh if self.is_in_flight() || self.may_ask(now) => Advice::Wait,
            advice => advice,
        }
    }

    /// Retries a failed refresh sooner, because a token arrived that needs a newer document. Returns true if the retry is
    /// due now.
    pub fn hurry(&mut self, now: Ticks) -> bool {
        let Some(streak) = &mut self.streak else { return false };
        streak.is_urgent = true;
        self.may_ask(now) && !self.is_in_flight()
    }

    /// Whether a document that lacks something may be fetched again: it is at least as old as the longest pause, and no
    /// back-off forbids it.
    pub fn may_recheck(&self, now: Ticks) -> bool {
        let is_old = self.current.as_ref().is_some_and(|current| now.since(current.since) >= MAX_PAUSE);
        is_old && !self.is_in_flight() && self.may_ask(now)
    }

    fn may_ask(&self, now: Ticks) -> bool {
        self.retry_at(now).is_none_or(|at| now >= at)
    }

    pub fn is_in_flight(&self) -> bool {
        self.in_flight_since.is_some()
    }

    /// Begins a fetch. Returns false if one is in progress.
    pub fn begin(&mut self, now: Ticks) -> bool {
        let is_first = self.in_flight_since.is_none();
        self.in_flight_since.get_or_insert(now);
        is_first
    }

    pub fn succeed(&mut self, value: T, now: Ticks) {
        let ahead = self.lifetime.max_age.mul_f64(REFRESH_AHEAD * (1.0 - JITTER / 2.0 * self.random.next()));
        self.current = Some(Current { value, since: now, refresh_at: now.after(ahead) });
        self.in_flight_since = None;
        self.streak = None;
    }

    /// Records a failed fetch. The document stays, and the pause before the next attempt grows.
    pub fn fail(&mut self, mut failure: Failure, now: Ticks) {
        // The pause counts from the beginning of the fetch, so a slow failure does not delay the next attempt further.
        let began_at = self.in_flight_since.take().unwrap_or(now);
        let since = self.streak.as_ref().map_or(now, |streak| streak.since);
        let is_eager = self.usable(now).is_none() && now.since(since) < EAGER_FOR;
        let pause = match &self.streak {
            Some(streak) if !is_eager => (streak.pause * 2).min(MAX_PAUSE),
            _ => MIN_PAUSE,
        };
        let requested = failure.detail.as_ref().and_then(|detail| detail.retry_after_secs).map(Duration::from_secs);
        let jittered = pause.mul_f64(1.0 + JITTER * self.random.next());
        // Without a usable document, the callers that waited for this fetch receive its failure. The gap keeps them from
        // joining the next fetch at once.
        let min_gap = if self.usable(now).is_none() { MIN_GAP } else { Duration::ZERO };
        let after = |pause: Duration, requested: Duration| began_at.after(pause).max(now.after(requested.max(min_gap)));
        let retry_at = after(jittered, requested.unwrap_or_default());
        let urgent_pause = jittered.min(URGENT_PAUSE.mul_f64(1.0 - JITTER * self.random.next()));
        let urgent_at = after(urgent_pause, requested.unwrap_or_default().min(URGENT_RETRY_AFTER));
        // A caller that receives this failure may try again after the next urgent attempt.
        if let Some(seconds) = failure.detail.as_mut().and_then(|detail| detail.retry_after_secs.as_mut()) {
            *seconds = (*seconds).min(URGENT_RETRY_AFTER.as_secs());
        }
        self.streak = Some(FailureStreak { failure, since, pause, retry_at, urgent_at, is_urgent: false });
    }

    /// The last failure, if nothing has succeeded since.
    pub fn failure(&self) -> Option<&Failure> {
        self.streak.as_ref().map(|streak| &streak.failure)
    }

    /// When a failed fetch is retried. Without a usable document, every token is urgent.
    pub fn retry_at(&self, now: Ticks) -> Option<Ticks> {
        let is_urgent = |streak: &FailureStreak| streak.is_urgent || self.usable(now).is_none();
        self.streak.as_ref().map(|streak| if is_urgent(streak) { streak.urgent_at } else { streak.retry_at })
    }

    /// Moves the next attempt to the time at which a document that this one depends on is retried.
    pub fn retry_with(&mut self, at: Ticks) {
        if let Some(streak) = &mut self.streak {
            (streak.retry_at, streak.urgent_at) = (at, at);
        }
    }

    /// The age of the document, for `health()`.
    pub fn age(&self, now: Ticks) -> Option<Duration> {
        self.current.as_ref().map(|current| now.since(current.since))
    }

    /// The time until the next planned attempt, for `health()`.
    pub fn next_attempt(&self, now: Ticks) -> Option<Duration> {
        let at = match (self.retry_at(now), &self.current) {
            (Some(at), _) => at,
            (None, Some(current)) => current.refresh_at,
            (None, None) => return None,
        };
        Some(at.since(now))
    }

    /// The last failure, or a failure with the reason `otherwise`.
    pub fn failure_or(&self, otherwise: Reason) -> Failure {
        self.failure().cloned().unwrap_or(Failure::from(otherwise))
    }
}

/// The SplitMix64 generator. Jitter needs no cryptographic randomness.
struct Random(u64);

impl Random {
    /// A number in the range from 0 to 1, 1 excluded.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
#[path = "refresh_tests.rs"]
mod tests;
