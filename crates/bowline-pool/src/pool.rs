//! The handle that callers hold. It lends connections and closes the pool; the
//! dialing is the keeper's.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bowline_link::{Connect, Endpoint};
use bowline_policy::Observe;
use tokio::task::JoinSet;

use crate::keeper::Keeper;
use crate::shared::Shared;
use crate::{Error, Event, Log, Pooled, Reuse, Settings};

/// Connections to one endpoint, shared by whoever holds a clone.
///
/// When the last clone is dropped the pool closes, as by [`close`](Self::close).
pub struct Pool<C: Reuse> {
    owner: Arc<Owner<C>>,
}

struct Owner<C: Reuse> {
    shared: Arc<Shared<C>>,
    /// Ends the keeper, and with it the dials, when dropped.
    _keeper: JoinSet<()>,
}

/// A pool at one moment.
///
/// The numbers are read one after another while the pool goes on, so they may
/// not add up exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The most connections there may be.
    pub max: usize,
    /// Connections open and opening.
    pub open: usize,
    /// Those of them still opening.
    pub dialing: usize,
    /// Those of them parked, or on their way to a caller who waits.
    pub parked: usize,
    /// Callers in line.
    pub waiting: usize,
    /// Whether the pool was closed.
    pub closed: bool,
}

// === impl Pool ===

impl<C: Reuse> Pool<C> {
    /// Makes a pool that reaches `endpoint` by `connect`, and writes its events
    /// to [`Log`]. Nothing is dialed until somebody waits.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime: the pool's keeper is a task on it.
    pub fn new<D>(connect: D, endpoint: Endpoint, settings: Settings) -> Self
    where
        D: Connect<Connection = C>,
    {
        Self::observed(connect, endpoint, settings, Arc::new(Log))
    }

    /// Makes a pool like [`new`](Self::new) whose events go to `observer`
    /// alone. To log as well, pass it in a pair with [`Log`].
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn observed<D>(
        connect: D,
        endpoint: Endpoint,
        settings: Settings,
        observer: Arc<dyn Observe<Event>>,
    ) -> Self
    where
        D: Connect<Connection = C>,
    {
        let shared = Arc::new(Shared::new(endpoint, settings, observer));
        let mut keeper = JoinSet::new();
        keeper.spawn(Keeper::new(Arc::clone(&shared), connect).run());
        Self {
            owner: Arc::new(Owner {
                shared,
                _keeper: keeper,
            }),
        }
    }

    /// Borrows a connection: a parked one at once, unless others wait; else the
    /// next that comes back or up, in the order in which callers came.
    ///
    /// What it yields was not idle past the limit, and nothing had reached us
    /// that spoke against it. The peer can still hang up in the next moment.
    ///
    /// # Errors
    ///
    /// See [`Error`]: the wait was over, too many wait, or the pool is closed.
    ///
    /// # Cancellation
    ///
    /// A dropped future gives up its place; a connection promised to it goes to
    /// the next caller, and a dial begun for it goes on.
    pub async fn checkout(&self) -> Result<Pooled<C>, Error> {
        let shared = &self.owner.shared;
        let conn = match shared.take_parked() {
            Some(conn) => conn,
            None => shared.take_in_line().await?,
        };
        Ok(Pooled::new(conn, Arc::clone(shared)))
    }

    /// Borrows a connection for `work`, one or more whole exchanges, and settles
    /// it if the work succeeds.
    ///
    /// # Errors
    ///
    /// Those of [`checkout`](Self::checkout) and of `work`. A stream that was
    /// touched before an error is closed.
    ///
    /// # Cancellation
    ///
    /// As for [`checkout`](Self::checkout), and then as for [`Pooled::run`].
    pub async fn run<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<Error>,
        F: AsyncFnOnce(&mut C) -> Result<T, E>,
    {
        self.checkout().await?.run(work).await
    }

    /// Closes the pool: callers in line and later ones get [`Error::Closed`],
    /// parked connections are closed, those on loan when they come back, and
    /// dials under way are given up.
    pub fn close(&self) {
        self.owner.shared.close();
    }

    /// A snapshot.
    pub fn status(&self) -> Status {
        let shared = &self.owner.shared;
        let closed = shared.gate.is_closed();
        let parked = shared.rack.on_line() + usize::from(shared.rack.has_hot());
        Status {
            max: shared.settings.max,
            open: shared.budget.open(),
            dialing: shared.dialing.load(Ordering::Relaxed),
            // What hangs on a closed rack is the pill that says so.
            parked: if closed { 0 } else { parked },
            waiting: shared.gate.in_line(),
            closed,
        }
    }
}

impl<C: Reuse> Clone for Pool<C> {
    fn clone(&self) -> Self {
        Self {
            owner: Arc::clone(&self.owner),
        }
    }
}

impl<C: Reuse> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("endpoint", &self.owner.shared.endpoint)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}

// === impl Owner ===

impl<C: Reuse> Drop for Owner<C> {
    fn drop(&mut self) {
        self.shared.close();
    }
}
