//! An HTTP/1.1 connection as a session: one call at a time, the others in line.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bowline_link::{BoxError, Dial, Endpoint};
use http::uri::{Authority, Scheme};
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::PollSemaphore;
use tower_service::Service;

use super::origin::Origin;
use super::unsent::judged;
use super::{Answering, Opening, take_ready};
use crate::{Established, NotSent};

/// How many calls may be waiting for a connection or be in flight on it, unless
/// told: each waits for all before it, so a long line helps nobody.
pub const WAITING_MAX_DEFAULT: usize = 16;

/// Opens HTTP/1.1 connections, whose requests have bodies `B`, over dialer `D`:
/// a connector for [`Reconnect`](crate::Reconnect).
///
/// One connection carries one call at a time. Where that is too slow, speak
/// HTTP/2, or give a pooling client the [`UriDialer`](super::UriDialer).
pub struct Http1Connector<D, B> {
    dialer: D,
    authority: Option<Authority>,
    waiting_max: usize,
    bodies: PhantomData<fn(B)>,
}

/// An HTTP/1.1 connection that takes requests, by clones, one after the other.
///
/// A call's turn comes when the body of the answer before it has been read to
/// its end or dropped. Errors are [`NotSent`] where nothing of the request was
/// written, as of one whose turn the connection did not live to see.
///
/// # Cancellation
///
/// A call dropped in line leaves it. Dropped in flight it ends the connection,
/// since its answer is on the way.
pub struct Http1<B> {
    send: Arc<Mutex<SendRequest<B>>>,
    origin: Arc<Origin>,
    line: PollSemaphore,
    granted: Option<OwnedSemaphorePermit>,
}

// === impl Http1Connector ===

impl<D, B> Http1Connector<D, B> {
    /// Speaks HTTP/1.1 over what `dialer` opens.
    pub fn new(dialer: D) -> Self {
        Self {
            dialer,
            authority: None,
            waiting_max: WAITING_MAX_DEFAULT,
            bodies: PhantomData,
        }
    }

    /// The host of requests that name none, the endpoint unless told.
    #[must_use]
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authority = Some(authority);
        self
    }

    /// How many calls may be waiting or in flight ([`WAITING_MAX_DEFAULT`]
    /// unless told). Who wants one more finds the connection busy.
    ///
    /// # Panics
    ///
    /// If it is zero or over `tokio::sync::Semaphore::MAX_PERMITS`.
    #[must_use]
    pub fn waiting_max(mut self, calls: usize) -> Self {
        assert!(
            (1..=Semaphore::MAX_PERMITS).contains(&calls),
            "waiting_max is {calls}"
        );
        self.waiting_max = calls;
        self
    }
}

impl<D, B> Http1Connector<D, B>
where
    D: Dial,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    async fn open(self, mut dialer: D, to: Endpoint) -> Result<Established<Http1<B>>, BoxError> {
        let origin = Origin::new(Scheme::HTTP, self.authority, &to)?;
        let stream = dialer.call(to).await.map_err(Into::into)?;
        let (send, connection) = handshake(TokioIo::new(stream)).await?;
        let session = Http1 {
            send: Arc::new(Mutex::new(send)),
            origin: Arc::new(origin),
            line: PollSemaphore::new(Arc::new(Semaphore::new(self.waiting_max))),
            granted: None,
        };
        let closed = async move {
            match connection.await {
                Ok(()) => BoxError::from("the server hung up"),
                Err(error) => error.into(),
            }
        };
        Ok(Established::new(session).closed(closed))
    }
}

impl<D, B> Service<Endpoint> for Http1Connector<D, B>
where
    D: Dial,
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Established<Http1<B>>;
    type Error = BoxError;
    type Future = Opening<Http1<B>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.dialer.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, to: Endpoint) -> Self::Future {
        let ready = take_ready(&mut self.dialer);
        Box::pin(self.clone().open(ready, to))
    }
}

impl<D: Clone, B> Clone for Http1Connector<D, B> {
    fn clone(&self) -> Self {
        Self {
            dialer: self.dialer.clone(),
            authority: self.authority.clone(),
            waiting_max: self.waiting_max,
            bodies: PhantomData,
        }
    }
}

impl<D: fmt::Debug, B> fmt::Debug for Http1Connector<D, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1Connector")
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}

// === impl Http1 ===

impl<B> Service<Request<B>> for Http1<B>
where
    B: Body + Send + 'static,
{
    type Response = Response<Incoming>;
    type Error = BoxError;
    type Future = Answering;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.granted.is_none() {
            self.granted = ready!(self.line.poll_acquire(cx));
        }
        Poll::Ready(Ok(()))
    }

    /// # Panics
    ///
    /// Without a grant from `poll_ready`.
    fn call(&mut self, mut request: Request<B>) -> Answering {
        let granted = self.granted.take();
        let granted = granted.expect("not ready: poll_ready must be called first");
        if let Err(error) = self.origin.reduce(&mut request) {
            return Box::pin(async { Err(NotSent(error).into()) });
        }
        let send = Arc::clone(&self.send);
        Box::pin(async move {
            let answer = {
                let mut send = send.lock().await;
                let turn = send.ready().await;
                turn.map_err(|error| NotSent(error.into()))?;
                send.try_send_request(request)
            };
            let answer = answer.await;
            drop(granted);
            answer.map_err(judged)
        })
    }
}

impl<B> Clone for Http1<B> {
    fn clone(&self) -> Self {
        Self {
            send: Arc::clone(&self.send),
            origin: Arc::clone(&self.origin),
            line: self.line.clone(),
            granted: None,
        }
    }
}

impl<B> fmt::Debug for Http1<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http1")
            .field("origin", &self.origin)
            .finish_non_exhaustive()
    }
}
