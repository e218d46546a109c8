//! The handle of a link: waits for a live connection, and calls it itself.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bowline_link::{BoxError, Connect, Endpoint};
use bowline_policy::backoff::Maker;
use tokio::sync::futures::OwnedNotified;
use tokio::time::{Instant, Sleep, sleep};
use tower_service::Service;

use crate::connection::{Connection, InUse, Live};
use crate::link::{Lease, Link};
use crate::{Builder, Error, Established, LostReason, ResponseFuture, Sent};

#[cfg(feature = "balance")]
mod load;
mod steering;

/// A service that is always being reconnected.
///
/// A handle is cheap to clone, and every clone calls the live connection's
/// service itself: no queue of ours lies between. One task per link connects,
/// notices the end of the connection even while idle, waits the backoff and
/// connects again, however many handles wait.
///
/// # Readiness
///
/// `poll_ready` waits for a connection and for its service to be ready. After
/// `failfast_after` without a connection it grants all the same, and the call
/// fails; a connection whose service is busy may keep it waiting for longer. A
/// grant lasts until one call uses it. An error from `poll_ready` means that the
/// link is closed for good. So it can stand under `tower::balance`.
///
/// A call reaches the inner service before `call` returns: the calls of one
/// task keep their order. None is ever made a second time.
///
/// Handles may be used in any runtime, or none, but a wait for a connection that is
/// bounded by `failfast_after` panics outside a tokio runtime with timers.
///
/// # Moving
///
/// When the server says that it will [go](Established::going), at an
/// [age](crate::Builder::lifetime), when the endpoint leaves the
/// [list](Self::set_endpoints) or a better one is well again, another connection
/// is made first. New calls then go there, and the old connection ends with those
/// it has: nobody notices but by [`State::Ready`](crate::State::Ready).
///
/// # Cancellation
///
/// Dropping a handle in any state disturbs no other handle; a wait given up, by
/// dropping what polls for readiness, costs nobody a wake-up. Dropping the last,
/// while no call is in flight either, stops the task and drops the connection;
/// [`state`](Self::state) then ends in [`State::Closed`](crate::State::Closed).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), bowline_link::BoxError> {
/// use std::time::Duration;
/// use bowline_link::{BoxError, Endpoint};
/// use bowline_policy::backoff::{Maker, Schedule};
/// use bowline_reconnect::{Established, Reconnect};
/// use tower::{ServiceExt, service_fn};
///
/// let schedule = Schedule::exponential(Duration::from_secs(1), Duration::from_secs(30))?;
/// // Stands for a connector that opens a connection and says HELLO.
/// let connect = service_fn(|_: Endpoint| async {
///     let room = service_fn(|line: &'static str| async move { Ok::<_, BoxError>(line.len()) });
///     Ok::<_, BoxError>(Established::new(room))
/// });
/// let room = Reconnect::builder(connect, Endpoint::new("chat.example", 7400), &Maker::new(schedule, 1))
///     .failfast_after(Duration::from_secs(2))
///     .build();
/// assert_eq!(room.clone().oneshot("hello").await?, 5);
/// # Ok(())
/// # }
/// ```
pub struct Reconnect<S> {
    link: Arc<Link<S>>,
    lease: Arc<Lease>,
    /// Completes when the slot has changed; made before the latest look at it.
    changed: Option<Pin<Box<OwnedNotified>>>,
    /// When the wait for a connection ends; made when there first is none.
    failfast: Option<Pin<Box<Sleep>>>,
    /// The one connection it may call.
    pinned: Option<u64>,
    stage: Stage<S>,
}

/// How far a handle is with its next call.
enum Stage<S> {
    /// It has nothing.
    Idle,
    /// The connection's service is not ready yet.
    Readying {
        service: S,
        connection: Arc<Connection>,
    },
    /// The next call goes to this service.
    Granted { service: S, in_use: InUse },
    /// The next call fails with this.
    Refused(Error),
}

/// A wait whose time has been up for so long, and for as long as it was, was given
/// up by whoever waited: the next one is another. Longer than a busy or stopped
/// process is late for its timers, or who waits would wait twice.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

// === impl Reconnect ===

impl<S: Clone + Send + 'static> Reconnect<S> {
    /// Begins a link to `endpoint` over what `connect` opens, with a backoff
    /// session from `maker`.
    ///
    /// The service that `connect` yields must be `Clone`; put one that is not
    /// behind tower's `Buffer`.
    pub fn builder<C>(connect: C, endpoint: Endpoint, maker: &Maker) -> Builder<S>
    where
        C: Connect<Connection = Established<S>>,
    {
        Builder::new(connect, endpoint, maker)
    }
}

impl<S> Reconnect<S> {
    pub(crate) fn new(link: Arc<Link<S>>, lease: Arc<Lease>) -> Self {
        Self {
            link,
            lease,
            changed: None,
            failfast: None,
            pinned: None,
            stage: Stage::Idle,
        }
    }

    /// Whether the next call may go to this connection.
    fn may_call(&self, connection: &Connection) -> bool {
        self.pinned.is_none_or(|epoch| epoch == connection.epoch)
    }

