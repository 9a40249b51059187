//! The replay memory: was this DPoP proof accepted before (RFC 9449 §11.1)? Bounded, and unable to forget.
//!
//! Proofs are kept in buckets, one per second. A bucket *falls* when its proofs are too old to be accepted. If the memory
//! is full, the oldest bucket goes, and its second becomes the *floor*: from then on, a proof of that second or an
//! earlier one is refused as too old. So the size is bounded and no proof is ever accepted twice, whatever the clock does:
//! every bucket that is forgotten raises the floor first. A flood costs late proofs, never the guarantee.
//!
//! One exception serves the other senders: a full memory first gives up the newest bucket if it is ahead of the clock. It
//! is *closed*: proofs of exactly that second are refused. Otherwise a flood of proofs that are dated ahead would raise the
//! floor above the present, and every other sender would be refused until then.
//!
//! The id of a proof is 16 bytes of a hash of the sender's key and `jti`, so nobody can spend another sender's proof. A
//! proof takes 24 bytes, plus 4 to 8 bytes per proof of the capacity for the index. Nothing is allocated before the first
//! proof. A look-up follows one chain of a hash index whose seed is random, so nobody can make chains long.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

pub use crate::engine::memory::replay_places::ProofId;
use crate::engine::memory::replay_places::{Link, NONE, Places};

/// The maximum number of buckets, empty ones included. More seconds cannot be alive together: a nonce that is rotated
/// after an hour has buckets for four hours at most.
pub const MAX_BUCKETS: usize = 16_384;

/// The largest capacity: 16,777,216 proofs.
pub const MAX_CAPACITY: usize = 16_777_216;

/// The first 16 bytes of SHA-256(jkt ‖ 0 ‖ jti).
pub fn proof_id(jkt: &[u8], jti: &[u8]) -> ProofId {
    let mut context = Context::new(&SHA256);
    context.update(jkt);
    context.update(&[0]);
    context.update(jti);
    let digest = context.finish();
    // The digest has 32 bytes.
    let mut id = [0; 16];
    id.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    id
}

/// What a presentation of a proof is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spend {
    /// Presented for the first time. It is spent now.
    New,
    Replayed,
    /// Past, or of a bucket that the memory has given up.
    TooOld,
}

/// Spent proofs. Shared by all threads of the process.
pub struct ReplayMemory(Mutex<State>);

struct State {
    capacity: usize,
    buckets: BTreeMap<i64, Bucket>,
    places: Places,
    /// Proofs of this second and of earlier ones are refused.
    floor: i64,
    /// How many buckets were given up because the memory was full.
    given_up: u64,
}

struct Bucket {
    /// The list of its proofs, or [`NONE`].
    first: Link,
    len: usize,
    falls_at: i64,
    is_closed: bool,
}

impl ReplayMemory {
    /// Creates a memory for this number of proofs, 1 to [`MAX_CAPACITY`].
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let places = Places::new(capacity);
        ReplayMemory(Mutex::new(State { capacity, buckets: BTreeMap::new(), places, floor: i64::MIN, given_up: 0 }))
    }

    /// Spends a proof. All times are in seconds.
    ///
    /// `bucket` depends on the proof alone: it is the second of `iat`, or follows from the nonce (`NonceKeys::bucket`).
    /// `falls_at` is the second from which no proof of this bucket can be accepted any more. It depends on the bucket
    /// alone.
    pub fn spend(&self, id: ProofId, bucket: i64, falls_at: i64, now: i64) -> Spend {
        let mut state = self.lock();
        state.drop_fallen(now);
        if falls_at <= now || state.is_given_up(bucket) {
            return Spend::TooOld;
        }
        if state.places.contains(id) {
            return Spend::Replayed;
        }
        state.make_room(bucket, now);
        if state.is_given_up(bucket) {
            return Spend::TooOld;
        }
        state.insert(id, bucket, falls_at)
    }

    /// The number of proofs that are remembered.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn capacity(&self) -> usize {
        self.lock().capacity
    }

    /// Whether a bucket was ever given up because the memory was full.
    pub fn is_floor_raised(&self) -> bool {
        self.times_full() > 0
    }

    /// How many buckets were given up because the memory was full. If the number has grown, the event `replay.full` is due.
    pub fn times_full(&self) -> u64 {
        self.lock().given_up
    }

    /// The size of the memory, in bytes.
    pub fn used(&self) -> usize {
        let state = self.lock();
        state.places.used() + state.buckets.len() * BUCKET_BYTES
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A node of a B-tree is at least half full, so a bucket takes at most twice its own size.
const BUCKET_BYTES: usize = 2 * (size_of::<i64>() + size_of::<Bucket>());

impl State {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn is_given_up(&self, bucket: i64) -> bool {
        bucket <= self.floor || self.buckets.get(&bucket).is_some_and(|bucket| bucket.is_closed)
    }

    /// Drops the buckets that are past. They raise the floor too, because the clock may be set back.
    fn drop_fallen(&mut self, now: i64) {
        while self.buckets.first_key_value().is_some_and(|(_, bucket)| bucket.falls_at <= now) {
            self.drop_oldest();
        }
    }

    /// Gives up buckets until there is a place for a proof of this bucket.
    fn make_room(&mut self, bucket: i64, now: i64) {
        while self.len() >= self.capacity {
            match self.buckets.iter().rev().find(|(_, bucket)| bucket.len > 0) {
                Some((&newest, _)) if newest > now => self.close(newest),
                _ => self.drop_oldest(),
            }
            self.given_up += 1;
        }
        while self.buckets.len() >= MAX_BUCKETS && !self.buckets.contains_key(&bucket) {
            self.drop_oldest();
            self.given_up += 1;
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((second, bucket)) = self.buckets.pop_first() {
            self.floor = self.floor.max(second);
            self.places.release(bucket.first, bucket.len);
        }
    }

    fn close(&mut self, second: i64) {
        if let Some(bucket) = self.buckets.get_mut(&second) {
            bucket.is_closed = true;
            self.places.release(std::mem::replace(&mut bucket.first, NONE), std::mem::take(&mut bucket.len));
        }
    }

    fn insert(&mut self, id: ProofId, second: i64, falls_at: i64) -> Spend {
        let bucket = match self.buckets.entry(second) {
            Entry::Occupied(bucket) => bucket.into_mut(),
            Entry::Vacant(place) => place.insert(Bucket { first: NONE, len: 0, falls_at, is_closed: false }),
        };
        // What cannot be remembered is not accepted. There is a place, because `make_room` was called.
        let Some(first) = self.places.insert(id, bucket.first) else {
            return Spend::TooOld;
        };
        bucket.first = first;
        bucket.len += 1;
        bucket.falls_at = bucket.falls_at.max(falls_at);
        Spend::New
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
