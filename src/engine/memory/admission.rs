//! Which tokens were verified lately: a token is remembered when it comes for the second time soon enough.
//!
//! Soon is as many verifications back as the memory has places, and less than twice that: what comes again later would
//! be pushed out again before its next time. The tags are small enough to stay in the processor's cache. One that is
//! pushed out, or shared by two tokens, costs one more verify, or one place: never a wrong answer.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

pub struct Admission {
    /// Tags, each with the age it was noted in below it; 0 is free.
    buckets: Vec<[u32; 4]>,
    hasher: RandomState,
    /// Goes up after as many notes as there are places.
    age: u32,
    notes_an_age: usize,
    notes_left: usize,
}

/// As many as are told apart: a tag outlives them only by chance.
const AGES: u32 = 16;
const MOST_BUCKETS: usize = 1 << 16;

impl Admission {
    /// For a memory of so many tokens.
    pub fn new(capacity: usize) -> Self {
        let buckets = vec![[0; 4]; capacity.next_power_of_two().min(MOST_BUCKETS)];
        let notes_an_age = capacity.max(1);
        Admission { buckets, hasher: RandomState::default(), age: 0, notes_an_age, notes_left: notes_an_age }
    }

    /// Whether this token was here lately; notes that it is now.
    pub fn again(&mut self, token: &str) -> bool {
        // The end of a signature differs from token to token as much as the whole.
        const TELLING: usize = 32;
        let bytes = token.as_bytes();
        let hash = self.hasher.hash_one(&bytes[bytes.len().saturating_sub(TELLING)..]);
        let index = hash as usize & (self.buckets.len() - 1);
        let age = self.tick();
        let Some(bucket) = self.buckets.get_mut(index) else { return false };
        let tag = ((hash >> 32) as u32 | AGES) & !(AGES - 1);
        let noted = tag | (age % AGES);
        let ages_ago = |noted: u32| age.wrapping_sub(noted) % AGES;
        if let Some(known) = bucket.iter_mut().find(|noted| **noted & !(AGES - 1) == tag) {
            let is_lately = ages_ago(*known) <= 1;
            *known = noted;
            return is_lately;
        }
        let worth = |noted: u32| if noted == 0 { AGES } else { ages_ago(noted) };
        if let Some(oldest) = bucket.iter_mut().max_by_key(|noted| worth(**noted)) {
            *oldest = noted;
        }
        false
    }

    /// The age of this note.
    fn tick(&mut self) -> u32 {
        let age = self.age;
        self.notes_left -= 1;
        if self.notes_left == 0 {
            self.notes_left = self.notes_an_age;
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

    fn recognised(seen: &mut Admission, tokens: &[String]) -> usize {
        tokens.iter().filter(|token| seen.again(token)).count()
    }

    #[test]
    fn as_many_tokens_as_fit_are_all_recognised_in_their_second_round() {
        let mut seen = Admission::new(10_000);
        let tokens = tokens(10_000);
        assert!(recognised(&mut seen, &tokens) < 10);
        assert!(recognised(&mut seen, &tokens) > 9_900);
    }

    #[test]
    fn twice_as_many_as_fit_in_turn_are_not_recognised() {
        let mut seen = Admission::new(1000);
        let tokens = tokens(2000);
        for _ in 0..5 {
            assert!(recognised(&mut seen, &tokens) < 20);
        }
    }

    #[test]
    fn a_token_is_recognised_after_as_many_others_as_fit_and_not_after_twice_as_many() {
        for (others, is_again) in [(1, true), (999, true), (2000, false), (5000, false)] {
            let mut seen = Admission::new(1000);
            assert!(!seen.again("mine"));
            recognised(&mut seen, &tokens(others));
            assert_eq!(seen.again("mine"), is_again, "{others}");
        }
    }

    #[test]
    fn a_memory_of_one_place_recognises_what_comes_twice_in_a_row() {
        let mut seen = Admission::new(1);
        assert!(!seen.again("a") && seen.again("a"));
        assert!(!seen.again("b") && seen.again("b"));
    }
}
