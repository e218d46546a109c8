//! What may be made a second time, as a policy for tower's `Retry`. It never
//! repeats a request that may have been carried out, unless the request says
//! that it may be.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), bowline_link::BoxError> {
//! use std::time::Duration;
//! use bowline_link::BoxError;
//! use bowline_policy::backoff::{Maker, Schedule};
//! use bowline_policy::budget::{RetrySettings, TTL_DEFAULT};
//! use bowline_reconnect::replay::{Budget, Policy, Replay};
//! use bowline_reconnect::schedule::Pauses;
//! use tower::retry::RetryLayer;
//! use tower::{ServiceBuilder, ServiceExt, service_fn};
//!
//! #[derive(Clone)]
//! enum Ask { History, Say(&'static str) }
//!
//! impl Replay for Ask {
//!     fn copy(&self) -> Option<Self> { Some(self.clone()) }
//!     // To read twice does no harm; to say twice does.
//!     fn is_replayable(&self) -> bool { matches!(self, Self::History) }
//! }
//!
//! let pauses = Schedule::exponential(Duration::from_millis(50), Duration::from_secs(1))?;
//! let settings = RetrySettings::new(200, 10, TTL_DEFAULT)?; // a fifth of the calls, and ten a second
//! let policy = Policy::new(Budget::new(settings), Pauses::new(Maker::new(pauses, 1)));
//!
//! // Hangs up on whoever comes first.
//! let calls = std::sync::atomic::AtomicU32::new(0);
//! let calls = std::sync::Arc::new(calls);
//! let room = service_fn(move |_: Ask| {
//!     let first = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0;
//!     async move { if first { Err(BoxError::from("hung up")) } else { Ok("ahoy") } }
//! });
//! let room = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(room);
//! assert_eq!(room.clone().oneshot(Ask::History).await?, "ahoy");
//! assert_eq!(room.oneshot(Ask::Say("ahoy")).await?, "ahoy");
//! # Ok(())
//! # }
//! ```

mod event;
mod policy;

use bowline_link::BoxError;

use crate::{Error, Kind, NotSent, Sent};

pub use event::{Event, Log, Why};
pub use policy::{Budget, Policy, REPLAYS_MAX_DEFAULT};

/// A request that can be made again.
pub trait Replay: Sized {
    /// A copy to keep for another try, made before the first one; nothing where
    /// there can be none, as of a body that is streamed. Such a request is made
    /// once.
    fn copy(&self) -> Option<Self>;

    /// Whether making it again does no harm although it may have been carried
    /// out: it only reads, or the peer recognizes the second by an id.
    ///
    /// Nothing declares itself so by default.
    fn is_replayable(&self) -> bool {
        false
    }
}

/// What an error says about trying again.
pub trait SaysSent {
    /// Whether the request may have reached the peer.
    fn sent(&self) -> Sent;

    /// Whether another try may end otherwise.
    fn may_pass(&self) -> bool {
        true
    }
}

/// Declares one HTTP request replayable whose method is not: put it into the
/// request's extensions where the server recognizes a repetition.
#[cfg(feature = "hyper")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayable;

// === impl SaysSent ===

impl SaysSent for Error {
    fn sent(&self) -> Sent {
        self.sent
    }

    /// Not where the link is closed, or parked: that ends by somebody's hand. Nor
    /// where there was no connection for as long as a caller may be kept waiting:
    /// it has waited.
    fn may_pass(&self) -> bool {
        match self.kind {
            Kind::Closed | Kind::Parked | Kind::Unavailable => false,
            Kind::Lost | Kind::Inner => true,
        }
    }
}

/// What a middleware boxed: an [`Error`] or [`NotSent`] speaks for itself, of any
/// other the request may have been sent.
impl SaysSent for BoxError {
    fn sent(&self) -> Sent {
        if self.is::<NotSent>() {
            return Sent::No;
        }
        self.downcast_ref::<Error>()
            .map_or(Sent::Maybe, SaysSent::sent)
    }

    fn may_pass(&self) -> bool {
        self.downcast_ref::<Error>().is_none_or(SaysSent::may_pass)
    }
}

// === impl Replay ===

/// Replayable are the idempotent methods (RFC 9110, section 9.2.2), and what
/// bears the mark [`Replayable`].
#[cfg(feature = "hyper")]
impl<B: Clone> Replay for http::Request<B> {
    fn copy(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn is_replayable(&self) -> bool {
        self.method().is_idempotent() || self.extensions().get::<Replayable>().is_some()
    }
}
