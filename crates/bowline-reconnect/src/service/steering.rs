//! What a handle is asked besides calls: how the link is, and to do something
//! about it. All of it is for the whole link, whichever handle is asked.

use std::time::Duration;

use bowline_link::Endpoint;
use bowline_link::discovery::Targets;
use bowline_policy::endpoints::{Health, InvalidList};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Reconnect, Stage};
use crate::{Error, Events, Origin, State};

// === impl Reconnect ===

impl<S> Reconnect<S> {
    /// The peer that the link was begun with: its name, whatever it calls now.
    /// [`State::Ready`] says who that is.
    pub fn endpoint(&self) -> &Endpoint {
        &self.link.endpoint
    }

    /// What the link is doing, now and from now on.
    ///
    /// A receiver does not keep the link open.
    pub fn state(&self) -> watch::Receiver<State> {
        self.link.state.subscribe()
    }

    /// What happens to the link from now on, one by one.
    pub fn events(&self) -> Events {
        self.link.hub.subscribe()
    }

    /// How its endpoints fare.
    pub fn health(&self) -> Health {
        let now = Instant::now().into_std();
        self.link.listing().set.health(now)
    }

    /// The number of the connection that the next call goes to, once `poll_ready`
    /// has granted one; `None` before, and where the call will fail.
    pub fn granted(&self) -> Option<u64> {
        match &self.stage {
            Stage::Granted { in_use, .. } => Some(in_use.connection().epoch),
            Stage::Idle | Stage::Readying { .. } | Stage::Refused(_) => None,
        }
    }

    /// A handle whose calls go to connection `epoch` or fail, at once, as
    /// [lost](crate::Kind::Lost) and not sent: for requests that mean something
    /// only there. It ends with that connection, never the link.
    pub fn pinned(&self, epoch: u64) -> Self {
        Self {
            pinned: Some(epoch),
            ..self.clone()
        }
    }

    /// Begins an attempt at once instead of at the end of the backoff, or
    /// although the link is parked (whose backoff then starts over).
    ///
    /// Does nothing while a connection is up or being made, and is not
    /// remembered. Callers bound how often they ask: each time may be a dial.
    pub fn reconnect_now(&self) {
        self.link.orders.revive.notify_waiters();
    }

    /// Starts the backoff over: the wait under way, or else the next one, is a
    /// first one, and a link that is parked begins again. For when the reason of
    /// an outage is known to be gone, as after a change of networks.
    pub fn reset_backoff(&self) {
        self.link.orders.reset.notify_one();
    }

    /// Puts another list of endpoints in force.
    ///
    /// What stays in it keeps what is known of it. If the endpoint of the live
    /// connection is not in it, a connection to another is made, within the
    /// [move splay](crate::Builder::move_splay), before that one is left. A wait
    /// is cut to that splay at most, and a parked link revived.
    ///
    /// # Errors
    ///
    /// A list that is too long for the set; the old one stays in force.
    pub fn set_endpoints(&self, targets: &Targets) -> Result<(), InvalidList> {
        self.link.relist(targets.to_endpoints(), Origin::Set)
    }

    /// Closes the link for good, for all handles.
    ///
    /// `poll_ready` fails from now on; calls in flight that have no answer yet
    /// end with [`Kind::Closed`](crate::Kind::Closed) and
    /// [`Sent::Maybe`](crate::Sent::Maybe).
    pub fn close(&self) {
        self.link.closing.set();
    }

    /// The same, but calls in flight have until `limit` has passed to end. Says
    /// how many did not and were cut off.
    ///
    /// If it is asked several times, the first limit counts.
    ///
    /// # Cancellation
    ///
    /// Dropping it only stops waiting; the link closes all the same.
    pub async fn close_within(&self, limit: Duration) -> usize {
        let orders = &self.link.orders;
        orders.leave_by.get_or_init(|| Instant::now() + limit);
        orders.leaving.set();
        let mut state = self.link.state.subscribe();
        // It is not gone before the link is, which we hold.
        let _closed = state.wait_for(|state| matches!(state, State::Closed)).await;
        orders.cut_off.get().copied().unwrap_or(0)
    }

    pub(crate) fn why_closed(&self) -> Error {
        self.link.closed()
    }
}
