//! Bowline's own schedule as a subject, so that whoever uses it can judge what they made of it.

use std::time::Duration;

use bowline_policy::backoff::{Invalid, Maker, Schedule, Session};
use tokio::time::Instant;

use crate::{Backoff, Lacks, Pace};

/// The schedules of `bowline_policy::backoff`, as `shape` makes them for a pace.
#[derive(Debug, Clone)]
pub struct PolicyBackoff<F> {
    shape: F,
}

/// The delays of one session, on tokio's clock.
#[derive(Debug)]
pub struct PolicyDelays(Session);

/// The seed of every maker under judgement. It is arbitrary, and fixed so that
/// a verdict can be repeated.
const SEED: u64 = 0x1a77;

// === impl PolicyBackoff ===

impl<F> PolicyBackoff<F>
where
    F: Fn(Pace) -> Result<Schedule, Invalid>,
{
    /// Judges the schedules that `shape` makes.
    pub fn new(shape: F) -> Self {
        Self { shape }
    }

    fn schedule(&self, pace: Pace) -> Schedule {
        (self.shape)(pace).expect("the laws ask for a base below the cap, both sane")
    }
}

impl<F> Backoff for PolicyBackoff<F>
where
    F: Fn(Pace) -> Result<Schedule, Invalid>,
{
    type Delays = PolicyDelays;

    fn sessions(&self, pace: Pace, count: usize) -> Vec<PolicyDelays> {
        let maker = Maker::new(self.schedule(pace), SEED);
        (0..count).map(|_| PolicyDelays(maker.session())).collect()
    }

    fn ending(&self, pace: Pace, limit: Duration) -> Result<PolicyDelays, Lacks> {
        let schedule = self.schedule(pace).until_elapsed(limit);
        Ok(PolicyDelays(Maker::new(schedule, SEED).session()))
    }
}

// === impl PolicyDelays ===

impl Iterator for PolicyDelays {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.0.next_delay(Instant::now().into_std())
    }
}
