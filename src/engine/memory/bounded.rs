//! A least-recently-used map with two bounds: the number of its entries and the sum of their sizes in bytes.
//!
//! The owner of an entry states its size ([`super::size`]). The sum never exceeds the budget, not even while an entry is
//! added: older entries are evicted first. An entry that is larger than the whole budget is not kept and evicts nothing.

use std::borrow::Borrow;
use std::hash::Hash;

use foldhash::fast::RandomState;
use lru::LruCache;

pub struct Bounded<K, E> {
    entries: LruCache<K, Stored<E>, RandomState>,
    capacity: usize,
    /// In bytes.
    budget: usize,
    used: usize,
}

struct Stored<E> {
    entry: E,
    bytes: usize,
}

impl<K: Hash + Eq, E> Bounded<K, E> {
    /// Creates a map. If the capacity or the budget is 0, it keeps nothing.
    pub fn new(capacity: usize, budget: usize) -> Self {
        // Nothing is allocated in advance, so a large capacity that is not used costs nothing.
        let entries = LruCache::unbounded_with_hasher(RandomState::default());
        Bounded { entries, capacity, budget, used: 0 }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The sum of the sizes, in bytes.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Returns an entry and marks it as the most recently used.
    pub fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut E>
    where
        K: Borrow<Q>,
    {
        self.entries.get_mut(key).map(|stored| &mut stored.entry)
    }

    /// Returns an entry and does not change the order of use.
    pub fn peek<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&E>
    where
        K: Borrow<Q>,
    {
        self.entries.peek(key).map(|stored| &stored.entry)
    }

    pub fn peek_oldest(&self) -> Option<&E> {
        self.entries.peek_lru().map(|(_, stored)| &stored.entry)
    }

    pub fn pop_oldest(&mut self) -> Option<E> {
        self.entries.pop_lru().map(|(_, stored)| self.subtract(stored))
    }

    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<E>
    where
        K: Borrow<Q>,
    {
        self.entries.pop(key).map(|stored| self.subtract(stored))
    }

    /// Evicts the least recently used entries until one more entry of this size fits. Returns false, and evicts nothing,
    /// if the entry can never fit.
    pub fn make_room(&mut self, bytes: usize, mut evicted: impl FnMut(E)) -> bool {
        if self.capacity == 0 || bytes > self.budget || self.budget == 0 {
            return false;
        }
        while self.entries.len() >= self.capacity || self.used > self.budget - bytes {
            let Some(entry) = self.pop_oldest() else { break };
            evicted(entry);
        }
        true
    }

    /// Adds an entry, after [`Self::make_room`]. Returns the entry that it replaces, or the new entry if it does not fit.
    pub fn put(&mut self, key: K, entry: E, bytes: usize) -> Option<E> {
        let replaced = self.remove(&key);
        if self.entries.len() >= self.capacity || bytes > self.budget.saturating_sub(self.used) {
            return Some(entry);
        }
        self.used += bytes;
        self.entries.put(key, Stored { entry, bytes });
        replaced
    }

    /// Adds to the size of an entry that has grown. Evicts other entries until the sum is within the budget, or evicts
    /// only the entry itself if it is larger than the budget now.
    pub fn grow<Q: Hash + Eq + ?Sized>(&mut self, key: &Q, bytes: usize, mut evicted: impl FnMut(E))
    where
        K: Borrow<Q>,
    {
        // `get_mut` makes this entry the most recently used, so it is evicted last.
        let Some(stored) = self.entries.get_mut(key) else { return };
        let grown = stored.bytes.saturating_add(bytes);
        if grown > self.budget {
            if let Some(entry) = self.remove(key) {
                evicted(entry);
            }
            return;
        }
        stored.bytes = grown;
        while self.used > self.budget - bytes {
            let Some((_, oldest)) = self.entries.pop_lru() else { break };
            self.used = self.used.saturating_sub(oldest.bytes);
            evicted(oldest.entry);
        }
        self.used += bytes;
    }

    /// Subtracts the size of an entry that was removed.
    fn subtract(&mut self, stored: Stored<E>) -> E {
        self.used = self.used.saturating_sub(stored.bytes);
        stored.entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Random numbers from a seed (xorshift).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % limit
        }
    }

    #[test]
    fn the_sum_of_sizes_is_exact_and_never_above_the_budget() {
        const BUDGET: usize = 10_000;
        let mut random = Random(7662);
        let mut map: Bounded<u64, (u64, usize)> = Bounded::new(50, BUDGET);
        // The sizes of the entries, recorded independently.
        let mut ledger = std::collections::HashMap::new();
        for step in 0..100_000 {
            let key = random.below(120);
            let bytes = random.below(if step % 10 == 0 { 12_000 } else { 900 }) as usize;
            match random.below(8) {
                0 => {
                    ledger.remove(&key);
                    map.remove(&key);
                }
                1 => {
                    if let Some(stored) = ledger.get_mut(&key) {
                        *stored += bytes;
                    }
                    let mut gone = Vec::new();
                    map.grow(&key, bytes, |(key, _)| gone.push(key));
                    gone.iter().for_each(|key| assert!(ledger.remove(key).is_some()));
                }
                2 => assert_eq!(map.get(&key).is_some(), ledger.contains_key(&key)),
                _ => {
                    ledger.remove(&key);
                    map.remove(&key);
                    let fits = map.make_room(bytes, |(key, _)| assert!(ledger.remove(&key).is_some()));
                    assert_eq!(fits, bytes <= BUDGET);
                    assert_eq!(map.put(key, (key, bytes), bytes).is_some(), !fits);
                    if fits {
                        ledger.insert(key, bytes);
                    }
                }
            }
            assert_eq!((map.len(), map.used()), (ledger.len(), ledger.values().sum()));
            assert!(map.used() <= BUDGET && map.len() <= 50);
        }
    }

    #[test]
    fn an_entry_larger_than_the_budget_is_not_kept_and_evicts_nothing() {
        let mut map = Bounded::new(10, 100);
        assert!(map.make_room(100, |()| panic!("nothing is there")));
        assert_eq!(map.put("whole", (), 100), None);
        assert!(!map.make_room(101, |()| panic!("it does not fit anyway")));
        assert_eq!(map.put("more", (), 101), Some(()));
        assert_eq!((map.len(), map.used()), (1, 100));
    }

    #[test]
    fn an_entry_that_grows_over_the_budget_is_evicted_and_evicts_no_other() {
        let mut map = Bounded::new(10, 100);
        assert_eq!((map.put("a", 'a', 40), map.put("b", 'b', 40)), (None, None));
        let mut gone = Vec::new();
        map.grow("b", 61, |entry| gone.push(entry));
        assert_eq!((gone, map.used()), (vec!['b'], 40));
    }

    #[test]
    fn a_capacity_or_a_budget_of_0_keeps_nothing() {
        for (capacity, budget) in [(0, 100), (10, 0), (0, 0)] {
            let mut map: Bounded<&str, ()> = Bounded::new(capacity, budget);
            assert!(!map.make_room(0, |()| {}));
        }
    }
}
