//! Something that happens once, and those who wait for it. Not a `CancellationToken`: to ask
//! that one takes a lock, and every call asks three times.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

/// Off, and then on for ever.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    on: AtomicBool,
    heard: Arc<Notify>,
}

// === impl Signal ===

impl Signal {
    /// Turns it on, and wakes who waits, in the order they came.
    pub(crate) fn set(&self) {
        if !self.on.swap(true, Ordering::SeqCst) {
            self.heard.notify_waiters();
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.on.load(Ordering::SeqCst)
    }

    /// Completes when it is turned on from now on; whether it has been is to be asked
    /// afterwards.
    pub(crate) fn change(&self) -> OwnedNotified {
        Arc::clone(&self.heard).notified_owned()
    }

    /// Completes when it is on.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + Send + use<> {
        // From before the look on.
        let change = self.change();
        let is_set = self.is_set();
        async move {
            if !is_set {
                change.await;
            }
        }
    }
}
