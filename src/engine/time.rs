//! The two clocks: NumericDate for the rules (RFC 7519 §2), ticks for the age of caches.
//!
//! No rule reads a clock. The caller says what time it is (`Date.now()`, so that users' fake timers work), and ages
//! are measured on a clock that never steps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seconds since 1970-01-01T00:00:00Z, fractions allowed (RFC 7519 §2).
pub type NumericDate = f64;

/// Whether a number can be a time: finite, and not negative.
pub const fn is_time(seconds: f64) -> bool {
    seconds.is_finite() && seconds >= 0.0
}

/// A point on the monotonic clock, in milliseconds since an arbitrary start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Ticks(pub u64);

impl Ticks {
    pub fn after(self, span: Duration) -> Ticks {
        Ticks(self.0.saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)))
    }

    /// The span since `earlier`, zero when `earlier` is later.
    pub fn since(self, earlier: Ticks) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// Tells monotonic time. Tests bring their own.
pub trait Monotonic: Send + Sync {
    fn now(&self) -> Ticks;
}

/// The machine's monotonic clock.
pub struct SystemMonotonic(Instant);

impl Default for SystemMonotonic {
    fn default() -> Self {
        SystemMonotonic(Instant::now())
    }
}

impl Monotonic for SystemMonotonic {
    fn now(&self) -> Ticks {
        Ticks(u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that moves only when told to: virtual time for tests and the fault suite.
#[derive(Default)]
pub struct ManualMonotonic(AtomicU64);

impl ManualMonotonic {
    pub fn advance(&self, span: Duration) {
        self.0.fetch_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Monotonic for ManualMonotonic {
    fn now(&self) -> Ticks {
        Ticks(self.0.load(Ordering::SeqCst))
    }
}

/// How the issuer's clock relates to ours, and how strict to be about it.
///
/// All three are finite and none is negative. A comparison with anything else is false, whichever way it is written,
/// so that an expired token would pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    now: NumericDate,
    skew: f64,
    tolerance: f64,
}

impl Clock {
    /// `now` is the caller's time, `skew` the seconds added to it, `tolerance` the seconds by which `exp` and `nbf` are
    /// widened. `None` when one of them is no time: then nothing can be decided.
    pub const fn new(now: NumericDate, skew: f64, tolerance: f64) -> Option<Clock> {
        if is_time(now) && is_time(skew) && is_time(tolerance) { Some(Clock { now, skew, tolerance }) } else { None }
    }

    /// RFC 7519 §4.1.4: at or after `exp` (widened) a token is expired.
    pub fn is_expired(&self, exp: NumericDate) -> bool {
        exp <= self.now + self.skew - self.tolerance
    }

    /// RFC 7519 §4.1.5: before `nbf` (widened) a token is not valid yet; at it, it is.
    pub fn is_not_yet_valid(&self, nbf: NumericDate) -> bool {
        nbf > self.now + self.skew + self.tolerance
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Clock = Clock::new(1000.0, 0.0, 0.0).unwrap();

    #[test]
    fn a_time_that_is_not_finite_or_is_negative_makes_no_clock() {
        assert!(Clock::new(0.0, 0.0, 0.0).is_some());
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, -f64::MIN_POSITIVE] {
            assert_eq!(Clock::new(wrong, 0.0, 0.0), None, "{wrong}");
            assert_eq!(Clock::new(0.0, wrong, 0.0), None, "{wrong}");
            assert_eq!(Clock::new(0.0, 0.0, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn exp_equal_to_now_is_expired() {
        assert!(AT.is_expired(1000.0));
        assert!(!AT.is_expired(1000.5));
    }

    #[test]
    fn exp_is_widened_by_the_tolerance_and_shifted_by_the_skew() {
        let clock = Clock::new(1000.0, 10.0, 300.0).unwrap();
        assert!(clock.is_expired(710.0));
        assert!(!clock.is_expired(710.001));
    }

    #[test]
    fn nbf_equal_to_now_is_valid() {
        assert!(!AT.is_not_yet_valid(1000.0));
        assert!(AT.is_not_yet_valid(1000.001));
    }

    #[test]
    fn nbf_is_widened_by_the_tolerance_and_shifted_by_the_skew() {
        let clock = Clock::new(1000.0, 10.0, 300.0).unwrap();
        assert!(!clock.is_not_yet_valid(1310.0));
        assert!(clock.is_not_yet_valid(1310.001));
    }

    #[test]
    fn an_earlier_tick_never_gives_a_negative_span() {
        assert_eq!(Ticks(5).since(Ticks(9)), Duration::ZERO);
    }
}
