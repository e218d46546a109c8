//! A tower service that comes back by itself, for connections that are meant to last.
//!
//! [`Reconnect`] keeps one link connected: one attempt at a time, a jittered
//! wait between them, a session hook before users' calls pass, and a public
//! [`State`]. Every failed call says whether its request may have been
//! [sent](Sent). No request is ever sent twice: whoever knows that a request may
//! be repeated repeats it.
//!
//! Why there is no connection is judged by its [cause](ByCause), and what a
//! server asks of those who come back is [obeyed](Hint) within limits. Several
//! endpoints are called [in order or by weight](Builder::endpoints), and a connection is replaced,
//! when its server goes, its age is over or its endpoint leaves the list, only
//! once its successor is up.
//!
//! Limits, timeouts, load shedding and hedging are tower's own; a `Reconnect`
//! stands under any of them.

mod builder;
mod classify;
mod connection;
mod discovering;
mod driver;
mod error;
mod event;
mod events;
mod failover;
mod future;
#[cfg(feature = "tonic")]
pub mod grpc;
mod hint;
#[cfg(feature = "hyper")]
pub mod http;
mod layer;
mod link;
mod listing;
mod log;
#[cfg(feature = "retry")]
pub mod replay;
mod resume;
#[cfg(any(feature = "backoff", feature = "retry"))]
pub mod schedule;
mod service;
mod session;
mod signal;
mod slot;
mod state;
mod subscriptions;

pub use builder::{
    Builder, CONNECT_TIMEOUT_DEFAULT, FAILFAST_AFTER_DEFAULT, InitialConnect, MOVE_SPLAY_DEFAULT,
    PROBE_PARKED_DEFAULT, REDIRECTS_MAX_DEFAULT, RETIRE_WITHIN_DEFAULT,
};
pub use classify::{ByCause, Classify, Failure, Phase, Verdict};
pub use error::{ConnectTimeout, Error, Kind, NotSent, Sent, SharedError, Step};
pub use event::{ClosedReason, Event, LostReason, Reason, Revival};
pub use events::{EVENTS_MAX_DEFAULT, Events, Told};
pub use failover::{Failover, FailoverError, FailoverLayer};
pub use future::ResponseFuture;
pub use hint::{Hint, TurnedAway, Unauthorized};
pub use layer::ReconnectLayer;
pub use listing::Origin;
pub use log::Log;
pub use resume::{RESUME_TOKEN_BYTES_MAX, Resume, ResumeToken, TokenTooLong};
pub use service::Reconnect;
pub use session::{Context, Established, Resumption};
pub use state::State;
pub use subscriptions::{PIPELINE_DEFAULT, Restored, Subscriptions, TooManySubscriptions};
