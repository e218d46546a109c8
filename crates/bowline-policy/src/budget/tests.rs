//! Accounts against naive ones that keep every entry and never round.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::InvalidSetting;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;
const NS: fn(u64) -> Duration = Duration::from_nanos;

#[expect(
    clippy::disallowed_methods,
    reason = "an arbitrary origin: only differences from it are used"
)]
fn origin() -> Instant {
    Instant::now()
}

fn retries(ratio: u32, per_second: u32, ttl: Duration) -> (Retries, Instant) {
    let settings = RetrySettings::new(ratio, per_second, ttl).unwrap();
    let now = origin();
    (Retries::new(settings, now), now)
}

/// A generator of its own, far simpler than what it tests.
fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn a_ratio_is_granted_to_the_last_thousandth() {
    for ratio in [1, 10, 100, 333, 500, 600, 667, 999, 1000, 1500, 10_000] {
        let (mut budget, now) = retries(ratio, 0, S(10));
        for _ in 0..1000 {
            budget.deposit(now);
        }
        let granted = (0..20_000).filter(|_| budget.withdraw(now).is_ok()).count();
        assert_eq!(granted, ratio as usize, "of a thousand calls");
        let left = budget.withdraw(now).unwrap_err();
        assert_eq!(left, Exhausted { thousandths: 0 });
    }
}

#[test]
fn a_minimum_is_granted_without_calls_and_comes_back_with_time() {
    let (mut budget, now) = retries(0, 3, S(10));
    let grant = |budget: &mut Retries, at| (0..100).filter(|_| budget.withdraw(at).is_ok()).count();
    assert_eq!(grant(&mut budget, now), 30);
    assert_eq!(grant(&mut budget, now + S(10) - NS(1)), 0);
    assert_eq!(grant(&mut budget, now + S(10)), 30);
    assert_eq!(grant(&mut budget, now + S(1_000_000)), 30);
}

#[test]
fn what_expired_after_it_was_spent_is_still_owed() {
    let (mut budget, start) = retries(1000, 0, S(10));
    for _ in 0..10 {
        budget.deposit(start);
    }
    for _ in 0..10 {
        assert!(budget.withdraw(start + S(9)).is_ok());
    }
    assert_eq!(budget.balance(start + S(10)), -10_000);
    budget.deposit(start + S(10));
    assert!(
        budget.withdraw(start + S(10)).is_err(),
        "ten went out just now"
    );
    assert_eq!(budget.balance(start + S(19)), 1000);
}

#[test]
fn millions_of_operations_match_an_account_of_big_numbers() {
    let (ratio, per_second, ttl_ms) = (617_u32, 7_u32, 9_973_u64);
    let (mut budget, start) = retries(ratio, per_second, MS(ttl_ms));
    // Per slot: what was paid in, what was taken out, never forgotten.
    let mut book: Vec<(u128, i128, i128)> = Vec::new();
    let reserve = i128::from(per_second) * i128::from(ttl_ms);
    let (mut state, mut nanos, mut granted) = (5, 0_u64, 0_u64);
    for _ in 0..3_000_000 {
        nanos += next(&mut state) % 60_000;
        let now = start + NS(nanos);
        let slot = u128::from(nanos) * 10 / u128::from(ttl_ms * 1_000_000);
        if book.last().is_none_or(|(last, ..)| *last != slot) {
            book.push((slot, 0, 0));
        }
        if next(&mut state) % 5 < 2 {
            budget.deposit(now);
            book.last_mut().unwrap().1 += i128::from(ratio);
            continue;
        }
        let recent = book.iter().rev().take_while(|(of, ..)| of + 10 > slot);
        let balance = reserve + recent.map(|(_, paid, taken)| paid - taken).sum::<i128>();
        assert_eq!(budget.balance(now), balance);
        assert_eq!(budget.withdraw(now).is_ok(), balance >= 1000);
        if balance >= 1000 {
            book.last_mut().unwrap().2 += 1000;
            granted += 1;
        }
    }
    assert!(granted > 500_000, "{granted} of 3 million");
}

#[test]
fn a_bucket_gives_its_burst_and_then_its_rate_to_the_nanosecond() {
    let now = origin();
    let mut dials = Dials::new(DialSettings::per_second(3, 2).unwrap(), now);
    assert_eq!(dials.take(now), Take::Now);
    assert_eq!(dials.take(now), Take::Now);
    let third = now + NS(333_333_334);
    assert_eq!(dials.take(now), Take::At(third));
    assert_eq!(dials.take(third - NS(1)), Take::At(third));
    assert_eq!(dials.take(third), Take::Now);
    // The rounding of one wait is not added to the next.
    assert_eq!(dials.take(third), Take::At(now + NS(666_666_667)));
    assert_eq!(dials.take(now + S(1)), Take::Now);
    assert_eq!(dials.take(now + S(1)), Take::Now);
    assert_eq!(dials.take(now + S(1)), Take::At(now + NS(1_333_333_334)));
}

