//! What a world is like, as its maker says; what happens in it is the plan's to say.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::disk::Unsynced;
use crate::trace::LINES_KEPT;

/// How long a run may go on after its last fault by default, in simulated time.
const RECOVERY: Duration = Duration::from_secs(120);

/// What a world is like.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a message travels; whole milliseconds, drawn for each by itself.
    pub latency: RangeInclusive<Duration>,
    /// How far each step goes. Messages arrive and faults strike between steps; shorter
    /// steps cost time and find little.
    pub tick: Duration,
    /// How long a run may go on after its last fault; one that is not done then has failed.
    pub recovery: Duration,
    /// What a power loss does to unsynced writes.
    pub unsynced: Unsynced,
    /// How many lines of its trace are kept.
    pub lines_kept: usize,
}

// === impl Settings ===

/// What is right for most worlds: 1 to 20 ms of latency, steps of 5 ms, two minutes to
/// recover after the last fault, and nothing unsynced survives a power loss.
impl Default for Settings {
    fn default() -> Self {
        Self {
            recovery: RECOVERY,
            latency: Duration::from_millis(1)..=Duration::from_millis(20),
            tick: Duration::from_millis(5),
            unsynced: Unsynced::Lost,
            lines_kept: LINES_KEPT,
        }
    }
}
