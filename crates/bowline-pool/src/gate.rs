//! Whether the pool lends at present and how many callers stand in line, in one
//! number, so that a caller learns both with one look. It orders nobody: the
//! line itself is the rack's.

use std::sync::atomic::{AtomicUsize, Ordering};

/// For good: nobody is served any more.
const CLOSED: usize = 1;
/// Nothing is lent for the moment.
const HELD: usize = 1 << 1;
/// While nothing is lent, nobody may wait either.
const TURNED_AWAY: usize = 1 << 2;
/// Nobody answers our dials, and has not for too long.
const DOWN: usize = 1 << 3;
const CALLER: usize = 1 << 4;

/// Zero while everything is as it should be and nobody waits: the whole
/// condition of the fast path.
///
/// Everything here is sequentially consistent: the pool's wake-ups rest on who
/// sees whose announcement.
#[derive(Debug)]
pub(crate) struct Gate(AtomicUsize);

/// A place among those who wait, given up when dropped.
#[derive(Debug)]
pub(crate) struct Ticket<'a>(&'a Gate);

/// Why nobody may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Closed,
    Suspended,
    Down,
    Full,
}

// === impl Gate ===

impl Gate {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Nobody waits, and nothing keeps us from lending.
    #[inline]
    pub(crate) fn is_clear(&self) -> bool {
        self.get() == 0
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.get() & CLOSED != 0
    }

    /// Nothing is lent, for good or for the moment.
    #[inline]
    pub(crate) fn is_shut(&self) -> bool {
        self.get() & (CLOSED | HELD) != 0
    }

    /// Nothing is lent for the moment.
    pub(crate) fn is_held(&self) -> bool {
        self.get() & HELD != 0
    }

    pub(crate) fn is_down(&self) -> bool {
        self.get() & DOWN != 0
    }

    /// Why nobody may wait, if so.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        refusal(self.get())
    }

    /// The callers who wait.
    #[inline]
    pub(crate) fn in_line(&self) -> usize {
        self.get() / CALLER
    }

    /// Announces a caller, unless `most` wait already.
    pub(crate) fn join(&self, most: usize) -> Result<Ticket<'_>, Refusal> {
        let joined = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |gate| {
                (refusal(gate).is_none() && gate / CALLER < most).then_some(gate + CALLER)
            });
        match joined {
            Ok(_) => Ok(Ticket(self)),
            Err(gate) => Err(refusal(gate).unwrap_or(Refusal::Full)),
        }
    }

    /// Closes for good; true for the one who did it.
    pub(crate) fn close(&self) -> bool {
        self.0.fetch_or(CLOSED, Ordering::SeqCst) & CLOSED == 0
    }

    /// Lends nothing until [`release`](Self::release).
    pub(crate) fn hold(&self, turn_away: bool) {
        let bits = if turn_away { HELD | TURNED_AWAY } else { HELD };
        self.0.fetch_or(bits, Ordering::SeqCst);
        if !turn_away {
            self.0.fetch_and(!TURNED_AWAY, Ordering::SeqCst);
        }
    }

    /// Lends again; true for the one who did it.
    pub(crate) fn release(&self) -> bool {
        self.0.fetch_and(!(HELD | TURNED_AWAY), Ordering::SeqCst) & HELD != 0
    }

    /// Says whether anybody answers our dials; true if that is news.
    pub(crate) fn set_down(&self, down: bool) -> bool {
        let before = if down {
            self.0.fetch_or(DOWN, Ordering::SeqCst)
        } else {
            self.0.fetch_and(!DOWN, Ordering::SeqCst)
        };
        (before & DOWN != 0) != down
    }

    #[inline]
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

fn refusal(gate: usize) -> Option<Refusal> {
    if gate & CLOSED != 0 {
        Some(Refusal::Closed)
    } else if gate & TURNED_AWAY != 0 {
        Some(Refusal::Suspended)
    } else if gate & DOWN != 0 && gate & HELD == 0 {
        Some(Refusal::Down)
    } else {
        None
    }
}

// === impl Ticket ===

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(CALLER, Ordering::SeqCst);
    }
}
