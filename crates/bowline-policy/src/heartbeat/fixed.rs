//! The three numbers both sides of a heartbeat go by, agreed in their handshake.

use std::time::Duration;

/// The shortest timeout: ten times the resolution of the timers it is kept
/// with, so that a timer in good order is never taken for a late one.
pub const TIMEOUT_MIN: Duration = Duration::from_millis(10);

/// The longest interval: a day. A peer that is silent for longer is found by
/// whoever next needs it.
pub const INTERVAL_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// The most probes in a row that may go unanswered.
pub const MISSES_MAX: u32 = 100;

/// The share of the timeout by which a timer may be late: a probe sent that
/// late still leaves its answer three quarters of the timeout.
const TICK_SHARE: u32 = 4;

/// A heartbeat whose interval stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    interval: Duration,
    timeout: Duration,
    misses: u32,
    pause_max: Duration,
}

/// Why a heartbeat was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// An answer may take longer than the next probe does to come.
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
}

// === impl Fixed ===

impl Fixed {
    /// Probes a link that was quiet for `interval`, gives each probe `timeout`,
    /// and gives up after `misses` of them.
    ///
    /// # Errors
    ///
    /// A timeout over the interval or below [`TIMEOUT_MIN`], an interval over
    /// [`INTERVAL_MAX`], or misses that are 0 or over [`MISSES_MAX`].
    pub fn new(interval: Duration, timeout: Duration, misses: u32) -> Result<Self, Invalid> {
        if timeout > interval {
            return Err(Invalid::TimeoutOverInterval { timeout, interval });
        }
        if timeout < TIMEOUT_MIN {
            return Err(Invalid::TimeoutTooShort {
                timeout,
                least: TIMEOUT_MIN,
            });
        }
        if interval > INTERVAL_MAX {
            return Err(Invalid::IntervalTooLong {
                interval,
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
            interval,
            timeout,
            misses,
            pause_max: interval + timeout * misses,
        })
    }

    /// Lets a pause of reading last this long.
    ///
    /// The default is [`silence_max`](Self::silence_max): whom we do not read
    /// deserves no more patience than who does not speak, and the other side,
    /// whose probes lie unread meanwhile, gives up after as long.
    ///
    /// # Errors
    ///
    /// A limit of zero, or over [`INTERVAL_MAX`].
    pub fn pause_max(self, pause: Duration) -> Result<Self, Invalid> {
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

    /// How long a quiet link is left alone.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long after a probe was due an answer may come.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many probes in a row may go unanswered.
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

    /// How long after its last byte a silent peer is dead, give or take one
    /// [`tick`](Self::tick): the interval and every timeout.
    pub fn silence_max(&self) -> Duration {
        self.silence_max_at(self.interval)
    }

    /// The same with another interval.
    pub(super) fn silence_max_at(&self, interval: Duration) -> Duration {
        interval + self.timeout * self.misses
    }
}
