//! The numbers both sides of a heartbeat go by, whatever made them. A fixed
//! heartbeat is a ladder of one rung, so there is one set of rules.

use std::time::Duration;

use super::adaptive::Ladder;
use super::invalid::{CLIMB_AFTER_MAX, INTERVAL_MAX, Invalid, MISSES_MAX, TIMEOUT_MIN};

/// The share of the timeout by which a timer may be late: a probe sent that
/// late still leaves its answer three quarters of the timeout.
const TICK_SHARE: u32 = 4;

/// By how much a step above the steady interval lengthens it, up to the maximum.
const GROWTH: u32 = 2;

/// What a [`Prober`](super::Prober) and a [`Listener`](super::Listener) go by: a
/// [`Fixed`](super::Fixed) heartbeat or an [`Adaptive`](super::Adaptive) one.
///
/// A peer is dead [`silence_max_at`](Self::silence_max_at) the interval that was
/// in force when its last byte came, give or take one [`tick`](Self::tick):
/// interval + misses x timeout (+ timeout / 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    ladder: Ladder,
    climb_after: u32,
    timeout: Duration,
    misses: u32,
    pause_max: Duration,
}

// === impl Policy ===

impl Policy {
    pub(super) fn new(ladder: Ladder, timeout: Duration, misses: u32) -> Result<Self, Invalid> {
        ladder.check()?;
        if timeout > ladder.start {
            return Err(Invalid::TimeoutOverInterval {
                timeout,
                interval: ladder.start,
            });
        }
        if timeout < TIMEOUT_MIN {
            return Err(Invalid::TimeoutTooShort {
                timeout,
                least: TIMEOUT_MIN,
            });
        }
        // After the timeout, whose word on an interval of zero is the clearer one.
        if ladder.fast < TIMEOUT_MIN {
            return Err(Invalid::IntervalTooShort {
                interval: ladder.fast,
                least: TIMEOUT_MIN,
            });
        }
        if ladder.max > INTERVAL_MAX {
            return Err(Invalid::IntervalTooLong {
                interval: ladder.max,
                most: INTERVAL_MAX,
            });
        }
        if misses == 0 || misses > MISSES_MAX {
            return Err(Invalid::Misses {
                misses,
                most: MISSES_MAX,
            });
        }
        Ok(Self {
            ladder,
            climb_after: super::CLIMB_AFTER_DEFAULT,
            timeout,
            misses,
            pause_max: ladder.max + timeout * misses,
        })
    }

    pub(super) fn with_pause_max(self, pause: Duration) -> Result<Self, Invalid> {
        if pause.is_zero() || pause > INTERVAL_MAX {
            return Err(Invalid::Pause {
                pause,
                most: INTERVAL_MAX,
            });
        }
        Ok(Self {
            pause_max: pause,
            ..self
        })
    }

    pub(super) fn with_climb_after(self, intervals: u32) -> Result<Self, Invalid> {
        if intervals == 0 || intervals > CLIMB_AFTER_MAX {
            return Err(Invalid::ClimbAfter {
                intervals,
                most: CLIMB_AFTER_MAX,
            });
        }
        Ok(Self {
            climb_after: intervals,
            ..self
        })
    }

    /// The intervals, all of them the same for a fixed heartbeat.
    pub fn ladder(&self) -> Ladder {
        self.ladder
    }

    /// How many intervals in good order make a step up the ladder.
    pub fn climb_after(&self) -> u32 {
        self.climb_after
    }

    /// How long after a probe was due an answer may come.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many timeouts in a row may pass without an answer.
    pub fn misses(&self) -> u32 {
        self.misses
    }

    /// How long reading may be paused.
    pub fn paused_max(&self) -> Duration {
        self.pause_max
    }

    /// How late a timer may be and still count as in time.
    pub fn tick(&self) -> Duration {
        self.timeout / TICK_SHARE
    }

    /// How long after its last byte a silent peer is dead at the latest, give or
    /// take one [`tick`](Self::tick): the longest interval and every timeout.
    pub fn silence_max(&self) -> Duration {
        self.silence_max_at(self.ladder.max)
    }

    /// The same while `interval` is in force.
    pub fn silence_max_at(&self, interval: Duration) -> Duration {
        interval + self.timeout * self.misses
    }

    /// The rung above an interval.
    pub(super) fn above(&self, interval: Duration) -> Duration {
        let Ladder {
            start, steady, max, ..
        } = self.ladder;
        if interval < start {
            start
        } else if interval < steady {
            steady
        } else {
            (interval * GROWTH).min(max)
        }
    }

    /// The least that a probe can be believed to name.
    pub(super) fn interval_min(&self) -> Duration {
        self.ladder.fast.min(self.timeout)
    }

    /// How long into a silence, counted from its first probe, the next one is
    /// due after `probes` of them; after the last, the verdict.
    pub(super) fn probe_due(&self, probes: u32) -> Duration {
        let verdict = self.timeout * self.misses;
        match probes.min(self.probes_max()).checked_sub(1) {
            Some(suspicious) => (self.timeout + self.gap() * suspicious).min(verdict),
            None => Duration::ZERO,
        }
    }

    /// How many probes of a silence have come due at `overdue` after its first.
    pub(super) fn probes_due(&self, overdue: Duration) -> u32 {
        let due = match overdue.checked_sub(self.timeout) {
            Some(suspected) => whole(suspected, self.gap()).saturating_add(2),
            None => 1,
        };
        due.min(self.probes_max())
    }

    /// The first, and those that follow while an answer is missed.
    fn probes_max(&self) -> u32 {
        let suspected = self.timeout * (self.misses - 1);
        let gap = self.gap();
        whole(suspected + gap - Duration::from_nanos(1), gap) + 1
    }

    /// From probe to probe while an answer is missed. Where the timeout is the
    /// shorter one, each of them asks anew.
    fn gap(&self) -> Duration {
        self.ladder.fast.min(self.timeout)
    }
}

/// How often `part` fits into `time`.
pub(super) fn whole(time: Duration, part: Duration) -> u32 {
    u32::try_from(time.as_nanos() / part.as_nanos()).unwrap_or(u32::MAX)
}
