//! What a client tells its application.

use std::sync::Arc;
use std::time::Duration;

use crate::log::{Epoch, Message, MsgId, Position};
use crate::protocol::Failure;

/// Something the application may want to know, in the order it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The server let the client in, for the first time or again.
    Connected {
        /// Who the server takes the client for.
        user: Arc<str>,
        /// Whether what it acknowledges survives a power loss.
        durable: bool,
    },
    /// The client is in a room; `count` replayed messages follow, then live ones.
    Joined {
        /// The room.
        room: Arc<str>,
        /// Where the client stood before; `None` on a first join.
        since: Option<Position>,
        /// Where what follows continues.
        position: Position,
        /// Whether nothing was missed; `None` on a first join.
        recovered: Option<bool>,
        /// How many messages were missed and follow now.
        count: u64,
    },
    /// A room cannot be entered; the client has given it up.
    JoinRefused {
        /// The room.
        room: Arc<str>,
        /// What the server said.
        failure: Failure,
    },
    /// A message of a room: in the room's order, each once.
    Message {
        /// The room.
        room: Arc<str>,
        /// Which log.
        epoch: Epoch,
        /// The message.
        message: Message,
    },
    /// The connection is gone. Nothing has to be done about it.
    Lost {
        /// What ended it.
        reason: String,
    },
    /// The next attempt to connect.
    Retrying {
        /// The how many-th in a row.
        attempt: u32,
        /// How long from now.
        after: Duration,
        /// What the last attempt met.
        reason: String,
    },
    /// No further attempt is made until [`reconnect_now`](super::Client::reconnect_now).
    Parked {
        /// What the last attempt met.
        reason: String,
    },
}

/// The proof that a publish is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The publish's id.
    pub msg_id: MsgId,
    /// Where it stands.
    pub position: Position,
    /// Whether a repetition found it there.
    pub duplicate: bool,
}

/// Why a publish has no receipt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The room was not joined; nothing was sent.
    #[error("the room was not joined")]
    NotJoined,
    /// The server refused it for good; it is not in the log.
    #[error("the server refused it: {}", .0.message)]
    Refused(Failure),
    /// It was sent, and nobody can tell any more whether it arrived: that part of the
    /// log is gone, or the server takes it no longer.
    #[error("it may have been published or not, and nobody can tell any more")]
    Maybe,
    /// The body is larger than the server takes; nothing was sent.
    #[error("the body has {bytes} bytes, the server takes {max}")]
    TooLarge {
        /// The body's bytes.
        bytes: usize,
        /// The most there may be.
        max: usize,
    },
    /// The client was closed first; whether it was published is not known.
    #[error("the client was closed before the answer")]
    Closed,
}
