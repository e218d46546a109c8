//! What a connector yields, and what the hook is told and answers that makes a
//! session of it before any user's request may pass.

use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;

use bowline_link::{BoxError, Endpoint};

use crate::{Hint, Reason, Resume};

pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A connection as its connector hands it over: the service that sends requests
/// on it, and how its end is noticed.
///
/// ```
/// # use bowline_reconnect::Established;
/// # use tokio::sync::oneshot;
/// # #[derive(Clone)] struct ChatLink;
/// # let (say_ended, ended) = oneshot::channel::<std::io::Error>();
/// Established::new(ChatLink).closed(async move {
///     match ended.await {
///         Ok(error) => error.into(),
///         Err(_) => bowline_link::BoxError::from("the reader stopped"),
///     }
/// });
/// ```
pub struct Established<S> {
    pub(crate) service: S,
    pub(crate) closed: BoxFuture<BoxError>,
    pub(crate) heard: Option<Heard>,
    pub(crate) going: BoxFuture<Hint>,
    pub(crate) check: Option<Check>,
}

pub(crate) type Heard = Box<dyn Fn() -> bool + Send + Sync>;
pub(crate) type Check = Box<dyn Fn() -> BoxFuture<Result<(), BoxError>> + Send + Sync>;

/// Which connection a session hook is run for.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Context {
    /// The number of the connection; 1 is the link's first. Each one has its
    /// own, also one whose hook fails.
    pub epoch: u64,
    /// The peer.
    pub endpoint: Endpoint,
    /// Which try made it, counted as in [`State::Connecting`](crate::State::Connecting).
    pub attempt: u32,
    /// Why it was made.
    pub reason: Reason,
    /// Where the resume token is kept, for this connection.
    pub resume: Resume,
}

/// What became of the previous session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumption {
    /// The peer continued it: nothing was lost between.
    Resumed,
    /// A new one began; what the application knew may be out of date.
    Fresh,
}

/// A session hook without its type.
pub(crate) type BoxHook<S> =
    Box<dyn Fn(S, Context) -> BoxFuture<Result<Resumption, BoxError>> + Send + Sync>;

// === impl Established ===

impl<S> Established<S> {
    /// Takes `service` for a connection whose end only its `poll_ready` tells.
    ///
    /// Say [`closed`](Self::closed) too where you can: otherwise a death while
    /// idle costs the next caller.
    pub fn new(service: S) -> Self {
        Self {
            service,
            closed: Box::pin(future::pending()),
            heard: None,
            going: Box::pin(future::pending()),
            check: None,
        }
    }

    /// Exchanges the service for what `map` makes of it, and keeps all else.
    pub fn map<T>(self, map: impl FnOnce(S) -> T) -> Established<T> {
        let Self {
            service,
            closed,
            heard,
            going,
            check,
        } = self;
        Established {
            service: map(service),
            closed,
            heard,
            going,
            check,
        }
    }

    /// Takes the completion of `closed` for the death of the connection, and
    /// its output for the reason.
    ///
    /// All calls in flight then end, with [`Sent::Maybe`](crate::Sent::Maybe)
    /// unless they have their answer, and the link connects again. It is polled
    /// from the session hook on, so it may do the connection's work as well, and
    /// dropped when the connection is given up for another reason.
    #[must_use]
    pub fn closed<E: Into<BoxError>>(
        mut self,
        closed: impl Future<Output = E> + Send + 'static,
    ) -> Self {
        self.closed = Box::pin(async move { closed.await.into() });
        self
    }

    /// Takes the completion of `notice` for word that the server will go, with
    /// what it asks of its clients meanwhile.
    ///
    /// The link then opens another connection within the window, to the redirect
    /// or another endpoint if there is one, lets new calls go there and leaves
    /// this one once its calls have ended. After three connections in a row that were
    /// sent away before they were stable, the backoff counts as well. It is asked once. A notice may never
    /// come; one that does is heard as long as the connection is the live one.
    #[must_use]
    pub fn going(mut self, notice: impl Future<Output = Hint> + Send + 'static) -> Self {
        self.going = Box::pin(notice);
        self
    }

    /// Gives the link a way to ask whether the connection is alive: `check` makes
    /// one round trip, and its error is the end of the connection.
    ///
    /// It is asked when time passed unseen (a suspend), within the link's
    /// `connect_timeout`; without it the connection is replaced on suspicion.
    #[must_use]
    pub fn check<R, E>(mut self, check: impl Fn() -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.check = Some(Box::new(move || {
            let checked = check();
            Box::pin(async move { checked.await.map_err(Into::into) })
        }));
        self
    }

    /// Says that a heartbeat runs: the connection counts as stable only if
    /// `heard` says, when it ends, that something was received after the
    /// handshake.
    ///
    /// Without it, time alone decides, and a black hole that accepts resets the
    /// backoff each time.
    #[must_use]
    pub fn heard(mut self, heard: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.heard = Some(Box::new(heard));
        self
    }
}

impl<S> From<S> for Established<S> {
    fn from(service: S) -> Self {
        Self::new(service)
    }
}

impl<S> fmt::Debug for Established<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Established").finish_non_exhaustive()
    }
}
