//! The limits and the order of jobs, and a flood in virtual time like that of the threads in `src/addon/slow.rs`.

use super::*;

fn limit(running: usize, reserved: usize, waiting: usize) -> LoadLimit<u32> {
    LoadLimit::new(Bounds { running, reserved, waiting })
}

#[test]
fn known_jobs_start_first_and_in_order_and_of_all_others_the_newest() {
    let mut limit = limit(10, 0, 10);
    for (job, lane) in [(1, Lane::Other), (2, Lane::Preferred), (3, Lane::Other), (4, Lane::Preferred)] {
        assert_eq!(limit.admit(job, lane), None);
    }
    let order: Vec<_> = std::iter::from_fn(|| limit.start().map(|(job, _)| job)).collect();
    assert_eq!(order, [2, 4, 3, 1]);
}

#[test]
fn the_kept_places_are_for_known_jobs_alone() {
    let mut limit = limit(3, 1, 10);
    for job in 0..5 {
        assert_eq!(limit.admit(job, Lane::Other), None);
    }
    assert_eq!(std::iter::from_fn(|| limit.start()).count(), 2);
    limit.admit(9, Lane::Preferred);
    assert_eq!(limit.start(), Some((9, Lane::Preferred)));
    assert_eq!(limit.start(), None);
    limit.finish(Lane::Preferred);
    assert_eq!(limit.start(), None);
    limit.finish(Lane::Other);
    assert_eq!(limit.start(), Some((2, Lane::Other)));
}

#[test]
fn a_full_queue_turns_away_its_oldest_unknown_job_and_a_queue_of_known_ones_the_newest() {
    let mut limit = limit(0, 0, 2);
    assert_eq!(limit.admit(1, Lane::Other), None);
    assert_eq!(limit.admit(2, Lane::Other), None);
    assert_eq!(limit.admit(3, Lane::Other), Some(1));
    assert_eq!(limit.admit(4, Lane::Preferred), Some(2));
    assert_eq!(limit.admit(5, Lane::Preferred), Some(3));
    assert_eq!(limit.admit(6, Lane::Other), Some(6));
    assert_eq!(limit.admit(7, Lane::Preferred), Some(7));
    assert_eq!(limit.waiting(), 2);
}

#[test]
fn what_is_due_is_taken_out_of_both_lanes() {
    let mut limit = limit(0, 0, 10);
    for job in 0..6 {
        limit.admit(job, if job % 2 == 0 { Lane::Preferred } else { Lane::Other });
    }
    assert_eq!(limit.take_due(|job| *job < 3), [0, 2, 1]);
    assert_eq!(limit.oldest().copied().collect::<Vec<_>>(), [4, 3]);
    assert_eq!(limit.take_others(), [3, 5]);
    assert_eq!(limit.take_all(), [4]);
}

/// The arrival of a simulated job, in microseconds.
#[derive(Debug, PartialEq)]
struct Arrival {
    at: u64,
    is_good: bool,
}

/// How long valid jobs took beside 20,000 invalid jobs per second, and how many valid jobs were rejected.
fn flood(lane_of_good: Lane) -> (Vec<u64>, usize) {
    const TAKES: u64 = 500;
    const SECONDS: u64 = 2;
    let mut limit = LoadLimit::new(Bounds { running: 2, reserved: 0, waiting: 256 });
    let mut under_way: Vec<(u64, Arrival, Lane)> = Vec::new();
    let (mut waits, mut turned_away) = (Vec::new(), 0);
    for at in 0..SECONDS * 1_000_000 {
        let (ended, going): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|(ends_at, ..)| *ends_at <= at);
        under_way = going;
        for (_, job, lane) in ended {
            limit.finish(lane);
            waits.extend(job.is_good.then(|| at - job.at));
        }
        let bad = (at % 50 == 0).then_some((Arrival { at, is_good: false }, Lane::Other));
        let good = (at % 10_000 == 7).then_some((Arrival { at, is_good: true }, lane_of_good));
        for (job, lane) in bad.into_iter().chain(good) {
            turned_away += usize::from(limit.admit(job, lane).is_some_and(|job| job.is_good));
        }
        while let Some((job, lane)) = limit.start() {
            under_way.push((at + TAKES, job, lane));
        }
        assert!(limit.waiting() <= 256 && limit.running() <= 2);
    }
    (waits, turned_away)
}

#[test]
fn in_a_flood_of_five_times_what_can_be_done_every_known_job_ends_within_two_turns() {
    let (waits, turned_away) = flood(Lane::Preferred);
    assert_eq!(turned_away, 0);
    assert!(waits.len() >= 199, "{}", waits.len());
    assert!(waits.iter().all(|wait| *wait <= 2 * 500), "{:?}", waits.iter().max());
}

#[test]
fn in_a_flood_an_unknown_job_that_is_done_at_all_is_done_soon() {
    let (mut waits, _) = flood(Lane::Other);
    waits.sort_unstable();
    assert!(!waits.is_empty());
    assert!(waits[waits.len() / 2] <= 2 * 500, "{waits:?}");
}
