//! Why a call failed, and whether its request may have reached the peer.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::{BoxError, DialStep, Endpoint};
use tokio::time::Instant;

use crate::connection::Connection;

/// The cause of an ended connection or a failed attempt, which all who wait for
/// the link are told.
pub type SharedError = Arc<dyn StdError + Send + Sync>;

/// Why a call failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Error {
    /// What went wrong.
    pub kind: Kind,
    /// The peer of the connection the call was on, or else that of the latest try;
    /// before any, the one the link was begun with.
    pub endpoint: Endpoint,
    /// Which try it was, counted as in [`State::Connecting`](crate::State::Connecting):
    /// the one that made the connection the call was on, or else the latest one; 0
    /// before any.
    pub attempt: u32,
    /// The number of the connection the call was on, if it was on one.
    pub epoch: Option<u64>,
    /// Whether the request may have reached the peer.
    pub sent: Sent,
    /// When the next try begins, as far as that was known when the call failed.
    pub next_attempt_at: Option<Instant>,
    /// What lies below: the inner service's error, or the latest reason for
    /// which there was no connection, also while another try is under way.
    pub source: Option<SharedError>,
}

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// There was no connection for as long as the caller may be kept waiting
    /// (`failfast_after`). The link goes on trying; so may the caller.
    Unavailable,
    /// The same, and the link has stopped trying: see
    /// [`State::Parked`](crate::State::Parked).
    Parked,
    /// The connection ended: between the grant and the call (not sent), or
    /// while the call was in flight (maybe sent). Of a [pinned](crate::Reconnect::pinned)
    /// handle also: it is not that connection any more (not sent).
    Lost,
    /// The link is closed for good; no further call will succeed. There is a source if
    /// nobody asked for it: the first attempt failed, or code in the link's task panicked.
    Closed,
    /// The live service failed this call; the connection stays. Of one that is over
    /// the same is `Lost` or `Closed`, with the service's error as its source.
    Inner,
}

/// Whether a request may have reached the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// It was never given to a connection, so it may be made again.
    No,
    /// It may have been received and even carried out: making it again may do
    /// its work twice.
    Maybe,
}

/// An inner service's way to say that it did not send the request.
///
/// A failed call is [`Sent::Maybe`] unless the error the inner service returned
/// *is* one of these, or an [`Error`] of another `Reconnect`. The causes below
/// that error are not searched: they may speak of another request.
#[derive(Debug, thiserror::Error)]
#[error("the request was not sent")]
pub struct NotSent(#[source] pub BoxError);

/// An attempt that was not ready within the one limit on all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{step} was not done within {limit:?} from the start of the attempt{}",
    .dial.map(|dial| format!(" ({dial})")).unwrap_or_default()
)]
#[non_exhaustive]
pub struct ConnectTimeout {
    /// `connect_timeout`.
    pub limit: Duration,
    /// What it was doing then.
    pub step: Step,
    /// The same more closely, where the connector is one of bowline-link's or says so.
    pub dial: Option<DialStep>,
}

/// The steps of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// The connector was opening the connection.
    Connect,
    /// The session hook was talking to the peer.
    Session,
}

// === impl Error ===

impl Error {
    pub(crate) fn inner(connection: &Connection, source: BoxError) -> Self {
        let sent = if source.is::<NotSent>() {
            Sent::No
        } else {
            source
                .downcast_ref::<Self>()
                .map_or(Sent::Maybe, |error| error.sent)
        };
        Self {
            kind: connection.kind_of_failure(),
            endpoint: connection.endpoint.clone(),
            attempt: connection.attempt,
            epoch: Some(connection.epoch),
            sent,
            next_attempt_at: None,
            source: Some(source.into()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            endpoint, attempt, ..
        } = self;
        match (self.kind, self.sent) {
            (Kind::Unavailable, _) => write!(f, "no connection to {endpoint} (try {attempt})"),
            (Kind::Parked, _) => write!(f, "gave up connecting to {endpoint} after try {attempt}"),
            (Kind::Lost, Sent::No) => {
                write!(f, "the connection to {endpoint} ended before the call")
            }
            (Kind::Lost, Sent::Maybe) => {
                write!(f, "the connection to {endpoint} ended during the call")
            }
            (Kind::Closed, _) => write!(f, "the link to {endpoint} is closed"),
            (Kind::Inner, _) => write!(f, "the call to {endpoint} failed"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

// === impl Step ===

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Session => "the session hook",
        })
    }
}
