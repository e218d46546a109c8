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
    /// The calls among them.
    calls: AtomicUsize,
    /// Somebody waits for the last user, or the last call, to leave.
    awaited: AtomicBool,
    left: Notify,
}

/// Why a connection is over.
pub(crate) struct End {
    pub(crate) reason: LostReason,
    pub(crate) error: SharedError,
}

/// A grant, and then the call it is used for, on one connection.
pub(crate) struct InUse {
    connection: Arc<Connection>,
    called: bool,
}

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
            calls: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            left: Notify::new(),
        }
    }

    /// Lets a user in, unless there will be none any more.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<InUse> {
        let entered = InUse {
            connection: Arc::clone(self),
            called: false,
        };
        let before = self.users.fetch_add(1, Ordering::SeqCst);
        // Dropping it takes the count back.
        (before & SEALED == 0 && !self.is_over()).then_some(entered)
    }

    /// How many grants and calls there are.
    #[cfg(feature = "balance")]
    pub(crate) fn users(&self) -> usize {
        self.users.load(Ordering::SeqCst) & !SEALED
    }

    /// How many calls there are; a grant that nobody uses is none.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// Completes when no call is left on the connection, or it is over.
    pub(crate) async fn idle(&self) {
        self.watched(|| self.calls() == 0).await;
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
            let left = self.left.notified();
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

    /// What became of a call that its service failed.
    pub(crate) fn kind_of_failure(&self) -> Kind {
        self.end.get().map_or(Kind::Inner, End::kind)
    }

    /// What a caller is told whose connection is over.
    pub(crate) fn lost(&self, sent: Sent) -> Error {
        let end = self.close();
        let kind = end.kind();
        let source = (kind != Kind::Closed).then(|| Arc::clone(&end.error));
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

// === impl End ===

impl End {
    fn kind(&self) -> Kind {
        match self.reason {
            LostReason::LinkClosed => Kind::Closed,
            LostReason::Died
            | LostReason::NotReady
            | LostReason::CheckFailed
            | LostReason::Retired => Kind::Lost,
        }
    }
}

// === impl InUse ===

impl InUse {
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// The grant is used.
    pub(crate) fn call(mut self) -> Self {
        self.connection.calls.fetch_add(1, Ordering::SeqCst);
        self.called = true;
        self
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let connection = &self.connection;
        if self.called {
            connection.calls.fetch_sub(1, Ordering::SeqCst);
        }
        connection.users.fetch_sub(1, Ordering::SeqCst);
        if connection.awaited.load(Ordering::SeqCst) {
            connection.left.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests;
