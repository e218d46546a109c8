//! What a heartbeat may be asked for, and how anything else is refused: with both
//! values that contradict each other.

use std::time::Duration;

/// The shortest timeout, and the shortest interval: ten times the resolution of
/// the timers they are kept with, so that a timer in good order is never taken
/// for a late one.
pub const TIMEOUT_MIN: Duration = Duration::from_millis(10);

/// The longest interval: a day. A peer that is silent for longer is found by
/// whoever next needs it.
pub const INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The most probes in a row that may go unanswered.
pub const MISSES_MAX: u32 = 100;

/// The most intervals in good order that a step up the ladder may take.
pub const CLIMB_AFTER_MAX: u32 = 1_000;

/// Why a heartbeat was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// An answer may take longer than the next probe does to come: the interval
    /// is that of a [`Fixed`](super::Fixed), or the start of an
    /// [`Adaptive`](super::Adaptive).
    #[error("timeout {timeout:?} is over interval {interval:?}")]
    TimeoutOverInterval {
        /// How long an answer may take.
        timeout: Duration,
        /// How long a quiet link is left alone.
        interval: Duration,
    },
    /// The timeout cannot be told from a late timer.
    #[error("timeout {timeout:?} is below {least:?}")]
    TimeoutTooShort {
        /// What was asked for.
        timeout: Duration,
        /// The least that is accepted.
        least: Duration,
    },
    /// The interval is too long to be meant.
    #[error("interval {interval:?} is over {most:?}")]
    IntervalTooLong {
        /// What was asked for.
        interval: Duration,
        /// The most that is accepted.
        most: Duration,
    },
    /// No probe would ever be sent, or far too many.
    #[error("{misses} misses are not between 1 and {most}")]
    Misses {
        /// What was asked for.
        misses: u32,
        /// The most that is accepted.
        most: u32,
    },
    /// A pause of nothing, or of longer than is meant.
    #[error("pause limit {pause:?} is not between 1ns and {most:?}")]
    Pause {
        /// What was asked for.
        pause: Duration,
        /// The most that is accepted.
        most: Duration,
    },
    /// The fast interval cannot be told from a late timer.
    #[error("fast interval {interval:?} is below {least:?}")]
    IntervalTooShort {
        /// What was asked for.
        interval: Duration,
        /// The least that is accepted.
        least: Duration,
    },
    /// A rung of the ladder is above the one that should follow it.
    #[error("{lower} interval {minimum:?} is over {upper} interval {maximum:?}")]
    MinimumOverMaximum {
        /// The rung that should be the lower one.
        lower: &'static str,
        /// What was asked for there.
        minimum: Duration,
        /// The rung that should follow.
        upper: &'static str,
        /// What was asked for there.
        maximum: Duration,
    },
    /// The ladder would climb at nothing, or never.
    #[error("a step after {intervals} intervals is not between 1 and {most}")]
    ClimbAfter {
        /// What was asked for.
        intervals: u32,
        /// The most that is accepted.
        most: u32,
    },
}
