//! When to fetch a document again: its age, refresh ahead, one flight at a time, stale use and back-off (contract 10).
//!
//! A state machine without I/O and without a clock: the owner tells it the time, starts the flight it asks for, and
//! reports how that ended.

use std::time::Duration;

use crate::engine::error::{Failure, Reason};
use crate::engine::time::Ticks;

/// The share of its life after which a document is refreshed ahead, in the background.
const REFRESH_AHEAD: f64 = 0.8;
/// The first pause after a failure, and the longest.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause while tokens come that only a fresh document can help: less any jitter.
const URGENT_PAUSE: Duration = Duration::from_secs(10);
/// The longest `Retry-After` that is honoured for such tokens. Whoever sends unknown `kid`s can make the issuer answer
/// 429, and a long wait would then keep a rotation from everybody. Whoever sends them to shorten an honest
/// `Retry-After` gains one attempt per 30 seconds.
const URGENT_RETRY_AFTER: Duration = Duration::from_secs(30);
/// The least time between the end of a failed flight and the next one, with nothing to serve.
const LEAST_GAP: Duration = Duration::from_millis(100);
/// With nothing to serve, pauses stay at the least for so long: a short outage ends for callers as soon as it ends.
const EAGER: Duration = Duration::from_secs(10);
/// Who comes later than this after a flight took off does not wait for it when there is something to use.
const PATIENCE: Duration = Duration::from_secs(1);
/// A document may be used for so long at least: who waited for it has yet to decide with it.
const LEAST_USE: Duration = Duration::from_secs(1);
/// The share by which ahead and pauses vary, so that a fleet does not ask in step.
const JITTER: f64 = 0.2;

/// How long a document is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lifetime {
    /// Past this age the next call waits for a refresh.
    pub max_age: Duration,
    /// For so long past its age a document is still used while it cannot be refreshed.
    pub max_stale: Duration,
}

/// A document, and what is known of its freshness.
pub struct Refresh<T> {
    lifetime: Lifetime,
    current: Option<Current<T>>,
    /// Since when the one flight is under way.
    in_flight_since: Option<Ticks>,
    trouble: Option<FailureStreak>,
    random: Random,
}

struct Current<T> {
    value: T,
    since: Ticks,
    refresh_at: Ticks,
}

/// An unbroken row of failures.
struct FailureStreak {
    failure: Failure,
    since: Ticks,
    pause: Duration,
    retry_at: Ticks,
    /// The same while tokens come that only a fresh document can help; never later than `retry_at`.
    urgent_at: Ticks,
    /// Whether such a token came since the last attempt, though there is a document to use.
    is_urgent: bool,
}

/// What to do with a document now.
#[derive(Debug, PartialEq)]
pub enum Advice {
    /// Use what is there.
    Use,
    /// Use what is there, and start a flight.
    UseAndRefresh,
    /// Wait for a flight. What is there may be used if that fails or takes long.
    Wait,
    /// There is nothing to use, and no use in asking yet.
    Fail(Failure),
}

impl<T> Refresh<T> {
    pub fn new(lifetime: Lifetime, seed: u64) -> Self {
        Refresh { lifetime, current: None, in_flight_since: None, trouble: None, random: Random(seed) }
    }

    /// The document, however old, if it may still be used at all.
    pub fn usable(&self, now: Ticks) -> Option<&T> {
        self.current
            .as_ref()
            .filter(|current| now.since(current.since) <= self.max_stale())
            .map(|current| &current.value)
    }

    fn max_stale(&self) -> Duration {
        self.lifetime.max_age.saturating_add(self.lifetime.max_stale).max(LEAST_USE)
    }

    /// What a caller should do now.
    pub fn advise(&self, now: Ticks) -> Advice {
        let may_ask = self.may_ask(now);
        let Some(current) = self.current.as_ref().filter(|_| self.usable(now).is_some()) else {
            return match &self.trouble {
                _ if self.is_in_flight() => Advice::Wait,
                Some(trouble) if !may_ask => Advice::Fail(trouble.failure.clone()),
                _ => Advice::Wait,
            };
        };
        // A failing issuer is asked in the background only: callers with usable documents never wait for it, nor for
        // a flight that has been under way for long, which may hang.
        let is_past_age = now.since(current.since) >= self.lifetime.max_age;
        let is_late = self.in_flight_since.is_some_and(|since| now.since(since) >= PATIENCE);
        if is_past_age && self.trouble.is_none() && !is_late {
            return Advice::Wait;
        }
        // A refresh that failed is tried again after its pause, however young the document is.
        let is_due = now >= current.refresh_at || self.trouble.is_some();
        if is_due && may_ask && !self.is_in_flight() { Advice::UseAndRefresh } else { Advice::Use }
    }

