//! What the driver of a link and its handles share. Each thing here is written
//! by one side: the driver publishes, the handles ask.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use bowline_link::Endpoint;
use bowline_policy::Observe;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::slot::Slot;
use crate::{Error, Event, Kind, LostReason, Sent, SharedError, State};

/// The link as both sides see it.
pub(crate) struct Link<S> {
    pub(crate) endpoint: Endpoint,
    pub(crate) failfast_after: Duration,
    pub(crate) observer: Arc<dyn Observe<Event>>,
    /// For people and programs that watch.
    pub(crate) state: watch::Sender<State>,
    /// For handles that want to call.
    pub(crate) slot: Slot<S>,
    /// Asks for an attempt at once; reaches only who waits already.
    pub(crate) revive: Notify,
    /// Asks for the end.
    pub(crate) closing: CancellationToken,
}

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
    dead: CancellationToken,
}

/// Why a connection is over.
struct End {
    reason: LostReason,
    error: SharedError,
}

#[derive(Debug, thiserror::Error)]
#[error("we closed the link")]
struct LinkClosed;

/// Keeps the driver running: held by every handle and every call in flight.
///
/// Dropping the last aborts the driver's task, and what that owns goes with it.
pub(crate) struct Lease {
    _driver: JoinSet<()>,
}

// === impl Link ===

impl<S> Link<S> {
    pub(crate) fn tell(&self, event: &Event) {
        self.observer.observe(event);
    }

    /// Tells that `connection`, which is over, had been up.
    pub(crate) fn tell_lost(&self, connection: &Connection) -> SharedError {
        let End { reason, error } = connection.close();
        self.tell(&Event::Lost {
            endpoint: connection.endpoint.clone(),
            epoch: connection.epoch,
            reason: *reason,
            error: Arc::clone(error),
            lived: Instant::now() - connection.since,
        });
        Arc::clone(error)
    }

    pub(crate) fn closed(&self) -> Error {
        Error::unsent(Kind::Closed, &self.endpoint, 0, None)
    }

    /// What a caller is told who has waited long enough.
    pub(crate) fn unavailable(&self) -> Error {
        let state = self.state.borrow();
        let kind = match &*state {
            State::Parked { .. } => Kind::Parked,
            State::Connecting { .. }
            | State::Ready { .. }
            | State::Backoff { .. }
            | State::Closed => Kind::Unavailable,
        };
        let (attempt, error) = state.latest();
        Error::unsent(kind, &self.endpoint, attempt, error)
    }
}

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
            dead: CancellationToken::new(),
        }
    }

    /// Declares the connection over; the first reason counts.
    pub(crate) fn finish(&self, reason: LostReason, error: SharedError) {
        self.end.get_or_init(|| End { reason, error });
        self.dead.cancel();
    }

    /// Declares the connection over because we close it, unless it already is.
    fn close(&self) -> &End {
        let end = self.end.get_or_init(|| End {
            reason: LostReason::LinkClosed,
            error: Arc::new(LinkClosed),
        });
        self.dead.cancel();
        end
    }

    pub(crate) fn is_over(&self) -> bool {
        self.end.get().is_some()
    }

    /// Completes when the connection is over.
    pub(crate) fn over(&self) -> WaitForCancellationFutureOwned {
        self.dead.clone().cancelled_owned()
    }

    /// What a caller is told whose connection is over.
    pub(crate) fn lost(&self, sent: Sent) -> Error {
        let (kind, source) = match self.close() {
            End {
                reason: LostReason::LinkClosed,
                ..
            } => (Kind::Closed, None),
            End {
                reason: LostReason::Died | LostReason::NotReady,
                error,
            } => (Kind::Lost, Some(Arc::clone(error))),
        };
        Error {
            kind,
            endpoint: self.endpoint.clone(),
            attempt: self.attempt,
            sent,
            source,
        }
    }
}

// === impl Lease ===

impl Lease {
    /// Starts `driver` on the current runtime.
    pub(crate) fn start(driver: impl Future<Output = ()> + Send + 'static) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(driver);
        Self { _driver: tasks }
    }
}
