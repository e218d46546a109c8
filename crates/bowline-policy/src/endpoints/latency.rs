//! How long connects to one endpoint take: quick to see trouble, slow to
//! forget it. It counts no connects under way.

use std::time::{Duration, Instant};

use super::settings::LATENCY_GUESS;
use crate::random::nanos;

/// An average that jumps to each peak and decays by halves (Finagle's peak
/// EWMA), in whole nanoseconds: floating point would differ from platform to
/// platform, and with it whom a seed chooses.
#[derive(Debug, Clone)]
pub(super) struct Latency {
    nanos: u64,
    at: Instant,
}

/// The part of a half-life is counted in these many steps.
const STEPS: u128 = 1 << 16;

// === impl Latency ===

impl Latency {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            nanos: nanos(LATENCY_GUESS),
            at: now,
        }
    }

    pub(super) fn took(&mut self, time: Duration, half_life: Duration, now: Instant) {
        let sample = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let kept = self.at(now, half_life);
        // What decayed makes room for the sample, in the same proportion.
        let share = self.remaining(now, half_life);
        let taken = (u128::from(sample) * (STEPS - share)) / STEPS;
        let mean = u64::try_from(u128::from(kept) + taken).unwrap_or(u64::MAX);
        self.nanos = mean.max(sample);
        self.at = self.at.max(now);
    }

    pub(super) fn failed(&mut self, cost: Duration, half_life: Duration, now: Instant) {
        self.nanos = self.at(now, half_life).saturating_mul(2).max(nanos(cost));
        self.at = self.at.max(now);
    }

    /// The estimate at `now`. It sinks while nothing is heard, so that one that
    /// was slow is tried again.
    pub(super) fn at(&self, now: Instant, half_life: Duration) -> u64 {
        let left = u128::from(self.nanos) * self.remaining(now, half_life) / STEPS;
        u64::try_from(left).expect("a share of a u64 is one")
    }

    /// The share of the estimate that is left, in [`STEPS`]: halved for each
    /// whole half-life, and along a straight line within one, which is off the
    /// curve by less than a sixteenth.
    fn remaining(&self, now: Instant, half_life: Duration) -> u128 {
        let passed = now.saturating_duration_since(self.at).as_nanos();
        let (whole, part) = (passed / half_life.as_nanos(), passed % half_life.as_nanos());
        let within = STEPS - STEPS * part / half_life.as_nanos() / 2;
        u32::try_from(whole)
            .ok()
            .and_then(|halves| within.checked_shr(halves))
            .unwrap_or(0)
    }
}
