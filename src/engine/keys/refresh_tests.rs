//! The refresh of a document, in virtual time.

use super::*;

const LIFETIME: Lifetime = Lifetime { max_age: Duration::from_secs(300), max_stale: Duration::from_secs(86_400) };

fn at(seconds: f64) -> Ticks {
    Ticks::default().after(Duration::from_secs_f64(seconds))
}

fn down() -> Failure {
    Reason::ConnectionRefused.into()
}

fn fresh() -> Refresh<u8> {
    let mut refresh = Refresh::new(LIFETIME, 7);
    assert!(refresh.begin(at(0.0)));
    refresh.succeed(1, at(0.0));
    refresh
}

#[test]
fn one_fetch_at_a_time() {
    let mut refresh = Refresh::<u8>::new(LIFETIME, 1);
    assert_eq!(refresh.advise(at(0.0)), Advice::Wait);
    assert!(refresh.begin(at(0.0)));
    assert!(!refresh.begin(at(0.0)));
    assert_eq!(refresh.advise(at(0.0)), Advice::Wait);
}

#[test]
fn a_document_is_refreshed_ahead_between_72_and_80_percent_of_its_life() {
    let refresh = fresh();
    assert_eq!(refresh.advise(at(215.9)), Advice::Use);
    assert_eq!(refresh.advise(at(240.0)), Advice::UseAndRefresh);
}

#[test]
fn past_its_age_the_next_call_waits_and_one_millisecond_before_it_does_not() {
    let mut refresh = fresh();
    assert_eq!(refresh.advise(at(299.999)), Advice::UseAndRefresh);
    assert_eq!(refresh.advise(at(300.0)), Advice::Wait);
    assert!(refresh.begin(at(299.999)));
    assert_eq!(refresh.advise(at(299.999)), Advice::Use);
}

#[test]
fn a_failed_refresh_keeps_what_was_there_and_nobody_waits() {
    let mut refresh = fresh();
    refresh.begin(at(240.0));
    refresh.fail(down(), at(240.0));
    for second in [240.0, 300.0, 5_000.0, 86_400.0] {
        assert_eq!(refresh.usable(at(second)), Some(&1), "{second}");
        assert_ne!(refresh.advise(at(second)), Advice::Wait, "{second}");
    }
}

#[test]
fn a_document_without_age_and_staleness_serves_those_who_waited_for_it_for_a_second_and_the_next_caller_waits_again() {
    let mut refresh = Refresh::new(Lifetime { max_age: Duration::ZERO, max_stale: Duration::ZERO }, 1);
    refresh.begin(at(0.0));
    refresh.succeed(1, at(0.1));
    assert_eq!(refresh.usable(at(1.1)), Some(&1));
    assert_eq!(refresh.usable(at(1.101)), None);
    assert_eq!(refresh.advise(at(0.1)), Advice::Wait);
}

#[test]
fn a_document_is_used_for_max_stale_past_its_age_and_not_a_millisecond_longer() {
    let mut refresh = fresh();
    refresh.begin(at(86_699.9));
    refresh.fail(down(), at(86_699.9));
    assert_eq!(refresh.advise(at(86_700.0)), Advice::Use);
    assert_eq!(refresh.advise(at(86_700.001)), Advice::Fail(down()));
    assert_eq!(refresh.usable(at(86_700.001)), None);
}

#[test]
fn a_refresh_that_failed_early_is_tried_again_after_its_pause() {
    let mut refresh = fresh();
    refresh.begin(at(10.0));
    refresh.fail(down(), at(10.0));
    assert_eq!(refresh.advise(at(10.9)), Advice::Use);
    assert_eq!(refresh.advise(at(11.3)), Advice::UseAndRefresh);
}

#[test]
fn a_caller_that_comes_a_second_after_a_fetch_began_does_not_wait_for_it() {
    let mut refresh = fresh();
    refresh.begin(at(301.0));
    assert_eq!(refresh.advise(at(301.999)), Advice::Wait);
    assert_eq!(refresh.advise(at(302.0)), Advice::Use);
}

#[test]
fn a_caller_that_waited_for_a_failed_fetch_gets_the_failure_and_does_not_wait_for_the_next() {
    for seed in 0..100 {
        let mut refresh = Refresh::<u8>::new(LIFETIME, seed);
        refresh.begin(at(0.0));
        refresh.fail(down(), at(1.3));
        assert_eq!(refresh.advise(at(1.3)), Advice::Fail(down()));
        assert_eq!(refresh.advise(at(1.5)), Advice::Wait);
    }
}

#[test]
fn pauses_count_from_the_beginning_of_a_fetch() {
    let mut refresh = Refresh::<u8>::new(LIFETIME, 1);
    refresh.begin(at(0.0));
    refresh.fail(down(), at(1.0));
    assert_eq!(refresh.advise(at(1.3)), Advice::Wait);
    assert!(refresh.retry_at(at(1.0)).is_some_and(|at_| at_ <= at(1.2)));
}

/// The times of the attempts when a caller comes every 10 ms and each attempt fails at once.
fn attempts(refresh: &mut Refresh<u8>, from: f64, seconds: f64) -> Vec<f64> {
    let mut times = Vec::new();
    for step in 0..(seconds * 100.0) as u64 {
        let now = from + step as f64 / 100.0;
        let wants = matches!(refresh.advise(at(now)), Advice::Wait | Advice::UseAndRefresh);
        if wants && refresh.begin(at(now)) {
            times.push(now);
            refresh.fail(down(), at(now));
        }
    }
    times
}

