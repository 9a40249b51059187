//! A cache of claims inside the process, for `memoryCache()`: what an `ICache` keeps, and what was proved of it.
//!
//! Keyed by a hash of scope and token, so that no raw token stays here. An entry is only what somebody once stored: the
//! engine proves it when it is first asked for, keeps the facts, and decides on them at every call.

use std::num::NonZeroUsize;

use aws_lc_rs::digest::{Context, SHA256};
use foldhash::fast::RandomState;
use lru::LruCache;

use super::cache::{PLACES, Slot, Slots};
use super::claims::Facts;
use super::time::{NumericDate, is_time};

/// The most entries there can be.
const MOST: NonZeroUsize = NonZeroUsize::new(PLACES as usize).unwrap();

/// SHA-256 of scope and token.
pub type Key = [u8; 32];

/// The key of a token within a scope (a tenant and an audience). The scope's length goes in first, so that no part of
/// one can be taken for the other.
pub fn key_of(scope: &str, token: &str) -> Key {
    let mut context = Context::new(&SHA256);
    context.update(&(scope.len() as u64).to_be_bytes());
    context.update(scope.as_bytes());
    context.update(token.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

/// What was proved of an entry.
pub enum Proved {
    Claims(Facts<'static>),
    /// Until then.
    Inactive(NumericDate),
}

pub struct Entry {
    /// JSON of the claims, or of an inactive verdict.
    pub text: Box<str>,
    /// Proved by the engine of this number.
    pub proved: Option<(u64, Proved)>,
    pub slot: Slot,
    expires: NumericDate,
}

pub struct ClaimsCache {
    entries: LruCache<Key, Entry, RandomState>,
    slots: Slots,
}

impl ClaimsCache {
    pub fn new(capacity: NonZeroUsize) -> ClaimsCache {
        let mut entries = LruCache::unbounded_with_hasher(RandomState::default());
        // No more than there are slots: a full cache pushes out, it does not refuse.
        entries.resize(capacity.min(MOST));
        ClaimsCache { entries, slots: Slots::default() }
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entry of a key, while it has not expired: at its time it has.
    pub fn get(&mut self, key: &Key, now: NumericDate) -> Option<&mut Entry> {
        if self.entries.peek(key).is_some_and(|entry| !is_live(entry.expires, now)) {
            self.remove(key);
        }
        self.entries.get_mut(key)
    }

    pub fn put(&mut self, key: Key, text: &str, expires: NumericDate, now: NumericDate) {
        self.remove(&key);
        if !is_live(expires, now) {
            return;
        }
        let is_oldest_expired = |entries: &LruCache<Key, Entry, RandomState>| {
            entries.peek_lru().is_some_and(|(_, entry)| !is_live(entry.expires, now))
        };
        while self.entries.len() == self.entries.cap().get() || is_oldest_expired(&self.entries) {
            let Some((_, entry)) = self.entries.pop_lru() else { break };
            self.slots.release(entry.slot);
        }
        if let Some(slot) = self.slots.take() {
            self.entries.put(key, Entry { text: text.into(), proved: None, slot, expires });
        }
    }

    pub fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.pop(key) {
            self.slots.release(entry.slot);
        }
    }
}

/// Whether an entry may still be used. By a clock that is none nothing is.
fn is_live(expires: NumericDate, now: NumericDate) -> bool {
    is_time(now) && expires > now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache(capacity: usize) -> ClaimsCache {
        ClaimsCache::new(NonZeroUsize::new(capacity).expect("a capacity"))
    }

    fn has(cache: &mut ClaimsCache, token: &str, now: f64) -> bool {
        cache.get(&key_of("s", token), now).is_some()
    }

    #[test]
    fn an_entry_is_there_until_its_time_and_at_it_is_not() {
        let mut cache = cache(2);
        cache.put(key_of("s", "a"), "{}", 10.0, 0.0);
        assert!(has(&mut cache, "a", 9.999));
        assert!(!has(&mut cache, "a", 10.0));
        assert!(cache.is_empty());
        cache.put(key_of("s", "a"), "{}", 10.0, 10.0);
        assert!(cache.is_empty());
    }

    #[test]
    fn by_a_clock_that_is_none_nothing_is_found_or_kept() {
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let mut cache = cache(2);
            cache.put(key_of("s", "a"), "{}", f64::INFINITY, wrong);
            assert!(cache.is_empty(), "{wrong}");
            cache.put(key_of("s", "a"), "{}", f64::INFINITY, 0.0);
            assert!(!has(&mut cache, "a", wrong), "{wrong}");
        }
    }

    #[test]
    fn the_least_recently_used_gives_way() {
        let mut cache = cache(2);
        for token in ["a", "b"] {
            cache.put(key_of("s", token), "{}", 10.0, 0.0);
        }
        assert!(has(&mut cache, "a", 1.0));
        cache.put(key_of("s", "c"), "{}", 10.0, 1.0);
        assert!(has(&mut cache, "a", 1.0) && has(&mut cache, "c", 1.0) && !has(&mut cache, "b", 1.0));
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn no_part_of_a_scope_can_be_taken_for_a_token() {
        assert_ne!(key_of("ab", "c"), key_of("a", "bc"));
        assert_ne!(key_of("", "a"), key_of("a", ""));
        assert_ne!(key_of("https://x", "t"), key_of("https://y", "t"));
    }
}
