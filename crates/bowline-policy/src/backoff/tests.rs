//! What every schedule keeps, whatever its settings.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

#[expect(
    clippy::disallowed_methods,
    reason = "an arbitrary origin: only differences from it are used"
)]
fn origin() -> Instant {
    Instant::now()
}

fn delays(session: &mut Session, count: usize) -> Vec<Duration> {
    let now = origin();
    (0..count).map_while(|_| session.next_delay(now)).collect()
}

fn plain(base: Duration, cap: Duration) -> Schedule {
    Schedule::exponential(base, cap)
        .unwrap()
        .jitter(Jitter::None)
        .unwrap()
}

fn jitters(base: Duration) -> impl Strategy<Value = Jitter> {
    prop_oneof![
        (0..base.as_nanos() as u64).prop_map(|floor| Jitter::Full {
            floor: Duration::from_nanos(floor)
        }),
        Just(Jitter::Equal),
        Just(Jitter::Decorrelated),
        (0.01..0.99).prop_map(Jitter::PlusMinus),
    ]
}

/// Any curve that spreads: bases from a millisecond to a minute, caps up to
/// an hour.
fn curves() -> impl Strategy<Value = Schedule> {
    (1_000_000..60_000_000_000_u64, 2..60_u32, 1.0..10.0_f64).prop_flat_map(
        |(base, above, factor)| {
            let base = Duration::from_nanos(base);
            jitters(base).prop_map(move |jitter| {
                Schedule::exponential(base, base * above)
                    .unwrap()
                    .factor(factor)
                    .unwrap()
                    .jitter(jitter)
                    .unwrap()
            })
        },
    )
}

proptest! {
    // contract: backoff-1
    #[test]
    fn two_sessions_of_one_maker_never_share_a_sequence(
        schedule in curves(),
        seed: u64,
    ) {
        let maker = Maker::new(schedule, seed);
        let other = maker.clone();
        let sequences: BTreeSet<_> = (0..16)
            .map(|number| {
                let maker = if number % 2 == 0 { &maker } else { &other };
                delays(&mut maker.session(), 8)
            })
            .collect();
        prop_assert_eq!(sequences.len(), 16);
    }

    // contract: backoff-2
    #[test]
    fn no_delay_leaves_floor_and_cap(schedule in curves(), seed: u64) {
        let (floor, cap) = (schedule.floor(), schedule.cap());
        for delay in delays(&mut Maker::new(schedule, seed).session(), 200) {
            prop_assert!(delay >= floor && delay <= cap, "{delay:?} of {floor:?}..={cap:?}");
        }
    }

    // contract: backoff-2
    #[test]
    fn delays_still_vary_at_the_cap_and_below_a_second(schedule in curves(), seed: u64) {
        let mut session = Maker::new(schedule.factor(10.0).unwrap(), seed).session();
        delays(&mut session, 40);
        let at_cap = delays(&mut session, 40);
        let distinct: BTreeSet<_> = at_cap.iter().collect();
        prop_assert!(distinct.len() > 30, "only {} of 40 differ", distinct.len());
        prop_assert!(at_cap.iter().any(|delay| delay.subsec_nanos() != 0));
    }

    // contract: backoff-3
    #[test]
    fn one_seed_gives_one_sequence(schedule in curves(), seed: u64) {
        let run = || {
            let maker = Maker::new(schedule.clone(), seed);
            (0..3).map(|_| delays(&mut maker.session(), 20)).collect::<Vec<_>>()
        };
        prop_assert_eq!(run(), run());
    }

    // contract: backoff-4
    #[test]
    fn only_a_stable_connection_starts_over(
        up_ms in 0..30_000_u64,
        stable_ms in 1..30_000_u64,
        heard: bool,
        heartbeat: bool,
    ) {
        let schedule = plain(S(1), S(30)).stable_after(MS(stable_ms)).unwrap();
        let mut session = Maker::new(schedule, 7).session();
        let now = origin();
        delays(&mut session, 3);
        // What came during an earlier connection, or the handshake, proves nothing.
        session.heard();
        session.connected(now, if heartbeat { Proof::TimeAndBytes } else { Proof::Time });
        if heard {
            session.heard();
        }
        session.lost(now + MS(up_ms));
        let stable = up_ms >= stable_ms && (heard || !heartbeat);
        prop_assert_eq!(session.attempts(), if stable { 0 } else { 3 });
        let next = session.next_delay(now).unwrap();
        prop_assert_eq!(next, if stable { S(1) } else { S(8) });
    }
}

