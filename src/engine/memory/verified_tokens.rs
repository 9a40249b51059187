//! The memory of verified tokens: was exactly this token verified before, with the current keys?
//!
//! A hit skips signature verification and parsing, but no other rule. The times, certificate binding, scopes and groups
//! are checked again, on the claims that this memory keeps.
//!
//! A token is remembered when it is verified for the second time ([`Admission`]), because most tokens that are used once
//! are not used again. It is forgotten when it expires, when other tokens evict it, or when the keys change.
//!
//! JavaScript keeps the parsed claims of a remembered token under its slot. A slot number is never reused. The number of
//! tokens and their size, in Rust and in JavaScript together, are bounded. Whenever JavaScript stores the claims of
//! another slot, it asks which slots were released ([`Slots::take_released`]) and drops their claims.

use crate::engine::memory::admission::Admission;
use crate::engine::memory::answers::{ANSWERS_BYTES, Answers};
use crate::engine::memory::bounded::Bounded;
use crate::engine::memory::size;
use crate::engine::time::Clock;
use crate::engine::token::claims::CheckedClaims;

/// The maximum number of places.
pub const PLACES: u64 = 1 << 20;

/// The id of a remembered token, unique during the life of the memory: the number of times that its place was assigned,
/// times [`PLACES`], plus the place. It is always below 2^52, so a JavaScript number holds it exactly.
pub type Slot = u64;

/// Assigns slots. A place is reused for another token, and a slot number never is.
#[derive(Default)]
pub struct Slots {
    /// Places that no token has.
    free: Vec<usize>,
    /// How often each place was assigned.
    stamps: Vec<u32>,
    /// Released slots whose claims JavaScript may still keep. At most one per place.
    released: Vec<Slot>,
}

impl Slots {
    /// Assigns a slot. Returns `None` if every place is assigned or has no numbers left.
    pub fn take(&mut self) -> Option<Slot> {
        let place = match self.free.pop() {
            Some(place) => place,
            None if self.stamps.len() < PLACES as usize => {
                self.stamps.push(0);
                self.stamps.len() - 1
            }
            None => return None,
        };
        let stamp = self.stamps.get_mut(place)?;
        *stamp += 1;
        Some(u64::from(*stamp) * PLACES + place as u64)
    }

    /// Releases a slot. A place that has no numbers left is not used again.
    pub fn release(&mut self, slot: Slot, is_in_javascript: bool) {
        if is_in_javascript {
            self.released.push(slot);
        }
        if slot / PLACES < u64::from(u32::MAX) {
            self.free.push((slot % PLACES) as usize);
        }
    }

    /// The slots that were released since the last call and whose claims JavaScript may still keep.
    pub fn take_released(&mut self) -> Vec<Slot> {
        std::mem::take(&mut self.released)
    }
}

/// Verified tokens. The key is the whole token, and the hash has a random seed, so nobody can construct collisions.
pub struct VerifiedTokens {
    entries: Bounded<Box<str>, Entry>,
    generation: u64,
    slots: Slots,
    admission: Admission,
}

/// The slot, the claims and the answers of a remembered token.
pub type Recalled<'m> = (Slot, &'m CheckedClaims<'static>, &'m mut Answers);

struct Entry {
    slot: Slot,
    claims: CheckedClaims<'static>,
    answers: Option<Box<Answers>>,
    is_in_javascript: bool,
}

