//! The buckets of a replay memory: which seconds are remembered, and which were given up?
//!
//! A bucket has the proofs of one second. It *falls* when they are too old to be accepted. Whatever is forgotten is refused
//! from then on: a bucket that is dropped raises the *floor*, and a *closed* bucket refuses its own second.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::engine::memory::replay_places::{Link, NONE, Places, ProofId};

pub struct Buckets {
    buckets: BTreeMap<i64, Bucket>,
    /// The number of proofs.
    proofs: usize,
    /// Proofs of this second and of earlier ones are refused.
    floor: i64,
    /// The second from which every dropped bucket would have fallen.
    floor_falls_at: i64,
}

struct Bucket {
    /// The list of its proofs, or [`NONE`].
    first: Link,
    len: usize,
    falls_at: i64,
    is_closed: bool,
}

/// A node of a B-tree is at least half full, so a bucket takes at most twice its own size.
const BUCKET_BYTES: usize = 2 * (size_of::<i64>() + size_of::<Bucket>());

impl Default for Buckets {
    fn default() -> Self {
        Buckets { buckets: BTreeMap::new(), proofs: 0, floor: i64::MIN, floor_falls_at: i64::MIN }
    }
}

impl Buckets {
    /// The number of proofs.
    pub fn proofs(&self) -> usize {
        self.proofs
    }

    /// The number of buckets, empty ones included.
    pub fn len(&self) -> usize {
        self.buckets.len()
    }

    pub fn contains(&self, second: i64) -> bool {
        self.buckets.contains_key(&second)
    }

    /// The size in bytes.
    pub fn used(&self) -> usize {
        self.buckets.len() * BUCKET_BYTES
    }

    pub fn is_given_up(&self, second: i64) -> bool {
        second <= self.floor || self.buckets.get(&second).is_some_and(|bucket| bucket.is_closed)
    }

    /// Whether nothing is remembered, and nothing that was given up could be accepted any more.
    pub fn is_past(&self, now: i64) -> bool {
        self.buckets.is_empty() && self.floor_falls_at <= now
    }

    /// Refuses what these buckets refuse, which must be past.
    pub fn take_floor_of(&mut self, past: &Buckets) {
        self.floor = self.floor.max(past.floor);
        self.floor_falls_at = self.floor_falls_at.max(past.floor_falls_at);
    }

    /// Drops the buckets that are past. They raise the floor too, because the clock may be set back.
    pub fn drop_fallen(&mut self, now: i64, places: &mut Places) {
        while self.buckets.first_key_value().is_some_and(|(_, bucket)| bucket.falls_at <= now) {
            self.drop_oldest(places);
        }
    }

    /// Gives up a bucket to make room for a proof: the newest one with proofs if it is ahead of the clock, or else the oldest.
    pub fn give_up_one(&mut self, now: i64, places: &mut Places) {
        match self.buckets.iter_mut().rev().find(|(_, bucket)| bucket.len > 0) {
            Some((&second, bucket)) if second > now => {
                bucket.is_closed = true;
                let len = std::mem::take(&mut bucket.len);
                places.release(std::mem::replace(&mut bucket.first, NONE), len);
                self.proofs -= len;
            }
            _ => self.drop_oldest(places),
        }
    }

    pub fn drop_oldest(&mut self, places: &mut Places) {
        if let Some((second, bucket)) = self.buckets.pop_first() {
            self.floor = self.floor.max(second);
            self.floor_falls_at = self.floor_falls_at.max(bucket.falls_at);
            self.proofs -= bucket.len;
            places.release(bucket.first, bucket.len);
        }
    }

    /// Adds a proof. Returns false if there is no place.
    #[must_use]
    pub fn insert(&mut self, id: ProofId, second: i64, falls_at: i64, places: &mut Places) -> bool {
        let bucket = match self.buckets.entry(second) {
            Entry::Occupied(bucket) => bucket.into_mut(),
            Entry::Vacant(place) => place.insert(Bucket { first: NONE, len: 0, falls_at, is_closed: false }),
        };
        let Some(first) = places.insert(id, bucket.first) else { return false };
        bucket.first = first;
        bucket.len += 1;
        bucket.falls_at = bucket.falls_at.max(falls_at);
        self.proofs += 1;
        true
    }
}
