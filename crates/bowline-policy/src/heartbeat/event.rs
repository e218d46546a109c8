//! What happened to a heartbeat, for those who watch.

use std::time::Duration;

/// What a heartbeat did or noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A probe was made, ahead of what is queued.
    Probed {
        /// The interval it named.
        next_interval: Duration,
    },
    /// An answer came, and it is known to which probe.
    Answered {
        /// From when the probe was asked for to when the answer was read.
        round_trip: Duration,
    },
    /// Timeouts passed without a byte.
    Missed {
        /// How many in this silence so far.
        in_a_row: u32,
    },
    /// A late timer, a clock jump or a pause leaves unknown how long the peer was
    /// silent: one fresh probe and one timeout decide.
    Doubted,
}

/// What a [`Prober`](super::Prober) counted since its connection began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Probes advised.
    pub probes: u64,
    /// Timeouts that passed without a byte.
    pub missed: u64,
    /// How many of them in the silence that runs.
    pub in_a_row: u32,
    /// Silences of which the length was in doubt.
    pub doubted: u64,
    /// How long the last measured answer took.
    pub round_trip: Option<Duration>,
}
