//! How many connections may be open or opening at once. It counts, and knows
//! nothing of what is counted.
//!
//! It holds no permits: a limit that shrinks would leave permits out that nobody
//! can call back, while a count compared at each claim owes nothing.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::settings::{self, CONNECTIONS_MAX, InvalidSettings};

/// A limit on connections that several pools share.
///
/// Each pool keeps its own `max` beside it. Where the pools want more than there
/// is, those above their `min` give up what lies idle, and whoever has fewest is
/// served first; so a pool that nobody asks pays for one that is asked, and two
/// that are both asked end up with the same number, give or take one. With fewer
/// connections than pools that are asked without a pause, one of them may be the
/// one that has none.
///
/// Clones are the same budget.
#[derive(Clone)]
pub struct Budget {
    purse: Arc<Purse>,
}

struct Purse {
    max: AtomicUsize,
    open: AtomicUsize,
    /// How many of the sharers are pinched.
    pinched: AtomicUsize,
    sharers: Mutex<Vec<Arc<Share>>>,
}

/// What one pool has of it.
struct Share {
    max: AtomicUsize,
    open: AtomicUsize,
    /// Its callers wait for a seat that the others have.
    pinched: AtomicBool,
    /// Wakes the pool's keeper to look again.
    nudge: Notify,
    /// Told each time a seat came free.
    left: Notify,
}

/// One pool's account: its own limit, and the budget that it shares, if any.
pub(crate) struct Quota {
    share: Arc<Share>,
    budget: Option<Budget>,
}

/// The right to one connection, claimed before the dial and kept in the
/// connection until it is dropped.
pub(crate) struct Seat {
    share: Arc<Share>,
    slice: Option<Slice>,
}

/// A seat's part of the budget.
struct Slice(Budget);

// === impl Budget ===

impl Budget {
    /// Allows at most `max` connections, open and opening together, to all who
    /// share it.
    ///
    /// # Errors
    ///
    /// `max` is zero or over [`CONNECTIONS_MAX`].
    pub fn new(max: usize) -> Result<Self, InvalidSettings> {
        settings::number("budget", max, CONNECTIONS_MAX)?;
        Ok(Self {
            purse: Arc::new(Purse {
                max: AtomicUsize::new(max),
                open: AtomicUsize::new(0),
                pinched: AtomicUsize::new(0),
                sharers: Mutex::default(),
            }),
        })
    }

    /// Changes the limit. More may be opened at once; while there are too many,
    /// what is parked is closed at once and what is lent when it comes back.
    ///
    /// # Errors
    ///
    /// `max` is zero or over [`CONNECTIONS_MAX`]; the limit stays as it was.
    pub fn resize(&self, max: usize) -> Result<(), InvalidSettings> {
        settings::number("budget", max, CONNECTIONS_MAX)?;
        self.purse.max.store(max, Ordering::SeqCst);
        for share in self.sharers().iter() {
            share.nudge.notify_one();
        }
        Ok(())
    }

    /// The limit.
    pub fn max(&self) -> usize {
        self.purse.max.load(Ordering::SeqCst)
    }

    /// Connections open and opening, of all who share it.
    pub fn open(&self) -> usize {
        self.purse.open.load(Ordering::SeqCst)
    }

    fn slice(&self) -> Option<Slice> {
        let claimed = claim(&self.purse.open, &self.purse.max);
        claimed.then(|| Slice(self.clone()))
    }

    /// Wakes whoever waits for a seat.
    fn nudge_pinched(&self) {
        if !self.is_pinched() {
            return;
        }
        for share in self.sharers().iter() {
            if share.pinched.load(Ordering::SeqCst) {
                share.nudge.notify_one();
            }
        }
    }

    fn is_pinched(&self) -> bool {
        self.purse.pinched.load(Ordering::SeqCst) > 0
    }

    /// Whether somebody else is pinched of whom `holds` says so by its count.
    fn owes(&self, share: &Arc<Share>, holds: impl Fn(usize) -> bool) -> bool {
        self.is_pinched()
            && self.sharers().iter().any(|other| {
                !Arc::ptr_eq(other, share)
                    && other.pinched.load(Ordering::SeqCst)
                    && holds(other.open.load(Ordering::SeqCst))
            })
    }

    fn sharers(&self) -> MutexGuard<'_, Vec<Arc<Share>>> {
        // Pushed and removed whole, so what a panic leaves is whole.
        self.purse
            .sharers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("max", &self.max())
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}

// === impl Quota ===

impl Quota {
    pub(crate) fn new(max: usize, budget: Option<Budget>) -> Self {
        let share = Arc::new(Share {
            max: AtomicUsize::new(max),
            open: AtomicUsize::new(0),
            pinched: AtomicBool::new(false),
            nudge: Notify::new(),
            left: Notify::new(),
        });
        if let Some(budget) = &budget {
            budget.sharers().push(Arc::clone(&share));
        }
        Self { share, budget }
    }

