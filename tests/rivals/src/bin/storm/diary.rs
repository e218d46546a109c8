//! What a world writes down: who dialed and who was up, when. It judges nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_sim::SimClock;

/// The record of one world; clones are one record.
#[derive(Debug, Clone)]
pub(crate) struct Diary {
    clock: SimClock,
    pages: Arc<Mutex<Pages>>,
}

#[derive(Debug, Default)]
struct Pages {
    record: Record,
    up: usize,
    dialing: Vec<usize>,
}

/// All that was written down.
#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) dials: Vec<Dial>,
    /// Each session that began: whose, and when.
    pub(crate) sessions: Vec<(u32, Duration)>,
    /// Each time the server began to listen.
    pub(crate) listens: Vec<Duration>,
    /// The most dials of each process that were under way at once, handshakes included.
    pub(crate) dialing_max: Vec<usize>,
}

/// A dial that began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) process: usize,
    pub(crate) client: u32,
    pub(crate) at: Duration,
}

/// A dial under way.
#[derive(Debug)]
pub(crate) struct Dialing {
    diary: Diary,
    process: usize,
}

/// A session that has not ended.
#[derive(Debug)]
pub(crate) struct Up {
    diary: Diary,
}

// === impl Diary ===

impl Diary {
    pub(crate) fn new(clock: SimClock, processes: usize) -> Self {
        let mut pages = Pages::default();
        pages.dialing.resize(processes, 0);
        pages.record.dialing_max.resize(processes, 0);
        Self {
            clock,
            pages: Arc::new(Mutex::new(pages)),
        }
    }

    pub(crate) fn dials(&self, process: usize, client: u32) -> Dialing {
        let at = self.clock.elapsed();
        let mut pages = self.pages();
        pages.dialing[process] += 1;
        let dialing = pages.dialing[process];
        let record = &mut pages.record;
        record.dialing_max[process] = record.dialing_max[process].max(dialing);
        record.dials.push(Dial {
            process,
            client,
            at,
        });
        let diary = self.clone();
        Dialing { diary, process }
    }

    pub(crate) fn welcomed(&self, client: u32) -> Up {
        let at = self.clock.elapsed();
        let mut pages = self.pages();
        pages.up += 1;
        pages.record.sessions.push((client, at));
        let diary = self.clone();
        Up { diary }
    }

    pub(crate) fn listens(&self) {
        let at = self.clock.elapsed();
        self.pages().record.listens.push(at);
    }

    /// How many clients are up.
    pub(crate) fn up(&self) -> usize {
        self.pages().up
    }

    /// Takes out all that was written down so far.
    pub(crate) fn take(&self) -> Record {
        std::mem::take(&mut self.pages().record)
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Dialing ===

impl Drop for Dialing {
    fn drop(&mut self) {
        self.diary.pages().dialing[self.process] -= 1;
    }
}

// === impl Up ===

impl Drop for Up {
    fn drop(&mut self) {
        self.diary.pages().up -= 1;
    }
}