    fn grant(&mut self, stage: Stage<S>) {
        self.stage = stage;
        self.changed = None;
        self.failfast = None;
    }

    /// Completes when the slot is to be looked at again: at once, the first time, since a
    /// change between the look before and the begin of the wait would be missed.
    fn poll_changed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(changed) = &mut self.changed {
            ready!(changed.as_mut().poll(cx));
        }
        self.changed = Some(Box::pin(self.link.slot.changed()));
        Poll::Ready(())
    }

    fn poll_failfast(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(limit) = self.link.failfast_after else {
            return Poll::Pending;
        };
        if limit.is_zero() {
            return Poll::Ready(());
        }
        let over_for = |timer: &Pin<Box<Sleep>>| {
            let now = Instant::now();
            now.saturating_duration_since(timer.deadline())
        };
        let forgotten = limit.max(FORGOTTEN_AFTER);
        if self.failfast.as_ref().map(over_for) >= Some(forgotten) {
            self.failfast = None;
        }
        self.failfast
            .get_or_insert_with(|| Box::pin(sleep(limit)))
            .as_mut()
            .poll(cx)
    }
}

impl<S: Clone> Reconnect<S> {
    /// The service to ask for readiness: the one being asked already, if it is
    /// of this connection, since only that one remembers being asked.
    fn asked(&mut self, live: &Live<S>) -> S {
        match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Readying {
                service,
                connection,
            } if Arc::ptr_eq(&connection, &live.connection) => service,
            other => {
                self.stage = other;
                live.service()
            }
        }
    }
}

impl<S, Req> Service<Req> for Reconnect<S>
where
    S: Service<Req> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            if self.link.is_leaving() {
                self.grant(Stage::Idle);
                return Poll::Ready(Err(self.link.closed()));
            }
            // A grant lasts until it is used. One that became worthless, or keeps
            // a connection from being left, is exchanged for a better one if there
            // is one to be had at once.
            let granted = match &self.stage {
                Stage::Granted { in_use, .. } if in_use.connection().is_wanted() => {
                    return Poll::Ready(Ok(()));
                }
                Stage::Granted { .. } | Stage::Refused(_) => true,
                Stage::Idle | Stage::Readying { .. } => false,
            };
            let live = self.link.slot.live();
            let live = live.filter(|live| self.may_call(&live.connection));
            if let Some(live) = &live {
                let mut service = self.asked(live);
                match service.poll_ready(cx) {
                    Poll::Ready(Ok(())) => {
                        // Otherwise it ended in this moment.
                        if let Some(in_use) = live.connection.enter() {
                            self.grant(Stage::Granted { service, in_use });
                            return Poll::Ready(Ok(()));
                        }
                    }
                    Poll::Ready(Err(error)) => {
                        live.connection
                            .finish(LostReason::NotReady, error.into().into());
                        continue;
                    }
                    Poll::Pending if granted => {}
                    Poll::Pending => {
                        // Connected, so the next outage counts from its own start.
                        self.failfast = None;
                        self.stage = Stage::Readying {
                            service,
                            connection: Arc::clone(&live.connection),
                        };
                    }
                }
            }
            if granted {
                return Poll::Ready(Ok(()));
            }
            if live.is_none() {
                self.stage = Stage::Idle;
                if let Some(epoch) = self.pinned {
                    self.grant(Stage::Refused(self.link.unpinned(epoch)));
                    return Poll::Ready(Ok(()));
                }
                self.link.want();
                if self.poll_failfast(cx).is_ready() {
                    let error = self.link.unavailable();
                    self.grant(Stage::Refused(error));
                    return Poll::Ready(Ok(()));
                }
            }
            ready!(self.poll_changed(cx));
        }
    }

    /// # Panics
    ///
    /// Without a grant from `poll_ready`.
    fn call(&mut self, request: Req) -> ResponseFuture<S::Future> {
        match mem::replace(&mut self.stage, Stage::Idle) {
            Stage::Granted { .. } | Stage::Refused(_) if self.link.is_leaving() => {
                ResponseFuture::failed(self.link.closed())
            }
            Stage::Granted { in_use, .. } if in_use.connection().is_over() => {
                ResponseFuture::failed(in_use.connection().lost(Sent::No))
            }
            Stage::Granted {
                mut service,
                in_use,
            } => {
                let (in_use, lease) = (in_use.call(), Arc::clone(&self.lease));
                ResponseFuture::called(service.call(request), in_use, lease)
            }
            Stage::Refused(error) => ResponseFuture::failed(error),
            Stage::Idle | Stage::Readying { .. } => {
                panic!("not ready: poll_ready must be called first")
            }
        }
    }
}

impl<S> Clone for Reconnect<S> {
    fn clone(&self) -> Self {
        Self {
            pinned: self.pinned,
            ..Self::new(Arc::clone(&self.link), Arc::clone(&self.lease))
        }
    }
}

impl<S> fmt::Debug for Reconnect<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconnect")
            .field("endpoint", &self.link.endpoint)
            .field("state", &*self.link.state.borrow())
            .finish_non_exhaustive()
    }
}
