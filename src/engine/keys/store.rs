//! The key store of one issuer: the current keys, and who waits for newer ones.
//!
//! The store decides when to fetch and keeps what was fetched. The transport sends the requests and calls back. Nothing
//! here blocks. A caller that has to wait leaves a waiter, which is called when the fetch has finished. Each document
//! has at most one fetch in progress (RFC 7517, RFC 8414).

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::engine::error::{Failure, Reason};
use crate::engine::keys::documents::Document;
use crate::engine::keys::jwk::KeySet;
use crate::engine::keys::metadata::{Metadata, Tenant};
use crate::engine::keys::refresh::{Advice, Lifetime, Refresh};
use crate::engine::keys::unknown_kids::UnknownKids;
use crate::engine::time::{Monotonic, Ticks};
use crate::engine::transport::Transport;

/// The issuer whose keys are kept, how long they are used, and where they come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeySource {
    pub tenant: Tenant,
    pub metadata_lifetime: Lifetime,
    pub keys_lifetime: Lifetime,
    /// Whether the user's `metadataResolver` returns the metadata.
    pub resolves_metadata: bool,
    /// Whether the user's `jwksResolver` returns the JWK Set.
    pub resolves_jwks: bool,
}

impl KeySource {
    /// A client with a `jwksResolver` and no `metadataResolver` needs no metadata: its issuer is the tenant.
    pub fn needs_metadata(&self) -> bool {
        !self.resolves_jwks || self.resolves_metadata
    }
}

/// One published JWK Set.
pub struct KeySnapshot {
    pub set: KeySet,
    /// The document as received, for `getJwks()`.
    pub text: String,
    /// The issuer of the keys. `iss` must equal it.
    pub issuer: Arc<str>,
    /// Changes with every other set or issuer. A token that was verified in one generation is not verified in the next.
    pub generation: u64,
}

/// Whether the keys can be used now.
pub enum Readiness {
    Ready(Arc<KeySnapshot>),
    /// Leave a waiter.
    Wait,
    Failed(Failure),
}

/// What to do about a `kid` that is not in the set.
#[derive(Debug, PartialEq)]
pub enum UnknownKid {
    /// A fetch may bring the key: leave a waiter.
    Wait,
    Refuse,
    /// The issuer is failing, so it is unknown whether the key exists.
    Failed(Failure),
}

pub type MetadataReceiver = Box<dyn FnOnce(Result<Arc<Metadata>, Failure>) + Send>;
pub type KeysReceiver = Box<dyn FnOnce(Result<Arc<KeySnapshot>, Failure>) + Send>;

/// Called once when a fetch has finished.
pub type Waiter = Box<dyn FnOnce() + Send>;

/// The outcome of a key refresh, for observers.
#[derive(Clone, Debug)]
pub enum Event {
    Refreshed {
        /// The number of usable keys.
        keys: usize,
        /// The number of unusable entries for each flaw, by the name of the flaw.
        left_out: Vec<(&'static str, usize)>,
    },
    RefreshFailed {
        reason: Reason,
    },
}

/// Receives the outcome of a refresh, and how long it took, with the metadata that it needed.
type Observer = Box<dyn Fn(Event, Duration) + Send + Sync>;

pub struct KeyStore {
    pub(super) source: KeySource,
    pub(super) transport: Arc<dyn Transport>,
    pub(super) clock: Arc<dyn Monotonic>,
    state: Mutex<State>,
    observers: Mutex<Vec<(u64, Observer)>>,
}

pub(super) struct State {
    pub(super) metadata: Document,
    /// The document of the RFC 8414 URL, for endpoints that the first document does not name.
    pub(super) second: Document,
    pub(super) keys: Refresh<Arc<KeySnapshot>>,
    /// When the last refresh of the keys began.
    pub(super) keys_begun: Ticks,
    pub(super) keys_waiters: Vec<Waiter>,
    pub(super) generation: u64,
    pub(super) unknown_kids: UnknownKids,
}

impl KeyStore {
    pub fn new(source: KeySource, transport: Arc<dyn Transport>, clock: Arc<dyn Monotonic>) -> Arc<KeyStore> {
        let now = clock.now();
        let seed = RandomState::default().hash_one(now);
        let state = State {
            metadata: Document::new(source.metadata_lifetime, seed),
            second: Document::new(source.metadata_lifetime, seed.rotate_left(32)),
            keys: Refresh::new(source.keys_lifetime, !seed),
            keys_begun: now,
            keys_waiters: Vec::new(),
            generation: 0,
            unknown_kids: UnknownKids::new(now),
        };
        let observers = Mutex::default();
        Arc::new(KeyStore { source, transport, clock, state: Mutex::new(state), observers })
    }

