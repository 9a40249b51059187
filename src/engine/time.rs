//! The two clocks: `NumericDate` for the rules (RFC 7519 §2), and ticks for the age of cached documents.
//!
//! No rule reads a clock. The caller passes the time (`Date.now()`, so that fake timers in the user's tests work). Ages are
//! measured on a monotonic clock, which never jumps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seconds since 1970-01-01T00:00:00Z, with fractions (RFC 7519 §2).
pub type NumericDate = f64;

/// Whether a number is a valid time: finite and not negative.
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

    /// The time since `earlier`, or zero if `earlier` is later.
    pub fn since(self, earlier: Ticks) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// A monotonic clock. Tests use [`ManualMonotonic`].
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

/// A clock that moves only in [`ManualMonotonic::advance`], for tests in virtual time.
#[derive(Default)]
#[allow(dead_code, reason = "only tests and fuzz targets use it, also those outside of the crate")]
pub struct ManualMonotonic(AtomicU64);

#[allow(dead_code, reason = "as above")]
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

/// The caller's time, the configured skew, and the configured tolerance.
///
/// All three are finite and not negative. This matters because every comparison with NaN is false, so that an expired
/// token would pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    now: NumericDate,
    skew: f64,
    tolerance: f64,
}

impl Clock {
    /// `skew` is added to the caller's time `now`, and `tolerance` extends `exp` and `nbf`. All are in seconds. Returns
    /// `None` if one of them is not finite or is negative.
    pub const fn new(now: NumericDate, skew: f64, tolerance: f64) -> Option<Clock> {
        if is_time(now) && is_time(skew) && is_time(tolerance) { Some(Clock { now, skew, tolerance }) } else { None }
    }

    /// RFC 7519 §4.1.4: a token is expired at or after `exp`, extended by the tolerance.
    pub fn is_expired(&self, exp: NumericDate) -> bool {
        exp <= self.now + self.skew - self.tolerance
    }

    /// RFC 7519 §4.1.5: a token is not valid before `nbf`, extended by the tolerance. It is valid at that time.
    pub fn is_not_yet_valid(&self, nbf: NumericDate) -> bool {
        self.is_in_future(nbf)
    }

    /// Whether an event lies in the future by more than the tolerance.
    pub fn is_in_future(&self, at: NumericDate) -> bool {
        at > self.now + self.skew + self.tolerance
    }

    /// Whether an event is more than `seconds` ago. The tolerance does not extend this: it may be longer than `seconds`.
    pub fn is_older_than(&self, at: NumericDate, seconds: f64) -> bool {
        at < self.now + self.skew - seconds
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
