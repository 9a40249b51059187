//! Admission: was a token verified recently, so that remembering it is worthwhile?
//!
//! Recently means at most as many tokens ago as the memory has places, or somewhat more, but less than twice as many. A
//! token that returns later than that would be evicted again before its next use.
//!
//! Only hashes of tokens are kept. If two tokens have the same hash, one may be remembered too early. That changes no
//! verdict.

use std::collections::HashSet;
use std::hash::BuildHasher;

use foldhash::fast::RandomState;

pub struct Admission {
    /// The hashes of the latest tokens. When it is full, it becomes `previous`.
    latest: HashSet<u32, RandomState>,
    previous: HashSet<u32, RandomState>,
    hasher: RandomState,
    /// How many tokens fit into each of the two.
    capacity: usize,
}

/// The most hashes in one of the two sets. They take 5 MB together.
const MAX_HASHES: usize = 262_144;

impl Admission {
    /// Creates the records for a memory with this capacity.
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, MAX_HASHES);
        Admission { latest: HashSet::default(), previous: HashSet::default(), hasher: RandomState::default(), capacity }
    }

    /// Records a token. Returns whether it was recorded recently before.
    pub fn record(&mut self, token: &str) -> bool {
        // The end of the signature is enough to distinguish tokens.
        const HASHED_BYTES: usize = 32;
        let bytes = token.as_bytes();
        let hash = self.hasher.hash_one(&bytes[bytes.len().saturating_sub(HASHED_BYTES)..]) as u32;
        if !self.latest.insert(hash) {
            return true;
        }
        let is_recent = self.previous.contains(&hash);
        if self.latest.len() == self.capacity {
            std::mem::swap(&mut self.latest, &mut self.previous);
            self.latest.clear();
        }
        is_recent
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
        assert_eq!(count_recent(&mut admission, &tokens), 10_000);
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

    #[test]
    fn one_set_has_at_most_the_maximum_number_of_hashes() {
        let mut admission = Admission::new(usize::MAX);
        admission.latest = (0..MAX_HASHES as u32 - 1).collect();
        for token in tokens(2) {
            admission.record(&token);
        }
        assert!(admission.previous.len() == MAX_HASHES && admission.latest.len() == 1);
    }
}
