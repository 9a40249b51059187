use std::collections::HashSet;
use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::engine::memory::replay_places::TAKEN_BACK;

const MAX_AGE: i64 = 60;
const LEEWAY: i64 = 30;
const NOW: i64 = 1_700_000_000;

fn id(number: u64) -> ProofId {
    proof_id(b"jkt", &number.to_be_bytes())
}

fn falls_at(bucket: i64) -> i64 {
    bucket + MAX_AGE + 1
}

fn spend(memory: &ReplayMemory, number: u64, bucket: i64, now: i64) -> Spend {
    // Each proof of another sender, so that none has a room.
    spend_by(memory, number, number, bucket, now)
}

fn spend_by(memory: &ReplayMemory, sender: u64, number: u64, bucket: i64, now: i64) -> Spend {
    memory.spend(id(number), sender_numbered(sender), bucket, falls_at(bucket), now)
}

fn sender_numbered(number: u64) -> Sender {
    u128::from(number).to_be_bytes()
}

#[test]
fn an_id_is_16_bytes_of_a_hash_of_the_sender_and_its_jti() {
    let digest = aws_lc_rs::digest::digest(&SHA256, b"jkt\0jti");
    assert_eq!(proof_id(b"jkt", b"jti"), digest.as_ref()[..16]);
    assert_ne!(proof_id(b"jkt2", b"jti"), proof_id(b"jkt", b"jti"), "nobody spends another sender's jti");
}

#[test]
fn a_proof_is_new_once() {
    let memory = ReplayMemory::new(1024);
    assert_eq!(spend(&memory, 1, NOW, NOW), Spend::New);
    assert_eq!(spend(&memory, 1, NOW, NOW), Spend::Replayed);
    assert_eq!(spend(&memory, 2, NOW, NOW), Spend::New);
    assert_eq!((memory.len(), memory.is_floor_raised()), (2, false));
}

#[test]
fn a_jti_in_a_second_bucket_is_replayed() {
    let memory = ReplayMemory::new(1024);
    assert_eq!(spend(&memory, 1, NOW, NOW), Spend::New);
    assert_eq!(spend(&memory, 1, NOW + 1, NOW), Spend::Replayed);
}

#[test]
fn a_bucket_falls_at_its_second_and_not_before() {
    let memory = ReplayMemory::new(1024);
    spend(&memory, 1, NOW, NOW);
    assert_eq!(spend(&memory, 1, NOW, NOW + MAX_AGE), Spend::Replayed);
    assert_eq!(memory.len(), 1);
    assert_eq!(spend(&memory, 1, NOW, NOW + MAX_AGE + 1), Spend::TooOld);
    assert_eq!((memory.len(), memory.is_floor_raised()), (0, false));
}

#[test]
fn a_proof_is_refused_after_its_bucket_fell_even_if_the_clock_is_set_back() {
    let memory = ReplayMemory::new(1024);
    spend(&memory, 1, NOW, NOW);
    assert_eq!(spend(&memory, 2, NOW + 1000, NOW + 1000), Spend::New, "the clock jumps forwards");
    assert_eq!(memory.len(), 1);
    assert_eq!(spend(&memory, 1, NOW, NOW), Spend::TooOld, "and back");
    assert_eq!(spend(&memory, 3, NOW + 1, NOW), Spend::New, "a later second is not refused");
}

#[test]
fn a_full_memory_gives_up_its_oldest_bucket_and_refuses_its_second_from_then_on() {
    let memory = ReplayMemory::new(3);
    spend(&memory, 1, NOW - 2, NOW);
    spend(&memory, 2, NOW - 1, NOW);
    spend(&memory, 3, NOW, NOW);
    assert_eq!(spend(&memory, 4, NOW, NOW), Spend::New);
    assert_eq!((memory.len(), memory.times_full()), (3, 1));
    assert_eq!(spend(&memory, 1, NOW - 2, NOW), Spend::TooOld, "spent before");
    assert_eq!(spend(&memory, 5, NOW - 2, NOW), Spend::TooOld, "fresh, but of that second");
    assert_eq!(spend(&memory, 6, NOW - 3, NOW), Spend::TooOld, "fresh, but older");
    for spent in 2..=4 {
        assert_eq!(spend(&memory, spent, if spent == 2 { NOW - 1 } else { NOW }, NOW), Spend::Replayed);
    }
}

#[test]
fn a_memory_that_is_full_of_one_second_refuses_the_rest_of_that_second() {
    let memory = ReplayMemory::new(2);
    spend(&memory, 1, NOW, NOW);
    spend(&memory, 2, NOW, NOW);
    assert_eq!(spend(&memory, 3, NOW, NOW), Spend::TooOld);
    assert_eq!(spend(&memory, 1, NOW, NOW), Spend::TooOld);
    assert_eq!(spend(&memory, 4, NOW + 1, NOW + 1), Spend::New);
}

