//! The cache in the process for `memoryCache()`, and the memory for evaluated entries of a user's cache.

use std::cell::RefCell;
use std::rc::Rc;

use napi_derive::napi;

use super::outcome::released_slots;
use crate::engine::memory::claims_cache::{ClaimsCache, key_of};

#[napi]
pub struct MemoryCache {
    pub(super) entries: Rc<RefCell<ClaimsCache>>,
}

#[napi]
impl MemoryCache {
    /// Creates a cache with these limits. JavaScript has checked both.
    #[napi(constructor, catch_unwind)]
    pub fn new(max_entries: u32, max_bytes: f64) -> MemoryCache {
        MemoryCache::of(max_entries as usize, max_bytes as usize)
    }

    /// The claims that were set for a token, as JSON text, until they expire.
    #[napi(catch_unwind)]
    pub fn get(&self, scope: String, token: String, now: f64) -> Option<String> {
        let mut entries = self.entries.borrow_mut();
        entries.get(&key_of(&scope, &token), now).map(|entry| entry.text.to_string())
    }

    /// The claims of a token whose entry has this slot, as JSON text. JavaScript keeps them until the slot is released.
    #[napi(catch_unwind)]
    pub fn hand_out(&self, scope: String, token: String, slot: f64, now: f64) -> Option<String> {
        self.entries.borrow_mut().hand_out(&key_of(&scope, &token), slot as u64, now)
    }

    #[napi(catch_unwind)]
    pub fn set(&self, scope: String, token: String, claims: String, expires_at: f64, now: f64) {
        self.entries.borrow_mut().put(key_of(&scope, &token), &claims, expires_at, now);
    }

    #[napi(catch_unwind)]
    pub fn delete(&self, scope: String, token: String) {
        self.entries.borrow_mut().remove(&key_of(&scope, &token));
    }

    /// The slots that were released since the last call: JavaScript no longer needs to keep their claims. `None` without
    /// any.
    #[napi(catch_unwind)]
    pub fn released(&self) -> Option<Vec<f64>> {
        released_slots(self.entries.borrow_mut().take_released())
    }
}

impl MemoryCache {
    pub(super) fn of(capacity: usize, budget: usize) -> MemoryCache {
        MemoryCache { entries: Rc::new(RefCell::new(ClaimsCache::new(capacity, budget))) }
    }
}
