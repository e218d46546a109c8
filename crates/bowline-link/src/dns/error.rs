//! Why a name has no answer, told apart by what the caller can do about it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::Kind;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no name of DNS, whatever the servers say: a label is longer than 63 bytes,
    /// or the whole is longer than 255, or empty.
    #[error("{name:?} is no name that could be asked for")]
    NotAName {
        /// The text.
        name: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The name does not exist (NXDOMAIN). It is misspelt, or not there yet.
    #[error("there is no name {name}")]
    NoSuchName {
        /// The name, or the alias that leads nowhere.
        name: String,
    },
    /// The name exists and has no records of this kind. Trying again does not help until
    /// somebody changes the zone.
    #[error("{name} has no {kind} records")]
    NoData {
        /// The name.
        name: String,
        /// What was asked for; for addresses, the last of the two kinds.
        kind: Kind,
    },
    /// The name says by its SRV record that the service is decidedly not available (a target
    /// of `.`, RFC 2782).
    #[error("{name} says that the service is not offered")]
    NotOffered {
        /// The service's name.
        name: String,
    },
    /// No server answered in time. Trying again may help.
    #[error(
        "no answer for {name} from {servers} name servers, each asked up to {attempts} times, within {after:?}"
    )]
    Timeout {
        /// The name.
        name: String,
        /// How many servers there are.
        servers: usize,
        /// How often each could be asked.
        attempts: u32,
        /// How long it took at most.
        after: Duration,
    },
    /// A server answered that it cannot or will not, and no other did better. Trying again
    /// may help where it cannot.
    #[error("name server {server} failed for {name}: {said}")]
    ServerFailure {
        /// The name.
        name: String,
        /// Who said so last.
        server: SocketAddr,
        /// What, such as `Server Failure`.
        said: String,
    },
    /// No socket could be opened or used. The fault is on this machine or near it.
    #[error("could not ask name server {server} for {name}")]
    Network {
        /// The name.
        name: String,
        /// Who was to be asked last.
        server: SocketAddr,
        /// What the network said.
        source: io::Error,
    },
    /// Too many different names are being asked for at once, and this one was not. Trying
    /// again helps once some of them are answered.
    #[error("{name} was not asked for: {max} other names are under way")]
    TooManyQuestions {
        /// The name.
        name: String,
        /// How many may be: [`ASKED_AT_ONCE_MAX`](super::ASKED_AT_ONCE_MAX).
        max: usize,
    },
    /// One alias leads to another for too long, perhaps in a circle.
    #[error("{name} is an alias of an alias more than {max} times")]
    TooManyAliases {
        /// The name that was asked for.
        name: String,
        /// How many are followed: [`ALIASES_MAX`](super::ALIASES_MAX).
        max: usize,
    },
    /// The answer has more records than anybody needs.
    #[error("{name} has more than {max} {kind} records")]
    TooManyRecords {
        /// The name.
        name: String,
        /// What was asked for.
        kind: Kind,
        /// How many are taken: [`RECORDS_MAX`](super::RECORDS_MAX).
        max: usize,
    },
}

// === impl Error ===

impl Error {
    /// Whether it says something of the servers and nothing of the name: then what was known
    /// before is still the best there is.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Timeout { .. }
            | Self::ServerFailure { .. }
            | Self::Network { .. }
            | Self::TooManyQuestions { .. } => true,
            Self::NotAName { .. }
            | Self::NoSuchName { .. }
            | Self::NoData { .. }
            | Self::NotOffered { .. }
            | Self::TooManyAliases { .. }
            | Self::TooManyRecords { .. } => false,
        }
    }
    /// The same for another who waited for the same answer: of a cause that cannot be copied
    /// its kind and its text.
    pub(super) fn again(&self) -> Self {
        match self {
            Self::NotAName { name, source } => Self::NotAName {
                name: name.clone(),
                source: source.to_string().into(),
            },
            Self::NoSuchName { name } => Self::NoSuchName { name: name.clone() },
            Self::NoData { name, kind } => Self::NoData {
                name: name.clone(),
                kind: *kind,
            },
            Self::NotOffered { name } => Self::NotOffered { name: name.clone() },
            Self::Timeout {
                name,
                servers,
                attempts,
                after,
            } => Self::Timeout {
                name: name.clone(),
                servers: *servers,
                attempts: *attempts,
                after: *after,
            },
            Self::ServerFailure { name, server, said } => Self::ServerFailure {
                name: name.clone(),
                server: *server,
                said: said.clone(),
            },
            Self::Network {
                name,
                server,
                source,
            } => Self::Network {
                name: name.clone(),
                server: *server,
                source: match source.raw_os_error() {
                    Some(code) => io::Error::from_raw_os_error(code),
                    None => io::Error::new(source.kind(), source.to_string()),
                },
            },
            Self::TooManyQuestions { name, max } => Self::TooManyQuestions {
                name: name.clone(),
                max: *max,
            },
            Self::TooManyAliases { name, max } => Self::TooManyAliases {
                name: name.clone(),
                max: *max,
            },
            Self::TooManyRecords { name, kind, max } => Self::TooManyRecords {
                name: name.clone(),
                kind: *kind,
                max: *max,
            },
        }
    }
}
