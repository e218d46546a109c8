//! The three states by table, and what no order of calls can break.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::{InvalidSetting, Share};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

#[expect(
    clippy::disallowed_methods,
    reason = "an arbitrary origin: only differences from it are used"
)]
fn origin() -> Instant {
    Instant::now()
}

/// Three failures in a row; open for 5, 10, 20 .. 60 s to the letter.
fn three() -> Settings {
    Settings::new(3).unwrap().spread(Share::NONE)
}

fn breaker(settings: Settings) -> Breaker {
    Maker::new(settings, 7).breaker()
}

/// Plays `(second, what)` and tells what the breaker answered and became:
/// `+` and `-` are calls that end at once, well or badly.
fn check(settings: Settings, script: &[(u64, &str)], expected: &[&str]) {
    let start = origin();
    let mut breaker = breaker(settings);
    let mut found = Vec::new();
    for (second, what) in script {
        let now = start + S(*second);
        match (*what, breaker.ask(now)) {
            ("+", Ok(permit)) => breaker.succeeded(permit, now),
            ("-", Ok(permit)) => breaker.failed(permit, now),
            (_, Ok(permit)) => breaker.cancelled(permit),
            (_, Err(_)) => {
                found.push("refused".to_owned());
                continue;
            }
        }
        found.push(match breaker.state() {
            State::Closed => "closed".to_owned(),
            State::Open { until } => format!("open {}", (until - start).as_secs()),
            State::HalfOpen => "half-open".to_owned(),
            State::ForcedOpen | State::ForcedClosed => unreachable!("nobody forced it"),
        });
    }
    assert_eq!(found, expected);
}

/// Fails calls until it opens.
fn trip(breaker: &mut Breaker, now: Instant) {
    while breaker.state() == State::Closed {
        let permit = breaker.ask(now).unwrap();
        breaker.failed(permit, now);
    }
}

fn until(breaker: &Breaker) -> Instant {
    match breaker.state() {
        State::Open { until } => until,
        state => panic!("{state:?}"),
    }
}

// contract: breaker-1
#[test]
fn three_failures_in_a_row_open_it_and_a_probe_closes_it() {
    check(
        three(),
        &[
            (0, "-"),
            (0, "-"),
            (0, "+"),
            (1, "-"),
            (1, "-"),
            (1, "-"),
            (5, "+"),
            (6, "+"),
            (7, "-"),
        ],
        &[
            "closed", "closed", "closed", "closed", "closed", "open 6", "refused", "closed",
            "closed",
        ],
    );
}

// contract: breaker-1
#[test]
fn open_time_doubles_while_probes_fail_up_to_its_cap() {
    check(
        three(),
        &[
            (0, "-"),
            (0, "-"),
            (0, "-"),
            (5, "-"),
            (15, "-"),
            (35, "-"),
            (75, "-"),
            (135, "-"),
            (194, "-"),
            (195, "+"),
        ],
        &[
            "closed", "closed", "open 5", "open 15", "open 35", "open 75", "open 135", "open 195",
            "refused", "closed",
        ],
    );
}

#[test]
fn only_health_shortens_the_next_opening() {
    let relapse = |second| {
        let mut breaker = breaker(three());
        let start = origin();
        trip(&mut breaker, start);
        let probe = breaker.ask(start + S(5)).unwrap();
        breaker.succeeded(probe, start + S(5));
        let now = start + S(second);
        trip(&mut breaker, now);
        until(&breaker) - now
    };
    assert_eq!(
        relapse(6),
        S(10),
        "it took the probe and broke under the load"
    );
    assert_eq!(relapse(34), S(10));
    assert_eq!(relapse(35), S(5), "half a minute of health");
}

#[test]
fn a_cancelled_probe_neither_opens_nor_closes_and_gives_its_place_back() {
    check(
        three(),
        &[(0, "-"), (0, "-"), (0, "-"), (5, "x"), (5, "x"), (5, "+")],
        &[
            "closed",
            "closed",
            "open 5",
            "half-open",
            "half-open",
            "closed",
        ],
    );
}

