//! The two clocks: NumericDate for the rules (RFC 7519 §2), ticks for the age of caches.
//!
//! No rule reads a clock. The caller says what time it is (`Date.now()`, so that users' fake timers work), and ages
//! are measured on a clock that never steps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seconds since 1970-01-01T00:00:00Z, fractions allowed (RFC 7519 §2).
pub type NumericDate = f64;

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
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// The caller's time.
    pub now: NumericDate,
    /// Seconds added to now.
    pub skew: f64,
    /// Seconds by which `exp` and `nbf` are widened.
    pub tolerance: f64,
}

impl Clock {
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

    const AT: Clock = Clock { now: 1000.0, skew: 0.0, tolerance: 0.0 };

    #[test]
    fn exp_equal_to_now_is_expired() {
        assert!(AT.is_expired(1000.0));
        assert!(!AT.is_expired(1000.5));
    }

    #[test]
    fn exp_is_widened_by_the_tolerance_and_shifted_by_the_skew() {
        let clock = Clock { skew: 10.0, tolerance: 300.0, ..AT };
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
        let clock = Clock { skew: 10.0, tolerance: 300.0, ..AT };
        assert!(!clock.is_not_yet_valid(1310.0));
        assert!(clock.is_not_yet_valid(1310.001));
    }

    #[test]
    fn an_earlier_tick_never_gives_a_negative_span() {
        assert_eq!(Ticks(5).since(Ticks(9)), Duration::ZERO);
    }
}
