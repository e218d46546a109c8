//! The life of one connection as its callers and its driver see it: who uses
//! it, and why it is over. It sends nothing.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bowline_link::Endpoint;
use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use crate::signal::Signal;
use crate::{Error, Kind, LostReason, Sent, SharedError};

/// A connection that takes calls, and the service each handle clones.
pub(crate) struct Live<S> {
    pub(crate) connection: Arc<Connection>,
    // Locked for the length of a clone. It makes the slot `Sync` for services
    // that are not, as boxed ones are.
    service: Mutex<S>,
}

/// The life and the end of one connection.
pub(crate) struct Connection {
    pub(crate) endpoint: Endpoint,
    pub(crate) epoch: u64,
    pub(crate) attempt: u32,
    pub(crate) since: Instant,
    end: OnceLock<End>,
    over: Signal,
    /// Grants and calls, and [`SEALED`] once there will be no more of them.
    users: AtomicUsize,
    /// Somebody waits for the last user to leave.
    awaited: AtomicBool,
    unused: Notify,
}

/// Why a connection is over.
pub(crate) struct End {
    pub(crate) reason: LostReason,
    pub(crate) error: SharedError,
}

/// A grant, and then the call it is used for, on one connection.
pub(crate) struct InUse(Arc<Connection>);

#[derive(Debug, thiserror::Error)]
#[error("we closed the link")]
struct LinkClosed;

#[derive(Debug, thiserror::Error)]
#[error("we moved to another connection")]
pub(crate) struct Moved;

/// No user will be let in any more.
const SEALED: usize = 1 << (usize::BITS - 1);

// === impl Live ===

impl<S: Clone> Live<S> {
    pub(crate) fn new(connection: Arc<Connection>, service: S) -> Self {
        Self {
            connection,
            service: Mutex::new(service),
        }
    }

    pub(crate) fn service(&self) -> S {
        // A clone that panicked has not changed what it was cloned from.
        self.service
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

// === impl Connection ===

impl Connection {
    pub(crate) fn new(endpoint: Endpoint, epoch: u64, attempt: u32, since: Instant) -> Self {
        Self {
            endpoint,
            epoch,
            attempt,
            since,
            end: OnceLock::new(),
            over: Signal::default(),
            users: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            unused: Notify::new(),
        }
    }

    /// Lets a user in, unless there will be none any more.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<InUse> {
        let entered = InUse(Arc::clone(self));
        let before = self.users.fetch_add(1, Ordering::SeqCst);
        // Dropping it takes the count back.
        (before & SEALED == 0 && !self.is_over()).then_some(entered)
    }

    /// How many grants and calls there are.
    pub(crate) fn users(&self) -> usize {
        self.users.load(Ordering::SeqCst) & !SEALED
    }

    /// Completes when nobody uses the connection, or it is over.
    pub(crate) async fn unused(&self) {
        self.watched(|| self.users() == 0).await;
    }

    /// Completes when nobody uses the connection and nobody will.
    pub(crate) async fn sealed(&self) {
        let seal = || {
            self.users
                .compare_exchange(0, SEALED, Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
        };
        self.watched(seal).await;
    }

    async fn watched(&self, done: impl Fn() -> bool) {
        self.awaited.store(true, Ordering::SeqCst);
        loop {
            // From before the look on: who leaves after it is heard.
            let left = self.unused.notified();
            if done() || self.is_over() {
                return;
            }
            tokio::select! {
                biased;
                () = self.over() => return,
                () = left => {}
            }
        }
    }

    /// Declares the connection over; the first reason counts.
    pub(crate) fn finish(&self, reason: LostReason, error: SharedError) {
        self.end.get_or_init(|| End { reason, error });
        self.over.set();
    }

    /// Declares the connection over because we close it, unless it already is.
    pub(crate) fn close(&self) -> &End {
        let end = self.end.get_or_init(|| End {
            reason: LostReason::LinkClosed,
            error: Arc::new(LinkClosed),
        });
        self.over.set();
        end
    }

    /// Whether calls still belong here: it is neither over nor being left.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.is_over() && !self.awaited.load(Ordering::SeqCst)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.end.get().is_some()
    }

    /// Completes when the connection is over.
    pub(crate) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        self.over.wait()
    }

    /// Completes when the connection ends from now on; whether it has ended is to be asked
    /// afterwards.
    pub(crate) fn ends(&self) -> OwnedNotified {
        self.over.change()
    }

    /// What a caller is told whose connection is over.
    pub(crate) fn lost(&self, sent: Sent) -> Error {
        let End { reason, error } = self.close();
        let (kind, source) = match reason {
            LostReason::LinkClosed => (Kind::Closed, None),
            LostReason::Died
            | LostReason::NotReady
            | LostReason::CheckFailed
            | LostReason::Retired => (Kind::Lost, Some(Arc::clone(error))),
        };
        Error {
            kind,
            endpoint: self.endpoint.clone(),
            attempt: self.attempt,
            epoch: Some(self.epoch),
            sent,
            next_attempt_at: None,
            source,
        }
    }
}

// === impl InUse ===

impl InUse {
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let connection = &self.0;
        let before = connection.users.fetch_sub(1, Ordering::SeqCst);
        if before & !SEALED == 1 && connection.awaited.load(Ordering::SeqCst) {
            connection.unused.notify_waiters();
        }
    }
}
