//! The laws of a schedule of delays, which need no peer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::PACE;
use super::in_step::{AT_THE_CAP, CLIMB, varies};
use crate::drive::{judge, panic_text};
use crate::law::Trial;
use crate::{Backoff, Law, Pace, Verdict};

/// Sessions that are compared, and how many delays of each.
const SESSIONS: usize = 4;
const COMPARED: usize = 25;

/// How often a schedule is asked.
const ATTEMPTS: u32 = 1_000_000;

/// Where rounding shows: delays from whole seconds on, far below their cap.
const WHOLE_SECONDS: Pace = Pace {
    base: Duration::from_secs(1),
    cap: Duration::from_secs(3600),
};

/// Sessions, and how many delays of each, in which it is looked for.
const ROUNDED_SESSIONS: usize = 20;
const ROUNDED: usize = 6;

/// The limit on elapsed time.
const ELAPSED_MAX: Duration = Duration::from_secs(60);

/// Judges [`Law::JitterIndependence`] of a schedule: four sessions of one maker that begin
/// together. At most a fifth of their delays may end at the same moment.
pub fn independent_delays<B: Backoff>(backoff: &B) -> Verdict {
    let law = Law::JitterIndependence;
    judge(law, backoff.exempt(law), async |trial| {
        let sessions = backoff.sessions(PACE, SESSIONS);
        let sessions: Vec<Vec<Duration>> = sessions
            .into_iter()
            .map(|delays| moments(delays.take(COMPARED)))
            .collect();
        let (mut at_once, mut pairs) = (0, 0);
        for (index, one) in sessions.iter().enumerate() {
            for other in &sessions[index + 1..] {
                at_once += one.iter().zip(other).filter(|(a, b)| a == b).count();
                pairs += one.len().min(other.len());
            }
        }
        trial.expect(
            at_once * 5 <= pairs && pairs > 0,
            format!("{at_once} of {pairs} delays of {SESSIONS} sessions end at the same moment"),
        );
    })
}

/// When each of `delays` ends, one after the other.
fn moments(delays: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let ends = delays.scan(Duration::ZERO, |end, delay| {
        *end += delay;
        Some(*end)
    });
    ends.collect()
}

/// Judges [`Law::JitterAtTheCap`] of a schedule: delays long after the cap was reached.
pub fn varied_delays<B: Backoff>(backoff: &B) -> Verdict {
    let law = Law::JitterAtTheCap;
    judge(law, backoff.exempt(law), async |trial| {
        let session = backoff.sessions(PACE, 1).into_iter().flatten();
        let delays: Vec<Duration> = session.skip(CLIMB).take(AT_THE_CAP).collect();
        varies(&delays, PACE.cap, trial);
    })
}

/// Judges [`Law::MillionAttempts`]: a million delays of one session, without a panic, an end or
/// a delay over the cap; and no rounding to whole seconds.
///
/// It takes seconds of real time in a build without optimisation.
pub fn million_attempts<B: Backoff>(backoff: &B) -> Verdict {
    let law = Law::MillionAttempts;
    judge(law, backoff.exempt(law), async |trial| {
        million(backoff, trial);
        rounded(backoff, trial);
    })
}

fn million<B: Backoff>(backoff: &B, trial: &mut Trial) {
    let mut delays = backoff.sessions(PACE, 1).into_iter().flatten();
    let (mut most, mut over) = (Duration::ZERO, 0_u32);
    for attempt in 1..=ATTEMPTS {
        let delay = match catch_unwind(AssertUnwindSafe(|| delays.next())) {
            Ok(Some(delay)) => delay,
            Ok(None) => {
                trial.breach(format!("it ended at attempt {attempt}"));
                break;
            }
            Err(panic) => {
                let text = panic_text(&*panic);
                trial.breach(format!("it panicked at attempt {attempt}: {text}"));
                break;
            }
        };
        most = most.max(delay);
        over += u32::from(delay > PACE.cap);
    }
    let (most, cap) = (most.as_secs_f64(), PACE.cap.as_secs());
    trial.expect(
        over == 0,
        format!("{over} delays over the cap of {cap} s, the longest {most:.3} s"),
    );
    if !trial.is_broken() {
        trial.note(format!("{ATTEMPTS} attempts"));
    }
}

/// Delays that vary must not all vary by whole seconds.
fn rounded<B: Backoff>(backoff: &B, trial: &mut Trial) {
    let sessions = backoff.sessions(WHOLE_SECONDS, ROUNDED_SESSIONS);
    let delays: Vec<Duration> = sessions
        .into_iter()
        .flat_map(|session| session.take(ROUNDED))
        .collect();
    let whole = delays.iter().filter(|delay| delay.subsec_nanos() == 0);
    let (whole, all) = (whole.count(), delays.len());
    trial.expect(
        whole * 2 < all,
        format!("{whole} of {all} early delays of whole seconds, from a base of 1 s"),
    );
}

/// Judges [`Law::SimulatedTime`] of a schedule: its limit on elapsed time, on a paused clock
/// that is slept through. It must end by the limit and one delay, and not at once.
pub fn ending_delays<B: Backoff>(backoff: &B) -> Verdict {
    let law = Law::SimulatedTime;
    judge(law, backoff.exempt(law), async |trial| {
        match backoff.ending(PACE, ELAPSED_MAX) {
            Ok(delays) => ends(delays, trial).await,
            Err(lacks) => trial.lacks(lacks),
        }
    })
}

async fn ends(delays: impl Iterator<Item = Duration>, trial: &mut Trial) {
    let began = Instant::now();
    let limit = ELAPSED_MAX + PACE.cap * 2;
    let mut attempts = 0_u32;
    for delay in delays {
        attempts += 1;
        sleep(delay).await;
        if Instant::now() - began > limit {
            return trial.breach(format!(
                "a limit of {} s has not ended it after {} s of the paused clock",
                ELAPSED_MAX.as_secs(),
                (Instant::now() - began).as_secs()
            ));
        }
    }
    let took = Instant::now() - began;
    trial.expect(
        took >= ELAPSED_MAX / 4,
        format!(
            "a limit of {} s ended it after {:.1} s of the paused clock and {attempts} delays",
            ELAPSED_MAX.as_secs(),
            took.as_secs_f64()
        ),
    );
}
