//! What the driver of a link and its handles share. Each thing here is written
//! by one side, but for the list of endpoints: the driver publishes, the handles ask.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use bowline_link::Endpoint;
use bowline_policy::Observe;
use bowline_policy::endpoints::{self, InvalidList};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connection::{Connection, End};
use crate::events::Hub;
use crate::listing::Listing;
use crate::signal::Signal;
use crate::slot::Slot;
use crate::{Error, Event, Kind, Origin, Sent, SharedError, State};

/// The link as both sides see it.
pub(crate) struct Link<S> {
    /// What it was begun with; its name.
    pub(crate) endpoint: Endpoint,
    pub(crate) failfast_after: Option<Duration>,
    pub(crate) observer: Arc<dyn Observe<Event>>,
    pub(crate) hub: Hub,
    /// For people and programs that watch.
    pub(crate) state: watch::Sender<State>,
    /// For handles that want to call.
    pub(crate) slot: Slot<S>,
    /// Whom to call, and how they fare.
    pub(crate) listing: Mutex<Listing>,
    /// The connections that are not over: the live one, and those being left.
    pub(crate) open: Mutex<Vec<Arc<Connection>>>,
    /// What a caller is told who is kept waiting for too long.
    pub(crate) latest: Mutex<Latest>,
    /// Why it is closed, if nobody asked for that: the first attempt failed, on which
    /// everything depended, or the driver panicked.
    pub(crate) ended_by: OnceLock<SharedError>,
    pub(crate) orders: Orders,
    /// Asks for the end.
    pub(crate) closing: Signal,
}

/// The latest try, and why there is no connection.
#[derive(Default)]
pub(crate) struct Latest {
    attempt: u32,
    endpoint: Option<Endpoint>,
    pub(crate) error: Option<SharedError>,
}

/// What handles ask of the driver.
pub(crate) struct Orders {
    /// An attempt at once; reaches only who waits already.
    pub(crate) revive: Notify,
    /// The backoff from its start; remembered until it is done.
    pub(crate) reset: Notify,
    /// A look at the list, which changed; remembered likewise.
    pub(crate) listed: Notify,
    /// The first attempt.
    pub(crate) wanted: Signal,
    /// The end, once calls have ended, and at the latest then.
    pub(crate) leaving: Signal,
    pub(crate) leave_by: OnceLock<Instant>,
    /// How many calls the end cut off.
    pub(crate) cut_off: OnceLock<usize>,
}

/// Keeps the driver running: held by every handle and every call in flight.
///
/// Dropping the last aborts the driver's task, and what that owns goes with it.
pub(crate) struct Lease {
    _driver: JoinSet<()>,
}

// === impl Link ===

impl<S> Link<S> {
    pub(crate) fn tell(&self, event: Event) {
        // The observer last: it may panic, and readers are to hear of it all the same.
        self.hub.tell(&event);
        self.observer.observe(&event);
    }

    /// Tells that `connection`, which is over, had been up; once.
    pub(crate) fn tell_lost(&self, connection: &Arc<Connection>) -> SharedError {
        let End { reason, error } = connection.close();
        let mut open = self.open();
        let place = open.iter().position(|one| Arc::ptr_eq(one, connection));
        if let Some(place) = place {
            open.remove(place);
        }
        drop(open);
        if place.is_some() {
            self.tell(Event::Lost {
                endpoint: connection.endpoint.clone(),
                epoch: connection.epoch,
                reason: *reason,
                error: Arc::clone(error),
                lived: Instant::now() - connection.since,
            });
        }
        Arc::clone(error)
    }

    /// Ends all connections, and counts the calls on them.
    pub(crate) fn cut_off(&self) {
        let open = self.open().clone();
        let calls = || open.iter().map(|connection| connection.calls()).sum();
        self.orders.cut_off.get_or_init(calls);
        for connection in &open {
            connection.close();
        }
    }

    pub(crate) fn open(&self) -> MutexGuard<'_, Vec<Arc<Connection>>> {
        // Nothing panics half-way through a change.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listing(&self) -> MutexGuard<'_, Listing> {
        // A set that refuses a list keeps the old one; nothing else panics in it.
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts another list of endpoints in force, and lets the driver see to it. The
    /// same list again changes nothing, or whoever repeats it would cut every wait short.
    pub(crate) fn relist(
        &self,
        list: Vec<endpoints::Endpoint<Endpoint>>,
        origin: Origin,
    ) -> Result<(), InvalidList> {
        let endpoints = list.len();
        let now = Instant::now().into_std();
        let is_news = self.listing().replace(list, origin, now)?;
        if !is_news {
            return Ok(());
        }
        if self.closing.is_set() {
            // The last word has been said.
            return Ok(());
        }
        self.tell(Event::Listed { endpoints, origin });
        self.orders.listed.notify_one();
        Ok(())
    }

    /// Puts the list that the link was begun with in force again.
    pub(crate) fn relist_bootstrap(&self) {
        let expired = self.listing().expire(Instant::now().into_std());
        let Some(endpoints) = expired else {
            return;
        };
        let origin = Origin::Bootstrap;
        self.tell(Event::Listed { endpoints, origin });
        self.orders.listed.notify_one();
    }

    pub(crate) fn is_leaving(&self) -> bool {
        // Without a lock, since every caller asks.
        self.orders.leave_by.get().is_some() || self.closing.is_set()
    }

    pub(crate) fn closed(&self) -> Error {
        Error {
            source: self.ended_by.get().cloned(),
            ..self.unsent(Kind::Closed)
        }
    }

    /// Begins the first attempt, if that waits for somebody who wants one.
    pub(crate) fn want(&self) {
        self.orders.wanted.set();
    }

    /// What a caller is told whose handle is pinned to a connection that is gone.
    pub(crate) fn unpinned(&self, epoch: u64) -> Error {
        Error {
            epoch: Some(epoch),
            source: None,
            ..self.unsent(Kind::Lost)
        }
    }

    /// What a caller is told who has waited long enough.
    pub(crate) fn unavailable(&self) -> Error {
        let (kind, next_attempt_at) = match &*self.state.borrow() {
            State::Parked { .. } => (Kind::Parked, None),
            State::Backoff { until, .. } => (Kind::Unavailable, Some(*until)),
            State::Idle | State::Connecting { .. } | State::Ready { .. } | State::Closed => {
                (Kind::Unavailable, None)
            }
        };
        Error {
            next_attempt_at,
            ..self.unsent(kind)
        }
    }

    fn unsent(&self, kind: Kind) -> Error {
        let latest = self.latest();
        Error {
            kind,
            endpoint: latest.endpoint.as_ref().unwrap_or(&self.endpoint).clone(),
            attempt: latest.attempt,
            epoch: None,
            sent: Sent::No,
            next_attempt_at: None,
            source: latest.error.clone(),
        }
    }

    /// A try begins that somebody may wait for.
    pub(crate) fn trying(&self, attempt: u32, endpoint: Endpoint) {
        let mut latest = self.latest();
        latest.attempt = attempt;
        latest.endpoint = Some(endpoint.clone());
        drop(latest);
        self.state
            .send_replace(State::Connecting { attempt, endpoint });
    }

    pub(crate) fn latest(&self) -> MutexGuard<'_, Latest> {
        // Nothing panics half-way through a change.
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Orders ===

impl Orders {
    pub(crate) fn new() -> Self {
        Self {
            revive: Notify::new(),
            reset: Notify::new(),
            listed: Notify::new(),
            wanted: Signal::default(),
            leaving: Signal::default(),
            leave_by: OnceLock::new(),
            cut_off: OnceLock::new(),
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
