//! Where the calls of a link go now. The driver puts it there, the handles look.

use std::mem;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::connection::Live;

/// Where calls go now.
pub(crate) enum Target<S> {
    Down,
    Live(Arc<Live<S>>),
    Closed,
}

/// The target, and the line of those who wait for it to change.
///
/// Not a `watch`: that one wakes its receivers in an order it draws at random, and the
/// calls of two tasks would go out in another order each time the same seed is played.
pub(crate) struct Slot<S> {
    target: RwLock<Target<S>>,
    changed: Arc<Notify>,
}

// === impl Slot ===

impl<S> Slot<S> {
    pub(crate) fn new() -> Self {
        Self {
            target: RwLock::new(Target::Down),
            changed: Arc::new(Notify::new()),
        }
    }

    /// Puts `target` in place, wakes who waits, in the order they came, and returns what was
    /// there.
    pub(crate) fn replace(&self, target: Target<S>) -> Target<S> {
        let mut place = self.target.write().unwrap_or_else(PoisonError::into_inner);
        let before = mem::replace(&mut *place, target);
        drop(place);
        self.changed.notify_waiters();
        before
    }

    /// The connection that takes calls now, if there is one.
    pub(crate) fn live(&self) -> Option<Arc<Live<S>>> {
        match &*self.target.read().unwrap_or_else(PoisonError::into_inner) {
            Target::Live(live) if !live.connection.is_over() => Some(Arc::clone(live)),
            Target::Live(_) | Target::Down | Target::Closed => None,
        }
    }

    /// Completes when the slot has changed from what it is now, polled or not.
    pub(crate) fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.changed).notified_owned()
    }
}