#[test]
fn a_flood_of_proofs_dated_ahead_costs_those_seconds_and_no_other_sender() {
    let memory = ReplayMemory::new(200);
    let mut spent = HashSet::new();
    for number in 0..1000 {
        let ahead = NOW + 1 + number as i64 % LEEWAY;
        if spend(&memory, number, ahead, NOW) == Spend::New {
            spent.insert((number, ahead));
        }
        if number % 10 == 0 {
            assert_eq!(spend(&memory, 10_000 + number, NOW - number as i64 / 200, NOW), Spend::New, "{number}");
        }
    }
    assert!(memory.is_floor_raised());
    for (number, ahead) in spent {
        assert_ne!(spend(&memory, number, ahead, NOW), Spend::New);
        assert_ne!(spend(&memory, number, ahead, ahead + 1), Spend::New);
    }
}

#[test]
fn more_seconds_than_buckets_raise_the_floor() {
    let memory = ReplayMemory::new(MAX_CAPACITY);
    let later = NOW + 10 * MAX_BUCKETS as i64;
    for number in 0..=MAX_BUCKETS as i64 {
        assert_eq!(
            memory.spend(id(number as u64), sender_numbered(number as u64), NOW + number, later, NOW),
            Spend::New
        );
    }
    assert_eq!((memory.len(), memory.times_full()), (MAX_BUCKETS, 1));
    assert_eq!(memory.spend(id(0), sender_numbered(0), NOW, later, NOW), Spend::TooOld);
    assert_eq!(memory.spend(id(1), sender_numbered(1), NOW + 1, later, NOW), Spend::Replayed);
}

#[test]
fn a_proof_that_is_past_by_its_own_time_is_too_old_and_takes_no_place() {
    let memory = ReplayMemory::new(10);
    assert_eq!(spend(&memory, 1, NOW - MAX_AGE - 1, NOW), Spend::TooOld);
    assert!(memory.is_empty());
}

#[test]
fn extreme_times_neither_overflow_nor_pass_twice() {
    let times = [i64::MIN, -1, 0, 1, i64::MAX - 1, i64::MAX];
    let memory = ReplayMemory::new(4);
    let mut accepted = HashSet::new();
    for now in times {
        for (number, bucket) in times.into_iter().enumerate() {
            for falls_at in times {
                if memory.spend(id(number as u64), sender_numbered(0), bucket, falls_at, now) == Spend::New {
                    assert!(accepted.insert(number), "{bucket}");
                }
            }
        }
    }
}

#[test]
fn a_memory_is_at_least_one_proof_and_allocates_nothing_before_the_first() {
    assert_eq!(ReplayMemory::new(0).capacity(), 1);
    assert_eq!(ReplayMemory::new(usize::MAX).capacity(), MAX_CAPACITY);
    assert_eq!(ReplayMemory::new(MAX_CAPACITY).used(), 0);
}

#[test]
fn at_262144_proofs_a_proof_takes_24_to_32_bytes_and_a_look_up_visits_few_places() {
    let capacity = 262_144;
    let memory = ReplayMemory::new(capacity);
    for number in 0..capacity as u64 {
        assert_eq!(spend(&memory, number, NOW + (number % 90) as i64 - MAX_AGE, NOW), Spend::New);
    }
    assert_eq!(memory.len(), capacity);
    let per_proof = memory.used() as f64 / capacity as f64;
    assert!((24.0..=32.0).contains(&per_proof), "{per_proof}");
    assert!(memory.used() <= 10 << 20, "{}", memory.used());
    let longest = memory.lock().places.chain_lengths().max();
    assert!(longest.is_some_and(|longest| longest <= 20), "{longest:?}");
}

#[test]
fn the_size_stays_within_its_bound_over_many_times_the_capacity() {
    let memory = ReplayMemory::new(10_000);
    let mut largest = 0;
    for number in 0..200_000 {
        let now = NOW + number as i64 / 3000;
        spend(&memory, number, now - (number % 20) as i64, now);
        largest = largest.max(memory.used());
        assert!(memory.len() <= 10_000);
    }
    assert!(largest <= 10_240 * 24 + 16_384 * 4 + 16_384 + 100_000, "{largest}");
}

#[test]
fn a_bucket_that_holds_all_places_is_taken_back_a_few_at_a_time() {
    let memory = ReplayMemory::new(5000);
    (0..5000).for_each(|number| assert_eq!(spend(&memory, number, NOW, NOW), Spend::New));
    let later = NOW + MAX_AGE + 1;
    assert_eq!(spend(&memory, 5000, later, later), Spend::New);
    assert_eq!((memory.len(), in_index(&memory)), (1, 5000 - TAKEN_BACK + 1));
    (5001..10_000).for_each(|number| assert_eq!(spend(&memory, number, later, later), Spend::New));
    assert_eq!((memory.len(), in_index(&memory)), (5000, 5000));
}

