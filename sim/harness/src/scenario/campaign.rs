//! Many seeds on every core, and what they came to.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::variables::{self, Asked};
use super::{Outcome, Play};
use crate::Plan;
use crate::plan::FileError;

/// How many failures a campaign remembers whole; the rest it counts.
const FAILURES_KEPT: usize = 8;

/// What a campaign came to.
#[derive(Debug)]
pub struct Campaign {
    /// The scenario.
    pub name: String,
    /// The file whose plan was played, where it was one.
    pub plan: Option<PathBuf>,
    /// How many seeds were played.
    pub played: u64,
    /// How many of them failed.
    pub failed: u64,
    /// The runs that failed, by seed; the first few of them.
    pub failures: Vec<Outcome>,
    /// How long clients of the core took to recover.
    pub recovery: Recovery,
    /// How much time passed in the worlds, all together.
    pub simulated: Duration,
    /// How long that took.
    pub took: Duration,
}

/// Times from the end of all faults until a client of the core had come to its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recovery {
    sorted: Vec<Duration>,
}

/// Why a campaign has no good end.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum NotPlayed {
    /// Some seeds failed.
    #[error(transparent)]
    Failed(#[from] Failed),
    /// `SIM_SEED` is no seed.
    #[error("SIM_SEED is {value:?}, which is no number from 0 to {}", u64::MAX)]
    Seed {
        /// What it is.
        value: String,
    },
    /// There is no seed to play: a campaign of none would prove nothing.
    #[error("there is no seed in {}..{}", .seeds.start, .seeds.end)]
    NoSeed {
        /// The range.
        seeds: Range<u64>,
    },
    /// `SIM_PLAN` names no plan for this world.
    #[error("SIM_PLAN cannot be played")]
    Plan(#[from] FileError),
}

/// A campaign in which something failed; prints each failure whole.
#[derive(thiserror::Error)]
#[error("{0}")]
pub struct Failed(pub Box<Campaign>);

/// Plays `seeds` of `scenario` on every core and hands each outcome to `each`, in the order
/// in which they come to their end.
///
/// Shows a progress bar on standard error where that is a terminal.
pub fn play_all(
    scenario: &dyn Play,
    seeds: Range<u64>,
    mut each: impl FnMut(&Outcome),
) -> Campaign {
    let plans = seeds.clone().map(|seed| scenario.plan_of(seed));
    let count = seeds.end.saturating_sub(seeds.start);
    play_plans(scenario, plans, count, &mut each)
}

/// Plays one plan, and hands its outcome to `each`.
pub fn play_plan(scenario: &dyn Play, plan: Plan, mut each: impl FnMut(&Outcome)) -> Campaign {
    play_plans(scenario, std::iter::once(plan), 1, &mut each)
}

/// What [`Scenario::run`](super::Scenario::run) does.
pub(super) fn run(scenario: &dyn Play, seeds: Range<u64>) -> Result<Campaign, NotPlayed> {
    let ignore = |_: &Outcome| {};
    let campaign = match variables::asked(scenario)? {
        Asked::Nothing if seeds.is_empty() => return Err(NotPlayed::NoSeed { seeds }),
        Asked::Nothing => play_all(scenario, seeds, ignore),
        Asked::Seed(seed) => play_plan(scenario, scenario.plan_of(seed), ignore),
        Asked::Plan(path, plan) => Campaign {
            plan: Some(path),
            ..play_plan(scenario, *plan, ignore)
        },
    };
    campaign.verdict()
}

fn play_plans(
    scenario: &dyn Play,
    plans: impl Iterator<Item = Plan> + Send,
    count: u64,
    each: &mut dyn FnMut(&Outcome),
) -> Campaign {
    let begun = now();
    let bar = progress(scenario.name(), count);
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let plans = Mutex::new(plans);
    let mut campaign = Campaign::of(scenario.name());
    std::thread::scope(|scope| {
        // Bounded: a worker that is ahead waits until its outcome is looked at.
        let (done, outcomes) = mpsc::sync_channel(workers);
        for _ in 0..workers {
            let (plans, done) = (&plans, done.clone());
            scope.spawn(move || {
                let next = || plans.lock().ok()?.next();
                while let Some(plan) = next() {
                    if done.send(scenario.play(plan)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(done);
        for outcome in outcomes {
            bar.suspend(|| each(&outcome));
            bar.inc(1);
            campaign.add(outcome);
        }
    });
    bar.finish_and_clear();
    campaign.failures.sort_by_key(|outcome| outcome.plan.seed);
    campaign.recovery.sorted.sort_unstable();
    campaign.took = now() - begun;
    campaign
}

fn progress(name: &str, count: u64) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} seeds, {per_sec}, {eta} left")
            .expect("the template is right");
    ProgressBar::new(count)
        .with_style(style)
        .with_message(name.to_owned())
}

// === impl Campaign ===

impl Campaign {
    fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            plan: None,
            played: 0,
            failed: 0,
            failures: Vec::new(),
            recovery: Recovery::default(),
            simulated: Duration::ZERO,
            took: Duration::ZERO,
        }
    }

    /// Itself, or the error that says what failed.
    ///
    /// # Errors
    ///
    /// When anything did.
    pub fn verdict(self) -> Result<Self, NotPlayed> {
        if self.failed == 0 {
            Ok(self)
        } else {
            Err(Failed(Box::new(self)).into())
        }
    }

    /// What it came to, in one line.
    pub fn verdict_line(&self) -> String {
        format!(
            "{}: {} of {} seeds good, in {:.1} s ({:.1} seeds/s); {}",
            self.name,
            self.played - self.failed,
            self.played,
            self.took.as_secs_f64(),
            self.seeds_per_second(),
            self.recovery,
        )
    }

    /// How many seeds were played in a second.
    pub fn seeds_per_second(&self) -> f64 {
        self.played as f64 / self.took.as_secs_f64().max(0.001)
    }

    fn add(&mut self, outcome: Outcome) {
        self.played += 1;
        self.recovery.sorted.extend(outcome.recovered.values());
        if let Ok(report) = &outcome.end {
            self.simulated += report.simulated;
        }
        if !outcome.is_good() {
            self.failed += 1;
            if self.failures.len() < FAILURES_KEPT {
                self.failures.push(outcome);
            }
        }
    }
}

impl fmt::Display for Campaign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in &self.failures {
            writeln!(f, "{outcome}")?;
            match &self.plan {
                None => writeln!(f, "  again: SIM_SEED={}", outcome.plan.seed)?,
                Some(plan) => writeln!(f, "  again: SIM_PLAN={}", plan.display())?,
            }
        }
        let more = self.failed - self.failures.len() as u64;
        if more > 0 {
            writeln!(f, "and {more} more")?;
        }
        f.write_str(&self.verdict_line())
    }
}

