//! What happened in a pool, as values. It counts nothing and keeps nothing.

use std::fmt;
use std::time::Duration;

use bowline_link::Endpoint;
use bowline_policy::Observe;

use crate::{Death, DialError};

/// Something that happened in a pool.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A dial succeeded.
    Opened {
        /// Who was called.
        endpoint: Endpoint,
        /// How long the connect took.
        took: Duration,
    },
    /// A dial failed; none starts before the delay is over.
    DialFailed {
        /// Why; it names who was called.
        error: DialError,
        /// How long the pool backs off.
        retry_in: Duration,
    },
    /// A connection is about to be closed. Every `Opened` has one.
    Closed {
        /// The other side.
        endpoint: Endpoint,
        /// Why.
        reason: CloseReason,
    },
    /// A caller gave up at its deadline.
    TimedOut {
        /// Who it wanted to reach.
        endpoint: Endpoint,
        /// How long it stood in line.
        waited: Duration,
    },
    /// A caller was turned away because too many wait.
    Overloaded {
        /// Who it wanted to reach.
        endpoint: Endpoint,
        /// How many wait.
        waiting: usize,
    },
}

/// Why a connection was closed: the first reason seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// It was found unusable when somebody wanted it.
    Dead(Death),
    /// It had been parked for longer than the idle limit.
    Idle,
    /// It came back in the middle of an exchange.
    Dirty,
    /// Its caller asked for it.
    Discarded,
    /// The pool was closed.
    PoolClosed,
}

/// The default observer: writes each event with `tracing`, failures of dials as
/// warnings, the rest for debugging.
#[derive(Debug, Clone, Copy)]
pub struct Log;

// === impl CloseReason ===

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dead(death) => death.fmt(f),
            Self::Idle => f.write_str("idle"),
            Self::Dirty => f.write_str("dirty"),
            Self::Discarded => f.write_str("discarded"),
            Self::PoolClosed => f.write_str("pool closed"),
        }
    }
}

// === impl Log ===

impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::Opened { endpoint, took } => {
                tracing::debug!(%endpoint, ?took, "connection opened");
            }
            Event::DialFailed { error, retry_in } => {
                let error: &dyn std::error::Error = error;
                tracing::warn!(error, ?retry_in, "dial failed");
            }
            Event::Closed { endpoint, reason } => {
                tracing::debug!(%endpoint, %reason, "connection closed");
            }
            Event::TimedOut { endpoint, waited } => {
                tracing::debug!(%endpoint, ?waited, "caller timed out");
            }
            Event::Overloaded { endpoint, waiting } => {
                tracing::debug!(%endpoint, waiting, "caller turned away");
            }
        }
    }
}
