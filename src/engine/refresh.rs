//! When to fetch a document again: its age, refresh ahead, one flight at a time, stale use and back-off (contract 10).
//!
//! A state machine without I/O and without a clock: the owner tells it the time, starts the flight it asks for, and
//! reports how that ended.

use std::time::Duration;

use super::error::{Failure, Reason};
use super::time::Ticks;

/// The share of its life after which a document is refreshed ahead, in the background.
const REFRESH_AHEAD: f64 = 0.8;
/// The first pause after a failure, and the longest.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);
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
    trouble: Option<Trouble>,
    random: Random,
}

struct Current<T> {
    value: T,
    since: Ticks,
    refresh_at: Ticks,
}

/// An unbroken row of failures.
struct Trouble {
    failure: Failure,
    since: Ticks,
    pause: Duration,
    retry_at: Ticks,
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
        let may_ask = self.trouble.as_ref().is_none_or(|trouble| now >= trouble.retry_at);
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

    pub fn is_in_flight(&self) -> bool {
        self.in_flight_since.is_some()
    }

    /// Claims the one flight; false when there is one.
    pub fn take_off(&mut self, now: Ticks) -> bool {
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
    pub fn fail(&mut self, failure: Failure, now: Ticks) {
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
        let retry_at = took_off.after(jittered).max(now.after(asked_for.unwrap_or_default().max(least_gap)));
        self.trouble = Some(Trouble { failure, since, pause, retry_at });
    }

    /// The last failure, while nothing has succeeded since.
    pub fn failure(&self) -> Option<&Failure> {
        self.trouble.as_ref().map(|trouble| &trouble.failure)
    }

    /// When a failed flight is tried again.
    pub fn retry_at(&self) -> Option<Ticks> {
        self.trouble.as_ref().map(|trouble| trouble.retry_at)
    }

    /// Moves the next attempt: to when what this document depends on may be asked for again.
    pub fn retry_with(&mut self, at: Ticks) {
        if let Some(trouble) = &mut self.trouble {
            trouble.retry_at = at;
        }
    }

    /// Age, and time until the next planned attempt: for `health()`.
    pub fn age(&self, now: Ticks) -> Option<Duration> {
        self.current.as_ref().map(|current| now.since(current.since))
    }

    pub fn next_attempt(&self, now: Ticks) -> Option<Duration> {
        let at = match (&self.trouble, &self.current) {
            (Some(trouble), _) => trouble.retry_at,
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
