//! Whether the pool is closed and how many callers stand in line, in one
//! number, so that a caller learns both with one look. It orders nobody: the
//! line itself is the rack's.

use std::sync::atomic::{AtomicUsize, Ordering};

const CLOSED: usize = 1;
const CALLER: usize = 2;

/// Zero while the pool is open and nobody waits.
///
/// Everything here is sequentially consistent: the pool's wake-ups rest on who
/// sees whose announcement.
#[derive(Debug)]
pub(crate) struct Gate(AtomicUsize);

/// A place among those who wait, given up when dropped.
#[derive(Debug)]
pub(crate) struct Ticket<'a>(&'a Gate);

/// Why nobody else may join.
#[derive(Debug)]
pub(crate) enum Refusal {
    Closed,
    Full,
}

// === impl Gate ===

impl Gate {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Nobody waits and the pool is open.
    pub(crate) fn is_clear(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Ordering::SeqCst) & CLOSED != 0
    }

    /// The callers who wait.
    pub(crate) fn in_line(&self) -> usize {
        self.0.load(Ordering::SeqCst) / CALLER
    }

    /// Announces a caller, unless `most` wait already.
    pub(crate) fn join(&self, most: usize) -> Result<Ticket<'_>, Refusal> {
        let joined = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |gate| {
                (gate & CLOSED == 0 && gate / CALLER < most).then_some(gate + CALLER)
            });
        match joined {
            Ok(_) => Ok(Ticket(self)),
            Err(gate) if gate & CLOSED != 0 => Err(Refusal::Closed),
            Err(_) => Err(Refusal::Full),
        }
    }

    /// Closes for good; true for the one who did it.
    pub(crate) fn close(&self) -> bool {
        self.0.fetch_or(CLOSED, Ordering::SeqCst) & CLOSED == 0
    }
}

// === impl Ticket ===

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(CALLER, Ordering::SeqCst);
    }
}
