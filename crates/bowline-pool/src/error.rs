//! Why a caller got no connection, and why a dial failed.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};

/// Why no connection could be handed out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection came free or up within the wait. Trying again may help;
    /// the source, if there is one, is what the last dial met.
    #[error("no connection within {waited:?}: {open} of {max} open, {waiting} waiting")]
    Timeout {
        /// How long this caller stood in line.
        waited: Duration,
        /// Connections open and opening.
        open: usize,
        /// The most there may be.
        max: usize,
        /// Callers in line, this one among them.
        waiting: usize,
        /// What the last dial met, if it failed.
        #[source]
        last_dial: Option<DialError>,
    },
    /// So many wait already that this caller was turned away at once. Trying
    /// again at once makes it worse.
    #[error("{waiting} callers wait already: {open} of {max} open")]
    Overloaded {
        /// Connections open and opening.
        open: usize,
        /// The most there may be.
        max: usize,
        /// Callers in line, the most there may be.
        waiting: usize,
        /// What the last dial met, if it failed.
        #[source]
        last_dial: Option<DialError>,
    },
    /// The pool was closed, and stays so.
    #[error("the pool is closed")]
    Closed,
}

/// Why a dial yielded no usable connection.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The connector said no.
    #[error("could not connect to {endpoint}")]
    Refused {
        /// Who was called.
        endpoint: Endpoint,
        /// What the connector answered.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// The whole connect took too long and was given up.
    #[error("{endpoint} did not answer within {limit:?}")]
    TimedOut {
        /// Who was called.
        endpoint: Endpoint,
        /// The limit of one connect.
        limit: Duration,
    },
    /// The connect succeeded, but the peer ended the connection before it had
    /// served anybody: refused, in a politer way.
    #[error("{endpoint} accepted and hung up at once")]
    Stillborn {
        /// Who was called.
        endpoint: Endpoint,
    },
    /// The connector panicked: a bug in it.
    #[error("the connector panicked on {endpoint}")]
    Panicked {
        /// Who was called.
        endpoint: Endpoint,
    },
}

// === impl Error ===

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Timeout { .. } => io::ErrorKind::TimedOut,
            Error::Overloaded { .. } => io::ErrorKind::ResourceBusy,
            Error::Closed => io::ErrorKind::NotConnected,
        };
        Self::new(kind, error)
    }
}

// === impl DialError ===

impl DialError {
    pub(crate) fn refused(endpoint: Endpoint, error: BoxError) -> Self {
        Self::Refused {
            endpoint,
            source: Arc::from(error),
        }
    }
}
