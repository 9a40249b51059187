//! The cache inside the process, for `memoryCache()`.

use std::cell::RefCell;
use std::num::NonZeroUsize;
use std::rc::Rc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use crate::engine::claims_cache::{ClaimsCache, key_of};

#[napi]
pub struct MemoryCache {
    pub(super) entries: Rc<RefCell<ClaimsCache>>,
}

#[napi]
impl MemoryCache {
    #[napi(constructor, catch_unwind)]
    pub fn new(max_entries: u32) -> Result<MemoryCache> {
        let capacity = NonZeroUsize::new(max_entries as usize)
            .ok_or_else(|| Error::new(Status::InvalidArg, "maxEntries must be 1 or more"))?;
        Ok(MemoryCache { entries: Rc::new(RefCell::new(ClaimsCache::new(capacity))) })
    }

    /// JSON of what was set, while it has not expired.
    #[napi(catch_unwind)]
    pub fn get(&self, scope: String, token: String, now: f64) -> Option<String> {
        let mut entries = self.entries.borrow_mut();
        entries.get(&key_of(&scope, &token), now).map(|entry| entry.text.to_string())
    }

    #[napi(catch_unwind)]
    pub fn set(&self, scope: String, token: String, claims: String, expires_at: f64, now: f64) {
        self.entries.borrow_mut().put(key_of(&scope, &token), &claims, expires_at, now);
    }

    #[napi(catch_unwind)]
    pub fn delete(&self, scope: String, token: String) {
        self.entries.borrow_mut().remove(&key_of(&scope, &token));
    }
}