    /// The same for a caller that needs a newer document than the one there is: it waits for a flight, unless it is too
    /// early for one.
    pub fn advise_renewal(&self, now: Ticks) -> Advice {
        match self.advise(now) {
            Advice::Use | Advice::UseAndRefresh if self.is_in_flight() || self.may_ask(now) => Advice::Wait,
            advice => advice,
        }
    }

    /// A token came that only a fresh document can help: a failed refresh is tried again sooner. True when that is due.
    pub fn hurry(&mut self, now: Ticks) -> bool {
        let Some(trouble) = &mut self.trouble else { return false };
        trouble.is_urgent = true;
        self.may_ask(now) && !self.is_in_flight()
    }

    /// Whether what there is has been there for as long as a failing issuer is left alone: worth another look when it
    /// lacks something.
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

    /// Claims the one flight; false when there is one.
    pub fn begin(&mut self, now: Ticks) -> bool {
        let is_first = self.in_flight_since.is_none();
        self.in_flight_since.get_or_insert(now);
        is_first
    }

    pub fn succeed(&mut self, value: T, now: Ticks) {
        let ahead = self.lifetime.max_age.mul_f64(REFRESH_AHEAD * (1.0 - JITTER / 2.0 * self.random.next()));
        self.current = Some(Current { value, since: now, refresh_at: now.after(ahead) });
        self.in_flight_since = None;
        self.trouble = None;
    }

    /// A failed flight: what was there stays, and the next attempt waits longer.
    pub fn fail(&mut self, mut failure: Failure, now: Ticks) {
        // Pauses count from take-off: an attempt that took its time to fail delays the next one no further.
        let took_off = self.in_flight_since.take().unwrap_or(now);
        let since = self.trouble.as_ref().map_or(now, |trouble| trouble.since);
        let is_eager = self.usable(now).is_none() && now.since(since) < EAGER;
        let pause = match &self.trouble {
            Some(trouble) if !is_eager => (trouble.pause * 2).min(MAX_PAUSE),
            _ => MIN_PAUSE,
        };
        let asked_for = failure.detail.as_ref().and_then(|detail| detail.retry_after_secs).map(Duration::from_secs);
        let jittered = pause.mul_f64(1.0 + JITTER * self.random.next());
        // With nothing to serve never at once: who waited for this flight is told, and does not wait for the next.
        let least_gap = if self.usable(now).is_none() { LEAST_GAP } else { Duration::ZERO };
        let after =
            |pause: Duration, asked_for: Duration| took_off.after(pause).max(now.after(asked_for.max(least_gap)));
        let retry_at = after(jittered, asked_for.unwrap_or_default());
        let urgent_pause = jittered.min(URGENT_PAUSE.mul_f64(1.0 - JITTER * self.random.next()));
        let urgent_at = after(urgent_pause, asked_for.unwrap_or_default().min(URGENT_RETRY_AFTER));
        // Who is told of the failure may come again when the urgent attempt was made.
        if let Some(seconds) = failure.detail.as_mut().and_then(|detail| detail.retry_after_secs.as_mut()) {
            *seconds = (*seconds).min(URGENT_RETRY_AFTER.as_secs());
        }
        self.trouble = Some(FailureStreak { failure, since, pause, retry_at, urgent_at, is_urgent: false });
    }

    /// The last failure, while nothing has succeeded since.
    pub fn failure(&self) -> Option<&Failure> {
        self.trouble.as_ref().map(|trouble| &trouble.failure)
    }

    /// When a failed flight is tried again. With nothing to use, every token is urgent.
    pub fn retry_at(&self, now: Ticks) -> Option<Ticks> {
        let is_urgent = |trouble: &FailureStreak| trouble.is_urgent || self.usable(now).is_none();
        self.trouble.as_ref().map(|trouble| if is_urgent(trouble) { trouble.urgent_at } else { trouble.retry_at })
    }

    /// Moves the next attempt: to when what this document depends on may be asked for again.
    pub fn retry_with(&mut self, at: Ticks) {
        if let Some(trouble) = &mut self.trouble {
            (trouble.retry_at, trouble.urgent_at) = (at, at);
        }
    }

    /// Age, and time until the next planned attempt: for `health()`.
    pub fn age(&self, now: Ticks) -> Option<Duration> {
        self.current.as_ref().map(|current| now.since(current.since))
    }

    pub fn next_attempt(&self, now: Ticks) -> Option<Duration> {
        let at = match (self.retry_at(now), &self.current) {
            (Some(at), _) => at,
            (None, Some(current)) => current.refresh_at,
            (None, None) => return None,
        };
        Some(at.since(now))
    }

    /// What to answer when a flight that had to bring something brought nothing.
    pub fn failure_or(&self, otherwise: Reason) -> Failure {
        self.failure().cloned().unwrap_or(Failure::from(otherwise))
    }
}

/// Jitter needs variety, not secrecy: SplitMix64.
struct Random(u64);

impl Random {
    /// A number from 0 up to 1.
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