#[test]
fn of_many_threads_with_one_proof_exactly_one_spends_it() {
    let memory = ReplayMemory::new(100_000);
    let accepted: Vec<AtomicUsize> = (0..2000).map(|_| AtomicUsize::new(0)).collect();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for (number, count) in accepted.iter().enumerate() {
                    if spend(&memory, number as u64, NOW + number as i64 % 7, NOW) == Spend::New {
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert!(accepted.iter().all(|count| count.load(Ordering::Relaxed) == 1));
}

/// What a sender of a flood dates its proofs.
#[derive(Clone, Copy, Debug)]
enum Dates {
    Now,
    Ahead,
    Spread,
}

/// Counts the fresh proofs of 1,000 other senders that are refused during a flood of 20,000 proofs by a few senders, over
/// 120 seconds. Every proof is presented twice more.
fn refused_in_flood(capacity: usize, flooding: u64, dates: Dates) -> usize {
    let memory = ReplayMemory::new(capacity);
    let (mut refused, mut random) = (0, Random(seed()));
    let mut spent = Vec::new();
    for number in 0..20_000 {
        let now = NOW + number as i64 / 167;
        let iat = match dates {
            Dates::Now => now,
            Dates::Ahead => now + LEEWAY,
            Dates::Spread => now + LEEWAY - random.below(90) as i64,
        };
        if spend_by(&memory, number % flooding, number, iat, now) == Spend::New {
            spent.push((number % flooding, number, iat));
        }
        if number % 20 == 0 {
            // Clocks that are a little late, right, and a little ahead.
            let (other, late) = (1000 + number / 20, random.below(7) as i64 - 3);
            let is_new = spend_by(&memory, other, 1_000_000 + number, now - late, now) == Spend::New;
            refused += usize::from(!is_new);
            spent.push((other, 1_000_000 + number, now - late));
        }
        for (sender, number, iat) in spent.get(random.below(spent.len() as u64) as usize).into_iter().copied() {
            assert_ne!(spend_by(&memory, sender, number, iat, now), Spend::New, "{number}");
        }
        assert!(memory.len() <= capacity);
    }
    assert!(memory.is_floor_raised(), "the memory was never full");
    let end = NOW + 120;
    for (sender, number, iat) in spent {
        assert_ne!(spend_by(&memory, sender, number, iat, end), Spend::New, "{number}");
        assert_ne!(spend_by(&memory, sender, number, iat, iat), Spend::New, "{number}, with the clock set back");
    }
    refused
}

#[test]
fn a_flood_by_one_sender_or_by_a_few_never_refuses_the_proofs_of_another() {
    for dates in [Dates::Now, Dates::Ahead, Dates::Spread] {
        for flooding in [1, 16] {
            let refused = refused_in_flood(2048, flooding, dates);
            assert_eq!(refused, 0, "{flooding} senders, {dates:?}");
        }
    }
}

#[test]
fn a_busy_sender_uses_the_memory_that_nobody_else_needs_and_only_its_late_proofs_are_refused() {
    let memory = ReplayMemory::new(8192);
    for number in 0..100_000 {
        let now = NOW + number as i64 / 1000;
        assert_eq!(spend_by(&memory, 7, number, now, now), Spend::New, "{number}");
    }
    assert!(memory.len() > 8192 - 1001, "{}", memory.len());
    let now = NOW + 99;
    assert_eq!(spend_by(&memory, 7, 200_000, now - 5, now), Spend::New);
    assert_eq!(spend_by(&memory, 7, 200_001, now - 20, now), Spend::TooOld, "of this sender");
    assert_eq!(spend_by(&memory, 8, 200_002, now - 20, now), Spend::New, "of another one");
}

#[test]
fn a_proof_that_was_spent_before_its_sender_had_a_room_is_replayed() {
    let memory = ReplayMemory::new(1024);
    for number in 0..100 {
        assert_eq!(spend_by(&memory, 7, number, NOW, NOW), Spend::New);
    }
    assert_eq!(memory.lock().rooms.len(), 1);
    for number in 0..100 {
        assert_eq!(spend_by(&memory, 7, number, NOW, NOW), Spend::Replayed);
    }
}

#[test]
fn a_room_goes_when_its_proofs_are_past_and_its_proofs_stay_refused() {
    let memory = ReplayMemory::new(1024);
    (0..100).for_each(|number| assert_eq!(spend_by(&memory, 7, number, NOW + 20, NOW), Spend::New));
    let later = falls_at(NOW + 20);
    assert_eq!(spend_by(&memory, 8, 1000, later - 1, later - 1), Spend::New);
    assert_eq!((memory.len(), memory.lock().rooms.len()), (101, 1));
    assert_eq!(spend_by(&memory, 8, 1001, later, later), Spend::New);
    assert_eq!((memory.len(), memory.lock().rooms.len()), (2, 0));
    (0..100).for_each(|number| assert_eq!(spend_by(&memory, 7, number, NOW + 20, NOW), Spend::TooOld));
}

#[test]
fn more_busy_senders_than_rooms_share_the_buckets_of_the_others() {
    let memory = ReplayMemory::new(1024);
    let mut spent = HashSet::new();
    for number in 0..100_000 {
        let sender = number / 20 % 200;
        if spend_by(&memory, sender, number, NOW + sender as i64 % 3, NOW + number as i64 / 10_000) == Spend::New {
            spent.insert((sender, number));
        }
        assert!(memory.lock().rooms.len() <= MAX_ROOMS);
    }
    assert!(spent.len() > 1000, "{}", spent.len());
    for (sender, number) in spent {
        assert_ne!(spend_by(&memory, sender, number, NOW + sender as i64 % 3, NOW), Spend::New);
    }
}

/// SplitMix64, so that a seed gives the same run on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// `REPLAY_SEED` repeats a run.
fn seed() -> u64 {
    let chosen = std::env::var("REPLAY_SEED").ok().and_then(|text| text.parse().ok());
    let seed = chosen.unwrap_or_else(|| std::hash::RandomState::new().build_hasher().finish());
    println!("REPLAY_SEED={seed}");
    seed
}

/// What a caller does: the window of `iat` first, then the memory.
fn present(memory: &ReplayMemory, number: u64, iat: i64, now: i64) -> Spend {
    let is_in_window = now - MAX_AGE <= iat && iat <= now + LEEWAY;
    // One sender has a third of the proofs, and sometimes a room.
    let sender = if number.is_multiple_of(3) { 0 } else { number };
    if is_in_window { spend_by(memory, sender, number, iat, now) } else { Spend::TooOld }
}

/// Presents fresh proofs and proofs from before, while the clock goes on, stands still and jumps.
/// Returns the numbers of accepted proofs and of fresh ones that were refused.
fn run(random: &mut Random, memory: &ReplayMemory, presentations: usize, jumps: bool) -> (usize, usize) {
    let (mut proofs, mut accepted) = (Vec::new(), HashSet::new());
    let (mut now, mut refused) = (NOW, 0);
    for _ in 0..presentations {
        now += match random.below(1000) {
            0..50 => random.below(4) as i64,
            50 if jumps => random.below(400) as i64 - 200,
            51 if jumps => random.below(200_000) as i64 - 100_000,
            52 if jumps => NOW - now,
            _ => 0,
        };
        let is_fresh = proofs.is_empty() || random.below(2) == 0;
        let number = if is_fresh { proofs.len() } else { random.below(proofs.len() as u64) as usize };
        if is_fresh {
            let oldest = if random.below(10) == 0 { 90 } else { 3 };
            let back = random.below(oldest) as i64;
            proofs.push(now + if random.below(20) == 0 { LEEWAY } else { 0 } - back.min(MAX_AGE));
        }
        match present(memory, number as u64, proofs[number], now) {
            Spend::New => assert!(accepted.insert(number), "proof {number} was accepted twice"),
            Spend::Replayed => assert!(accepted.contains(&number), "proof {number} was never accepted"),
            Spend::TooOld if is_fresh => refused += 1,
            Spend::TooOld => {}
        }
        assert!(memory.len() <= memory.capacity());
    }
    (accepted.len(), refused)
}

#[test]
fn no_proof_is_accepted_twice_by_a_memory_of_1_to_50_proofs_whatever_the_clock_does() {
    let mut random = Random(seed());
    let (mut accepted, mut refused) = (0, 0);
    for store in 0..400 {
        let memory = ReplayMemory::new(1 + store % 50);
        let (more_accepted, more_refused) = run(&mut random, &memory, 2000, store % 2 == 0);
        accepted += more_accepted;
        refused += more_refused;
    }
    println!("{accepted} accepted, {refused} fresh ones refused");
    assert!(accepted > 50_000, "{accepted}");
}

#[test]
fn a_memory_with_enough_room_refuses_no_fresh_proof_while_the_clock_goes_on() {
    let mut random = Random(seed());
    for _ in 0..20 {
        let memory = ReplayMemory::new(20_000);
        let (accepted, refused) = run(&mut random, &memory, 10_000, false);
        assert!(accepted > 4000 && refused == 0 && !memory.is_floor_raised(), "{accepted} {refused}");
    }
}

fn in_index(memory: &ReplayMemory) -> usize {
    memory.lock().places.chain_lengths().sum()
}
