//! Each law of schedules, kept by bowline's own and broken by small ones.

use std::iter::{from_fn, repeat};
use std::time::Duration;

use bowline_conformance::{
    Backoff, Lacks, Law, Outcome, Pace, PolicyBackoff, Verdict, assert_holds, laws,
};
use bowline_policy::backoff::{Invalid, Jitter, Schedule};

type Delays = Box<dyn Iterator<Item = Duration>>;

/// A schedule made of how a session begins, given its number.
struct Of(fn(Pace, u32) -> Delays);

impl Backoff for Of {
    type Delays = Delays;

    fn sessions(&self, pace: Pace, count: usize) -> Vec<Delays> {
        (1_u32..)
            .take(count)
            .map(|number| (self.0)(pace, number))
            .collect()
    }

    /// Its clock stands still.
    fn ending(&self, pace: Pace, _: Duration) -> Result<Delays, Lacks> {
        Ok((self.0)(pace, 1))
    }
}

/// Delays spread over (0, cap), each session in its own way.
fn spread(pace: Pace, number: u32) -> Delays {
    let mut state = number;
    Box::new(from_fn(move || {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        Some(pace.cap.mul_f64(f64::from(state >> 8) / f64::from(1 << 24)))
    }))
}

fn broken(verdicts: Vec<Verdict>) -> Vec<Law> {
    let broken = verdicts
        .iter()
        .filter(|verdict| verdict.outcome == Outcome::Broken);
    broken.map(|verdict| verdict.law).collect()
}

fn check(schedule: fn(Pace, u32) -> Delays, law: Law, part: &str) {
    let verdicts = laws::of_backoff(&Of(schedule));
    let verdict = verdicts.into_iter().find(|verdict| verdict.law == law);
    let verdict = verdict.unwrap();
    assert_eq!(verdict.outcome, Outcome::Broken, "{verdict}");
    assert!(verdict.to_string().contains(part), "{verdict}");
}

fn shaped(shape: impl Fn(Schedule) -> Result<Schedule, Invalid>) -> impl Backoff {
    PolicyBackoff::new(move |pace: Pace| shape(Schedule::exponential(pace.base, pace.cap)?))
}

// contract: backoff-1, backoff-2
#[test]
fn bowlines_schedule_keeps_every_law_with_every_jitter() {
    assert_holds(laws::of_backoff(&shaped(Ok)));
    for jitter in [Jitter::Equal, Jitter::Decorrelated, Jitter::PlusMinus(0.2)] {
        let of = shaped(move |schedule| schedule.jitter(jitter));
        for verdict in laws::of_backoff(&of) {
            assert_eq!(verdict.outcome, Outcome::Holds, "{jitter:?}: {verdict}");
        }
    }
}

#[test]
fn without_jitter_it_is_found_out() {
    let of = shaped(|schedule| schedule.jitter(Jitter::None));
    assert_eq!(
        broken(laws::of_backoff(&of)),
        [
            Law::JitterIndependence,
            Law::JitterAtTheCap,
            Law::MillionAttempts
        ]
    );
}

#[test]
fn what_is_well_spread_breaks_only_the_clock() {
    assert_eq!(broken(laws::of_backoff(&Of(spread))), [Law::SimulatedTime]);
}

#[test]
fn one_jitter_for_all_sessions_is_seen() {
    check(
        |pace, _| spread(pace, 1),
        Law::JitterIndependence,
        "150 of 150",
    );
}

#[test]
fn a_cap_without_jitter_is_seen() {
    let climbs = |pace: Pace, number| -> Delays {
        Box::new(spread(pace, number).take(10).chain(repeat(pace.cap)))
    };
    check(climbs, Law::JitterAtTheCap, "1 values in 40 delays");
}

#[test]
fn a_delay_over_the_cap_is_seen() {
    let over = |pace: Pace, number| -> Delays {
        Box::new(spread(pace, number).map(|delay| delay + delay / 2))
    };
    check(over, Law::MillionAttempts, "delays over the cap of 10 s");
}

#[test]
fn a_panic_after_days_is_seen_with_its_attempt() {
    let panics = |pace: Pace, number| -> Delays {
        let delays = spread(pace, number).enumerate();
        Box::new(delays.map(|(index, delay)| {
            assert!(index < 63, "overflow");
            delay
        }))
    };
    check(
        panics,
        Law::MillionAttempts,
        "it panicked at attempt 64: overflow",
    );
}

#[test]
fn an_end_that_nobody_asked_for_is_seen() {
    let ends = |pace, number| -> Delays { Box::new(spread(pace, number).take(999_999)) };
    check(ends, Law::MillionAttempts, "it ended at attempt 1000000");
}

#[test]
fn delays_rounded_to_seconds_are_seen() {
    let rounds = |pace, number| -> Delays {
        let seconds = |delay: Duration| Duration::from_secs(delay.as_secs());
        Box::new(spread(pace, number).map(seconds))
    };
    check(rounds, Law::MillionAttempts, "120 of 120 early delays");
}

#[test]
fn a_limit_that_reads_another_clock_is_seen() {
    check(spread, Law::SimulatedTime, "has not ended it");
}

#[test]
fn a_limit_that_ends_at_once_is_seen() {
    struct AtOnce;
    impl Backoff for AtOnce {
        type Delays = Delays;
        fn sessions(&self, pace: Pace, count: usize) -> Vec<Delays> {
            Of(spread).sessions(pace, count)
        }
        fn ending(&self, pace: Pace, _: Duration) -> Result<Delays, Lacks> {
            Ok(Box::new(spread(pace, 1).take(1)))
        }
    }
    let verdict = laws::ending_delays(&AtOnce);
    assert_eq!(verdict.outcome, Outcome::Broken, "{verdict}");
}
