//! The settings of a link, and its start.

use std::error::Error as StdError;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::{BoxError, Connect, Endpoint};
use bowline_policy::Observe;
use bowline_policy::backoff::{self, Maker};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::driver::{BoxConnect, Driver, Parts};
use crate::link::{Lease, Link};
use crate::session::BoxHook;
use crate::slot::Slot;
use crate::{Context, Established, Event, Reconnect, Resumption, State, Trace};

/// How long an attempt may take unless told: three retransmissions of a lost
/// SYN (1 + 2 + 4 s) and some time for the handshakes after it.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

/// How long a caller waits for a connection unless told: long enough for a peer
/// that restarts, short enough for a person who waits.
pub const FAILFAST_AFTER_DEFAULT: Duration = Duration::from_secs(5);

/// The settings of a link that has not been started.
///
/// Made by [`Reconnect::builder`].
#[must_use = "nothing connects before `build`"]
pub struct Builder<S> {
    connect: BoxConnect<S>,
    endpoint: Endpoint,
    backoff: backoff::Session,
    connect_timeout: Duration,
    failfast_after: Duration,
    classify: BoxClassify,
    hook: Option<BoxHook<S>>,
    observer: Arc<dyn Observe<Event>>,
}

pub(crate) type BoxClassify = Box<dyn Fn(&(dyn StdError + 'static)) -> Verdict + Send + Sync>;

/// What to do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Try again when the backoff says so.
    Retry,
    /// Trying again would not help (a bad token, an unknown protocol version):
    /// park the link.
    Fatal,
}

// === impl Builder ===

impl<S: Clone + Send + 'static> Builder<S> {
    pub(crate) fn new<C>(connect: C, endpoint: Endpoint, maker: &Maker) -> Self
    where
        C: Connect<Connection = Established<S>>,
    {
        Self {
            connect: boxed_connect(connect),
            endpoint,
            backoff: maker.session(),
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            failfast_after: FAILFAST_AFTER_DEFAULT,
            classify: Box::new(|_| Verdict::Retry),
            hook: None,
            observer: Arc::new(Trace),
        }
    }

    /// Ends an attempt, connecting and session hook together, that is not ready
    /// after `limit` ([`CONNECT_TIMEOUT_DEFAULT`] unless told).
    ///
    /// # Panics
    ///
    /// If `limit` is zero, with which nothing could ever connect.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        assert!(!limit.is_zero(), "connect_timeout is zero");
        self.connect_timeout = limit;
        self
    }

    /// Keeps a caller waiting for a connection at most this long
    /// ([`FAILFAST_AFTER_DEFAULT`] unless told), then fails its call.
    ///
    /// Zero fails each call at once while there is no connection. Then a caller
    /// that repeats its calls without a pause of its own spins.
    pub fn failfast_after(mut self, limit: Duration) -> Self {
        self.failfast_after = limit;
        self
    }

    /// Judges each reason for which there is no connection: what the connector,
    /// the session hook, the `closed` future or the service's `poll_ready` said.
    /// Unless told, all of them deserve another try.
    pub fn classify(
        mut self,
        classify: impl Fn(&(dyn StdError + 'static)) -> Verdict + Send + Sync + 'static,
    ) -> Self {
        self.classify = Box::new(classify);
        self
    }

    /// Makes a session of each connection before calls pass: `hook` says who we
    /// are, joins again what was joined, and answers what became of the previous
    /// session.
    ///
    /// It runs within the attempt, so under the same `connect_timeout`, and its
    /// error fails the attempt: the next one waits its backoff.
    ///
    /// # Cancellation
    ///
    /// The hook's future is dropped at any await when the attempt times out, the
    /// connection ends, or the link is closed.
    pub fn on_session<H, R>(mut self, hook: H) -> Self
    where
        H: Fn(S, Context) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Resumption, BoxError>> + Send + 'static,
    {
        self.hook = Some(Box::new(move |service, context| {
            Box::pin(hook(service, context))
        }));
        self
    }

    /// Tells `observer` what happens, instead of [`Trace`]; it is called in the
    /// task of the link, so it must not block, and if it panics the link closes.
    pub fn observer(mut self, observer: Arc<dyn Observe<Event>>) -> Self {
        self.observer = observer;
        self
    }

    /// Starts the link: it connects at once, and again whenever it must, until
    /// the last handle is dropped.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn build(self) -> Reconnect<S> {
        let link = Arc::new(Link {
            endpoint: self.endpoint,
            failfast_after: self.failfast_after,
            observer: self.observer,
            state: watch::Sender::new(State::Connecting { attempt: 1 }),
            slot: Slot::new(),
            revive: Notify::new(),
            closing: CancellationToken::new(),
        });
        let driver = Driver::new(
            Arc::clone(&link),
            Parts {
                connect: self.connect,
                connect_timeout: self.connect_timeout,
                hook: self.hook,
                classify: self.classify,
                backoff: self.backoff,
            },
        );
        let lease = Lease::start(driver.run());
        Reconnect::new(link, Arc::new(lease))
    }
}

impl<S> fmt::Debug for Builder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("endpoint", &self.endpoint)
            .field("connect_timeout", &self.connect_timeout)
            .field("failfast_after", &self.failfast_after)
            .finish_non_exhaustive()
    }
}

/// Erases the connector.
///
/// Each attempt takes a clone of its own: one given up half way, or one whose
/// `poll_ready` failed, leaves nothing behind for the next.
fn boxed_connect<S, C>(connect: C) -> BoxConnect<S>
where
    S: Send + 'static,
    C: Connect<Connection = Established<S>>,
{
    Box::new(move |endpoint| {
        let mut connect = connect.clone();
        Box::pin(async move {
            poll_fn(|cx| connect.poll_ready(cx))
                .await
                .map_err(Into::into)?;
            connect.call(endpoint).await.map_err(Into::into)
        })
    })
}
