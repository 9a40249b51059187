//! The places of a replay memory: where are the ids of proofs kept, so that a look-up is fast and a list is dropped at once?
//!
//! A place has 24 bytes: an id, the next place with the same hash, and the next place of the same list. Places are allocated
//! in chunks, so that growing never copies them. A released list is forgotten at once, and its places are taken back a few
//! at a time. The hash has a random seed, so nobody can make chains long.

use std::hash::BuildHasher;

use foldhash::fast::RandomState;

/// The id of a proof in a replay memory.
pub type ProofId = [u8; 16];

/// The number of a place plus 1, or [`NONE`].
pub type Link = u32;
pub const NONE: Link = 0;

/// The number of places that are allocated at once.
const CHUNK: usize = 1024;

/// How many places of forgotten proofs are taken back per proof that is added. At more than one, they never run out; as
/// one bucket may hold all places, they are not taken back at once.
pub const TAKEN_BACK: usize = 4;

/// Places in chunks, a hash index with chains, and lists of places to be taken back.
pub struct Places {
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
    pub fn new(capacity: usize) -> Self {
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

    /// The number of places in use, without the forgotten ones.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The size in bytes.
    pub fn used(&self) -> usize {
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
    pub fn contains(&self, id: ProofId) -> bool {
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
    pub fn insert(&mut self, id: ProofId, listed: Link) -> Option<Link> {
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
    pub fn release(&mut self, list: Link, len: usize) {
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
impl Places {
    /// The lengths of all chains of the index.
    pub fn chain_lengths(&self) -> impl Iterator<Item = usize> {
        let next = |place: &&Place| self.place(place.chained);
        self.index.iter().map(move |first| std::iter::successors(self.place(*first), next).count())
    }
}
