//! What can go wrong, as a closed vocabulary: every fault this simulator knows is a
//! variant here, and what it looks like from an application is said here and nowhere else.
//!
//! The behaviour is that of TCP on Linux:
//!
//! | fault | a dial to or from the target | an established stream |
//! |---|---|---|
//! | [`Stall`](Fault::Stall) | hangs, and succeeds once it is lifted | bytes, ends and resets in that direction wait and arrive when it is lifted; writes succeed until the window is full, then wait |
//! | [`Reset`](Fault::Reset) | unharmed | the next operation at *either* end fails with `ConnectionReset`; after that reads end and writes fail with `BrokenPipe` |
//! | [`Crash`](Fault::Crash) | `ConnectionRefused` after a round trip, until the process is back and listens | the peer reads what was sent, then the end, or `ConnectionReset` where the dead process had unread data; what it writes later is lost, and after a round trip fails with `BrokenPipe` |
//! | [`PowerLoss`](Fault::PowerLoss) | hangs until power is back, then `ConnectionRefused` until somebody listens | silence, never an end; writes succeed until the window is full. Once power is back: where bytes were unacknowledged `ConnectionReset` after a round trip, otherwise at the first operation that follows the next write by a round trip |

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that goes wrong with a target for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// Bytes stop, and arrive when it is lifted; nothing is lost, nothing refused.
    ///
    /// This is a short partition as TCP shows it: the kernels retransmit.
    Stall {
        /// Which bytes, seen from the target.
        direction: Direction,
    },
    /// Every stream of the target is reset at both ends; it takes no time.
    Reset,
    /// The process is killed as by `kill -9`; its kernel goes on and answers for it.
    ///
    /// What it had written to its disk survives. It is started again afterwards.
    Crash,
    /// The machine loses power: it neither answers nor says goodbye.
    ///
    /// Of what its disk had not synced, see [`Unsynced`](crate::disk::Unsynced).
    /// It is started again afterwards.
    PowerLoss,
}

/// Which way bytes go, seen from the target of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Bytes to the target.
    Inbound,
    /// Bytes from the target.
    Outbound,
    /// Both: a partition.
    Both,
}

// === impl Fault ===

impl Fault {
    /// Whether it happens at once, so that a step of it lasts for no time.
    pub fn is_instant(self) -> bool {
        match self {
            Self::Reset => true,
            Self::Stall { .. } | Self::Crash | Self::PowerLoss => false,
        }
    }

    /// Whether it stops the software of its target, which is then a host.
    pub fn stops_software(self) -> bool {
        match self {
            Self::Crash | Self::PowerLoss => true,
            Self::Stall { .. } | Self::Reset => false,
        }
    }

    /// Whether both at once on one target would be no more than one of them.
    ///
    /// Stalls collide whatever their direction; so do crash and power loss.
    pub fn collides_with(self, other: Self) -> bool {
        match self {
            Self::Stall { .. } => matches!(other, Self::Stall { .. }),
            Self::Reset => matches!(other, Self::Reset),
            Self::Crash | Self::PowerLoss => other.stops_software(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stall { direction } => match direction {
                Direction::Inbound => "stall inbound",
                Direction::Outbound => "stall outbound",
                Direction::Both => "stall",
            },
            Self::Reset => "reset",
            Self::Crash => "crash",
            Self::PowerLoss => "power loss",
        })
    }
}

// === impl Direction ===

impl Direction {
    /// Whether bytes to the target are meant.
    pub(crate) fn is_inbound(self) -> bool {
        matches!(self, Self::Inbound | Self::Both)
    }

    /// Whether bytes from the target are meant.
    pub(crate) fn is_outbound(self) -> bool {
        matches!(self, Self::Outbound | Self::Both)
    }
}
