//! Limits the refreshes that unknown `kid`s trigger.
//!
//! A token can name any `kid`, and each one could be a key that was just published. A token bucket limits the refreshes.
//! A flood of unknown `kid`s therefore barely reaches the issuer. A real key rotation is picked up at once, or within
//! seconds during a flood.

use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::time::Duration;

use foldhash::fast::RandomState;
use lru::LruCache;

use crate::engine::time::Ticks;

/// The bucket holds two refreshes and gains one every 5 seconds. That is at most 14 refreshes per minute.
const BUDGET: u32 = 2;
const REFILL: Duration = Duration::from_secs(5);
/// How many refused `kid`s are remembered, as hashes, and for how long.
const REFUSED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
const REFUSED_FOR: Duration = Duration::from_secs(5);

pub struct UnknownKids {
    budget: u32,
    refilled_at: Ticks,
    refused: LruCache<u64, Ticks, RandomState>,
    hasher: RandomState,
}

impl UnknownKids {
    pub fn new(now: Ticks) -> Self {
        // An unbounded cache that is resized allocates as it grows. `LruCache::new` would allocate all of it now.
        let mut refused = LruCache::unbounded_with_hasher(RandomState::default());
        refused.resize(REFUSED);
        UnknownKids { budget: BUDGET, refilled_at: now, refused, hasher: RandomState::default() }
    }

    /// Whether a refresh may begin for this `kid`. If so, takes one refresh from the bucket.
    pub fn may_ask(&mut self, kid: Option<&str>, now: Ticks) -> bool {
        !self.was_refused(kid, now) && self.take(now)
    }

    /// Whether a refresh within the last 5 seconds did not bring this `kid`.
    pub fn was_refused(&mut self, kid: Option<&str>, now: Ticks) -> bool {
        let hash = self.hasher.hash_one(kid);
        self.refused.get(&hash).is_some_and(|at| now.since(*at) < REFUSED_FOR)
    }

    pub fn refuse(&mut self, kid: Option<&str>, now: Ticks) {
        let hash = self.hasher.hash_one(kid);
        self.refused.put(hash, now);
    }

    /// Forgets all refused `kid`s, because the new set may contain them.
    pub fn forget_refused(&mut self) {
        self.refused.clear();
    }

    pub fn refused(&self) -> usize {
        self.refused.len()
    }

    fn take(&mut self, now: Ticks) -> bool {
        let refills = u32::try_from(now.since(self.refilled_at).as_millis() / REFILL.as_millis()).unwrap_or(u32::MAX);
        self.budget = self.budget.saturating_add(refills).min(BUDGET);
        // A full bucket gains nothing more.
        self.refilled_at = if self.budget == BUDGET { now } else { self.refilled_at.after(REFILL * refills) };
        let has_one = self.budget > 0;
        self.budget -= u32::from(has_one);
        has_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Ticks {
        Ticks(seconds * 1000)
    }

    #[test]
    fn the_bucket_holds_two_and_gets_one_back_every_5_seconds() {
        let mut kids = UnknownKids::new(at(0));
        let asks = |kids: &mut UnknownKids, kid: &str, second| kids.may_ask(Some(kid), at(second));
        assert!(asks(&mut kids, "a", 0) && asks(&mut kids, "b", 0) && !asks(&mut kids, "c", 0));
        assert!(!asks(&mut kids, "c", 4) && asks(&mut kids, "c", 5) && !asks(&mut kids, "d", 9));
        assert!(asks(&mut kids, "d", 1000) && asks(&mut kids, "e", 1000) && !asks(&mut kids, "f", 1000));
    }

    #[test]
    fn a_refused_kid_asks_for_nothing_for_5_seconds_and_then_may_again() {
        let mut kids = UnknownKids::new(at(0));
        kids.refuse(Some("a"), at(0));
        assert!(kids.was_refused(Some("a"), at(4)) && !kids.may_ask(Some("a"), at(4)));
        assert!(!kids.was_refused(Some("a"), at(5)) && kids.may_ask(Some("a"), at(5)));
    }

    #[test]
    fn refused_kids_are_bounded_and_forgotten_with_the_set() {
        let mut kids = UnknownKids::new(at(0));
        for number in 0..10_000 {
            kids.refuse(Some(&format!("kid-{number}")), at(0));
        }
        assert_eq!(kids.refused(), REFUSED.get());
        kids.forget_refused();
        assert!(!kids.was_refused(Some("kid-9999"), at(0)));
    }
}
