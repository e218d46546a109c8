//! An HTTP/2 connection as a session: many calls at once, by clones.

use std::fmt;
use std::future::pending;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bowline_link::{BoxError, Dial, Endpoint, Stamped};
use bowline_policy::heartbeat::Fixed;
use http::uri::{Authority, Scheme};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, PollSemaphore, WaitForCancellationFutureOwned};
use tower_service::Service;

use super::origin::Origin;
use super::tasks::{Owner, Tasks};
use super::unsent::judged;
use super::{Answering, Opening, take_ready};
use crate::{Established, Hint, NotSent};

/// How many calls may be in flight on one connection unless told. A server
/// commonly admits 100 streams at once (RFC 9113 asks for no fewer), so the rest
/// waits in memory until it has room.
pub const CALLS_MAX_DEFAULT: usize = 1000;

/// How long calls in flight may take to finish once the server has said that it
/// goes away, unless told.
pub const DRAIN_DEFAULT: Duration = Duration::from_secs(1);

/// Opens HTTP/2 connections, whose requests have bodies `B`, over dialer `D`:
/// a connector for [`Reconnect`](crate::Reconnect).
///
/// It begins with HTTP/2 at once ("prior knowledge"); over TLS, have the dialer
/// offer `h2` by ALPN.
pub struct Http2Connector<D, B> {
    dialer: D,
    scheme: Scheme,
    authority: Option<Authority>,
    calls_max: usize,
    drain: Duration,
    heartbeat: Option<Fixed>,
    bodies: PhantomData<fn(B)>,
}

/// An HTTP/2 connection that takes requests.
///
/// A request's URI may be a path only: scheme and authority are then the
/// connector's. Errors are [`NotSent`] where that is certain: nothing of the
/// request was written, the server refused it, or went away before it.
///
/// # Cancellation
///
/// A call that is dropped resets its stream and disturbs no other.
pub struct Http2<B> {
    send: SendRequest<B>,
    origin: Arc<Origin>,
    calls: PollSemaphore,
    granted: Option<OwnedSemaphorePermit>,
    /// Nothing is left of the connection.
    gone: CancellationToken,
    going: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

// === impl Http2Connector ===

impl<D, B> Http2Connector<D, B> {
    /// Speaks HTTP/2 over what `dialer` opens.
    pub fn new(dialer: D) -> Self {
        Self {
            dialer,
            scheme: Scheme::HTTP,
            authority: None,
            calls_max: CALLS_MAX_DEFAULT,
            drain: DRAIN_DEFAULT,
            heartbeat: None,
            bodies: PhantomData,
        }
    }

    /// The scheme of requests that name none, `http` unless told; it encrypts
    /// nothing.
    #[must_use]
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// The authority of requests that name none, the endpoint unless told.
    #[must_use]
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authority = Some(authority);
        self
    }

    /// How many calls may be in flight at once ([`CALLS_MAX_DEFAULT`] unless
    /// told). Who wants one more finds the connection busy.
    ///
    /// # Panics
    ///
    /// If it is zero or over `tokio::sync::Semaphore::MAX_PERMITS`.
    #[must_use]
    pub fn calls_max(mut self, calls: usize) -> Self {
        assert!(
            (1..=Semaphore::MAX_PERMITS).contains(&calls),
            "calls_max is {calls}"
        );
        self.calls_max = calls;
        self
    }

    /// When the server has said that it goes away, calls in flight have this
    /// long to finish ([`DRAIN_DEFAULT`] unless told). The link makes its next
    /// connection meanwhile, for which new calls wait.
    #[must_use]
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Probes with PING frames when nothing came for an interval, calls in
    /// flight or not, and ends the connection that stays silent.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Fixed) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    fn builder(&self, tasks: Tasks) -> Builder<Tasks> {
        let mut builder = Builder::new(tasks);
        builder.timer(TokioTimer::new());
        if let Some(heartbeat) = &self.heartbeat {
            // Hyper probes once and waits; TCP loses no probe, so once is enough.
            let silence = heartbeat.silence_max() - heartbeat.interval();
            builder
                .keep_alive_interval(heartbeat.interval())
                .keep_alive_timeout(silence)
                .keep_alive_while_idle(true);
        }
        builder
    }
}