impl VerifiedTokens {
    /// Creates a memory with a maximum number of tokens and a maximum size in bytes. Returns `None` if either is 0.
    pub fn new(capacity: usize, budget: usize) -> Option<VerifiedTokens> {
        let capacity = capacity.min(PLACES as usize);
        (capacity > 0 && budget > 0).then(|| VerifiedTokens {
            entries: Bounded::new(capacity, budget),
            generation: 0,
            slots: Slots::default(),
            admission: Admission::new(capacity),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The slot and the claims of a token that was verified with this generation of keys.
    pub fn recall(&mut self, token: &str, generation: u64) -> Option<(Slot, &CheckedClaims<'static>)> {
        if self.generation != generation {
            self.forget_all(generation);
            return None;
        }
        self.entries.get(token).map(|entry| (entry.slot, &entry.claims))
    }

    /// The slot and the claims of a token, as [`Self::recall`], with the answers for it. They take memory, so that the token
    /// may not fit anymore.
    pub fn recall_with_answers(&mut self, token: &str, generation: u64) -> Option<Recalled<'_>> {
        self.recall(token, generation)?;
        let VerifiedTokens { entries, slots, .. } = self;
        let entry = entries.get(token)?;
        if entry.answers.is_none() {
            entry.answers = Some(Box::default());
            entries.grow(token, ANSWERS_BYTES, |entry| release(slots, &entry));
        }
        let Entry { slot, claims, answers, .. } = entries.get(token)?;
        Some((*slot, claims, answers.as_deref_mut()?))
    }

    /// The size of the remembered tokens in bytes, in Rust and in JavaScript.
    #[cfg(test)]
    fn used(&self) -> usize {
        self.entries.used()
    }

    /// Whether a slot belongs to this token. If so, the slot is marked as kept by JavaScript.
    pub fn hand_out(&mut self, token: &str, slot: Slot) -> bool {
        let entry = self.entries.get(token).filter(|entry| entry.slot == slot);
        entry.map(|entry| entry.is_in_javascript = true).is_some()
    }

    /// The slots whose claims JavaScript can drop ([`Slots::take_released`]).
    pub fn take_released(&mut self) -> Vec<Slot> {
        self.slots.take_released()
    }

    /// Notes that a token was verified. Remembers it if it was verified recently before.
    pub fn note(&mut self, token: &str, claims: CheckedClaims<'_>, generation: u64, clock: &Clock) {
        if self.admission.record(token) {
            self.remember(token, claims, generation, clock);
        }
    }

    fn remember(&mut self, token: &str, claims: CheckedClaims<'_>, generation: u64, clock: &Clock) {
        if self.generation != generation {
            self.forget_all(generation);
        }
        self.forget(token);
        self.drop_expired(clock);
        let bytes = size::of_token(token, &claims);
        let VerifiedTokens { entries, slots, .. } = self;
        if !entries.make_room(bytes, |entry| release(slots, &entry)) {
            return;
        }
        if let Some(slot) = slots.take() {
            let confirmation = claims.confirmation.with_hash_of(token);
            let claims = CheckedClaims { confirmation, ..claims.into_owned() };
            let entry = Entry { slot, claims, answers: None, is_in_javascript: false };
            if let Some(entry) = entries.put(token.into(), entry, bytes) {
                release(slots, &entry);
            }
        }
    }

    pub fn forget(&mut self, token: &str) {
        if let Some(entry) = self.entries.remove(token) {
            release(&mut self.slots, &entry);
        }
    }

    /// Forgets all tokens when the keys change, because one of the keys may have been withdrawn.
    fn forget_all(&mut self, generation: u64) {
        while !self.entries.is_empty() {
            self.drop_oldest();
        }
        self.generation = generation;
    }

    /// Drops a few of the least recently used tokens, as long as they have expired.
    fn drop_expired(&mut self, clock: &Clock) {
        const AT_ONCE: usize = 2;
        for _ in 0..AT_ONCE {
            let is_expired = |entry: &Entry| entry.claims.expires.is_some_and(|exp| clock.is_expired(exp));
            if !self.entries.peek_oldest().is_some_and(is_expired) {
                return;
            }
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(entry) = self.entries.pop_oldest() {
            release(&mut self.slots, &entry);
        }
    }
}

fn release(slots: &mut Slots, entry: &Entry) {
    slots.release(entry.slot, entry.is_in_javascript);
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;

    const BUDGET: usize = 1 << 20;
    const CLOCK: Clock = Clock::new(1000.0, 0.0, 0.0).unwrap();

    fn claims(exp: f64) -> CheckedClaims<'static> {
        CheckedClaims { expires: Some(exp), ..CheckedClaims::default() }
    }

    fn slot(memory: &mut VerifiedTokens, token: &str) -> Option<Slot> {
        memory.recall(token, 1).map(|(slot, _)| slot)
    }

    fn remember(memory: &mut VerifiedTokens, token: &str) {
        memory.remember(token, claims(2000.0), 1, &CLOCK);
    }

    #[test]
    fn a_capacity_of_0_gives_no_memory() {
        assert!(VerifiedTokens::new(0, BUDGET).is_none());
    }

    #[test]
    fn a_token_is_remembered_when_it_is_verified_for_the_second_time() {
        let mut memory = VerifiedTokens::new(10, BUDGET).expect("a memory");
        memory.note("a", claims(2000.0), 1, &CLOCK);
        assert_eq!(slot(&mut memory, "a"), None);
        memory.note("b", claims(2000.0), 1, &CLOCK);
        memory.note("a", claims(2000.0), 1, &CLOCK);
        assert!(slot(&mut memory, "a").is_some() && slot(&mut memory, "b").is_none());
    }

    #[test]
    fn the_least_recently_used_token_is_evicted_and_its_place_gets_another_number() {
        let mut memory = VerifiedTokens::new(2, BUDGET).expect("a memory");
        remember(&mut memory, "a");
        remember(&mut memory, "b");
        let first = slot(&mut memory, "a").expect("a slot");
        let second = slot(&mut memory, "b").expect("a slot");
        assert!(slot(&mut memory, "a").is_some());
        remember(&mut memory, "c");
        let third = slot(&mut memory, "c").expect("a slot");
        assert_eq!(slot(&mut memory, "b"), None);
        assert_eq!(third % PLACES, second % PLACES);
        assert!(third != second && third != first);
        assert_eq!(memory.len(), 2);
    }

    #[test]
    fn another_generation_of_keys_empties_the_memory() {
        let mut memory = VerifiedTokens::new(2, BUDGET).expect("a memory");
        remember(&mut memory, "a");
        let old = slot(&mut memory, "a").expect("a slot");
        assert!(memory.recall("a", 2).is_none());
        assert_eq!(memory.len(), 0);
        memory.remember("a", claims(2000.0), 2, &CLOCK);
        assert!(memory.recall("a", 2).is_some_and(|(slot, _)| slot != old));
    }

    #[test]
    fn places_never_exceed_the_capacity() {
        let mut memory = VerifiedTokens::new(3, BUDGET).expect("a memory");
        for round in 0..100 {
            remember(&mut memory, &format!("t{round}"));
            if round % 7 == 0 {
                memory.forget(&format!("t{round}"));
            }
            let place = slot(&mut memory, &format!("t{round}")).map_or(0, |slot| slot % PLACES);
            assert!(place < 3 && memory.len() <= 3);
        }
    }

    #[test]
    fn an_expired_token_is_dropped_when_another_is_remembered() {
        let mut memory = VerifiedTokens::new(10, BUDGET).expect("a memory");
        memory.remember("old", claims(1000.0), 1, &Clock::new(0.0, 0.0, 0.0).expect("a clock"));
        remember(&mut memory, "new");
        assert_eq!(memory.len(), 1);
    }

    #[test]
    fn a_slot_number_is_never_assigned_twice_and_a_place_without_numbers_is_not_used_again() {
        let mut memory = VerifiedTokens::new(1, BUDGET).expect("a memory");
        remember(&mut memory, "a");
        memory.slots.stamps[0] = u32::MAX - 1;
        remember(&mut memory, "b");
        let last = slot(&mut memory, "b").expect("a slot");
        assert!(last < 1 << 52);
        remember(&mut memory, "c");
        assert_eq!(slot(&mut memory, "c").map(|slot| slot % PLACES), Some(1));
    }

    #[test]
    fn tokens_of_any_size_stay_within_the_budget() {
        const SMALL: usize = 100_000;
        let mut memory = VerifiedTokens::new(10_000, SMALL).expect("a memory");
        for round in 0..5000_usize {
            let many: Vec<Cow<'static, str>> =
                (0..round * 7919 % 300).map(|group| format!("g{group}").into()).collect();
            let claims = CheckedClaims { groups: many.into(), ..claims(2000.0) };
            let token = format!("h.{}.{round}", "A".repeat(round * 104_729 % 16_000));
            let bytes = size::of_token(&token, &claims);
            memory.remember(&token, claims, 1, &CLOCK);
            assert!(memory.used() <= SMALL);
            assert_eq!(slot(&mut memory, &token).is_some(), bytes <= SMALL);
        }
        assert!(memory.len() > 1);
    }

    #[test]
    fn the_answers_of_a_token_count_once_and_a_token_that_does_not_fit_with_them_is_forgotten() {
        let mut memory = VerifiedTokens::new(10, BUDGET).expect("a memory");
        remember(&mut memory, "a");
        let before = memory.used();
        assert!(memory.recall("a", 1).is_some() && memory.used() == before, "without answers");
        for _ in 0..3 {
            assert!(memory.recall_with_answers("a", 1).is_some());
            assert_eq!(memory.used(), before + ANSWERS_BYTES);
        }
        assert!(memory.recall_with_answers("a", 2).is_none() && memory.used() == 0, "another generation of keys");
        let mut small = VerifiedTokens::new(10, before + ANSWERS_BYTES - 1).expect("a memory");
        remember(&mut small, "a");
        assert!(small.recall_with_answers("a", 1).is_none() && small.len() == 0);
    }

    #[test]
    fn a_token_larger_than_the_budget_is_not_remembered_and_evicts_nothing() {
        let mut memory = VerifiedTokens::new(10, 5000).expect("a memory");
        remember(&mut memory, "small");
        remember(&mut memory, &format!("h.{}.s", "A".repeat(8000)));
        assert!(memory.len() == 1 && slot(&mut memory, "small").is_some());
    }

    #[test]
    fn only_a_slot_that_javascript_keeps_is_reported_when_it_is_released_and_only_once() {
        let mut memory = VerifiedTokens::new(2, BUDGET).expect("a memory");
        for token in ["a", "b"] {
            remember(&mut memory, token);
        }
        let held = slot(&mut memory, "a").expect("a slot");
        assert!(memory.hand_out("a", held) && !memory.hand_out("b", held));
        assert!(memory.take_released().is_empty());
        for token in ["c", "d", "e"] {
            remember(&mut memory, token);
        }
        assert_eq!(memory.take_released(), [held]);
        assert!(memory.take_released().is_empty());
        let held = slot(&mut memory, "e").expect("a slot");
        assert!(memory.hand_out("e", held));
        assert!(memory.recall("e", 2).is_none());
        assert_eq!(memory.take_released(), [held], "another generation of keys releases all");
    }
}
