//! Why a TCP dial failed, in words and numbers a person can act on.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::race::Failures;
use crate::resolving::{Missed, neither};
use crate::{BoxError, DialStep, Endpoint};

/// Why no connection was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name has no answer. A misspelt name stays so; a resolver that is down
    /// may come back.
    #[error("could not resolve {endpoint}")]
    Resolve {
        /// Who was called.
        endpoint: Endpoint,
        /// What the resolver answered.
        source: BoxError,
    },
    /// The name exists and has no address.
    #[error("{endpoint} has no address")]
    NoAddress {
        /// Who was called.
        endpoint: Endpoint,
    },
    /// No address took the connection. Trying again may help.
    #[error("could not connect to {endpoint}{}", neither(address, others))]
    Connect {
        /// Who was called.
        endpoint: Endpoint,
        /// The address that failed last.
        address: SocketAddr,
        /// How many addresses were tried, all of them in vain.
        tried: usize,
        /// What the network answered at the last.
        source: io::Error,
        /// What it answered at those before it.
        others: Failures<io::Error>,
    },
    /// The time was up, wherever it went: resolving and every address share it.
    #[error("no connection to {endpoint} within {after:?}: still {step}")]
    Timeout {
        /// Who was called.
        endpoint: Endpoint,
        /// The dialer's whole allowance.
        after: Duration,
        /// What it was waiting for; in a race, the address that joined it last.
        step: DialStep,
    },
    /// A Unix socket is not reached over TCP.
    #[error("{endpoint} is a unix socket, which tcp does not reach")]
    NotTcp {
        /// Who was called.
        endpoint: Endpoint,
    },
}

// === impl DialError ===

impl DialError {
    pub(super) fn missed(endpoint: Endpoint, missed: Missed<io::Error>) -> Self {
        match missed {
            Missed::Resolve(source) => Self::Resolve { endpoint, source },
            Missed::NoAddress => Self::NoAddress { endpoint },
            Missed::Connect {
                address,
                source,
                others,
            } => Self::Connect {
                endpoint,
                address,
                tried: others.tried() + 1,
                source,
                others,
            },
        }
    }
}
