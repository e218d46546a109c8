//! The limits of a dial budget. Past these constructors nobody checks again.

use std::time::Duration;

use bowline_policy::budget::DialSettings;
use bowline_policy::{InvalidSetting, TIME_MAX, TIME_MIN};

/// The most dials that may be allowed under way: one machine has no more ports
/// towards one peer.
pub const IN_FLIGHT_MAX: usize = 65_536;

/// The most callers that may be allowed to wait.
pub const WAITERS_MAX: usize = 1 << 20;

const WAITERS_DEFAULT: usize = 1024;
const WAIT_DEFAULT: Duration = Duration::from_secs(30);

/// What a budget allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) rate: DialSettings,
    pub(super) in_flight: usize,
    pub(super) waiters: usize,
    pub(super) wait: Duration,
}

// === impl Settings ===

impl Settings {
    /// Starts dials at `rate`, with at most `in_flight` of them under way.
    ///
    /// Neither has a default: both follow from what the peers, and what lies on
    /// the way, can take. Timers tick in milliseconds, so a line moves by at most
    /// a burst in each.
    ///
    /// # Errors
    ///
    /// `in_flight` is zero or over [`IN_FLIGHT_MAX`].
    pub fn new(rate: DialSettings, in_flight: usize) -> Result<Self, InvalidSetting> {
        number("in_flight", in_flight, 1, IN_FLIGHT_MAX)?;
        Ok(Self {
            rate,
            in_flight,
            waiters: WAITERS_DEFAULT,
            wait: WAIT_DEFAULT,
        })
    }

    /// Lets at most `waiters` stand in line and turns others away; 1024 unless
    /// told. Zero lets nobody wait: a dial starts at once or not at all.
    ///
    /// # Errors
    ///
    /// Over [`WAITERS_MAX`].
    pub fn waiters_max(mut self, waiters: usize) -> Result<Self, InvalidSetting> {
        number("waiters", waiters, 0, WAITERS_MAX)?;
        self.waiters = waiters;
        Ok(self)
    }

    /// Lets nobody stand in line for longer than `wait`; 30 s unless told,
    /// after which a backoff has better things to do.
    ///
    /// # Errors
    ///
    /// A time outside [`TIME_MIN`] and [`TIME_MAX`].
    pub fn wait_max(mut self, wait: Duration) -> Result<Self, InvalidSetting> {
        if wait < TIME_MIN || wait > TIME_MAX {
            return Err(InvalidSetting::Time {
                setting: "wait",
                value: wait,
                least: TIME_MIN,
                most: TIME_MAX,
            });
        }
        self.wait = wait;
        Ok(self)
    }
}

/// Refuses a count outside its bounds.
fn number(
    setting: &'static str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<(), InvalidSetting> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(InvalidSetting::Number {
        setting,
        value: value as u64,
        least: least as u64,
        most: most as u64,
    })
}
