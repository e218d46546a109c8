//! What happened to a link. It is told in the task where it happened and while
//! it happens, so no event is ever dropped.

use std::time::Duration;

use bowline_link::Endpoint;
use bowline_policy::Observe;

use crate::{Resumption, SharedError};

/// What happened to a link, in order.
///
/// Each `Connecting` is followed by one `Connected` or `Failed` unless the link
/// is closed in between; each `Connected` by one `Lost`; and `Closed` is the last.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// An attempt began.
    Connecting {
        /// The peer.
        endpoint: Endpoint,
        /// Which try it is, counted as in [`State::Connecting`](crate::State::Connecting).
        attempt: u32,
    },
    /// It succeeded: connected, and the session hook was content. Calls pass.
    Connected {
        /// The peer.
        endpoint: Endpoint,
        /// The number of the connection; 1 is the link's first.
        epoch: u64,
        /// Which try it was.
        attempt: u32,
        /// How long the attempt took.
        took: Duration,
        /// What became of the previous session.
        resumption: Resumption,
    },
    /// It failed.
    Failed {
        /// The peer.
        endpoint: Endpoint,
        /// Which try it was.
        attempt: u32,
        /// How long the attempt took.
        took: Duration,
        /// Why.
        error: SharedError,
    },
    /// A connection that had been up is gone.
    Lost {
        /// The peer.
        endpoint: Endpoint,
        /// The number of the connection.
        epoch: u64,
        /// Who noticed, or decided; the first one counts.
        reason: LostReason,
        /// What they said.
        error: SharedError,
        /// How long calls passed.
        lived: Duration,
    },
    /// The next attempt waits.
    BackingOff {
        /// The peer.
        endpoint: Endpoint,
        /// Which try that will be.
        attempt: u32,
        /// For how long.
        delay: Duration,
    },
    /// No next attempt will be made unless someone asks for it.
    Parked {
        /// The peer.
        endpoint: Endpoint,
        /// How many tries there were.
        attempts: u32,
        /// Why there is no connection.
        error: SharedError,
    },
    /// Someone asked: the backoff or the parking ended at once.
    Revived {
        /// The peer.
        endpoint: Endpoint,
    },
    /// The link ended.
    Closed {
        /// The peer.
        endpoint: Endpoint,
        /// Why.
        reason: ClosedReason,
    },
}

/// Why a connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostReason {
    /// Its `closed` future completed.
    Died,
    /// Its service refused to become ready.
    NotReady,
    /// The link was closed.
    LinkClosed,
}

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClosedReason {
    /// Someone called [`close`](crate::Reconnect::close).
    Asked,
    /// The last handle was dropped, or the runtime stopped.
    Released,
    /// The connector, the hook, the classifier or an observer panicked.
    Panicked,
}

/// The default observer: writes each event with `tracing`.
///
/// Nothing is an error here, since a peer that hangs up is the everyday case;
/// what needs a person (parked, panicked) is a warning. Pair it with your own:
/// `Arc::new((Trace, mine))`.
#[derive(Debug, Clone, Copy)]
pub struct Trace;

// === impl Trace ===

impl Observe<Event> for Trace {
    fn observe(&self, event: &Event) {
        match event {
            Event::Connecting { endpoint, attempt } => {
                tracing::debug!(%endpoint, attempt, "connecting");
            }
            Event::Connected {
                endpoint,
                epoch,
                attempt,
                took,
                resumption,
            } => {
                tracing::info!(%endpoint, epoch, attempt, ?took, ?resumption, "connected");
            }
            Event::Failed {
                endpoint,
                attempt,
                took,
                error,
            } => {
                tracing::info!(%endpoint, attempt, ?took, %error, "connecting failed");
            }
            Event::Lost {
                endpoint,
                epoch,
                reason,
                error,
                lived,
            } => {
                tracing::info!(%endpoint, epoch, ?reason, ?lived, %error, "connection lost");
            }
            Event::BackingOff {
                endpoint,
                attempt,
                delay,
            } => {
                tracing::debug!(%endpoint, attempt, ?delay, "waiting before the next try");
            }
            Event::Parked {
                endpoint,
                attempts,
                error,
            } => {
                tracing::warn!(%endpoint, attempts, %error, "gave up connecting until asked again");
            }
            Event::Revived { endpoint } => tracing::debug!(%endpoint, "told to connect now"),
            Event::Closed {
                endpoint,
                reason: ClosedReason::Panicked,
            } => {
                tracing::warn!(%endpoint, "link closed by a panic");
            }
            Event::Closed { endpoint, reason } => {
                tracing::debug!(%endpoint, ?reason, "link closed");
            }
        }
    }
}