// contract: backoff-2
#[test]
fn a_million_attempts_neither_panic_nor_overflow() {
    let widest = Schedule::exponential(DELAY_MIN, DELAY_MAX).unwrap();
    for jitter in [
        Jitter::Full {
            floor: Duration::ZERO,
        },
        Jitter::Equal,
        Jitter::Decorrelated,
        Jitter::PlusMinus(0.99),
        Jitter::None,
    ] {
        let schedule = widest
            .clone()
            .factor(f64::MAX)
            .unwrap()
            .jitter(jitter)
            .unwrap();
        let mut session = Maker::new(schedule, u64::MAX).session();
        let now = origin();
        for _ in 0..1_000_000 {
            assert!(session.next_delay(now).unwrap() <= DELAY_MAX);
        }
        assert_eq!(session.attempts(), 1_000_000);
    }
}

// contract: backoff-1
#[test]
fn a_fleet_that_lost_its_server_returns_evenly() {
    let schedule = Schedule::exponential(S(1), S(30))
        .unwrap()
        .splay(S(10))
        .unwrap();
    let maker = Maker::new(schedule, 1);
    let mut seconds = [0_u32; 10];
    for _ in 0..10_000 {
        let first = maker.session().next_delay(origin()).unwrap();
        seconds[usize::try_from(first.as_secs()).unwrap().min(9)] += 1;
    }
    for count in seconds {
        assert!((900..=1100).contains(&count), "{seconds:?}");
    }
}

// contract: backoff-3
#[test]
fn the_sequence_of_a_seed_stays_the_same_across_releases() {
    let schedule = Schedule::exponential(S(1), S(30)).unwrap();
    let floor = MS(250);
    let schedule = schedule.jitter(Jitter::Full { floor }).unwrap();
    let maker = Maker::new(schedule, 414);
    let nanos = |session: &mut Session| -> Vec<_> {
        delays(session, 3).iter().map(Duration::as_nanos).collect()
    };
    assert_eq!(
        nanos(&mut maker.session()),
        [272_090_849, 316_907_349, 515_624_578]
    );
    assert_eq!(
        nanos(&mut maker.session()),
        [975_294_389, 795_020_308, 2_238_146_957]
    );
}

#[test]
fn the_classic_tables_come_out_to_the_letter() {
    let classic = [1, 2, 4, 8, 16, 30, 30].map(S);
    let mut endless = Maker::new(plain(S(1), S(30)), 0).session();
    assert_eq!(delays(&mut endless, 7), classic);

    let mut five = Maker::new(plain(S(1), S(30)).take(5), 0).session();
    assert_eq!(delays(&mut five, 100), classic[..5]);
    assert_eq!(five.next_delay(origin()), None);
    assert_eq!(five.attempts(), 5);

    let mut ten = Maker::new(plain(S(1), S(30)).take(10), 0).session();
    assert_eq!(
        delays(&mut ten, 100),
        [1, 2, 4, 8, 16, 30, 30, 30, 30, 30].map(S)
    );

    let slow = plain(MS(500), S(60)).factor(1.5).unwrap();
    assert_eq!(
        delays(&mut Maker::new(slow, 0).session(), 4),
        [500_000, 750_000, 1_125_000, 1_687_500].map(Duration::from_micros)
    );

    let steady = Schedule::constant(S(5)).unwrap();
    for delay in delays(&mut Maker::new(steady.clone(), 0).session(), 50) {
        assert!(delay >= MS(2_500) && delay <= S(5));
    }
    let exact = steady.jitter(Jitter::None).unwrap();
    assert_eq!(
        delays(&mut Maker::new(exact, 0).session(), 3),
        [5, 5, 5].map(S)
    );
}

