//! Which senders of proofs hold so much of a replay memory that they must have their own part of it?
//!
//! The tally counts proofs by sender, in turns: after as many proofs as the memory holds, it starts again. It follows Misra
//! and Gries ("Finding repeated elements", 1982): with 1,024 counters, a count is too low by at most a 1,024th of the turn.
//! So a sender of a 64th is found, and the tally stays small however many senders there are.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// A sender: the first 16 bytes of its key's thumbprint. A thumbprint is a hash, so no two senders are equal.
pub type Sender = [u8; 16];

/// The sender with this thumbprint.
pub fn sender_of(thumbprint: &[u8; 32]) -> Sender {
    // It has that many bytes.
    thumbprint.first_chunk().copied().unwrap_or_default()
}

/// Each sender may hold this part of a full memory. A sender that holds more makes room for the others.
pub const SHARE: usize = 64;
/// A smaller memory gives each sender this many proofs.
const MIN_SHARE: usize = 16;

const COUNTERS: usize = 1024;

/// How many proofs one sender may hold in a full memory.
pub fn share_of(capacity: usize) -> usize {
    (capacity / SHARE).max(MIN_SHARE)
}

pub struct Tally {
    turn: usize,
    counted: usize,
    counts: HashMap<Sender, usize, RandomState>,
}

impl Tally {
    /// Creates a tally that starts again after this many proofs.
    pub fn new(turn: usize) -> Self {
        Tally { turn, counted: 0, counts: HashMap::default() }
    }

    /// Counts a proof. Returns how many the sender has in this turn, or a little less.
    pub fn count(&mut self, sender: Sender) -> usize {
        if self.counted >= self.turn {
            self.counts.clear();
            self.counted = 0;
        }
        self.counted += 1;
        if let Some(count) = self.counts.get_mut(&sender) {
            *count += 1;
            return *count;
        }
        if self.counts.len() < COUNTERS {
            self.counts.insert(sender, 1);
            return 1;
        }
        // Each proof pays for one decrement, so this takes constant time on average.
        self.counts.retain(|_, count| {
            *count -= 1;
            *count > 0
        });
        0
    }

    /// The size in bytes.
    pub fn used(&self) -> usize {
        self.counts.capacity() * (size_of::<(Sender, usize)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(number: usize) -> Sender {
        (number as u128).to_be_bytes()
    }

    #[test]
    fn a_sender_of_a_64th_is_found_among_any_number_of_others() {
        let turn = 262_144;
        let mut tally = Tally::new(turn);
        let mut count = 0;
        for number in 1..=turn {
            let is_heavy = number % SHARE == 0;
            let counted = tally.count(sender(if is_heavy { 0 } else { number }));
            count = if is_heavy { counted } else { count };
            assert!(is_heavy || counted <= 1);
        }
        assert!((turn / SHARE - turn / COUNTERS..=turn / SHARE).contains(&count), "{count}");
        assert!(tally.used() <= 100_000, "{}", tally.used());
    }

    #[test]
    fn a_turn_starts_with_no_counts() {
        let mut tally = Tally::new(3);
        assert_eq!([1, 2, 3], [(); 3].map(|()| tally.count(sender(1))));
        assert_eq!(tally.count(sender(1)), 1);
    }
}
