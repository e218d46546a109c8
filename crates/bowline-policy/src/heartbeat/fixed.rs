//! A heartbeat of three numbers, agreed by both sides in their handshake.

use std::time::Duration;

use super::{Invalid, Ladder, Policy};

/// A heartbeat whose interval stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    policy: Policy,
}

// === impl Fixed ===

impl Fixed {
    /// Probes a link that was quiet for `interval`, gives each probe `timeout`,
    /// and gives up after `misses` of them.
    ///
    /// # Errors
    ///
    /// A timeout over the interval or below [`TIMEOUT_MIN`](super::TIMEOUT_MIN),
    /// an interval over [`INTERVAL_MAX`](super::INTERVAL_MAX), or misses that are
    /// 0 or over [`MISSES_MAX`](super::MISSES_MAX).
    pub fn new(interval: Duration, timeout: Duration, misses: u32) -> Result<Self, Invalid> {
        let policy = Policy::new(Ladder::only(interval), timeout, misses)?;
        Ok(Self { policy })
    }

    /// Lets a pause of reading last this long.
    ///
    /// The default is [`silence_max`](Self::silence_max): whom we do not read
    /// deserves no more patience than who does not speak, and the other side,
    /// whose probes lie unread meanwhile, gives up after as long.
    ///
    /// # Errors
    ///
    /// A limit of zero, or over [`INTERVAL_MAX`](super::INTERVAL_MAX).
    pub fn pause_max(self, pause: Duration) -> Result<Self, Invalid> {
        let policy = self.policy.with_pause_max(pause)?;
        Ok(Self { policy })
    }

    /// How long a quiet link is left alone.
    pub fn interval(&self) -> Duration {
        self.policy.ladder().max
    }

    /// How long after a probe was due an answer may come.
    pub fn timeout(&self) -> Duration {
        self.policy.timeout()
    }

    /// How many probes in a row may go unanswered.
    pub fn misses(&self) -> u32 {
        self.policy.misses()
    }

    /// How long reading may be paused.
    pub fn paused_max(&self) -> Duration {
        self.policy.paused_max()
    }

    /// How late a timer may be and still count as in time.
    pub fn tick(&self) -> Duration {
        self.policy.tick()
    }

    /// How long after its last byte a silent peer is dead, give or take one
    /// [`tick`](Self::tick): the interval and every timeout.
    pub fn silence_max(&self) -> Duration {
        self.policy.silence_max()
    }
}

impl From<Fixed> for Policy {
    fn from(fixed: Fixed) -> Self {
        fixed.policy
    }
}
