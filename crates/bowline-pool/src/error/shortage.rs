//! How a pool stood when it had nothing to hand out, so that the message alone
//! explains an outage.

use std::fmt;
use std::time::Duration;

use super::{Chain, DialError};

/// What a caller who got nothing would see of the pool.
///
/// The numbers are read one after another while the pool goes on, so they may
/// not add up exactly.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Shortage {
    /// What the caller waited for when it gave up.
    pub step: Step,
    /// How long it stood in line.
    pub waited: Duration,
    /// The most connections there may be.
    pub max: usize,
    /// Connections with callers.
    pub in_use: usize,
    /// Connections parked.
    pub idle: usize,
    /// Dials under way.
    pub dialing: usize,
    /// Connections being checked, or waiting for it.
    pub checking: usize,
    /// Callers in line, this one among them.
    pub waiting: usize,
    /// What the last dial met, if it failed.
    pub last_dial: Option<LastDial>,
}

/// A dial that failed, and how long ago.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LastDial {
    /// Why.
    pub error: DialError,
    /// How long ago.
    pub ago: Duration,
}

/// What stood between a caller and its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// All connections there may be were with other callers.
    Wait,
    /// A connection had to be opened.
    Connect,
    /// Those parked were being checked.
    Check,
}

// === impl Shortage ===

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "in {:?}: {} of {} in use, {} idle, {} waiting",
            in_millis(self.waited),
            self.in_use,
            self.max,
            self.idle,
            self.waiting
        )?;
        for (count, what) in [
            (self.dialing, "connecting"),
            (self.checking, "being checked"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if let Some(LastDial { error, ago }) = &self.last_dial {
            let ago = in_millis(*ago);
            write!(f, "; last connect error {ago:?} ago: {}", Chain(error))?;
        }
        Ok(())
    }
}

/// Nobody reads nanoseconds.
fn in_millis(time: Duration) -> Duration {
    let nanos = Duration::from_nanos((time.subsec_nanos() % 1_000_000).into());
    time - nanos
}

// === impl Step ===

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Wait => "wait",
            Self::Connect => "connect",
            Self::Check => "check",
        })
    }
}
