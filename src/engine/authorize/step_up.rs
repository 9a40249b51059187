//! Step-up authentication (RFC 9470): was the user authenticated strongly and recently enough for a route?
//!
//! `acr` and `auth_time` are facts of a token (RFC 9068 §2.2.1, RFC 9470 §6.1 and §6.2). Whether they are enough depends on
//! the route and on the time, so they are checked on every call, also for a remembered token.

use crate::engine::error::Reason;
use crate::engine::time::Clock;
use crate::engine::token::claims::CheckedClaims;

/// The longest `maxAge`, one year. The shortest is one second: with 0, no new token would ever be accepted.
pub const MAX_AGE_LIMIT_SECS: u32 = 31_536_000;

/// What a route requires of the user's authentication. The default requires nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct StepUp {
    /// One of these is required in `acr`. An empty list requires nothing.
    acr: Box<[Box<str>]>,
    /// The maximum number of seconds since `auth_time`.
    max_age_secs: Option<u32>,
}

impl StepUp {
    /// Returns `None` if `max_age_secs` is not between 1 and [`MAX_AGE_LIMIT_SECS`].
    pub fn new(acr: Box<[Box<str>]>, max_age_secs: Option<u32>) -> Option<StepUp> {
        let is_in_range = max_age_secs.is_none_or(|seconds| (1..=MAX_AGE_LIMIT_SECS).contains(&seconds));
        is_in_range.then_some(StepUp { acr, max_age_secs })
    }

    /// Checks `acr`, then `auth_time`.
    pub fn check(&self, claims: &CheckedClaims<'_>, clock: &Clock) -> Result<(), Reason> {
        let is_listed = |acr: &str| self.acr.iter().any(|listed| **listed == *acr);
        if !self.acr.is_empty() && !claims.acr.as_deref().is_some_and(is_listed) {
            return Err(Reason::AcrMissing);
        }
        let Some(max_age) = self.max_age_secs else { return Ok(()) };
        match claims.auth_time {
            Some(auth_time) if clock.is_in_future(auth_time) => Err(Reason::AuthTimeInvalid),
            Some(auth_time) if clock.is_older_than(auth_time, f64::from(max_age)) => Err(Reason::AuthenticationTooOld),
            Some(_) => Ok(()),
            None => Err(Reason::AuthTimeInvalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Clock = Clock::new(10_000.0, 0.0, 300.0).unwrap();

    fn step_up(acr: &[&str], max_age: Option<u32>) -> StepUp {
        StepUp::new(acr.iter().map(|acr| (*acr).into()).collect(), max_age).expect("in range")
    }

    fn check(step_up: &StepUp, acr: Option<&str>, auth_time: Option<f64>) -> Result<(), Reason> {
        let claims = CheckedClaims { acr: acr.map(Into::into), auth_time, ..CheckedClaims::default() };
        step_up.check(&claims, &CLOCK)
    }

    #[test]
    fn max_age_is_between_one_second_and_one_year() {
        for (max_age, is_valid) in [(0, false), (1, true), (31_536_000, true), (31_536_001, false)] {
            assert_eq!(StepUp::new([].into(), Some(max_age)).is_some(), is_valid, "{max_age}");
        }
    }

    #[test]
    fn one_of_the_listed_acr_values_is_enough_and_it_is_compared_byte_for_byte() {
        let listed = step_up(&["gold", "silver"], None);
        assert_eq!(check(&listed, Some("silver"), None), Ok(()));
        for other in [None, Some(""), Some("GOLD"), Some("gold "), Some("gold silver"), Some("golden"), Some("0")] {
            assert_eq!(check(&listed, other, None), Err(Reason::AcrMissing), "{other:?}");
        }
    }

    #[test]
    fn a_route_that_asks_for_nothing_accepts_any_acr_and_any_auth_time() {
        for auth_time in [None, Some(-1.0), Some(f64::MAX)] {
            assert_eq!(check(&StepUp::default(), None, auth_time), Ok(()));
        }
    }

    #[test]
    fn auth_time_equal_to_now_minus_max_age_passes_and_earlier_does_not_whatever_the_tolerance_is() {
        let recent = step_up(&[], Some(60));
        assert_eq!(check(&recent, None, Some(9940.0)), Ok(()));
        assert_eq!(check(&recent, None, Some(9939.999)), Err(Reason::AuthenticationTooOld));
        assert_eq!(check(&recent, None, Some(-1.0)), Err(Reason::AuthenticationTooOld));
    }

    #[test]
    fn auth_time_ahead_by_the_tolerance_passes_and_further_ahead_or_absent_does_not() {
        let recent = step_up(&[], Some(60));
        assert_eq!(check(&recent, None, Some(10_300.0)), Ok(()));
        assert_eq!(check(&recent, None, Some(10_300.001)), Err(Reason::AuthTimeInvalid));
        assert_eq!(check(&recent, None, None), Err(Reason::AuthTimeInvalid));
    }

    #[test]
    fn the_skew_moves_both_limits_of_auth_time() {
        let clock = Clock::new(10_000.0, 50.0, 300.0).expect("a clock");
        let recent = step_up(&[], Some(60));
        let at =
            |auth_time| recent.check(&CheckedClaims { auth_time: Some(auth_time), ..CheckedClaims::default() }, &clock);
        assert_eq!((at(9990.0), at(9989.0)), (Ok(()), Err(Reason::AuthenticationTooOld)));
        assert_eq!((at(10_350.0), at(10_351.0)), (Ok(()), Err(Reason::AuthTimeInvalid)));
    }

    #[test]
    fn acr_is_checked_before_auth_time() {
        assert_eq!(check(&step_up(&["gold"], Some(60)), None, None), Err(Reason::AcrMissing));
    }
}