#[test]
fn an_outage_of_twenty_seconds_costs_seven_tries_at_most() {
    let tries = |schedule: &Schedule, seed| {
        let mut session = Maker::new(schedule.clone(), seed).session();
        let mut waited = Duration::ZERO;
        while waited < S(20) {
            waited += session.next_delay(origin()).unwrap();
        }
        session.attempts()
    };
    let schedule = Schedule::exponential(S(1), S(10)).unwrap();
    let most = (0..20_000).map(|seed| tries(&schedule, seed)).max();
    assert_eq!(
        most,
        Some(7),
        "0.5 + 1 + 2 + 4 + 5 + 5 is below 20, one more is not"
    );

    // Why it is not the default: its floor stays where it is.
    let floor = MS(250);
    let full = schedule.jitter(Jitter::Full { floor }).unwrap();
    let most = (0..20_000).map(|seed| tries(&full, seed)).max();
    assert!(most > Some(9), "{most:?}");
}

#[test]
fn schedules_join_and_limits_count_across_the_joint() {
    let minute = Schedule::constant(S(60))
        .unwrap()
        .jitter(Jitter::None)
        .unwrap();
    let joined = plain(S(1), S(30)).take(3).then(minute);
    let mut session = Maker::new(joined.clone(), 0).session();
    assert_eq!(delays(&mut session, 5), [1, 2, 4, 60, 60].map(S));
    session.reset();
    assert_eq!(session.attempts(), 0);
    assert_eq!(delays(&mut session, 4), [1, 2, 4, 60].map(S));

    let mut limited = Maker::new(joined.clone().take(4), 0).session();
    assert_eq!(delays(&mut limited, 100), [1, 2, 4, 60].map(S));

    assert_eq!(joined.cap(), S(60));
    assert_eq!(joined.floor(), S(1));
    let none = Maker::new(joined.take(0), 0).session().next_delay(origin());
    assert_eq!(none, None);
}

#[test]
fn elapsed_time_counts_from_the_first_attempt_after_a_reset() {
    let mut session = Maker::new(plain(S(1), S(4)).until_elapsed(S(10)), 0).session();
    let start = origin() + S(1_000);
    let ask = |session: &mut Session, after| session.next_delay(start + S(after));
    assert_eq!(ask(&mut session, 0), Some(S(1)));
    assert_eq!(
        ask(&mut session, 9),
        Some(S(2)),
        "it may reach past the limit"
    );
    assert_eq!(ask(&mut session, 10), None);
    session.reset();
    assert_eq!(ask(&mut session, 500), Some(S(1)));
    assert_eq!(ask(&mut session, 509), Some(S(2)));
    assert_eq!(ask(&mut session, 510), None);
}

// contract: backoff-4
#[test]
fn a_peer_that_accepts_and_hangs_up_is_asked_ever_less_often() {
    let mut session = Maker::new(plain(S(1), S(30)), 0).session();
    let mut now = origin();
    let mut waited = Vec::new();
    for _ in 0..6 {
        let delay = session.next_delay(now).unwrap();
        waited.push(delay);
        now += delay;
        session.connected(now, Proof::Time);
        now += S(9);
        session.lost(now);
    }
    assert_eq!(waited, [1, 2, 4, 8, 16, 30].map(S));
}

// contract: backoff-4
#[test]
fn a_splay_comes_back_after_each_stable_connection() {
    let schedule = plain(S(10), S(30)).splay(S(5)).unwrap();
    let mut session = Maker::new(schedule.take(3), 3).session();
    let first = delays(&mut session, 9);
    assert!(first[0] <= S(5), "{first:?}");
    assert_eq!(first[1..], [S(10), S(20)], "the splay is one of the three");

    session.connected(origin(), Proof::Time);
    session.lost(origin() + S(60));
    let again = delays(&mut session, 9);
    assert!(again[0] <= S(5) && again[0] != first[0], "{again:?}");
    assert_eq!(again[1..], [S(10), S(20)]);
}

