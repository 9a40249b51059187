//! What all proofs of one issuer, audience and settings share: used proofs, nonces and parsed keys.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use lru::LruCache;

use super::nonce::{ChallengedKeys, NonceKeys};
use super::settings::{DpopSettings, NonceMode};
use crate::engine::keys::jwk::Key;
use crate::engine::memory::replay::ReplayMemory;
use crate::engine::token::confirmation::Thumbprint;
use crate::engine::token::header::Algorithm;

/// How many parsed keys are kept. The one that was used longest ago goes first.
pub const MAX_KEYS: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

const SECRET_BYTES: usize = 32;

pub struct DpopContext {
    id: u64,
    pub(super) settings: DpopSettings,
    pub(super) replay: ReplayMemory,
    /// `None` if nonces are off.
    pub(super) nonces: Option<NonceKeys>,
    pub(super) challenged: ChallengedKeys,
    /// Keys by their thumbprint. Only a key that has verified a signature is kept, so nobody can evict the keys of others
    /// without holding as many keys that tokens are bound to.
    keys: Mutex<LruCache<[u8; 32], Arc<Key>, RandomState>>,
}

impl DpopContext {
    pub fn new(settings: DpopSettings, issuer: &str, audience: &str) -> DpopContext {
        let random = || {
            let mut secret = [0; SECRET_BYTES];
            aws_lc_rs::rand::fill(&mut secret).ok().map(|()| Box::from(secret))
        };
        let secret = match settings.nonce {
            NonceMode::Off => None,
            NonceMode::Required | NonceMode::WhenStale => settings.nonce_secret.clone().or_else(random),
        };
        let rotation = settings.nonce_rotation_secs;
        static NEXT: AtomicU64 = AtomicU64::new(0);
        DpopContext {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            replay: ReplayMemory::new(settings.replay_cache_size),
            nonces: secret.map(|secret| NonceKeys::new(&secret, issuer, audience, rotation)),
            challenged: ChallengedKeys::default(),
            keys: Mutex::new(LruCache::unbounded_with_hasher(RandomState::default())),
            settings,
        }
    }

    /// The id of this context, unique in the process.
    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn settings(&self) -> &DpopSettings {
        &self.settings
    }

    pub fn replay(&self) -> &ReplayMemory {
        &self.replay
    }

    pub(super) fn allows(&self, algorithm: Algorithm) -> bool {
        self.settings.algorithms.contains(&algorithm)
    }

    /// A key that was parsed before. The look-up does not change which key goes first.
    pub(super) fn known_key(&self, thumbprint: &Thumbprint) -> Option<Arc<Key>> {
        self.keys().peek(thumbprint.as_bytes()).map(Arc::clone)
    }

    /// Keeps a key that has verified a signature.
    pub(super) fn keep_key(&self, thumbprint: &Thumbprint, key: Arc<Key>) {
        let mut keys = self.keys();
        keys.put(*thumbprint.as_bytes(), key);
        if keys.len() > MAX_KEYS.get() {
            keys.pop_lru();
        }
    }

    /// How many parsed keys are kept.
    pub fn kept_keys(&self) -> usize {
        self.keys().len()
    }

    fn keys(&self) -> MutexGuard<'_, LruCache<[u8; 32], Arc<Key>, RandomState>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
