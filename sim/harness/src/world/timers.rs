//! Leaps of one host's monotonic clock. The world orders them between steps, and they are
//! done inside the host, since tokio's clock can only be moved from there.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

/// The clock by which the timers of one host go; clones are one clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers {
    shared: Rc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// How far it has to leap in the next step.
    ordered: Cell<Duration>,
    changed: Notify,
}

// === impl Timers ===

impl Timers {
    /// Orders a leap ahead. Of timers that it passes all are late at once.
    pub(super) fn leap(&self, by: Duration) {
        let ordered = self.shared.ordered.get();
        self.shared.ordered.set(ordered.saturating_add(by));
        self.shared.changed.notify_one();
    }

    /// Does what is ordered, on the runtime of the host, until it is dropped.
    ///
    /// # Cancellation
    ///
    /// A leap is done as soon as this is polled, and whole.
    pub(super) async fn follow(&self, tick: Duration) -> Infallible {
        loop {
            self.shared.changed.notified().await;
            let by = self.shared.ordered.take();
            // A step ends once the host's clock has gone a tick further, and the leap brings
            // it there: without a tick of its own the leap would be shorter by that.
            if !by.is_zero() {
                tokio::time::advance(by.saturating_add(tick)).await;
            }
        }
    }
}