// contract: breaker-1
#[test]
fn a_late_result_of_an_earlier_cycle_changes_nothing() {
    let mut breaker = breaker(three());
    let now = origin();
    let (early, other) = (breaker.ask(now).unwrap(), breaker.ask(now).unwrap());
    trip(&mut breaker, now);
    let open = breaker.state();
    breaker.succeeded(early, now);
    assert_eq!(breaker.state(), open);

    let later = now + S(5);
    let probe = breaker.ask(later).unwrap();
    breaker.failed(other, later);
    assert_eq!(breaker.state(), State::HalfOpen);
    breaker.succeeded(probe, later);
    assert_eq!(breaker.state(), State::Closed);
}

// contract: breaker-1
#[test]
fn a_probe_that_hangs_holds_its_place_in_the_next_cycle_too() {
    let mut breaker = breaker(three().probes(2, 2).unwrap());
    let now = origin();
    trip(&mut breaker, now);
    let hangs = breaker.ask(now + S(5)).unwrap();
    let fails = breaker.ask(now + S(5)).unwrap();
    let refused = Refused::Probing {
        probing: 2,
        probes_max: 2,
    };
    assert_eq!(breaker.ask(now + S(5)), Err(refused));
    breaker.failed(fails, now + S(5));

    let again = until(&breaker);
    let probe = breaker.ask(again).unwrap();
    assert_eq!(breaker.ask(again), Err(refused));
    breaker.succeeded(hangs, again);
    breaker.succeeded(probe, again);
    assert_eq!(breaker.state(), State::HalfOpen, "one proof of this cycle");
    let probe = breaker.ask(again).unwrap();
    breaker.succeeded(probe, again);
    assert_eq!(breaker.state(), State::Closed);
}

#[test]
fn a_rate_needs_its_calls_and_forgets_what_left_the_window() {
    let rate = |calls| Rate::new(Share::HALF, calls, S(10)).unwrap();
    let often = |calls| {
        Settings::new(100)
            .unwrap()
            .spread(Share::NONE)
            .rate(rate(calls))
    };
    check(
        often(4),
        &[(0, "-"), (1, "+"), (2, "+"), (3, "-")],
        &["closed", "closed", "closed", "open 8"],
    );
    check(
        often(5),
        &[(0, "-"), (1, "+"), (2, "+"), (3, "-"), (4, "+"), (5, "-")],
        &["closed", "closed", "closed", "closed", "closed", "open 10"],
    );
    // At 11 s the first two failures are out of the window.
    check(
        often(4),
        &[(0, "-"), (0, "-"), (5, "+"), (6, "+"), (11, "-"), (12, "-")],
        &["closed", "closed", "closed", "closed", "closed", "open 17"],
    );
    check(
        often(2),
        &[(0, "-"), (1_000_000, "-"), (1_000_000, "-")],
        &["closed", "closed", "open 1000005"],
    );
}

#[test]
fn a_hand_on_the_switch_overrules_every_result() {
    let mut breaker = breaker(three());
    let now = origin();
    breaker.force_open();
    assert_eq!(breaker.ask(now + S(10_000)), Err(Refused::Forced));
    breaker.force_closed();
    for _ in 0..100 {
        let permit = breaker.ask(now).unwrap();
        breaker.failed(permit, now);
    }
    assert_eq!(breaker.state(), State::ForcedClosed);
    breaker.reset();
    trip(&mut breaker, now);
    let cycle = breaker.cycle();
    breaker.reset();
    assert_eq!(breaker.state(), State::Closed);
    assert!(breaker.cycle() > cycle);
    trip(&mut breaker, now);
    assert_eq!(until(&breaker), now + S(5), "a reset forgets the openings");
}

#[test]
fn two_breakers_of_one_maker_do_not_probe_together() {
    let maker = Maker::new(Settings::new(1).unwrap(), 7);
    let now = origin();
    let times: std::collections::BTreeSet<_> = (0..50)
        .map(|_| {
            let mut breaker = maker.breaker();
            trip(&mut breaker, now);
            let open_for = until(&breaker) - now;
            assert!(open_for <= S(5) && open_for >= MS(3_750), "{open_for:?}");
            open_for
        })
        .collect();
    assert_eq!(times.len(), 50);
}

