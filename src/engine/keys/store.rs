//! The issuer's keys: metadata, then the JWK Set it names, kept fresh through every fault (contract 10).
//!
//! The store only decides and remembers: the transport performs, and calls back. Nothing here blocks; a caller that
//! must wait leaves a waiter, which is called when the one flight of that document has ended.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;

use crate::engine::error::{Failure, Reason};
use crate::engine::keys::jwk::KeySet;
use crate::engine::keys::metadata::{Metadata, Tenant};
use crate::engine::keys::refresh::{Advice, Lifetime, Refresh};
use crate::engine::keys::unknown_kids::UnknownKids;
use crate::engine::time::{Monotonic, Ticks};
use crate::engine::transport::Transport;

/// Whose keys, for how long, and where from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeySource {
    pub tenant: Tenant,
    pub metadata_lifetime: Lifetime,
    pub keys_lifetime: Lifetime,
    /// Whether the user's resolver gives the metadata.
    pub resolves_metadata: bool,
    /// Whether the user's resolver gives the JWK Set.
    pub resolves_jwks: bool,
}

/// One published JWK Set.
pub struct KeySnapshot {
    pub set: KeySet,
    /// The document as it came, for `getJwks()`.
    pub text: String,
    /// The issuer whose keys these are: what `iss` must say.
    pub issuer: Arc<str>,
    /// Another number for every other set or issuer: what was verified under one is not under the next.
    pub generation: u64,
}

/// What the store has to say to one who needs keys now.
pub enum Readiness {
    Ready(Arc<KeySnapshot>),
    /// Leave a waiter.
    Wait,
    Failed(Failure),
}

/// What to do about a `kid` that is not in the set.
#[derive(Debug, PartialEq)]
pub enum UnknownKid {
    /// A flight may bring it: leave a waiter.
    Wait,
    Refuse,
    /// The issuer is failing: whether the key exists cannot be known.
    Failed(Failure),
}

pub type MetadataReceiver = Box<dyn FnOnce(Result<Arc<Metadata>, Failure>) + Send>;
pub type KeysReceiver = Box<dyn FnOnce(Result<Arc<KeySnapshot>, Failure>) + Send>;

/// Called once when a flight has ended.
pub type Waiter = Box<dyn FnOnce() + Send>;

/// What happened to the keys, for those who watch.
#[derive(Clone, Debug)]
pub enum Event {
    Refreshed {
        /// How many are usable.
        keys: usize,
        /// How many entries were not used, by the word of their flaw.
        left_out: Vec<(&'static str, usize)>,
    },
    RefreshFailed {
        reason: Reason,
    },
}

type Observer = Box<dyn Fn(Event) + Send + Sync>;

pub struct KeyStore {
    source: KeySource,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Monotonic>,
    state: Mutex<State>,
    observers: Mutex<Vec<(u64, Observer)>>,
}

struct State {
    metadata: Document,
    /// Of the RFC 8414 place, for what the first document lacks.
    second: Document,
    keys: Refresh<Arc<KeySnapshot>>,
    keys_waiters: Vec<Waiter>,
    generation: u64,
    unknown_kids: UnknownKids,
}

impl KeyStore {
    pub fn new(source: KeySource, transport: Arc<dyn Transport>, clock: Arc<dyn Monotonic>) -> Arc<KeyStore> {
        let now = clock.now();
        let seed = RandomState::default().hash_one(now);
        let state = State {
            metadata: Document::new(source.metadata_lifetime, seed),
            second: Document::new(source.metadata_lifetime, seed.rotate_left(32)),
            keys: Refresh::new(source.keys_lifetime, !seed),
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

    /// The keys for one validation. Starts a refresh in the background when one is due.
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

    /// The keys after a flight was waited for: whatever may still be used, whatever its age.
    pub fn ready_after_wait(&self) -> Readiness {
        let state = self.lock();
        match state.published(self.clock.now()) {
            Readiness::Wait => Readiness::Failed(state.keys.failure_or(Reason::ConnectionFailed)),
            readiness => readiness,
        }
    }

    /// Whether keys that are merely old could serve a waiter that waits too long.
    pub fn has_usable_keys(&self) -> bool {
        self.lock().keys.usable(self.clock.now()).is_some()
    }

    /// A `kid` that the current set does not have.
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
        // While a flight is under way it may bring the key, also for one that stopped waiting early.
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

    /// Calls `waiter` when the flight of the keys has ended, starting one where there is none. True when it did: a
    /// flight that was joined may have left before what the caller looks for was published.
    pub fn wait_for_keys(self: &Arc<Self>, waiter: Waiter) -> bool {
        let starts = {
            let mut state = self.lock();
            state.keys_waiters.push(waiter);
            !state.keys.is_in_flight()
        };
        self.refresh_keys();
        starts
    }

    /// Gives `receiver` the keys: those in use, or the outcome of a refresh when one is due or forced.
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

    /// Watches what happens to the keys until `forget` is called with the same name.
    pub fn observe(&self, name: u64, observer: Observer) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).push((name, observer));
    }

    pub fn forget(&self, name: u64) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != name);
    }

    /// Whoever performed the flights is gone: lets go of who waits for them, who may hold this.
    pub fn abandon(&self) {
        let mut state = self.lock();
        let State { metadata, second, keys_waiters, .. } = &mut *state;
        let waiters = [&mut metadata.waiters, &mut second.waiters, keys_waiters].map(std::mem::take);
        drop(state);
        drop(waiters);
    }

    fn tell(&self, event: &Event) {
        for (_, observer) in self.observers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            observer(event.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held left a state that is still one: go on.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn published(&self, now: Ticks) -> Readiness {
        self.keys.usable(now).map_or(Readiness::Wait, |published| Readiness::Ready(Arc::clone(published)))
    }
}

#[path = "fetch.rs"]
mod flights;
#[path = "health.rs"]
mod health;
#[path = "documents.rs"]
mod documents;
use documents::Document;
pub use documents::Located;
pub use health::Health;

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
