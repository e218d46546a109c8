//! One server in memory for both pools: how long it takes to connect, and how
//! it answers a check.

use std::fmt;
use std::future::pending;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::{Share, from_fn, lifetime};
use bowline_pool::{Builder, CheckError, CloseReason, Death, Event, Pool, Reuse, Settings};
use deadpool::Runtime;
use deadpool::managed::{self, Manager, Metrics, RecycleResult};
use tokio::time::sleep;

/// What a check meets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// An answer, after this long.
    Pass(Duration),
    /// An error, at once.
    Fail,
    /// Nothing, ever.
    Silence,
}

#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<State>>);

struct State {
    connect: Duration,
    check: Check,
    opened: usize,
    live: usize,
    /// Connections that deadpool said it lets go of.
    detached: usize,
    events: Vec<Event>,
    on_close: Option<Arc<dyn Fn() + Send + Sync>>,
}

/// A connection, of either pool.
pub(crate) struct Link {
    pub(crate) id: usize,
    server: Server,
}

pub(crate) const IDLE: Duration = Duration::from_secs(10);

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Limits without jitter.
pub(crate) fn settings(max: usize) -> Settings {
    let lifetime = lifetime::Settings::new(IDLE, 60 * IDLE).unwrap();
    Settings::new(max, 1)
        .unwrap()
        .lifetime(lifetime.spread(Share::NONE).unwrap())
}

// === impl Server ===

impl Server {
    pub(crate) fn new(connect: Duration) -> Self {
        Self(Arc::new(Mutex::new(State {
            connect,
            check: Check::Pass(Duration::ZERO),
            opened: 0,
            live: 0,
            detached: 0,
            events: Vec::new(),
            on_close: None,
        })))
    }

    pub(crate) fn deadpool(&self, max: usize) -> managed::Pool<Self> {
        let builder = managed::Pool::builder(self.clone()).max_size(max);
        builder.runtime(Runtime::Tokio1).build().unwrap()
    }

    pub(crate) fn pool(&self, settings: Settings) -> Pool<Link> {
        self.build(settings, |builder| builder)
    }

    pub(crate) fn build<D>(
        &self,
        settings: Settings,
        more: impl FnOnce(Builder<Dialer>) -> Builder<D>,
    ) -> Pool<Link>
    where
        D: bowline_link::Connect<Connection = Link>,
    {
        let log = self.clone();
        let observer = from_fn(move |event: &Event| log.state().events.push(event.clone()));
        let builder = Pool::builder(Dialer(self.clone()), settings)
            .endpoints([Endpoint::new("chat.example", 7400)])
            .unwrap()
            .observer(Arc::new(observer));
        more(builder).build().unwrap()
    }

    pub(crate) fn check_by(&self, check: Check) {
        self.state().check = check;
    }

    /// Does this each time a connection is closed.
    pub(crate) fn on_close(&self, act: Option<Arc<dyn Fn() + Send + Sync>>) {
        self.state().on_close = act;
    }

    pub(crate) fn opened(&self) -> usize {
        self.state().opened
    }

    pub(crate) fn live(&self) -> usize {
        self.state().live
    }

    pub(crate) fn detached(&self) -> usize {
        self.state().detached
    }

    pub(crate) fn reasons(&self) -> Vec<CloseReason> {
        let state = self.state();
        let reasons = state.events.iter().filter_map(|event| match event {
            Event::Closed { reason, .. } => Some(*reason),
            _ => None,
        });
        reasons.collect()
    }

    pub(crate) fn failed_checks(&self) -> Vec<CheckError> {
        let state = self.state();
        let failed = state.events.iter().filter_map(|event| match event {
            Event::CheckFailed { error, .. } => Some(error.clone()),
            _ => None,
        });
        failed.collect()
    }

    async fn connect(self) -> io::Result<Link> {
        let connect = self.state().connect;
        if !connect.is_zero() {
            sleep(connect).await;
        }
        let mut state = self.state();
        let id = state.opened;
        state.opened += 1;
        state.live += 1;
        drop(state);
        Ok(Link { id, server: self })
    }

    async fn check(&self) -> io::Result<()> {
        let check = self.state().check;
        match check {
            Check::Pass(after) => {
                if !after.is_zero() {
                    sleep(after).await;
                }
                Ok(())
            }
            Check::Fail => Err(io::Error::other("that is no answer")),
            Check::Silence => pending().await,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Manager for Server {
    type Type = Link;
    type Error = io::Error;

    async fn create(&self) -> io::Result<Link> {
        self.clone().connect().await
    }

    async fn recycle(&self, _: &mut Link, _: &Metrics) -> RecycleResult<io::Error> {
        Ok(self.check().await?)
    }

    fn detach(&self, _: &mut Link) {
        self.state().detached += 1;
    }
}

/// The same server, as this pool connects.
#[derive(Clone, Debug)]
pub(crate) struct Dialer(Server);

// === impl Dialer ===

impl tower::Service<Endpoint> for Dialer {
    type Response = Link;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Link, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Endpoint) -> Self::Future {
        let connecting = self.0.clone().connect();
        Box::pin(async move { Ok(connecting.await?) })
    }
}

// === impl Link ===

impl Reuse for Link {
    fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<Death> {
        Poll::Pending
    }

    fn is_settled(&self) -> bool {
        true
    }

    fn ping(&mut self) -> Option<impl Future<Output = Result<(), BoxError>> + Send> {
        let server = self.server.clone();
        Some(async move { Ok(server.check().await?) })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut state = self.server.state();
        state.live -= 1;
        let act = state.on_close.clone();
        drop(state);
        if let Some(act) = act {
            act();
        }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("id", &self.id).finish()
    }
}
