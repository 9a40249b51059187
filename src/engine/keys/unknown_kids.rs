//! What unknown `kid`s may cost: a token names any `kid` it likes, and each could be a key that was just published.
//!
//! Refreshes come out of a small bucket, so that a flood costs the issuer next to nothing while a real rotation is
//! picked up at once, or within seconds under a flood.

use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::time::Duration;

use foldhash::fast::RandomState;
use lru::LruCache;

use crate::engine::time::Ticks;

/// A bucket of two refreshes, refilled one every 5 seconds: at most 14 a minute.
const BUDGET: u32 = 2;
const REFILL: Duration = Duration::from_secs(5);
/// How many refused `kid`s are remembered, as hashes, and for how long each.
const REFUSED: NonZeroUsize = NonZeroUsize::new(4096).unwrap();
const REFUSED_FOR: Duration = Duration::from_secs(5);

pub struct UnknownKids {
    tokens: u32,
    since: Ticks,
    refused: LruCache<u64, Ticks, RandomState>,
    hasher: RandomState,
}

impl UnknownKids {
    pub fn new(now: Ticks) -> Self {
        // Grows as it is used.
        let mut refused = LruCache::unbounded_with_hasher(RandomState::default());
        refused.resize(REFUSED);
        UnknownKids { tokens: BUDGET, since: now, refused, hasher: RandomState::default() }
    }

    /// Whether a refresh may be started for this `kid`; takes it out of the bucket.
    pub fn may_ask(&mut self, kid: Option<&str>, now: Ticks) -> bool {
        !self.was_refused(kid, now) && self.take(now)
    }

    /// Whether a refresh a moment ago did not bring this `kid`.
    pub fn was_refused(&mut self, kid: Option<&str>, now: Ticks) -> bool {
        let hash = self.hasher.hash_one(kid);
        self.refused.get(&hash).is_some_and(|at| now.since(*at) < REFUSED_FOR)
    }

    pub fn refuse(&mut self, kid: Option<&str>, now: Ticks) {
        let hash = self.hasher.hash_one(kid);
        self.refused.put(hash, now);
    }

    /// Another key set: what was not in the last one may be in this.
    pub fn forget_refused(&mut self) {
        self.refused.clear();
    }

    pub fn refused(&self) -> usize {
        self.refused.len()
    }

    fn take(&mut self, now: Ticks) -> bool {
        let refills = u32::try_from(now.since(self.since).as_millis() / REFILL.as_millis()).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(refills).min(BUDGET);
        // A full bucket does not save up.
        self.since = if self.tokens == BUDGET { now } else { self.since.after(REFILL * refills) };
        let has_one = self.tokens > 0;
        self.tokens -= u32::from(has_one);
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
