//! A tower service that comes back by itself, for connections that are meant to last.
//!
//! [`Reconnect`] keeps one link connected: one attempt at a time, a jittered
//! wait between them, a session hook before users' calls pass, and a public
//! [`State`]. Every failed call says whether its request may have been
//! [sent](Sent). No request is ever sent twice: whoever knows that a request may
//! be repeated repeats it.
//!
//! Limits, timeouts, load shedding and hedging are tower's own; a `Reconnect`
//! stands under any of them.

mod builder;
mod driver;
mod error;
mod event;
mod future;
#[cfg(feature = "tonic")]
pub mod grpc;
#[cfg(feature = "hyper")]
pub mod http;
mod layer;
mod link;
#[cfg(feature = "retry")]
pub mod replay;
#[cfg(any(feature = "backoff", feature = "retry"))]
pub mod schedule;
mod service;
mod session;
mod slot;
mod state;

pub use builder::{Builder, CONNECT_TIMEOUT_DEFAULT, FAILFAST_AFTER_DEFAULT, Verdict};
pub use error::{ConnectTimeout, Error, Kind, NotSent, Sent, SharedError, Step};
pub use event::{ClosedReason, Event, LostReason, Trace};
pub use future::ResponseFuture;
pub use layer::ReconnectLayer;
pub use service::Reconnect;
pub use session::{Context, Established, Resumption};
pub use state::State;
