//! How long an application was awake. Limits of what it notices by itself are counted in
//! that time: a process that is stopped notices nothing, and a clock that leaps proves
//! nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowline_sim::scenario::Node;

use super::Shared;

/// How often it looks at the clock. What lasts longer between two looks was no waking.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// A clock that stands still while the application does. Clones are one clock.
#[derive(Debug, Clone)]
pub(super) struct Watch {
    node: Node<Shared>,
    read: Arc<Mutex<Read>>,
}

#[derive(Debug, Clone, Copy)]
struct Read {
    awake: Duration,
    at: Duration,
}

// === impl Watch ===

impl Watch {
    pub(super) fn new(node: Node<Shared>) -> Self {
        let (awake, at) = (Duration::ZERO, node.elapsed());
        let read = Arc::new(Mutex::new(Read { awake, at }));
        Self { node, read }
    }

    /// How long the application has been awake.
    pub(super) fn awake(&self) -> Duration {
        self.at(self.node.elapsed())
    }

    /// Says that the application is awake; to be told each [`TICK`].
    pub(super) fn tick(&self) {
        let at = self.node.elapsed();
        let awake = self.at(at);
        // Both fields are set at once, so a panic leaves a whole reading.
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = Read { awake, at };
    }

    fn at(&self, now: Duration) -> Duration {
        let read = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        // A timer fires up to a millisecond late.
        let longest = TICK + Duration::from_millis(2);
        read.awake + now.saturating_sub(read.at).min(longest)
    }
}
