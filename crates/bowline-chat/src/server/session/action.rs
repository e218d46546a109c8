//! What goes into a session and what comes out of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::log::MsgId;
use crate::protocol::{Close, JoinFrom, Reply};
use crate::store::{Appended, Draft, Refused};

/// What a session knows of its place in the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) node_id: u32,
    pub(crate) conn_id: u64,
    /// Whether the store keeps what it acknowledged through a power loss.
    pub(crate) durable: bool,
}

/// The present, on both clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// For deadlines.
    pub(crate) at: Instant,
    /// For stamps: since 1970.
    pub(crate) wall: Duration,
}

/// What the store answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A publish is committed, or refused for good.
    Published {
        seq: u64,
        drawn: Option<MsgId>,
        outcome: Result<Appended, Refused>,
    },
    /// A JOIN succeeded; the room itself sends JOINED, before what follows it.
    Joined { room: Arc<str>, number: u32 },
    /// A JOIN is refused for good.
    JoinRefused {
        seq: u64,
        room: Arc<str>,
        refused: Refused,
    },
    /// The store failed under this publish.
    Unavailable { seq: u64 },
    /// The store failed under this JOIN.
    JoinUnavailable { seq: u64, room: Arc<str> },
    /// The store failed under this connection's publishes: it has to repeat them
    /// in order, on another connection.
    StoreFailed,
}

/// What the connection has to do.
#[derive(Debug, PartialEq)]
pub(crate) enum Action {
    /// Say this.
    Send(Reply),
    /// Say this before anything else that waits.
    Probe(Reply),
    /// The client is known: let it send more.
    Welcomed,
    /// Ask the store to append this.
    Publish {
        draft: Draft,
        seq: u64,
        drawn: Option<MsgId>,
    },
    /// Ask the store where this room stands and enter it.
    Join {
        seq: u64,
        room: Arc<str>,
        from: JoinFrom,
    },
    /// Leave the room.
    Leave(Arc<str>),
    /// Note how long a probe took.
    RoundTrip(Duration),
    /// Note an answer to no probe that waits for one.
    StrayAnswer,
    /// Say this last and end the connection.
    Close(Close),
    /// End the connection: the client said its last word.
    End,
}