impl<D, B> Http2Connector<D, B>
where
    D: Dial,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    async fn open(self, mut dialer: D, to: Endpoint) -> Result<Established<Http2<B>>, BoxError> {
        let origin = Origin::new(self.scheme.clone(), self.authority.clone(), &to)?;
        let stream = dialer.call(to).await.map_err(Into::into)?;
        let stream = Stamped::new(stream);
        let stamp = stream.stamp();
        let tasks = Tasks::default();
        let owner = Owner::new(tasks.clone());
        let (send, connection) = self.builder(tasks).handshake(TokioIo::new(stream)).await?;
        stamp.handshake_done();
        let calls = Arc::new(Semaphore::new(self.calls_max));
        let gone = CancellationToken::new();
        let say_gone = gone.clone().drop_guard();
        let session = Http2 {
            send,
            origin: Arc::new(origin),
            calls: PollSemaphore::new(calls),
            granted: None,
            gone,
            going: None,
        };
        let drain = self.drain;
        let (say_going, going) = oneshot::channel();
        let closed = async move {
            let _say_gone = say_gone;
            match connection.await {
                Ok(()) => {
                    // Nobody listens any more when there already is a successor.
                    let _unheard = say_going.send(Hint::default().deadline(drain));
                    // An answer that takes longer than this is given up.
                    let _out_of_time = timeout(drain, owner.idle()).await;
                    BoxError::from("the server went away")
                }
                Err(error) => error.into(),
            }
        };
        let going = async move {
            match going.await {
                Ok(hint) => hint,
                Err(_) => pending().await,
            }
        };
        // Whoever speaks HTTP/2 begins with a SETTINGS frame.
        Ok(Established::new(session)
            .closed(closed)
            .going(going)
            .heard(move || stamp.heard()))
    }
}

impl<D, B> Service<Endpoint> for Http2Connector<D, B>
where
    D: Dial,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Response = Established<Http2<B>>;
    type Error = BoxError;
    type Future = Opening<Http2<B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.dialer.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Endpoint) -> Self::Future {
        let ready = take_ready(&mut self.dialer);
        Box::pin(self.clone().open(ready, to))
    }
}

impl<D: Clone, B> Clone for Http2Connector<D, B> {
    fn clone(&self) -> Self {
        Self {
            dialer: self.dialer.clone(),
            scheme: self.scheme.clone(),
            authority: self.authority.clone(),
            calls_max: self.calls_max,
            drain: self.drain,
            heartbeat: self.heartbeat,
            bodies: PhantomData,
        }
    }
}

impl<D: fmt::Debug, B> fmt::Debug for Http2Connector<D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2Connector")
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}

// === impl Http2 ===

impl<B> Service<Request<B>> for Http2<B>
where
    B: Body + Send + 'static,
{
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Answering;

    /// Once the server goes away it waits until the calls in flight have
    /// finished, and then fails: so that a `Reconnect` above it does not end
    /// them for the sake of the next one.
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.send.is_closed() {
            self.granted = None;
            let gone = &self.gone;
            let going = self
                .going
                .get_or_insert_with(|| Box::pin(gone.clone().cancelled_owned()));
            ready!(going.as_mut().poll(cx));
            return Poll::Ready(Err("the connection is closed".into()));
        }
        if self.granted.is_none() {
            self.granted = ready!(self.calls.poll_acquire(cx));
        }
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// Without a grant from `poll_ready`.
    fn call(&mut self, mut request: Request<B>) -> Answering {
        let granted = self.granted.take();
        let granted = granted.expect("not ready: poll_ready must be called first");
        if let Err(error) = self.origin.complete(&mut request) {
            return Box::pin(async { Err(NotSent(error).into()) });
        }
        let answer = self.send.try_send_request(request);
        Box::pin(async move {
            let answer = answer.await;
            drop(granted);
            answer.map_err(judged)
        })
    }
}

impl<B> Clone for Http2<B> {
    fn clone(&self) -> Self {
        Self {
            send: self.send.clone(),
            origin: Arc::clone(&self.origin),
            calls: self.calls.clone(),
            granted: None,
            gone: self.gone.clone(),
            going: None,
        }
    }
}

impl<B> fmt::Debug for Http2<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http2")
            .field("origin", &self.origin)
            .field("closed", &self.send.is_closed())
            .finish_non_exhaustive()
    }
}
