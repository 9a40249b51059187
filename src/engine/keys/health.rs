//! The state of the metadata and the keys for `health()`: ages, counts and the last failures.

use std::time::Duration;

use crate::engine::error::Reason;
use crate::engine::keys::store::KeyStore;

/// Ages and sizes, for `health()`.
#[derive(Clone, Debug, Default)]
pub struct Health {
    pub metadata_age: Option<Duration>,
    pub keys_age: Option<Duration>,
    pub next_metadata_refresh: Option<Duration>,
    pub last_metadata_failure: Option<Reason>,
    pub next_refresh: Option<Duration>,
    pub last_failure: Option<Reason>,
    pub keys: usize,
    pub refused_kids: usize,
}

impl KeyStore {
    pub fn health(&self) -> Health {
        let now = self.clock.now();
        let state = self.lock();
        Health {
            metadata_age: state.metadata.refresh.age(now),
            keys_age: state.keys.age(now),
            next_refresh: state.keys.next_attempt(now),
            next_metadata_refresh: state.metadata.refresh.next_attempt(now),
            last_metadata_failure: state.metadata.refresh.failure().map(|failure| failure.reason),
            last_failure: state.keys.failure().map(|failure| failure.reason),
            keys: state.keys.usable(now).map_or(0, |published| published.set.len()),
            refused_kids: state.unknown_kids.refused(),
        }
    }
}