// === impl Recovery ===

impl Recovery {
    /// The time within which so many of a hundred were done; `None` where nobody was.
    ///
    /// # Panics
    ///
    /// When `percent` is above 100.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        assert!(percent <= 100, "there is no {percent}th percentile");
        let last = self.sorted.len().checked_sub(1)?;
        let rank = (self.sorted.len() * percent)
            .div_ceil(100)
            .saturating_sub(1);
        Some(self.sorted[rank.min(last)])
    }
}

impl FromIterator<Duration> for Recovery {
    fn from_iter<I: IntoIterator<Item = Duration>>(times: I) -> Self {
        let mut sorted: Vec<_> = times.into_iter().collect();
        sorted.sort_unstable();
        Self { sorted }
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |percent| self.percentile(percent).map(|time| time.as_secs_f64());
        match (seconds(50), seconds(95), seconds(99), seconds(100)) {
            (Some(p50), Some(p95), Some(p99), Some(most)) => write!(
                f,
                "recovered within p50 {p50:.2} s, p95 {p95:.2} s, p99 {p99:.2} s, at most {most:.2} s"
            ),
            _ => f.write_str("nobody had to recover"),
        }
    }
}

/// Prints as for people: this is what a failing test shows.
impl fmt::Debug for NotPlayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "how long a campaign takes is told to a person; no seed sees it"
)]
fn now() -> Instant {
    Instant::now()
}