    pub fn source(&self) -> &KeySource {
        &self.source
    }

    /// The keys for one validation. Begins a refresh in the background when one is due.
    pub fn ready(self: &Arc<Self>) -> Readiness {
        let now = self.clock.now();
        let state = self.lock();
        let readiness = match state.keys.advise(now) {
            Advice::Use => return state.published(now),
            Advice::UseAndRefresh => state.published(now),
            Advice::Wait => return Readiness::Wait,
            Advice::Fail(failure) => return Readiness::Failed(failure),
        };
        drop(state);
        self.refresh_keys();
        readiness
    }

    /// The keys after a caller has waited for a fetch: any keys that may still be used, however old.
    pub fn ready_after_wait(&self) -> Readiness {
        let state = self.lock();
        match state.published(self.clock.now()) {
            Readiness::Wait => Readiness::Failed(state.keys.failure_or(Reason::ConnectionFailed)),
            readiness => readiness,
        }
    }

    /// Whether there are keys that may be used, however old.
    pub fn has_usable_keys(&self) -> bool {
        self.lock().keys.usable(self.clock.now()).is_some()
    }

    /// Decides whether a token with a `kid` that is not in the current set waits for a fetch.
    pub fn unknown_kid(self: &Arc<Self>, kid: Option<&str>, has_waited: bool) -> UnknownKid {
        let now = self.clock.now();
        let mut state = self.lock();
        if let Some(failure) = state.keys.failure().cloned() {
            state.metadata.refresh.hurry(now);
            state.second.refresh.hurry(now);
            let is_due = state.keys.hurry(now);
            drop(state);
            if is_due {
                self.refresh_keys();
            }
            return UnknownKid::Failed(failure);
        }
        let is_in_flight = state.keys.is_in_flight();
        // A fetch in progress may bring the key, also for a caller that stopped waiting early.
        let may_wait = match (has_waited, is_in_flight) {
            (true, false) => {
                state.unknown_kids.refuse(kid, now);
                false
            }
            (true, true) => true,
            (false, true) => !state.unknown_kids.was_refused(kid, now),
            (false, false) => state.unknown_kids.may_ask(kid, now),
        };
        if may_wait { UnknownKid::Wait } else { UnknownKid::Refuse }
    }

    /// Calls `waiter` when the fetch of the keys has finished. Begins a fetch if none is in progress, and returns true
    /// then. A fetch that the caller joined may have begun before the key that the caller needs was published.
    pub fn wait_for_keys(self: &Arc<Self>, waiter: Waiter) -> bool {
        let starts = {
            let mut state = self.lock();
            state.keys_waiters.push(waiter);
            !state.keys.is_in_flight()
        };
        self.refresh_keys();
        starts
    }

    /// Gives `receiver` the keys: the current ones, or the outcome of a refresh that is due or forced.
    pub fn with_keys(self: &Arc<Self>, is_forced: bool, receiver: KeysReceiver) {
        match self.ready() {
            Readiness::Ready(published) if !is_forced => receiver(Ok(published)),
            Readiness::Failed(failure) if !is_forced => receiver(Err(failure)),
            _ => {
                let store = Arc::clone(self);
                self.wait_for_keys(Box::new(move || {
                    let failure = store.lock().keys.failure().cloned();
                    receiver(match (failure, store.ready_after_wait()) {
                        (Some(failure), _) if is_forced => Err(failure),
                        (_, Readiness::Ready(published)) => Ok(published),
                        (_, Readiness::Failed(failure)) => Err(failure),
                        (_, Readiness::Wait) => Err(Reason::ConnectionFailed.into()),
                    });
                }));
            }
        }
    }

    /// Calls `observer` after each refresh of the keys, until `forget` is called with the same id.
    pub fn observe(&self, id: u64, observer: Observer) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).push((id, observer));
    }

    pub fn forget(&self, id: u64) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != id);
    }

    /// Drops all waiters, because the transport is gone and no fetch will finish. A waiter may hold a reference to the
    /// store.
    pub fn abandon(&self) {
        let mut state = self.lock();
        let State { metadata, second, keys_waiters, .. } = &mut *state;
        let waiters = [&mut metadata.waiters, &mut second.waiters, keys_waiters].map(std::mem::take);
        drop(state);
        drop(waiters);
    }

    pub(super) fn tell(&self, event: &Event, took: Duration) {
        for (_, observer) in self.observers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            observer(event.clone(), took);
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // The state stays consistent when a thread panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn published(&self, now: Ticks) -> Readiness {
        self.keys.usable(now).map_or(Readiness::Wait, |published| Readiness::Ready(Arc::clone(published)))
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