#[test]
fn contradictions_are_refused_with_both_values() {
    let schedule = || Schedule::exponential(S(1), S(30)).unwrap();
    let check = |made: Result<Schedule, Invalid>, message: &str| {
        assert_eq!(made.unwrap_err().to_string(), message);
    };
    check(Schedule::exponential(S(2), S(1)), "base 2s is over cap 1s");
    check(
        Schedule::exponential(Duration::ZERO, S(1)),
        "base 0ns is below 1ms",
    );
    check(
        Schedule::exponential(S(1), Duration::MAX),
        "cap 18446744073709551615.999999999s is over 31536000s",
    );
    check(Schedule::constant(Duration::ZERO), "delay 0ns is below 1ms");
    check(
        schedule().factor(0.5),
        "factor 0.5 is not a finite number of at least 1",
    );
    check(
        schedule().factor(f64::NAN),
        "factor NaN is not a finite number of at least 1",
    );
    check(
        schedule().jitter(Jitter::Full { floor: S(1) }),
        "jitter floor 1s is not below base 1s",
    );
    check(
        schedule().jitter(Jitter::PlusMinus(f64::NAN)),
        "jitter share NaN is not between 0 and 1, both excluded",
    );
    check(
        schedule().jitter(Jitter::PlusMinus(1.0)),
        "jitter share 1 is not between 0 and 1, both excluded",
    );
    check(
        Schedule::constant(S(3))
            .unwrap()
            .jitter(Jitter::Decorrelated),
        "decorrelated jitter needs a base below the cap: base 3s, cap 3s",
    );
    check(schedule().splay(S(31)), "splay 31s is over cap 30s");
    check(
        schedule().stable_after(Duration::ZERO),
        "stable_after 0ns is below 1ms",
    );
    check(
        schedule().take(3).then(schedule()).factor(3.0),
        "set the factor of each part before joining them with then",
    );
}

#[test]
fn the_first_soon_delay_lies_below_the_first_delay_and_the_next_climb_as_ever() {
    let schedule = || Schedule::exponential(S(8), S(64)).unwrap();
    let mut shortest = S(8);
    for seed in 0..64 {
        let mut soon = Maker::new(schedule(), seed).session();
        let first = soon.next_delay_soon(origin()).unwrap();
        assert!(first <= S(8));
        shortest = shortest.min(first);
        let second = soon.next_delay_soon(origin()).unwrap();
        assert!((S(2)..=S(16)).contains(&second), "{second:?}");
    }
    assert!(shortest < S(1), "nobody came at once: {shortest:?}");

    let mut exact = Maker::new(plain(S(1), S(8)), 1).session();
    let exact: Vec<_> = (0..3)
        .map_while(|_| exact.next_delay_soon(origin()))
        .collect();
    assert_eq!(exact, [S(1), S(2), S(4)]);
}

// contract: again-9
#[test]
fn a_hinted_wait_stays_within_its_limits_and_is_never_the_same_for_all() {
    let limits = HintLimits::new(S(1), S(60)).unwrap();
    // Asked for, then from where to where it is drawn.
    for (from, to, low, high) in [
        (S(0), S(0), S(1), MS(1250)),
        (S(8), S(8), S(8), S(10)),
        (S(8), S(20), S(8), S(20)),
        (S(20), S(8), S(20), S(25)),
        (S(60), S(60), S(45), S(60)),
        (Duration::MAX, Duration::MAX, S(45), S(60)),
        (S(0), Duration::MAX, S(1), S(60)),
    ] {
        let drawn = |seed| {
            Maker::new(plain(S(1), S(2)), seed)
                .session()
                .hinted(from, to, limits)
        };
        let drawn: BTreeSet<_> = (0..256).map(drawn).collect();
        let (least, most) = (*drawn.first().unwrap(), *drawn.last().unwrap());
        assert!(
            low <= least && most <= high,
            "{from:?} to {to:?}: {least:?} to {most:?}"
        );
        assert!(
            most - least > (high - low) / 2,
            "{from:?} to {to:?} is not spread"
        );
    }
    let refused = HintLimits::new(S(3), S(3)).unwrap_err().to_string();
    assert_eq!(refused, "hint floor 3s is not below hint cap 3s");
}

// contract: again-9
#[test]
fn hinted_waits_use_the_schedule_up() {
    let limits = HintLimits::new(S(1), S(60)).unwrap();
    let mut session = Maker::new(plain(S(1), S(2)).take(2), 1).session();
    let mut hinted = || session.next_delay_hinted(S(5), S(5), limits, origin());
    assert!(hinted().is_some() && hinted().is_some());
    assert_eq!(hinted(), None, "an endless retry-after ends");
}
