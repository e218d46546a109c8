//! Noticing a suspend: the wall clock went on, the monotonic one did not. It
//! reads neither clock itself.

use std::time::{Duration, Instant, SystemTime};

/// The least difference that counts as a jump, unless told: well above the
/// eighth of a second from which time daemons step a clock, well below what a
/// peer notices of a suspend.
pub const JUMP_DEFAULT: Duration = Duration::from_secs(1);

/// Compares what two clocks say passed between two looks at both.
///
/// Only the last look is remembered, so a clock that drifts slowly never adds
/// up to a jump.
#[derive(Debug)]
pub struct ClockJump {
    tolerance: Duration,
    last: Option<(Instant, SystemTime)>,
}

/// How far the wall clock moved against the monotonic one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jump {
    /// Forward: a suspend, or the clock was set.
    Ahead(Duration),
    /// Backward: the clock was set.
    Back(Duration),
}

// === impl ClockJump ===

impl ClockJump {
    /// Reports jumps of more than `tolerance`; see [`JUMP_DEFAULT`].
    pub fn new(tolerance: Duration) -> Self {
        Self {
            tolerance,
            last: None,
        }
    }

    /// Takes a look at both clocks, read together, and reports a jump since the
    /// last look.
    pub fn look(&mut self, now: Instant, wall: SystemTime) -> Option<Jump> {
        let (then, wall_then) = self.last.replace((now, wall))?;
        let passed = now.saturating_duration_since(then);
        let expected = wall_then.checked_add(passed)?;
        let jump = match wall.duration_since(expected) {
            Ok(by) => Jump::Ahead(by),
            Err(back) => Jump::Back(back.duration()),
        };
        (jump.by() > self.tolerance).then_some(jump)
    }
}

impl Default for ClockJump {
    fn default() -> Self {
        Self::new(JUMP_DEFAULT)
    }
}

// === impl Jump ===

impl Jump {
    /// How far, in either direction.
    pub fn by(&self) -> Duration {
        match *self {
            Self::Ahead(by) | Self::Back(by) => by,
        }
    }
}
