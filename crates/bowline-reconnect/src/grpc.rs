//! The transport of a generated tonic client: a link that comes back, whose
//! failures are statuses. Generated clients make each call once; repeat one
//! above the client, where the request can be copied (see
//! [`Policy`](crate::replay::Policy), with feature `retry`).
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), bowline_link::BoxError> {
//! # struct HealthClient<T>(T);
//! # impl<T> HealthClient<T> { fn new(t: T) -> Self { Self(t) } }
//! use std::time::Duration;
//! use bowline_link::{Endpoint, tcp};
//! use bowline_policy::backoff::{Maker, Schedule};
//! use bowline_reconnect::grpc::Channel;
//! use bowline_reconnect::{Reconnect, http::Http2Connector};
//!
//! let schedule = Schedule::exponential(Duration::from_millis(100), Duration::from_secs(10))?;
//! let connector = Http2Connector::new(tcp::Dialer::new());
//! let server = Endpoint::new("health.example", 50051);
//! let link = Reconnect::builder(connector, server, &Maker::new(schedule, 1)).build();
//! let health = HealthClient::new(Channel::new(link));
//! # Ok(())
//! # }
//! ```

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tonic::body::Body;
use tonic::{Code, Status};
use tower_service::Service;

use crate::http::Http2;
use crate::{Error, Reconnect, ResponseFuture, Sent};

/// A link as tonic's clients take it.
///
/// Its errors are [`Status`]es with [`Code::Unavailable`], as gRPC asks of a
/// transport, whose source is the link's [`Error`]: see [`sent`].
#[derive(Debug, Clone)]
pub struct Channel {
    link: Reconnect<Http2<Body>>,
}

pin_project! {
    /// A call of [`Channel`], in flight.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ChannelFuture {
        #[pin]
        answer: ResponseFuture<<Http2<Body> as Service<Request<Body>>>::Future>,
    }
}

/// Whether the request of a failed call may have reached the server. A status
/// that the server gave itself says that it did.
pub fn sent(status: &Status) -> Sent {
    error(status).map_or(Sent::Maybe, |error| error.sent)
}

/// The link's error, if that is why the call failed.
pub fn error(status: &Status) -> Option<&Error> {
    status.source().and_then(|source| source.downcast_ref())
}

// === impl Channel ===

impl Channel {
    /// Calls over `link`.
    pub fn new(link: Reconnect<Http2<Body>>) -> Self {
        Self { link }
    }

    /// The link, to watch or to close.
    pub fn link(&self) -> &Reconnect<Http2<Body>> {
        &self.link
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = ChannelFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.link.poll_ready(cx).map_err(status)
    }

    fn call(&mut self, request: Request<Body>) -> ChannelFuture {
        ChannelFuture {
            answer: self.link.call(request),
        }
    }
}

fn status(error: Error) -> Status {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        text = format!("{text}: {cause}");
        below = cause.source();
    }
    let mut status = Status::new(Code::Unavailable, text);
    status.set_source(Arc::new(error));
    status
}

// === impl ChannelFuture ===

impl Future for ChannelFuture {
    type Output = Result<Response<Incoming>, Status>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().answer.poll(cx).map_err(status)
    }
}

// === impl Status ===

/// Of statuses that the server gave, another try may help with
/// [`Code::Unavailable`] alone.
#[cfg(feature = "retry")]
impl crate::replay::SaysSent for Status {
    fn sent(&self) -> Sent {
        sent(self)
    }

    fn may_pass(&self) -> bool {
        match error(self) {
            Some(error) => error.may_pass(),
            None => self.code() == Code::Unavailable,
        }
    }
}
