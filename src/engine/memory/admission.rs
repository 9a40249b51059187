//! Admission: was a token verified recently, so that remembering it is worthwhile?
//!
//! Recently means at most as many verifications ago as the memory has places, or somewhat more, but less than twice as
//! many. A token that returns later than that would be evicted again before its next use.
//!
//! Only tags of tokens are kept. They are small enough to stay in the processor's cache. If a tag is overwritten, its token
//! is verified once more. If two tokens have the same tag, one may be remembered too early. Neither changes a verdict.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

pub struct Admission {
    /// Each value is a tag and, in its lowest 4 bits, the age at which it was recorded. 0 is free.
    buckets: Vec<[u32; 4]>,
    hasher: RandomState,
    /// Increases after as many records as the memory has places.
    age: u32,
    records_per_age: usize,
    records_left: usize,
}

/// The number of ages that can be distinguished, because they are stored modulo this number. A tag is usually
/// overwritten before its age repeats.
const AGE_COUNT: u32 = 16;
const MOST_BUCKETS: usize = 1 << 16;

impl Admission {
    /// Creates the records for a memory with this capacity.
    pub fn new(capacity: usize) -> Self {
        let buckets = vec![[0; 4]; capacity.next_power_of_two().min(MOST_BUCKETS)];
        let records_per_age = capacity.max(1);
        Admission { buckets, hasher: RandomState::default(), age: 0, records_per_age, records_left: records_per_age }
    }

    /// Records a token. Returns whether it was recorded recently before.
    pub fn record(&mut self, token: &str) -> bool {
        // The end of the signature is enough to distinguish tokens.
        const HASHED_BYTES: usize = 32;
        let bytes = token.as_bytes();
        let hash = self.hasher.hash_one(&bytes[bytes.len().saturating_sub(HASHED_BYTES)..]);
        let index = hash as usize & (self.buckets.len() - 1);
        let age = self.tick();
        let Some(bucket) = self.buckets.get_mut(index) else { return false };
        let tag = ((hash >> 32) as u32 | AGE_COUNT) & !(AGE_COUNT - 1);
        let stored = tag | (age % AGE_COUNT);
        let ages_ago = |stored: u32| age.wrapping_sub(stored) % AGE_COUNT;
        if let Some(known) = bucket.iter_mut().find(|stored| **stored & !(AGE_COUNT - 1) == tag) {
            let is_recent = ages_ago(*known) <= 1;
            *known = stored;
            return is_recent;
        }
        let staleness = |stored: u32| if stored == 0 { AGE_COUNT } else { ages_ago(stored) };
        if let Some(oldest) = bucket.iter_mut().max_by_key(|stored| staleness(**stored)) {
            *oldest = stored;
        }
        false
    }

    /// The age of the next record.
    fn tick(&mut self) -> u32 {
        let age = self.age;
        self.records_left -= 1;
        if self.records_left == 0 {
            self.records_left = self.records_per_age;
            self.age = age.wrapping_add(1);
        }
        age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("signature-{number}")).collect()
    }

    fn count_recent(admission: &mut Admission, tokens: &[String]) -> usize {
        tokens.iter().filter(|token| admission.record(token)).count()
    }

    #[test]
    fn as_many_tokens_as_fit_are_recent_in_their_second_round() {
        let mut admission = Admission::new(10_000);
        let tokens = tokens(10_000);
        assert!(count_recent(&mut admission, &tokens) < 10);
        assert!(count_recent(&mut admission, &tokens) > 9_900);
    }

    #[test]
    fn twice_as_many_tokens_as_fit_in_turn_are_not_recent() {
        let mut admission = Admission::new(1000);
        let tokens = tokens(2000);
        for _ in 0..5 {
            assert!(count_recent(&mut admission, &tokens) < 20);
        }
    }

    #[test]
    fn a_token_is_recent_after_as_many_others_as_fit_and_not_after_twice_as_many() {
        for (others, is_recent) in [(1, true), (999, true), (2000, false), (5000, false)] {
            let mut admission = Admission::new(1000);
            assert!(!admission.record("mine"));
            count_recent(&mut admission, &tokens(others));
            assert_eq!(admission.record("mine"), is_recent, "{others}");
        }
    }

    #[test]
    fn with_one_place_a_token_is_recent_directly_after_itself() {
        let mut admission = Admission::new(1);
        assert!(!admission.record("a") && admission.record("a"));
        assert!(!admission.record("b") && admission.record("b"));
    }
}
