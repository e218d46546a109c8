//! The messages: what is said, apart from how it is written.
//!
//! The serde attributes make the JSON form; the binary one is written by hand.

use std::sync::Arc;

pub use bowline_link::beat::{Beat, Status};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Close, ErrorCode, VERSION, json};
use crate::log::{Epoch, Message, MsgId, Offset, Position};

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Introduces the client; the first thing on every connection.
    Hello(Hello),
    /// Enters a room, or continues in it.
    Join(Join),
    /// Says something in a room.
    Publish(Publish),
    /// Answers a probe.
    Pong(Beat),
    /// Leaves.
    Close(Close),
    /// A command this version does not know but may ignore, or an unknown `op`,
    /// which deserves an answer.
    Unknown {
        /// The request's number, where it could be read.
        seq: Option<u64>,
        /// What was asked for.
        op: String,
    },
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Lets the client in and tells it the rules.
    Welcome(Welcome),
    /// Says where in the room's log the client stands.
    Joined(Joined),
    /// Acknowledges a publish: it is committed.
    Published(Published),
    /// A message of a room.
    Message(RoomMessage),
    /// Refuses a request.
    Error(Failure),
    /// Asks whether the other side is alive.
    Ping(Ping),
    /// The last word.
    Close(Close),
    /// A push this version does not know and may ignore.
    Unknown,
}

/// HELLO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Echoed in the answer.
    #[serde(default)]
    pub seq: u64,
    /// The oldest protocol version the client speaks.
    #[serde(default = "this_version")]
    pub proto_min: u32,
    /// The newest.
    #[serde(default = "this_version")]
    pub proto_max: u32,
    /// What the guest wants to be called; proves nothing.
    pub nick: Arc<str>,
    /// The program and its version, for people.
    #[serde(default)]
    pub client: String,
    /// How often the client wishes to be probed, in milliseconds; the server
    /// holds it within bounds and tells the result in WELCOME.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ping_ms: Option<u64>,
}

/// WELCOME.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The HELLO's.
    pub seq: u64,
    /// The version spoken from here on.
    pub proto: u32,
    /// The program and its version, for people.
    pub server: String,
    /// This server process.
    pub node_id: u32,
    /// This connection within it.
    pub conn_id: u64,
    /// Who the client is from now on: `from` of what it publishes.
    pub user: Arc<str>,
    /// Whether that is only a guest's nick.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
    /// The server probes when it heard or sent nothing for this long.
    pub ping_ms: u64,
    /// How long one answer may take.
    pub timeout_ms: u64,
    /// How many answers may be missing.
    pub misses: u32,
    /// The largest frame payload or line either side may send, in bytes.
    pub frame_bytes_max: u64,
    /// How many rooms one connection may be in.
    pub rooms_max: u32,
    /// How many publishes may be unanswered; one more ends the connection.
    pub inflight_max: u32,
    /// Whether an acknowledged message survives a power loss.
    pub durable: bool,
    /// The server's time of day in milliseconds since 1970, for people.
    pub server_time: u64,
}

/// JOIN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Echoed in the answer.
    #[serde(default)]
    pub seq: u64,
    /// Which room.
    pub room: Arc<str>,
    /// Where to begin; `None` where the request asked for two places at once.
    #[serde(flatten, with = "json::join_from")]
    pub from: Option<JoinFrom>,
}

/// Where in a room's log a JOIN begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinFrom {
    /// With the next message.
    Live,
    /// After the position the client reached before.
    Since(Position),
    /// With the last so many messages.
    History(u64),
}

/// JOINED.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The JOIN's.
    pub seq: u64,
    /// The room.
    pub room: Arc<str>,
    /// Its number, the same for every connection of this server process.
    pub number: u32,
    /// The position from which what follows continues.
    #[serde(flatten)]
    pub position: Position,
    /// Whether the whole gap follows; there only if `since` was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<bool>,
    /// How many replayed messages follow before the live ones.
    pub count: u64,
}

/// How a publish names its room: the number from JOINED, or the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RoomRef {
    /// The number JOINED told.
    Number(u32),
    /// The name.
    Name(Arc<str>),
}

/// PUBLISH.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// Echoed in the answer.
    #[serde(default)]
    pub seq: u64,
    /// Where to.
    pub room: RoomRef,
    /// Makes a repetition harmless; without one the server draws it, and this
    /// publish cannot be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_id: Option<MsgId>,
    /// What to say; any bytes.
    #[serde(flatten, with = "json::body")]
    pub body: Bytes,
}

/// PUBLISHED.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The PUBLISH's.
    pub seq: u64,
    /// Where the message stands in the room's log.
    #[serde(flatten)]
    pub position: Position,
    /// Whether it stood there already, from an earlier publish with this id.
    pub duplicate: bool,
    /// The id the server drew, where the publish had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msg_id: Option<MsgId>,
}

/// MESSAGE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomMessage {
    /// The room: by number in binary frames, by name in JSON.
    pub room: RoomRef,
    /// Which log.
    pub epoch: Epoch,
    /// The message.
    #[serde(flatten)]
    pub message: Message,
}

/// ERROR.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The refused request's, where it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Why.
    pub code: ErrorCode,
    /// Whether trying again may help.
    pub temporary: bool,
    /// Why, for a person.
    pub message: String,
}

/// PING: a heartbeat that names the time to the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ping {
    /// The heartbeat.
    #[serde(flatten)]
    pub beat: Beat,
    /// When the next one is due at the latest, in milliseconds from now.
    pub interval_ms: u64,
}

impl JoinFrom {
    /// The position to continue from, if this continues.
    pub fn since(self) -> Option<Position> {
        match self {
            Self::Since(position) => Some(position),
            Self::Live | Self::History(_) => None,
        }
    }
}

/// The position before the first message of any log, in a log called `epoch`.
impl From<Epoch> for Position {
    fn from(epoch: Epoch) -> Self {
        Self {
            epoch,
            offset: Offset(0),
        }
    }
}

fn this_version() -> u32 {
    VERSION
}
