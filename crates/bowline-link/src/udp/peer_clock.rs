//! What a peer's clock shows against ours, from the answers to our probes. It
//! judges nobody: a clock that drifts or jumps is reported, and that is all.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bowline_policy::heartbeat::JUMP_DEFAULT;

/// How many answers are looked back on.
pub const CLOCK_SAMPLES_MAX: usize = 64;

/// How many answers a drift is told from, at the least: a few of them may have
/// taken a slow way.
const DRIFT_SAMPLES_MIN: usize = 9;

/// How far a clock is believed to drift at most while nothing is heard of it:
/// 500 parts per million (RFC 5905 section 7.1, MAXFREQ), one in 2000.
const DRIFT_SHARE: u32 = 2000;

/// How far a peer's time of day is from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Microseconds its clock is ahead of ours; negative if behind.
    pub micros: i64,
    /// By how much that may be wrong: half of the round trip it was learned
    /// from, and what a clock may drift since.
    pub error: Duration,
}

/// How much faster a peer's time of day runs than our monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// In parts per million; negative if slower.
    pub ppm: f64,
    /// By how much that may be wrong, for as long as round trips say nothing of
    /// which way was the slow one.
    pub error_ppm: f64,
}

/// Both clocks of one moment, or all that is known of it.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    rtt: Duration,
    /// Microseconds from our monotonic clock, counted from the origin, to the
    /// peer's. Our own time of day is left out, so that its jumps are not taken
    /// for the peer's.
    phase: i128,
}

/// Compares clocks by the answers that were quickest: the shorter a round trip,
/// the less it can hide (the minimum filter of RFC 5905 section 10).
#[derive(Debug, Default)]
pub(super) struct PeerClock {
    origin: Option<Instant>,
    samples: VecDeque<Sample>,
}

// === impl PeerClock ===

impl PeerClock {
    /// Takes note that the peer's clock showed `theirs` some time in the `rtt`
    /// before `now`. Returns the microseconds that it jumped since the last
    /// answer; what was known before a jump is forgotten.
    pub(super) fn sample(&mut self, now: Instant, rtt: Duration, theirs: u64) -> Option<i64> {
        let at = now.checked_sub(rtt / 2).unwrap_or(now);
        let origin = *self.origin.get_or_insert(at);
        let sample = Sample {
            at,
            rtt,
            phase: i128::from(theirs) - micros(origin, at),
        };
        let jump = self.samples.back().and_then(|last| last.jump_to(&sample));
        if jump.is_some() {
            self.samples.clear();
        }
        if self.samples.len() == CLOCK_SAMPLES_MAX {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
        jump
    }

    /// The peer's time of day against `wall`, ours, both at `now`.
    pub(super) fn offset(&self, now: Instant, wall: u64) -> Option<Offset> {
        let error = |sample: &Sample| {
            sample.rtt / 2 + now.saturating_duration_since(sample.at) / DRIFT_SHARE
        };
        let best = self.samples.iter().min_by_key(|sample| error(sample))?;
        let theirs = best.phase + micros(self.origin?, now);
        Some(Offset {
            micros: clamped(theirs - i128::from(wall)),
            error: error(best),
        })
    }

    /// From the quickest answer of the oldest third to that of the newest.
    pub(super) fn drift(&self) -> Option<Drift> {
        if self.samples.len() < DRIFT_SAMPLES_MIN {
            return None;
        }
        let third = self.samples.len() / 3;
        let newest = self.samples.range(self.samples.len() - third..);
        let old = self.samples.range(..third).min_by_key(|s| s.rtt)?;
        let new = newest.min_by_key(|s| s.rtt)?;
        let span = new.at.saturating_duration_since(old.at).as_secs_f64();
        if span == 0.0 {
            return None;
        }
        let error = (old.rtt / 2 + new.rtt / 2).as_secs_f64();
        Some(Drift {
            ppm: clamped(new.phase - old.phase) as f64 / span,
            error_ppm: error * 1e6 / span,
        })
    }

    /// How long ago the peer's clock showed `theirs`, at the least.
    pub(super) fn age(&self, now: Instant, theirs: u64) -> Option<Duration> {
        // Against a time of day of zero, the offset is the peer's time of day.
        let present = self.offset(now, 0)?;
        let passed = i128::from(present.micros) - i128::from(theirs);
        let passed = Duration::from_micros(u64::try_from(passed).unwrap_or(0));
        Some(passed.saturating_sub(present.error))
    }
}

// === impl Sample ===

impl Sample {
    /// By how many microseconds the peer's clock jumped between two answers, if
    /// neither their round trips nor drift explain it.
    fn jump_to(&self, next: &Self) -> Option<i64> {
        let passed = next.at.saturating_duration_since(self.at);
        let explained = JUMP_DEFAULT + self.rtt / 2 + next.rtt / 2 + passed / DRIFT_SHARE;
        let by = next.phase - self.phase;
        (by.unsigned_abs() > explained.as_micros()).then(|| clamped(by))
    }
}

/// From `origin` to `at`, either way round.
fn micros(origin: Instant, at: Instant) -> i128 {
    let signed = |duration: Duration| i128::try_from(duration.as_micros()).unwrap_or(i128::MAX);
    match at.checked_duration_since(origin) {
        Some(after) => signed(after),
        None => -signed(origin.saturating_duration_since(at)),
    }
}

fn clamped(micros: i128) -> i64 {
    let least = i128::from(i64::MIN);
    i64::try_from(micros.max(least)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