    /// A seat, unless all are taken, or somebody who has fewer waits for one.
    pub(crate) fn claim(&self) -> Option<Seat> {
        if let Some(budget) = &self.budget {
            let ours = self.open();
            if budget.owes(&self.share, |theirs| theirs < ours) {
                return None;
            }
        }
        // Nothing is taken in vain: whoever gives back wakes those who wait, and
        // a keeper that failed would wake itself for ever.
        if self.is_full() {
            return None;
        }
        let slice = match &self.budget {
            Some(budget) => Some(budget.slice()?),
            None => None,
        };
        claim(&self.share.open, &self.share.max).then(|| Seat {
            share: Arc::clone(&self.share),
            slice,
        })
    }

    /// The seats taken: connections open and opening.
    #[inline]
    pub(crate) fn open(&self) -> usize {
        self.share.open.load(Ordering::SeqCst)
    }

    pub(crate) fn max(&self) -> usize {
        self.share.max.load(Ordering::SeqCst)
    }

    pub(crate) fn set_max(&self, max: usize) {
        self.share.max.store(max, Ordering::SeqCst);
    }

    /// Whether the pool's own limit is reached.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.open() >= self.max()
    }

    /// Whether a limit was lowered below what is open.
    #[inline]
    pub(crate) fn is_over(&self) -> bool {
        self.open() > self.max()
            || self
                .budget
                .as_ref()
                .is_some_and(|budget| budget.open() > budget.max())
    }

    /// Whether a connection more than `min` should be closed for those who share
    /// the budget: one that lies idle for whoever waits, one that is in demand
    /// here only for a pool that has two fewer. None while a seat is free: they
    /// take that one first, and say so if it was not enough.
    #[inline]
    pub(crate) fn should_yield(&self, in_demand: bool, min: usize) -> bool {
        let Some(budget) = &self.budget else {
            return false;
        };
        if !budget.is_pinched() || budget.open() < budget.max() {
            return false;
        }
        let ours = self.open();
        ours > min && budget.owes(&self.share, |theirs| !in_demand || ours > theirs + 1)
    }

    /// Tells those who share the budget that somebody waits here in vain; `anew`
    /// if they were told before, and one seat more was not enough.
    pub(crate) fn pinch(&self, anew: bool) {
        let Some(budget) = &self.budget else {
            return;
        };
        let told = self.share.pinched.swap(true, Ordering::SeqCst);
        if !told {
            budget.purse.pinched.fetch_add(1, Ordering::SeqCst);
        }
        if !told || anew {
            for share in budget.sharers().iter() {
                share.nudge.notify_one();
            }
        }
    }

    /// Takes that back.
    pub(crate) fn unpinch(&self) {
        let Some(budget) = &self.budget else {
            return;
        };
        // Looked at first: most who ask change nothing.
        if !self.share.pinched.load(Ordering::SeqCst)
            || !self.share.pinched.swap(false, Ordering::SeqCst)
        {
            return;
        }
        budget.purse.pinched.fetch_sub(1, Ordering::SeqCst);
        // Whoever let us go first may go now.
        budget.nudge_pinched();
    }

    /// Wakes the keeper to look again.
    pub(crate) fn nudge(&self) {
        self.share.nudge.notify_one();
    }

    /// Waits for that, and for each seat that comes free.
    ///
    /// # Cancellation
    ///
    /// What was not yet reported is reported to the next wait.
    pub(crate) async fn nudged(&self) {
        self.share.nudge.notified().await;
    }

    /// Waits until no seat is taken.
    ///
    /// # Cancellation
    ///
    /// Nothing remains.
    pub(crate) async fn emptied(&self) {
        loop {
            let mut left = std::pin::pin!(self.share.left.notified());
            left.as_mut().enable();
            if self.open() == 0 {
                return;
            }
            left.await;
        }
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        self.unpinch();
        if let Some(budget) = &self.budget {
            budget
                .sharers()
                .retain(|share| !Arc::ptr_eq(share, &self.share));
        }
    }
}

impl fmt::Debug for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Quota")
            .field("max", &self.max())
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}

// === impl Seat ===

impl Drop for Seat {
    fn drop(&mut self) {
        // First, so that whoever waits for the pool to be empty sees it whole.
        drop(self.slice.take());
        free(&self.share.open);
        self.share.nudge.notify_one();
        self.share.left.notify_waiters();
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").finish_non_exhaustive()
    }
}

// === impl Slice ===

impl Drop for Slice {
    fn drop(&mut self) {
        free(&self.0.purse.open);
        self.0.nudge_pinched();
    }
}

fn claim(open: &AtomicUsize, max: &AtomicUsize) -> bool {
    let claimed = open.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |open| {
        (open < max.load(Ordering::SeqCst)).then_some(open + 1)
    });
    claimed.is_ok()
}

fn free(open: &AtomicUsize) {
    let before = open.fetch_sub(1, Ordering::SeqCst);
    debug_assert!(before > 0, "a seat is given back once");
}

#[cfg(test)]
mod tests;