#[test]
fn a_clock_read_out_of_order_pays_nothing_twice() {
    let now = origin() + S(10);
    let mut dials = Dials::new(DialSettings::per_second(1, 1).unwrap(), now);
    assert_eq!(dials.take(now), Take::Now);
    assert_eq!(dials.take(now - S(5)), Take::At(now + S(1)));
    assert_eq!(dials.take(now), Take::At(now + S(1)));
}

#[test]
fn a_million_dials_take_exactly_their_time() {
    let start = origin();
    let settings = DialSettings::new(7, NS(1_000_003), 2).unwrap();
    let mut dials = Dials::new(settings, start);
    let mut now = start;
    for _ in 0..1_000_002 {
        if let Take::At(at) = dials.take(now) {
            now = at;
            assert_eq!(dials.take(now), Take::Now);
        }
    }
    let exact = (1_000_000_u128 * 1_000_003).div_ceil(7);
    assert_eq!((now - start).as_nanos(), exact);
}

#[test]
fn contradictions_are_refused_with_both_values() {
    fn check<T: std::fmt::Debug>(made: Result<T, InvalidSetting>, message: &str) {
        assert_eq!(made.unwrap_err().to_string(), message);
    }
    check(
        RetrySettings::new(10_001, 0, S(10)),
        "ratio in thousandths 10001 is not within 0 and 10000",
    );
    check(
        RetrySettings::new(0, 0, S(10)),
        "retries per second 0 is not within 1 and 1000000",
    );
    check(
        RetrySettings::new(1, 0, MS(9)),
        "ttl 9ms is not within 10ms and 31536000s",
    );
    check(
        RetrySettings::new(1, 0, NS(20_000_001)),
        "ttl 20.000001ms is no multiple of 1ms",
    );
    check(
        DialSettings::per_second(0, 1),
        "dials 0 is not within 1 and 1000000",
    );
    check(
        DialSettings::per_second(1, 0),
        "burst 0 is not within 1 and 1000000",
    );
    check(
        DialSettings::new(1, Duration::ZERO, 1),
        "per 0ns is not within 1ms and 31536000s",
    );
}

proptest! {
    #[test]
    fn no_span_of_time_sees_more_dials_than_burst_and_rate(
        dials in 1..50_u32,
        per_us in 1_000..3_000_000_u64,
        burst in 1..20_u32,
        asks in prop::collection::vec(0..200_000_000_u64, 1..200),
    ) {
        let per = NS(per_us * 1_000);
        let start = origin();
        let mut bucket = Dials::new(DialSettings::new(dials, per, burst).unwrap(), start);
        let mut at = 0_u64;
        let mut started: Vec<u64> = Vec::new();
        for after in asks {
            at += after;
            match bucket.take(start + NS(at)) {
                Take::Now => started.push(at),
                Take::At(then) => {
                    prop_assert!(then > start + NS(at));
                    let before = bucket.clone().take(then - NS(1));
                    prop_assert_eq!(before, Take::At(then));
                    prop_assert_eq!(bucket.clone().take(then), Take::Now);
                }
            }
        }
        for (first, from) in started.iter().enumerate() {
            for (last, to) in started.iter().enumerate().skip(first) {
                let count = (last - first + 1) as u128;
                let brought = u128::from(to - from) * u128::from(dials);
                let allowed = u128::from(burst) * per.as_nanos() + brought;
                prop_assert!(count * per.as_nanos() <= allowed);
            }
        }
    }

    #[test]
    fn no_time_to_live_sees_more_retries_than_it_was_paid_for(
        ratio in 0..=RATIO_MAX,
        per_second in 1..5_u32,
        ttl_ms in 10..20_000_u64,
        steps in prop::collection::vec((any::<bool>(), 0..3_000_u64), 1..300),
    ) {
        let (mut budget, start) = retries(ratio, per_second, MS(ttl_ms));
        let mut at = 0;
        let (mut paid, mut taken) = (Vec::new(), Vec::new());
        for (deposit, after) in steps {
            at += after;
            if deposit {
                budget.deposit(start + MS(at));
                paid.push(at);
            } else if budget.withdraw(start + MS(at)).is_ok() {
                taken.push(at);
                let since = |list: &[u64], span| {
                    list.iter().filter(|then| **then + span > at).count() as u64
                };
                let reserve = u64::from(per_second) * ttl_ms;
                let most = since(&paid, ttl_ms) * u64::from(ratio) + reserve;
                prop_assert!(since(&taken, ttl_ms * 9 / 10) * 1000 <= most);
            }
        }
    }
}
