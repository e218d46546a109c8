//! Time that passed unseen: a suspend, in which the monotonic clock stops and
//! the wall clock does not, or a process that was stopped, whose timers are late.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::WallClock;
use bowline_policy::heartbeat::{ClockJump, JUMP_DEFAULT, Jump};
use tokio::time::Instant;

/// How often both clocks are compared: a suspend is noticed this long after the
/// wake at the latest, and an idle link costs one wake-up in that time.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What is done about a leap is spread over this long: virtual machines of one
/// host stop and wake together.
pub(super) const LEAP_SPLAY: Duration = Duration::from_secs(2);

/// Time that passed unseen.
pub(super) struct Leap {
    pub(super) by: Duration,
    /// How much of it our own clock did not see either.
    pub(super) slept: Duration,
}

/// Compares two clocks now and then; never, without a wall clock.
pub(crate) struct Leaps {
    wall: Option<Arc<dyn WallClock>>,
    jump: ClockJump,
    look_at: Option<Instant>,
}

// === impl Leaps ===

impl Leaps {
    pub(crate) fn new(wall: Option<Arc<dyn WallClock>>) -> Self {
        Self {
            wall,
            jump: ClockJump::default(),
            look_at: None,
        }
    }

    /// Begins a time in which somebody waits for [`look_at`](Self::look_at). What
    /// leapt before it is nobody's concern any more.
    pub(super) fn begin(&mut self, now: Instant) {
        if let Some(wall) = &self.wall {
            let _earlier = self.jump.look(now.into_std(), wall.now());
            self.look_at = Some(now + LOOK_EVERY);
        }
    }

    /// When to look.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Looks, if it is time to, whether time passed unseen.
    pub(super) fn look(&mut self, now: Instant) -> Option<Leap> {
        let (wall, due) = (self.wall.as_ref()?, self.look_at?);
        if now < due {
            return None;
        }
        self.look_at = Some(now + LOOK_EVERY);
        // A clock that was set back is no time that passed.
        let slept = match self.jump.look(now.into_std(), wall.now()) {
            Some(Jump::Ahead(by)) => by,
            Some(Jump::Back(_)) | None => Duration::ZERO,
        };
        let by = slept.max(now - due);
        (by > JUMP_DEFAULT).then_some(Leap { by, slept })
    }
}
