//! What is known of every open connection, wherever it is: with whom since when,
//! and whether it was called back. It holds no connection.

use std::collections::BTreeMap;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_link::Endpoint;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::origin::Origin;

/// The open connections, in the order in which they were opened.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<BTreeMap<u64, Arc<Entry>>>,
    given: AtomicU64,
    /// How many of them will soon be too old, as of the last sweep; changed
    /// under the lock of the entries.
    retiring: AtomicUsize,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) origin: Arc<Origin>,
    /// The pool's generation in which it was opened.
    pub(crate) generation: u64,
    pub(crate) opened_at: Instant,
    /// Nanoseconds from then to when it was lent, and one; 0 while it is not.
    lent_at: AtomicU64,
    /// The same of the loan that was last told as a suspected leak.
    told: AtomicU64,
    /// Where the location of the last loan lies in memory: as long as it is the
    /// same place that borrows, nothing need be locked.
    place: AtomicUsize,
    plan: Mutex<Plan>,
    called_back: AtomicBool,
    recall: Notify,
}

#[derive(Debug, Default)]
struct Plan {
    location: Option<&'static Location<'static>>,
    retires_at: Option<Instant>,
    /// It is counted among those that retire.
    retiring: bool,
}

/// A connection that is with a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lent {
    /// Its number in this pool, from 1.
    pub id: u64,
    /// The other side.
    pub endpoint: Endpoint,
    /// The line of code that borrowed it.
    pub location: &'static Location<'static>,
    /// For how long it has been lent.
    pub lent_for: Duration,
}

// === impl Ledger ===

impl Ledger {
    pub(crate) fn enter(
        &self,
        origin: Arc<Origin>,
        generation: u64,
        opened_at: Instant,
    ) -> Arc<Entry> {
        // Only that each number is given once matters.
        let id = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let entry = Arc::new(Entry {
            id,
            origin,
            generation,
            opened_at,
            lent_at: AtomicU64::new(0),
            told: AtomicU64::new(0),
            place: AtomicUsize::new(0),
            plan: Mutex::default(),
            called_back: AtomicBool::new(false),
            recall: Notify::new(),
        });
        self.entries().insert(id, Arc::clone(&entry));
        entry
    }

    pub(crate) fn strike(&self, entry: &Entry) {
        let mut entries = self.entries();
        let struck = entries.remove(&entry.id);
        if struck.is_some_and(|entry| entry.plan().retiring) {
            self.retiring.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Those lent for `lent_for` at least, the oldest first.
    pub(crate) fn lent(&self, now: Instant, lent_for: Duration) -> Vec<Lent> {
        let lent = self
            .entries()
            .values()
            .filter_map(|e| e.lent(now))
            .collect();
        Self::longest(lent, lent_for)
    }

    /// The same, and each of them only once for each loan.
    pub(crate) fn newly_lent_for(&self, now: Instant, lent_for: Duration) -> Vec<Lent> {
        let entries = self.entries();
        let untold = entries.values().filter_map(|entry| {
            let lent = entry.lent(now)?;
            let loan = entry.lent_at.load(Ordering::Relaxed);
            let new = lent.lent_for >= lent_for && entry.told.swap(loan, Ordering::Relaxed) != loan;
            new.then_some(lent)
        });
        Self::longest(untold.collect(), lent_for)
    }

    /// Counts those that retire before `at`.
    pub(crate) fn note_retiring(&self, at: Instant) {
        let entries = self.entries();
        let retiring = entries.values().filter(|entry| entry.note_retiring(at));
        self.retiring.store(retiring.count(), Ordering::SeqCst);
    }

    /// How many of them are open still.
    pub(crate) fn retiring(&self) -> usize {
        self.retiring.load(Ordering::SeqCst)
    }

    /// Calls back what was opened before `generation`.
    pub(crate) fn call_back(&self, generation: u64) {
        for entry in self.entries().values() {
            if entry.generation < generation {
                entry.called_back.store(true, Ordering::SeqCst);
                entry.recall.notify_waiters();
            }
        }
    }

    fn longest(mut lent: Vec<Lent>, lent_for: Duration) -> Vec<Lent> {
        lent.retain(|lent| lent.lent_for >= lent_for);
        lent.sort_by_key(|lent| std::cmp::Reverse(lent.lent_for));
        lent
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Entry>>> {
        // Inserted and removed whole, so what a panic leaves is whole.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Entry ===

impl Entry {
    #[inline]
    pub(crate) fn lend(&self, now: Instant, location: &'static Location<'static>) {
        let place = std::ptr::from_ref(location).addr();
        // Whoever reads these does so only to tell people.
        if self.place.load(Ordering::Relaxed) != place {
            self.plan().location = Some(location);
            self.place.store(place, Ordering::Relaxed);
        }
        let lent_at = (now - self.opened_at).as_nanos() + 1;
        let lent_at = u64::try_from(lent_at).expect("nothing lives for centuries");
        self.lent_at.store(lent_at, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn give_back(&self) {
        self.lent_at.store(0, Ordering::Relaxed);
    }

    pub(crate) fn retires_at(&self, at: Instant) {
        self.plan().retires_at = Some(at);
    }

    fn note_retiring(&self, at: Instant) -> bool {
        let mut plan = self.plan();
        plan.retiring = plan.retires_at.is_some_and(|retires_at| retires_at <= at);
        plan.retiring
    }

    /// Waits until the connection is called back.
    ///
    /// # Cancellation
    ///
    /// Nothing remains: whoever asks again learns the same.
    pub(crate) async fn called_back(&self) {
        let mut recall = std::pin::pin!(self.recall.notified());
        recall.as_mut().enable();
        if !self.called_back.load(Ordering::SeqCst) {
            recall.await;
        }
    }

    fn lent(&self, now: Instant) -> Option<Lent> {
        let lent_at = self.lent_at.load(Ordering::Relaxed).checked_sub(1)?;
        let since = self.opened_at + Duration::from_nanos(lent_at);
        Some(Lent {
            id: self.id,
            endpoint: self.origin.endpoint.clone(),
            location: self.plan().location?,
            lent_for: now.saturating_duration_since(since),
        })
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        // Fields are set one by one and make sense in any combination.
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
