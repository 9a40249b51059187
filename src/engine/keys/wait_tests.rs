//! The waits of many callers, in virtual time.

use super::*;

const AT: Ticks = Ticks(10_000);
const NEVER: Option<Duration> = None;

fn at(milliseconds: u64) -> Ticks {
    AT.after(Duration::from_millis(milliseconds))
}

/// The wait that a caller is told to begin.
fn begin(waits: &mut KeyWaits, round: u32, has_fallback: bool, now: Ticks) -> Wait {
    match waits.step(round, has_fallback, now) {
        Step::Begin(wait) => wait,
        step => panic!("{step:?}"),
    }
}

fn joins(number: u64) -> Step {
    Step::Join(Join { number, is_last: false })
}

#[test]
fn a_thousand_callers_at_once_begin_one_wait() {
    for has_fallback in [true, false] {
        let mut waits = KeyWaits::default();
        let wait = begin(&mut waits, 1, has_fallback, AT);
        for _ in 1..1000 {
            assert_eq!(waits.step(1, has_fallback, AT), joins(wait.number));
        }
    }
}

#[test]
fn a_second_of_one_caller_per_millisecond_begins_20_short_waits_and_one_without_a_limit() {
    let mut waits = KeyWaits::default();
    let mut begun = (0, 0);
    for millisecond in 0..1000 {
        begun.0 += i32::from(matches!(waits.step(1, true, at(millisecond)), Step::Begin(_)));
        begun.1 += i32::from(matches!(waits.step(1, false, at(millisecond)), Step::Begin(_)));
    }
    assert_eq!(begun, (20, 1));
}

#[test]
fn a_caller_with_a_fallback_waits_for_a_second_and_only_in_its_first_round() {
    let limits =
        |has_fallback| [1, 2, 3].map(|round| begin(&mut KeyWaits::default(), round, has_fallback, AT).time_limit);
    assert_eq!(limits(true), [Some(Duration::from_secs(1)), NEVER, NEVER]);
    assert_eq!(limits(false), [NEVER, NEVER, NEVER]);
}

#[test]
fn callers_with_a_fallback_and_callers_without_one_share_no_wait() {
    let mut waits = KeyWaits::default();
    let short = begin(&mut waits, 1, true, AT);
    let long = begin(&mut waits, 1, false, AT);
    assert_eq!(waits.step(1, true, AT), joins(short.number));
    assert_eq!(waits.step(1, false, AT), joins(long.number));
    assert_eq!(waits.step(2, true, AT), joins(long.number));
}

#[test]
fn a_short_wait_is_joined_up_to_50_ms_after_its_beginning() {
    let mut waits = KeyWaits::default();
    let first = begin(&mut waits, 1, true, AT);
    assert_eq!(waits.step(1, true, at(50)), joins(first.number));
    let second = begin(&mut waits, 1, true, at(51));
    assert_eq!(second.time_limit, Some(Duration::from_secs(1)));
    assert_eq!(waits.step(1, true, at(101)), joins(second.number));
    // The end of an older wait leaves the younger one open.
    waits.end(first.number);
    assert_eq!(waits.step(1, true, at(101)), joins(second.number));
}

#[test]
fn a_wait_without_a_limit_is_joined_until_its_end() {
    let mut waits = KeyWaits::default();
    let wait = begin(&mut waits, 1, false, AT);
    assert_eq!(waits.step(1, false, at(30_000)), joins(wait.number));
    assert_eq!(waits.step(2, true, at(30_000)), joins(wait.number));
}

#[test]
fn a_wait_that_has_ended_is_not_joined() {
    for has_fallback in [true, false] {
        let mut waits = KeyWaits::default();
        for round in 1..=3 {
            let wait = begin(&mut waits, 1, has_fallback, AT);
            assert_eq!(wait.number, round);
            waits.end(wait.number);
        }
    }
}

#[test]
fn only_a_caller_whose_own_refresh_ended_or_whose_time_is_up_decides_with_what_is_there() {
    for round in [1, 2] {
        let wait = begin(&mut KeyWaits::default(), round, true, AT);
        assert_eq!(wait.attempt(End::Refreshed { is_own: true }), Attempt::AfterRefresh);
        assert_eq!(wait.attempt(End::Refreshed { is_own: false }), Attempt::First);
        assert_eq!(wait.attempt(End::OutOfTime), Attempt::AfterRefresh);
    }
}

#[test]
fn the_time_of_everyone_who_shares_a_wait_is_up_together() {
    for is_last in [true, false] {
        assert_eq!(Join { number: 1, is_last }.attempt(End::OutOfTime), Attempt::AfterRefresh);
    }
}

#[test]
fn after_the_third_wait_everyone_decides_with_what_is_there() {
    let mut waits = KeyWaits::default();
    let wait = begin(&mut waits, 3, false, AT);
    assert_eq!(wait.attempt(End::Refreshed { is_own: false }), Attempt::AfterRefresh);
    assert_eq!(waits.step(3, false, AT), Step::Join(Join { number: wait.number, is_last: true }));
    assert_eq!(waits.step(2, false, AT), joins(wait.number));
    let join = |is_last| Join { number: wait.number, is_last };
    for is_own in [true, false] {
        assert_eq!(join(true).attempt(End::Refreshed { is_own }), Attempt::AfterRefresh);
        assert_eq!(join(false).attempt(End::Refreshed { is_own }), Attempt::First);
    }
}

#[test]
fn nobody_waits_a_fourth_time() {
    for has_fallback in [true, false] {
        assert_eq!(KeyWaits::default().step(4, has_fallback, AT), Step::GiveUp);
    }
}
