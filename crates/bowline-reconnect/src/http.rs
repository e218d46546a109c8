//! Connectors for hyper, over any of our dialers: sessions that a
//! [`Reconnect`](crate::Reconnect) keeps up, and the dialer of hyper-util's
//! pooling client. It speaks no HTTP itself, and follows no redirects.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), bowline_link::BoxError> {
//! use std::time::Duration;
//! use bowline_link::{Endpoint, tcp};
//! use bowline_policy::backoff::{Maker, Schedule};
//! use bowline_reconnect::{Reconnect, http::Http2Connector};
//! use bytes::Bytes;
//! use http::Request;
//! use http_body_util::Empty;
//! use tower::ServiceExt;
//!
//! let schedule = Schedule::exponential(Duration::from_millis(100), Duration::from_secs(10))?;
//! let connector = Http2Connector::<_, Empty<Bytes>>::new(tcp::Dialer::new());
//! let server = Endpoint::new("history.example", 8080);
//! let history = Reconnect::builder(connector, server, &Maker::new(schedule, 1)).build();
//! let rooms = history.clone().oneshot(Request::get("/rooms").body(Empty::new())?).await?;
//! assert_eq!(rooms.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! The body of a response lies on the connection that it came by: it ends with
//! an error if that is lost, or if the last handle of the link is dropped before
//! it was read.

mod http1;
mod http2;
mod origin;
mod tasks;
mod unsent;
mod uri;

use std::future::Future;
use std::mem;
use std::pin::Pin;

use bowline_link::BoxError;
use http::Response;
use hyper::body::Incoming;

use crate::Established;

pub use http1::{Http1, Http1Connector, WAITING_MAX_DEFAULT};
pub use http2::{CALLS_MAX_DEFAULT, DRAIN_DEFAULT, Http2, Http2Connector};
pub use uri::{UriDialer, UriError, UriStream};

/// A connection being opened.
type Opening<S> = Pin<Box<dyn Future<Output = Result<Established<S>, BoxError>> + Send>>;

/// A request on its way.
type Answering = Pin<Box<dyn Future<Output = Result<Response<Incoming>, BoxError>> + Send>>;

/// The dialer that was asked whether it is ready; a clone, which was not, takes its place.
fn take_ready<D: Clone>(dialer: &mut D) -> D {
    let clone = dialer.clone();
    mem::replace(dialer, clone)
}
