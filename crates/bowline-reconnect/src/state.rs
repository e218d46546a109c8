//! What a link is doing, for whoever wants to watch it.

use std::time::Duration;

use bowline_link::Endpoint;
use tokio::time::Instant;

use crate::{Resumption, SharedError};

/// What a link is doing.
///
/// A watch shows the latest state, so a short one may pass unseen; every
/// transition is an [`Event`](crate::Event).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum State {
    /// Not begun: the first caller begins it. See
    /// [`InitialConnect::Lazy`](crate::InitialConnect::Lazy).
    Idle,
    /// An attempt is under way: connecting, then the session hook.
    Connecting {
        /// Which try this is since the backoff last stood at its start; 1 is the first.
        attempt: u32,
        /// Who is called.
        endpoint: Endpoint,
    },
    /// Calls pass, also while a successor of the connection is being made.
    Ready {
        /// The number of the connection; 1 is the link's first.
        epoch: u64,
        /// What the session hook found, [`Resumption::Fresh`] without one.
        resumption: Resumption,
        /// The peer.
        endpoint: Endpoint,
    },
    /// Waiting before the next attempt.
    Backoff {
        /// When that begins.
        until: Instant,
        /// How long the wait is in all.
        delay: Duration,
        /// Which try it will be, counted as in `Connecting`.
        attempt: u32,
        /// Why there is no connection.
        error: SharedError,
    },
    /// Not trying any more, because the schedule ended or the error was
    /// [fatal](crate::Verdict::Fatal). [`reconnect_now`](crate::Reconnect::reconnect_now)
    /// revives it, a new list of endpoints does, and, unless the error was fatal,
    /// a [slow probe](crate::Builder::probe_parked_every).
    Parked {
        /// How many tries there were, counted as in `Connecting`.
        attempts: u32,
        /// Why there is no connection.
        error: SharedError,
    },
    /// Closed for good. The last state of every link, also of one whose handles
    /// are all gone.
    Closed,
}

// === impl State ===

impl State {
    /// Whether calls pass.
    pub fn is_ready(&self) -> bool {
        matches!(self, Self::Ready { .. })
    }
}