#[test]
fn contradictions_are_refused_with_both_values() {
    fn check<T: std::fmt::Debug>(made: Result<T, InvalidSetting>, message: &str) {
        assert_eq!(made.unwrap_err().to_string(), message);
    }
    check(
        Settings::new(0),
        "consecutive 0 is not within 1 and 1048576",
    );
    check(three().open_for(S(9), S(8)), "open 9s is over open_max 8s");
    check(
        three().open_for(S(0), S(8)),
        "open 0ns is not within 1ms and 31536000s",
    );
    check(
        three().probes(0, 1),
        "probes in flight 0 is not within 1 and 1024",
    );
    check(
        three().probes(1, 2_000),
        "proofs 2000 is not within 1 and 1024",
    );
    check(
        Rate::new(Share::NONE, 1, S(1)),
        "failure rate 0 is not within 1 and 1000",
    );
    check(
        Rate::new(Share::HALF, 1, MS(9)),
        "window 9ms is not within 10ms and 31536000s",
    );
    check(
        three().healthy_after(Duration::ZERO),
        "healthy_after 0ns is not within 1ms and 31536000s",
    );
}

proptest! {
    // contract: breaker-1
    #[test]
    fn no_order_of_calls_lets_more_probes_out_than_allowed(
        probes in 1..5_u32,
        proofs in 1..5_u32,
        steps in prop::collection::vec((0..8_u8, 0..4_000_u64, 0..64_usize), 1..400),
        seed: u64,
    ) {
        let settings = Settings::new(2).unwrap()
            .open_for(S(1), S(4)).unwrap()
            .probes(probes, proofs).unwrap();
        let mut breaker = Maker::new(settings, seed).breaker();
        let mut now = origin();
        let mut out: Vec<(Permit, bool)> = Vec::new();
        for (what, after, which) in steps {
            now += MS(after);
            match what {
                0..=3 => if let Ok(permit) = breaker.ask(now) {
                    out.push((permit, breaker.state() == State::HalfOpen));
                },
                _ if out.is_empty() => {}
                4 => breaker.succeeded(out.swap_remove(which % out.len()).0, now),
                5 | 6 => breaker.failed(out.swap_remove(which % out.len()).0, now),
                _ => breaker.cancelled(out.swap_remove(which % out.len()).0),
            }
            let probing = out.iter().filter(|(_, probe)| *probe).count();
            prop_assert_eq!(probing, breaker.probing() as usize);
            prop_assert!(probing <= probes as usize);
            if let State::Open { until } = breaker.state() {
                prop_assert!(until <= now + S(4));
            }
        }
        // Whatever happened, it never stays shut for good.
        for (permit, _) in out {
            breaker.cancelled(permit);
        }
        prop_assert!(breaker.ask(now + S(4)).is_ok());
    }

    #[test]
    fn a_window_counts_what_a_list_of_calls_would(
        calls in prop::collection::vec((0..3_000_u64, any::<bool>()), 1..200),
        calls_min in 1..20_u32,
        share in 1..=1000_u16,
    ) {
        let share = Share::per_mille(share).unwrap();
        let settings = Settings::new(CALLS_MAX).unwrap()
            .rate(Rate::new(share, calls_min, S(10)).unwrap());
        let mut breaker = breaker(settings);
        let start = origin();
        let mut at = 0;
        let mut first = None;
        let mut noted: Vec<(u64, bool)> = Vec::new();
        for (after, failed) in calls {
            at += after;
            let now = start + MS(at);
            let bucket = (at - *first.get_or_insert(at)) / 1_000;
            noted.push((bucket, failed));
            let recent = noted.iter().filter(|(of, _)| of + 10 > bucket);
            let (total, bad) = recent.fold((0_u64, 0_u64), |(total, bad), (_, failed)| {
                (total + 1, bad + u64::from(*failed))
            });
            let trips = failed
                && total >= calls_min.into()
                && bad * 1000 >= total * u64::from(share.thousandths());
            let permit = breaker.ask(now).unwrap();
            if failed { breaker.failed(permit, now) } else { breaker.succeeded(permit, now) }
            prop_assert_eq!(trips, breaker.state() != State::Closed);
            if trips {
                break;
            }
        }
    }
}
