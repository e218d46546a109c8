//! Why a caller got no connection, and why a connection was not made or not
//! trusted.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};

mod shortage;

pub use shortage::{LastDial, Shortage, Step};

/// Why no connection could be handed out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No connection came free or up within the wait. Trying again may help.
    #[error("no connection {0}")]
    Timeout(Box<Shortage>),
    /// So many wait already that this caller was turned away at once. Trying
    /// again at once makes it worse.
    #[error("turned away {0}")]
    Overloaded(Box<Shortage>),
    /// No connection is left and no dial has succeeded for too long: see
    /// [`Settings::fail_fast_after`](crate::Settings::fail_fast_after).
    #[error("nobody can be reached {0}")]
    Unreachable(Box<Shortage>),
    /// The pool was suspended, and its callers are not to wait.
    #[error("the pool is suspended")]
    Suspended,
    /// The connection was called back while it was in use: see
    /// [`Pool::clear`](crate::Pool::clear).
    #[error("the connection was called back")]
    CalledBack,
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
    /// The hook on connect said no.
    #[error("{endpoint} was connected and did not pass")]
    Unfit {
        /// Who was called.
        endpoint: Endpoint,
        /// What the hook answered.
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
    /// The connector, or the hook on connect, panicked: a bug in it.
    #[error("the connector panicked on {endpoint}")]
    Panicked {
        /// Who was called.
        endpoint: Endpoint,
    },
}

/// Why a connection did not pass a check.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The ping, or the hook on return, said no.
    #[error("it did not pass")]
    Failed {
        /// What it answered.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// No answer came in time.
    #[error("no answer within {limit:?}")]
    TimedOut {
        /// The limit of one check.
        limit: Duration,
    },
    /// Afterwards it was in the middle of an exchange, or had ended, or had
    /// more to say than was asked.
    #[error("it was left unfit")]
    LeftUnfit,
    /// The ping, or the hook on return, panicked: a bug in it.
    #[error("the check panicked")]
    Panicked,
}

// === impl Error ===

impl Error {
    /// How the pool stood when it had nothing to hand out.
    pub fn shortage(&self) -> Option<&Shortage> {
        match self {
            Self::Timeout(shortage) | Self::Overloaded(shortage) | Self::Unreachable(shortage) => {
                Some(shortage)
            }
            Self::Suspended | Self::CalledBack | Self::Closed => None,
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::Timeout(_) => io::ErrorKind::TimedOut,
            Error::Overloaded(_) | Error::Suspended => io::ErrorKind::ResourceBusy,
            Error::Unreachable(_) => io::ErrorKind::ConnectionRefused,
            Error::CalledBack => io::ErrorKind::ConnectionAborted,
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

    pub(crate) fn unfit(endpoint: Endpoint, error: BoxError) -> Self {
        Self::Unfit {
            endpoint,
            source: Arc::from(error),
        }
    }

    /// Who was called.
    pub fn endpoint(&self) -> &Endpoint {
        match self {
            Self::Refused { endpoint, .. }
            | Self::Unfit { endpoint, .. }
            | Self::TimedOut { endpoint, .. }
            | Self::Stillborn { endpoint }
            | Self::Panicked { endpoint } => endpoint,
        }
    }
}

/// An error and what is behind it, in one line.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn StdError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut behind = self.0.source();
        while let Some(error) = behind {
            write!(f, ": {error}")?;
            behind = error.source();
        }
        Ok(())
    }
}
