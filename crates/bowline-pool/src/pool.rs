//! The handle that callers hold. It lends connections and works the switches;
//! the dialing is the keeper's.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::discovery::Targets;
use bowline_link::{Connect, Endpoint};
use bowline_policy::Observe;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use crate::shared::{Place, Shared};
use crate::{
    Builder, DrainReport, Error, Event, InvalidSettings, Lent, Log, Pooled, Reuse, Settings,
    Snapshot,
};

/// Connections that are shared by whoever holds a clone.
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

/// What callers meet while a pool is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspend {
    /// They stand in line, up to their deadlines.
    Wait,
    /// They are turned away at once, those in line among them.
    Fail,
}

/// What becomes of connections that are with callers when a pool is cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InUse {
    /// They are closed when they come back.
    Finish,
    /// They are called back: [`Pool::run`] ends with [`Error::CalledBack`], and
    /// [`Pooled::called_back`] tells the others.
    CallBack,
}

// === impl Pool ===

impl<C: Reuse> Pool<C> {
    /// Makes a pool that reaches `endpoint` by `connect`, and writes its events
    /// to [`Log`].
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
        let builder = Self::builder(connect, settings).observer(observer);
        let built = builder.endpoints([endpoint]).and_then(Builder::build);
        built.expect("one endpoint is a list, and within every limit")
    }

    /// Begins a pool with several endpoints, a shared budget, or hooks.
    ///
    /// ```
    /// use bowline_link::tcp;
    /// use bowline_pool::{Budget, Pool, Settings, Streams};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let budget = Budget::new(100)?;
    /// let pool = Pool::builder(Streams::new(tcp::Dialer::new()), Settings::new(16, 0x5eed)?)
    ///     .endpoints(["a.example:7400".parse()?, "b.example:7400".parse()?])?
    ///     .budget(&budget)
    ///     .on_connect(|stream| Box::pin(async move {
    ///         let _greet = stream;
    ///         Ok(())
    ///     }))
    ///     .build()?;
    /// assert_eq!(pool.snapshot().endpoints.len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder<D>(connect: D, settings: Settings) -> Builder<D>
    where
        D: Connect<Connection = C>,
    {
        Builder::new(connect, settings)
    }

    pub(crate) fn kept(
        shared: Arc<Shared<C>>,
        keeper: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        let mut task = JoinSet::new();
        task.spawn(keeper);
        Self {
            owner: Arc::new(Owner {
                shared,
                _keeper: task,
            }),
        }
    }

    /// Borrows a connection: a parked one at once, unless others wait; else the
    /// next that comes back or up, in the order in which callers came.
    ///
    /// What it yields was neither idle past the limit nor too old, and nothing
    /// had reached us that spoke against it. The peer can still hang up in the
    /// next moment.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    ///
    /// # Cancellation
    ///
    /// A dropped future gives up its place; a connection promised to it goes to
    /// the next caller, and a dial begun for it goes on.
    #[track_caller]
    pub fn checkout(&self) -> impl Future<Output = Result<Pooled<C>, Error>> + Send + use<'_, C> {
        let place = Location::caller();
        lend(&self.owner.shared, place)
    }

    /// The same by somebody who cannot keep the pool meanwhile.
    pub(crate) async fn into_checkout(self, place: Place) -> Result<Pooled<C>, Error> {
        lend(&self.owner.shared, place).await
    }

    /// Borrows a connection only if one is parked and nobody waits for it.
    #[track_caller]
    pub fn try_checkout(&self) -> Option<Pooled<C>> {
        let shared = &self.owner.shared;
        let conn = shared.take_parked(Location::caller())?;
        Some(Pooled::new(conn, Arc::clone(shared)))
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
    #[track_caller]
    pub fn run<'a, T, E, F>(
        &'a self,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + use<'a, C, T, E, F>
    where
        E: From<Error>,
        F: AsyncFnOnce(&mut C) -> Result<T, E>,
    {
        let checkout = self.checkout();
        async move {
            let mut pooled = checkout.await?;
            let called_back = pooled.called_back();
            tokio::select! {
                biased;
                done = pooled.run(work) => done,
                () = called_back => Err(Error::CalledBack.into()),
            }
        }
    }

    /// Waits until as many connections are open as the settings' `min` says,
    /// which happens by itself, for as long as a caller would stand in line.
    ///
    /// # Errors
    ///
    /// [`Error::Timeout`] when that is over, [`Error::Closed`].
    ///
    /// # Cancellation
    ///
    /// Warming up goes on.
    pub async fn warmed_up(&self) -> Result<(), Error> {
        let shared = &self.owner.shared;
        let limit = shared.settings().wait;
        let warm = async {
            loop {
                let mut warm = std::pin::pin!(shared.warm.notified());
                warm.as_mut().enable();
                if shared.gate.is_closed() {
                    return Err(Error::Closed);
                }
                if shared.is_warm() {
                    return Ok(());
                }
                warm.await;
            }
        };
        let in_time = timeout(limit, warm).await;
        in_time.unwrap_or_else(|_| Err(Error::Timeout(Box::new(shared.shortage(limit)))))
    }

    /// Closes whatever was opened until now: what is parked at once, what is
    /// being opened when it lands, what is with callers as `in_use` says. New
    /// connections take its place as they are asked for.
    ///
    /// For when what a connection stands for has changed: an address, a
    /// credential, a leader.
    pub fn clear(&self, in_use: InUse) {
        self.owner.shared.clear(in_use == InUse::CallBack);
    }

    /// Lends nothing more until [`resume`](Self::resume). What is with callers
    /// stays with them, and is kept when it comes back; nothing is dialed.
    pub fn suspend(&self, suspend: Suspend) {
        self.owner.shared.suspend(suspend == Suspend::Fail);
    }

    /// Lends again after [`suspend`](Self::suspend).
    pub fn resume(&self) {
        self.owner.shared.resume();
    }

    /// Changes how many connections there may be. More may be opened at once;
    /// of too many, those parked are closed at once and those on loan when they
    /// come back.
    ///
    /// # Errors
    ///
    /// `max` is zero, below `min`, or over the ceiling that the pool was made
    /// with; everything stays as it was.
    pub fn resize(&self, max: usize) -> Result<(), InvalidSettings> {
        self.owner.shared.resize(max)
    }

    /// Follows other settings from now on. Deadlines of what is parked are drawn
    /// anew at once, of what is on loan when it comes back; callers in line keep
    /// theirs. The ceiling stays.
    ///
    /// # Errors
    ///
    /// A `max` over the ceiling that the pool was made with; everything stays as
    /// it was.
    pub fn set_settings(&self, settings: Settings) -> Result<(), InvalidSettings> {
        self.owner.shared.set_settings(settings)
    }

    /// Connects to others from now on: see
    /// [`Builder::discovered`](crate::Builder::discovered).
    pub fn set_endpoints(&self, targets: Targets) {
        self.owner.shared.set_targets(targets);
    }

    /// Closes the pool: callers in line and later ones get [`Error::Closed`],
    /// parked connections are closed, those on loan when they come back, and
    /// dials under way are given up.
    pub fn close(&self) {
        self.owner.shared.close();
    }

    /// Closes the pool and waits until nothing of it is open, at most until
    /// `deadline`.
    ///
    /// # Cancellation
    ///
    /// The pool is closed all the same; only the report is lost.
    pub async fn drain(&self, deadline: Instant) -> DrainReport {
        let shared = &self.owner.shared;
        let lent = || shared.ledger.lent(Instant::now(), Duration::ZERO);
        let before = lent().len();
        let parked = shared.close();
        tokio::select! {
            biased;
            () = shared.quota.emptied() => {}
            () = sleep_until(deadline) => {}
        }
        let lent = lent();
        DrainReport {
            parked,
            returned: before.saturating_sub(lent.len()),
            lent,
            left: shared.quota.open(),
        }
    }

    /// Connections that have been with callers for `lent_for` at least, those
    /// lent longest first.
    pub fn lent_for(&self, lent_for: Duration) -> Vec<Lent> {
        self.owner.shared.ledger.lent(Instant::now(), lent_for)
    }

    /// Whether it was closed, as the error that callers get.
    pub(crate) fn is_open(&self) -> Result<(), Error> {
        match self.owner.shared.gate.is_closed() {
            true => Err(Error::Closed),
            false => Ok(()),
        }
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.owner.shared.settings()
    }

    /// How the pool stands.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.owner.shared)
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
            .field("snapshot", &self.snapshot())
            .finish_non_exhaustive()
    }
}

async fn lend<C: Reuse>(shared: &Arc<Shared<C>>, place: Place) -> Result<Pooled<C>, Error> {
    let conn = match shared.take_parked(place) {
        Some(conn) => conn,
        None => shared.take_in_line(place).await?,
    };
    Ok(Pooled::new(conn, Arc::clone(shared)))
}

// === impl Owner ===

impl<C: Reuse> Drop for Owner<C> {
    fn drop(&mut self) {
        self.shared.close();
    }
}
