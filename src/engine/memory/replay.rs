//! The replay memory: was this DPoP proof accepted before (RFC 9449 §11.1)? Bounded, and unable to forget.
//!
//! Proofs are kept in buckets, one per second. A bucket *falls* when its proofs are too old to be accepted. If the memory
//! is full, the oldest bucket goes, and its second becomes the *floor*: from then on, a proof of that second or an
//! earlier one is refused as too old. So the size is bounded and no proof is ever accepted twice, whatever the clock does:
//! every bucket that is forgotten raises the floor first. A flood costs late proofs, never the guarantee.
//!
//! A full memory first gives up the newest bucket if it is ahead of the clock. It is *closed*: proofs of exactly that second
//! are refused. Otherwise a flood of proofs that are dated ahead would raise the floor above the present.
//!
//! One sender cannot make the memory refuse the proofs of others. A sender of many proofs has a *room*: buckets of its own,
//! with a floor of their own. While any room holds more than its share of a full memory, the largest room gives up a bucket,
//! and only its own sender pays. The buckets of all others give way when no room holds more than its share.
//!
//! The id of a proof is 16 bytes of a hash of the sender's key and `jti`, so nobody can spend another sender's proof. A
//! proof takes 24 bytes, plus 4 to 8 bytes per proof of the capacity for the index. Nothing is allocated before the first
//! proof. A look-up follows one chain of a hash index whose seed is random, so nobody can make chains long. All rooms have
//! one index, so a proof is found wherever it is.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use foldhash::fast::RandomState;

use crate::engine::memory::replay_buckets::Buckets;
use crate::engine::memory::replay_places::Places;
pub use crate::engine::memory::replay_places::ProofId;
pub use crate::engine::memory::replay_senders::{Sender, sender_of};
use crate::engine::memory::replay_senders::{Tally, share_of};

/// The maximum number of buckets, empty ones and those of all rooms included. A nonce that is rotated after an hour has
/// buckets for four hours at most, which are 14,400. With a short rotation, or without nonces, there are far fewer.
pub const MAX_BUCKETS: usize = 32_768;
/// A room with more buckets than this makes way for others.
const MAX_ROOM_BUCKETS: usize = 256;

/// The maximum number of rooms. At most 64 senders have a 64th of the proofs, and a room is kept until its proofs are past.
/// Without a free room, a sender shares the buckets of the others.
pub const MAX_ROOMS: usize = 128;

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
    places: Places,
    /// The proofs of all senders without a room.
    common: Buckets,
    rooms: HashMap<Sender, Buckets, RandomState>,
    tally: Tally,
    /// The time at which fallen buckets were dropped.
    swept_at: i64,
    /// How many buckets were given up because the memory was full.
    given_up: u64,
}

impl ReplayMemory {
    /// Creates a memory for this number of proofs, 1 to [`MAX_CAPACITY`].
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        ReplayMemory(Mutex::new(State {
            capacity,
            places: Places::new(capacity),
            common: Buckets::default(),
            rooms: HashMap::default(),
            tally: Tally::new(capacity),
            swept_at: i64::MIN,
            given_up: 0,
        }))
    }

    /// Spends a proof. All times are in seconds.
    ///
    /// `bucket` depends on the proof alone: it is the second of `iat`, or follows from the nonce (`NonceKeys::bucket`).
    /// `falls_at` is the second from which no proof of this bucket can be accepted any more. It depends on the bucket
    /// alone.
    pub fn spend(&self, id: ProofId, sender: Sender, bucket: i64, falls_at: i64, now: i64) -> Spend {
        let mut state = self.lock();
        state.drop_fallen(now);
        if falls_at <= now || state.is_given_up(&sender, bucket) {
            return Spend::TooOld;
        }
        if state.places.contains(id) {
            return Spend::Replayed;
        }
        state.make_room(&sender, bucket, now);
        if state.is_given_up(&sender, bucket) {
            return Spend::TooOld;
        }
        state.insert(id, sender, bucket, falls_at)
    }

    /// What [`Self::spend`] would return. Remembers nothing, and gives up no bucket: in a full memory, `spend` may still find
    /// the proof too old.
    pub fn peek(&self, id: ProofId, sender: Sender, bucket: i64, falls_at: i64, now: i64) -> Spend {
        let state = self.lock();
        if falls_at <= now || state.is_given_up(&sender, bucket) {
            return Spend::TooOld;
        }
        if state.places.contains(id) { Spend::Replayed } else { Spend::New }
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
        state.places.used() + state.tally.used() + state.all().map(Buckets::used).sum::<usize>()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn all(&self) -> impl Iterator<Item = &Buckets> {
        std::iter::once(&self.common).chain(self.rooms.values())
    }

    /// A sender that has a room now may have spent proofs before, so the common buckets count too.
    fn is_given_up(&self, sender: &Sender, second: i64) -> bool {
        self.common.is_given_up(second) || self.rooms.get(sender).is_some_and(|room| room.is_given_up(second))
    }

    /// Drops the buckets and the rooms that are past. Nothing falls while the clock stands still.
    fn drop_fallen(&mut self, now: i64) {
        if now == std::mem::replace(&mut self.swept_at, now) {
            return;
        }
        let State { common, rooms, places, .. } = self;
        common.drop_fallen(now, places);
        rooms.retain(|_, room| {
            room.drop_fallen(now, places);
            let is_past = room.is_past(now);
            if is_past {
                common.take_floor_of(room);
            }
            !is_past
        });
    }

    /// Gives up buckets until there is a place for a proof of this bucket.
    fn make_room(&mut self, sender: &Sender, bucket: i64, now: i64) {
        let share = share_of(self.capacity);
        while self.len() >= self.capacity {
            let State { common, rooms, places, .. } = self;
            let largest = rooms.values_mut().max_by_key(|room| room.proofs());
            // The common buckets may be empty, if all proofs are in rooms.
            let gives_way = match largest {
                Some(room) if room.proofs() > share || common.proofs() == 0 => room,
                _ => common,
            };
            gives_way.give_up_one(now, places);
            self.given_up += 1;
        }
        while !self.buckets_of(sender).contains(bucket) && self.all().map(Buckets::len).sum::<usize>() >= MAX_BUCKETS {
            let State { common, rooms, places, .. } = self;
            let longest = rooms.values_mut().max_by_key(|room| room.len());
            match longest {
                Some(room) if room.len() > MAX_ROOM_BUCKETS || common.len() == 0 => room.drop_oldest(places),
                _ => common.drop_oldest(places),
            }
            self.given_up += 1;
        }
    }

    fn buckets_of(&self, sender: &Sender) -> &Buckets {
        self.rooms.get(sender).unwrap_or(&self.common)
    }

    fn insert(&mut self, id: ProofId, sender: Sender, second: i64, falls_at: i64) -> Spend {
        let is_heavy = self.tally.count(sender) >= share_of(self.capacity);
        if is_heavy && self.rooms.len() < MAX_ROOMS {
            self.rooms.entry(sender).or_default();
        }
        let buckets = self.rooms.get_mut(&sender).unwrap_or(&mut self.common);
        // What cannot be remembered is not accepted. There is a place, because `make_room` was called.
        if buckets.insert(id, second, falls_at, &mut self.places) { Spend::New } else { Spend::TooOld }
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
