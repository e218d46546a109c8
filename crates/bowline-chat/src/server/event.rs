//! What happens in a server, for metrics, checks and logs.

use std::sync::Arc;
use std::time::Duration;

use bowline_policy::Observe;
use tracing::{debug, info, warn};

use crate::protocol::{Close, Wire};

/// Who is told what happens.
pub type Observer = Arc<dyn Observe<Event>>;

/// What happened in a server.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A connection was accepted.
    Accepted,
    /// A connection was closed at once: there are as many as there may be.
    Refused {
        /// The limit.
        max: usize,
    },
    /// Accepting failed.
    AcceptFailed {
        /// What the network said.
        error: String,
    },
    /// A connection began with a byte no format begins with, and was closed
    /// without an answer.
    UnknownFirstByte {
        /// The byte.
        first: u8,
    },
    /// A client was welcomed.
    Welcomed {
        /// What it speaks.
        wire: Wire,
    },
    /// A connection is over.
    Ended {
        /// Why.
        reason: EndReason,
    },
    /// A transaction was committed.
    Committed {
        /// How many messages are new in it.
        new: usize,
        /// How many stood there already.
        duplicates: usize,
    },
    /// A commit failed; whether it is in the store is not known.
    CommitFailed {
        /// How many publishes it held.
        publishes: usize,
        /// What the store said.
        error: String,
    },
    /// The store failed at anything else: reading, or being opened again.
    StoreFailed {
        /// What the store said.
        error: String,
    },
    /// The store was opened again after a failure.
    StoreReopened,
    /// A client came back to a room.
    Recovered {
        /// Whether the whole gap follows.
        recovered: bool,
        /// How many messages that is.
        count: u64,
    },
    /// Messages were queued for members.
    Delivered {
        /// Messages times members.
        copies: usize,
    },
    /// A probe was answered.
    RoundTrip {
        /// After how long.
        took: Duration,
    },
    /// An answer came to a probe that was never sent, or answered before.
    StrayAnswer,
    /// A request was refused and the connection went on.
    RequestRefused,
}

/// Why a server's connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndReason {
    /// The server closed it, saying so.
    Closed(Close),
    /// The client said goodbye, or hung up.
    Left,
    /// The stream failed.
    Failed {
        /// What the network said.
        error: String,
    },
    /// It spoke no known format.
    UnknownFormat,
    /// The server went without waiting for it any longer.
    Dropped,
}

/// Writes each event to `tracing`; what an embedder gets without asking.
#[derive(Debug, Clone, Copy)]
pub struct Traced;

impl Observe<Event> for Traced {
    fn observe(&self, event: &Event) {
        match event {
            Event::CommitFailed { publishes, error } => {
                warn!(publishes, error, "commit failed");
            }
            Event::StoreFailed { error } => warn!(error, "store failed"),
            Event::AcceptFailed { error } => warn!(error, "accept failed"),
            Event::Refused { max } => warn!(max, "connection refused: too many"),
            Event::StoreReopened => info!("store reopened"),
            Event::Ended { reason } => debug!(?reason, "connection ended"),
            other => debug!(event = ?other),
        }
    }
}
