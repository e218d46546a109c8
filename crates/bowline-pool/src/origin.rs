//! What callers and keeper share about one endpoint. It judges nothing: callers
//! leave word here, and the keeper draws the conclusions.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bowline_link::Endpoint;

/// One endpoint that the pool dials, or has dialed.
pub(crate) struct Origin {
    pub(crate) endpoint: Endpoint,
    /// Connections open to it.
    open: AtomicUsize,
    /// How many of them should go elsewhere.
    leaving: AtomicUsize,
    /// It is on the list no more.
    gone: AtomicBool,
    /// Its last dial failed.
    failing: AtomicBool,
    /// Somebody was served, or a ping answered, since the keeper last asked.
    served: AtomicBool,
    /// That was on a connection that had been up for the backoff's stable time.
    stable: AtomicBool,
    /// A connection died unused since then.
    stillborn: AtomicBool,
}

/// One connection's place among those of its endpoint, until it is dropped.
#[derive(Debug)]
pub(crate) struct Berth {
    origin: Arc<Origin>,
}

/// What the keeper learns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct News {
    pub(crate) served: bool,
    pub(crate) stable: bool,
    pub(crate) stillborn: bool,
}

// === impl Origin ===

impl Origin {
    pub(crate) fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            open: AtomicUsize::new(0),
            leaving: AtomicUsize::new(0),
            gone: AtomicBool::new(false),
            failing: AtomicBool::new(false),
            served: AtomicBool::new(false),
            stable: AtomicBool::new(false),
            stillborn: AtomicBool::new(false),
        }
    }

    pub(crate) fn berth(self: &Arc<Self>) -> Berth {
        self.open.fetch_add(1, Ordering::SeqCst);
        Berth {
            origin: Arc::clone(self),
        }
    }

    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::SeqCst)
    }

    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::SeqCst)
    }

    pub(crate) fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::SeqCst);
    }

    /// Asks one connection to go elsewhere.
    pub(crate) fn ask_one_to_leave(&self) {
        let open = self.open();
        let asked = |leaving| (leaving < open).then_some(leaving + 1);
        // Refused where all of them have been asked.
        let _full = self
            .leaving
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, asked);
    }

    #[inline]
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::SeqCst) > 0
    }

    /// Whether the connection that asks is one that should go.
    #[inline]
    pub(crate) fn leaves(&self) -> bool {
        let fewer = |leaving: usize| leaving.checked_sub(1);
        self.is_leaving()
            && self
                .leaving
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer)
                .is_ok()
    }

    pub(crate) fn note_served(&self, stable: bool) {
        self.served.store(true, Ordering::SeqCst);
        if stable {
            self.stable.store(true, Ordering::SeqCst);
        }
    }

    pub(crate) fn note_stillborn(&self) {
        self.stillborn.store(true, Ordering::SeqCst);
    }

    /// What is new since the last time.
    pub(crate) fn news(&self) -> News {
        News {
            served: self.served.swap(false, Ordering::SeqCst),
            stable: self.stable.swap(false, Ordering::SeqCst),
            stillborn: self.stillborn.swap(false, Ordering::SeqCst),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin")
            .field("endpoint", &self.endpoint)
            .field("open", &self.open())
            .finish_non_exhaustive()
    }
}

// === impl Berth ===

impl Drop for Berth {
    fn drop(&mut self) {
        self.origin.open.fetch_sub(1, Ordering::SeqCst);
    }
}
