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
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use foldhash::fast::RandomState;

/// The maximum number of buckets, empty ones included. More seconds cannot be alive together: a nonce that is rotated
/// after an hour has buckets for four hours at most.
pub const MAX_BUCKETS: usize = 16_384;

/// The largest capacity: 16,777,216 proofs.
pub const MAX_CAPACITY: usize = 1 << 24;

/// The id of a proof in a replay memory.
pub type ProofId = [u8; 16];

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
    /// `bucket` depends on the proof alone: it is the second of `iat`, or follows from the nonce
    /// ([`NonceKeys::bucket`](crate::engine::authorize::dpop::nonce::NonceKeys::bucket)). `falls_at` is the second from
    /// which no proof of this bucket can be accepted any more. It depends on the bucket alone.
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
        self.places.len
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

/// The number of a place plus 1, or [`NONE`].
type Link = u32;
const NONE: Link = 0;

/// The number of places that are allocated at once.
const CHUNK: usize = 1024;

/// How many places of forgotten proofs are taken back per proof that is added. At more than one, they never run out; as
/// one bucket may hold all places, they are not taken back at once.
const TAKEN_BACK: usize = 4;

/// Where proofs are kept: places in chunks, a hash index with chains, and a list of places to be taken back.
struct Places {
    capacity: usize,
    /// In use, without the forgotten ones.
    len: usize,
    chunks: Vec<Box<[Place]>>,
    /// How many places were ever used.
    touched: usize,
    /// For each hash the first place of its chain. Allocated with the first proof.
    index: Box<[Link]>,
    /// Lists of places that were released and are still in the index.
    forgotten: Vec<Link>,
    /// The list of places that are free.
    free: Link,
    hasher: RandomState,
}

#[derive(Clone, Copy, Default)]
struct Place {
    id: ProofId,
    /// The next place with the same hash.
    chained: Link,
    /// The next place of the same bucket, or the next free place.
    listed: Link,
}

impl Places {
    fn new(capacity: usize) -> Self {
        Places {
            capacity,
            len: 0,
            chunks: Vec::new(),
            touched: 0,
            index: Box::default(),
            forgotten: Vec::new(),
            free: NONE,
            hasher: RandomState::default(),
        }
    }

    fn used(&self) -> usize {
        self.chunks.len() * CHUNK * size_of::<Place>()
            + self.chunks.capacity() * size_of::<Box<[Place]>>()
            + self.index.len() * size_of::<Link>()
            + self.forgotten.capacity() * size_of::<Link>()
    }

    fn slot(&self, id: ProofId) -> usize {
        // The length is a power of two.
        (self.hasher.hash_one(id) as usize) & self.index.len().wrapping_sub(1)
    }

    fn place(&self, link: Link) -> Option<&Place> {
        let number = (link as usize).checked_sub(1)?;
        self.chunks.get(number / CHUNK)?.get(number % CHUNK)
    }

    fn place_mut(&mut self, link: Link) -> Option<&mut Place> {
        let number = (link as usize).checked_sub(1)?;
        self.chunks.get_mut(number / CHUNK)?.get_mut(number % CHUNK)
    }

    /// Whether a proof with this id is in the index. Forgotten ones count until their places are taken back: a sender
    /// never uses a `jti` twice (RFC 9449 §4.2).
    fn contains(&self, id: ProofId) -> bool {
        let mut link = self.index.get(self.slot(id)).copied().unwrap_or(NONE);
        while let Some(place) = self.place(link) {
            if place.id == id {
                return true;
            }
            link = place.chained;
        }
        false
    }

    /// Adds a proof before a list, and returns the new list. Returns `None` if there is no place.
    fn insert(&mut self, id: ProofId, listed: Link) -> Option<Link> {
        self.take_back();
        if self.index.is_empty() {
            self.index = vec![NONE; self.capacity.next_power_of_two()].into();
        }
        let link = self.take_free()?;
        let slot = self.slot(id);
        let chained = std::mem::replace(self.index.get_mut(slot)?, link);
        *self.place_mut(link)? = Place { id, chained, listed };
        self.len += 1;
        Some(link)
    }

    fn take_free(&mut self) -> Option<Link> {
        if self.free != NONE {
            let link = self.free;
            self.free = self.place(link)?.listed;
            return Some(link);
        }
        if self.touched == self.capacity {
            return None;
        }
        if self.touched == self.chunks.len() * CHUNK {
            self.chunks.push(vec![Place::default(); CHUNK].into());
        }
        self.touched += 1;
        Link::try_from(self.touched).ok()
    }

    /// Releases a list of places.
    fn release(&mut self, list: Link, len: usize) {
        if list != NONE {
            self.forgotten.push(list);
            self.len -= len;
        }
    }

    /// Takes a few forgotten proofs out of the index, so that their places can be used again.
    fn take_back(&mut self) {
        for _ in 0..TAKEN_BACK {
            let Some(link) = self.forgotten.pop() else {
                return;
            };
            let Some(&place) = self.place(link) else {
                continue;
            };
            if place.listed != NONE {
                self.forgotten.push(place.listed);
            }
            self.unchain(link, &place);
            let free = self.free;
            if let Some(place) = self.place_mut(link) {
                place.listed = free;
                self.free = link;
            }
        }
    }

    fn unchain(&mut self, link: Link, place: &Place) {
        let slot = self.slot(place.id);
        let mut before = match self.index.get_mut(slot) {
            Some(first) if *first == link => {
                *first = place.chained;
                return;
            }
            Some(first) => *first,
            None => return,
        };
        while let Some(previous) = self.place_mut(before) {
            if previous.chained == link {
                previous.chained = place.chained;
                return;
            }
            before = previous.chained;
        }
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