#[test]
fn with_nothing_to_serve_attempts_are_a_second_apart_for_10_seconds_and_decay_to_10() {
    let times = attempts(&mut Refresh::new(LIFETIME, 3), 0.0, 300.0);
    let pauses: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(pauses.iter().all(|pause| *pause >= 1.0 && *pause <= 10.1), "{pauses:?}");
    assert!(times.iter().filter(|time| **time < 10.0).count() >= 8, "{times:?}");
    assert!(pauses.iter().rev().take(20).all(|pause| *pause >= 8.0), "{pauses:?}");
}

#[test]
fn while_tokens_arrive_that_need_a_newer_document_pauses_grow_to_10_seconds_at_most() {
    let mut refresh = fresh();
    let mut times = Vec::new();
    for step in 0..12_000 {
        let now = at(240.0 + f64::from(step) / 100.0);
        if refresh.hurry(now) || refresh.advise(now) == Advice::UseAndRefresh {
            assert!(refresh.begin(now));
            refresh.fail(down(), now);
            times.push(now);
        }
    }
    let pauses: Vec<_> = times.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64()).collect();
    assert!(pauses.iter().all(|pause| *pause <= 10.02), "{pauses:?}");
    assert!(pauses.len() >= 12 && pauses.iter().skip(4).all(|pause| *pause >= 8.0), "{pauses:?}");
}

#[test]
fn retry_after_is_waited_for_at_most_30_seconds_by_a_token_that_needs_a_newer_document() {
    for (asked_for, waited) in [(5, 5), (29, 29), (30, 30), (31, 30), (300, 30)] {
        let mut refresh = fresh();
        let detail = crate::engine::error::Detail { retry_after_secs: Some(asked_for), ..Default::default() };
        refresh.begin(at(10.0));
        refresh.fail(Failure { reason: Reason::UnexpectedStatus, detail: Some(Box::new(detail)) }, at(10.0));
        let last = 10.0 + waited as f64;
        assert!(!refresh.hurry(at(last - 0.01)), "{asked_for}");
        assert!(refresh.hurry(at(last)), "{asked_for}");
        // The `Retry-After` that the caller receives.
        let told = refresh.failure().and_then(|failure| failure.detail.as_ref()?.retry_after_secs);
        assert_eq!(told, Some(waited), "{asked_for}");
    }
}

#[test]
fn hurry_lasts_until_the_next_attempt_has_failed() {
    let mut refresh = fresh();
    let detail = crate::engine::error::Detail { retry_after_secs: Some(300), ..Default::default() };
    let busy = || Failure { reason: Reason::UnexpectedStatus, detail: Some(Box::new(detail.clone())) };
    refresh.begin(at(10.0));
    refresh.fail(busy(), at(10.0));
    assert!(!refresh.hurry(at(11.0)));
    assert_eq!(refresh.advise(at(40.0)), Advice::UseAndRefresh);
    refresh.begin(at(40.0));
    refresh.fail(busy(), at(40.0));
    assert_eq!(refresh.advise(at(80.0)), Advice::Use);
    assert_eq!(refresh.advise(at(340.0)), Advice::UseAndRefresh);
}

#[test]
fn a_caller_that_needs_a_newer_document_waits_unless_it_is_too_early_for_a_retry() {
    let mut refresh = fresh();
    assert_eq!(refresh.advise_renewal(at(1.0)), Advice::Wait);
    refresh.begin(at(1.0));
    assert_eq!(refresh.advise_renewal(at(3.0)), Advice::Wait);
    refresh.fail(down(), at(3.0));
    refresh.begin(at(3.0));
    refresh.fail(down(), at(3.0));
    assert_eq!(refresh.advise_renewal(at(3.1)), Advice::Use);
    assert_eq!(refresh.advise_renewal(at(6.0)), Advice::Wait);
}

#[test]
fn a_document_may_be_fetched_again_from_its_30th_second() {
    let mut refresh = fresh();
    assert!(!refresh.may_recheck(at(29.999)) && refresh.may_recheck(at(30.0)));
    refresh.begin(at(30.0));
    assert!(!refresh.may_recheck(at(31.0)));
}

#[test]
fn with_old_keys_pauses_double_from_1_second_to_30() {
    let times = attempts(&mut fresh(), 240.0, 200.0);
    let pauses: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (pause, least) in pauses.iter().zip([1.0, 2.0, 4.0, 8.0, 16.0, 30.0]) {
        assert!(*pause >= least && *pause <= least * 1.2 + 0.02, "{pauses:?}");
    }
}

#[test]
fn retry_after_is_waited_for() {
    let mut refresh = fresh();
    let detail = crate::engine::error::Detail { retry_after_secs: Some(60), ..Default::default() };
    refresh.begin(at(240.0));
    refresh.fail(Failure { reason: Reason::UnexpectedStatus, detail: Some(Box::new(detail)) }, at(240.0));
    assert_eq!(refresh.advise(at(299.9)), Advice::Use);
    assert_eq!(refresh.advise(at(300.1)), Advice::UseAndRefresh);
}

#[test]
fn a_success_ends_the_failure_streak() {
    let mut refresh = fresh();
    refresh.begin(at(240.0));
    refresh.fail(down(), at(240.0));
    refresh.begin(at(250.0));
    refresh.succeed(2, at(250.0));
    assert_eq!(refresh.failure(), None);
    assert_eq!(refresh.usable(at(251.0)), Some(&2));
    assert_eq!(refresh.age(at(251.0)), Some(Duration::from_secs(1)));
}

#[test]
fn a_duration_of_zero_waits_every_time() {
    let mut refresh = Refresh::new(Lifetime { max_age: Duration::ZERO, ..LIFETIME }, 1);
    refresh.begin(at(5.0));
    refresh.succeed(1, at(5.0));
    assert_eq!(refresh.advise(at(5.0)), Advice::Wait);
    assert_eq!(refresh.usable(at(5.0)), Some(&1));
}
