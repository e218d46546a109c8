//! Where on its ladder a heartbeat stands. It knows no instants, only how long
//! the link was in good order.

use std::time::Duration;

use super::Policy;

#[derive(Debug)]
pub(super) struct Climb {
    rung: Duration,
    /// Time in good order since the last step.
    good: Duration,
}

// === impl Climb ===

impl Climb {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            rung: policy.ladder().start,
            good: Duration::ZERO,
        }
    }

    /// The interval that the link deserves.
    pub(super) fn rung(&self) -> Duration {
        self.rung
    }

    /// Credits a silence that a byte ended in time. No more of it is believed
    /// than one probe can prove: a suspend is no sign of a good link.
    pub(super) fn well_for(&mut self, silence: Duration, policy: &Policy) {
        self.good += silence.min(self.rung + policy.timeout());
        if self.good >= self.rung * policy.climb_after() {
            self.rung = policy.above(self.rung);
            self.good = Duration::ZERO;
        }
    }

    /// An answer was missed.
    pub(super) fn drop_to_fast(&mut self, policy: &Policy) {
        self.rung = policy.ladder().fast;
        self.good = Duration::ZERO;
    }
}
