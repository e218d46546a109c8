//! How many connections may be open or opening at once. It counts, and knows
//! nothing of what is counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// The limit, and how much of it is taken.
///
/// It holds no permits: a limit that shrinks would leave permits out that
/// nobody can call back, while a count compared at each claim owes nothing.
#[derive(Debug)]
pub(crate) struct Budget {
    max: usize,
    open: AtomicUsize,
    freed: Notify,
}

/// The right to one connection, claimed before the dial and kept in the
/// connection until it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    budget: Arc<Budget>,
}

// === impl Budget ===

impl Budget {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            open: AtomicUsize::new(0),
            freed: Notify::new(),
        }
    }

    /// A seat, unless all are taken.
    pub(crate) fn claim(self: &Arc<Self>) -> Option<Seat> {
        self.open
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |open| {
                (open < self.max).then_some(open + 1)
            })
            .ok()?;
        Some(Seat {
            budget: Arc::clone(self),
        })
    }

    /// The seats taken: connections open and opening.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.open() >= self.max
    }

    /// Waits until a seat has been given back since the last wait.
    ///
    /// # Cancellation
    ///
    /// What was not yet reported is reported to the next wait.
    pub(crate) async fn freed(&self) {
        self.freed.notified().await;
    }
}

// === impl Seat ===

impl Drop for Seat {
    fn drop(&mut self) {
        let before = self.budget.open.fetch_sub(1, Ordering::SeqCst);
        debug_assert!(before > 0, "a seat is given back once");
        self.budget.freed.notify_one();
    }
}
