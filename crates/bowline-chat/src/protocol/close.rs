//! Why a connection or a request ended: one table of codes for every transport.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why one side ends the connection.
///
/// The range carries the verdict, so that an old client handles a new code
/// rightly: 3000 to 3499 and 4000 to 4499 mean "come back", 3500 to 3999 and
/// 4500 to 4999 mean "coming back would not help".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The client has said all it wanted.
    pub const GOODBYE: Self = Self(1000);
    /// The server is going down; its clients come back to the next one.
    pub const SHUTDOWN: Self = Self(3000);
    /// Nothing was heard for as long as the heartbeat allows.
    pub const SILENT: Self = Self(3001);
    /// The client read too slowly and its outbox is full; it recovers on return.
    pub const SLOW: Self = Self(3002);
    /// There was no HELLO in time.
    pub const HELLO_TIMEOUT: Self = Self(3003);
    /// The store failed; what this client published may be in it or not.
    pub const STORE_FAILED: Self = Self(3004);
    /// The room's log was replaced while the client was in it.
    pub const LOG_REPLACED: Self = Self(3005);
    /// What arrived is not a frame, or not one with this meaning's fields.
    pub const BAD_FRAME: Self = Self(3500);
    /// A command this server does not know and may not ignore.
    pub const UNKNOWN_COMMAND: Self = Self(3501);
    /// A frame or line above the limit.
    pub const TOO_LARGE: Self = Self(3502);
    /// No protocol version in common.
    pub const VERSION: Self = Self(3503);
    /// Something else came before HELLO.
    pub const HELLO_FIRST: Self = Self(3504);
    /// HELLO came twice.
    pub const HELLO_TWICE: Self = Self(3505);
    /// More publishes in flight than WELCOME granted.
    pub const INFLIGHT: Self = Self(3506);

    /// Whether a client should come back.
    pub fn may_reconnect(self) -> bool {
        matches!(self.0, 3000..=3499 | 4000..=4499)
    }

    /// What the code means, in a few words; empty for one this version does not know.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::GOODBYE => "goodbye",
            Self::SHUTDOWN => "the server is going down",
            Self::SILENT => "nothing was heard for too long",
            Self::SLOW => "the client reads too slowly",
            Self::HELLO_TIMEOUT => "no HELLO in time",
            Self::STORE_FAILED => "the store failed",
            Self::LOG_REPLACED => "the room's log was replaced",
            Self::BAD_FRAME => "not a valid frame",
            Self::UNKNOWN_COMMAND => "unknown command",
            Self::TOO_LARGE => "too large",
            Self::VERSION => "no protocol version in common",
            Self::HELLO_FIRST => "HELLO must come first",
            Self::HELLO_TWICE => "HELLO came twice",
            Self::INFLIGHT => "more publishes in flight than granted",
            _ => "",
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.meaning() {
            "" => write!(f, "{}", self.0),
            meaning => write!(f, "{} {meaning}", self.0),
        }
    }
}

impl fmt::Debug for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CloseCode({self})")
    }
}

/// The last word of a connection, from either side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Close {
    /// Why.
    pub code: CloseCode,
    /// More about it, for a person; may be empty.
    #[serde(default)]
    pub reason: String,
}

impl Close {
    /// Ends with `code` and its usual words.
    pub fn new(code: CloseCode) -> Self {
        Self::because(code, code.meaning())
    }

    /// Ends with `code`, saying more about it.
    pub fn because(code: CloseCode, reason: impl Into<String>) -> Self {
        Self {
            code,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reason.is_empty() || self.reason == self.code.meaning() {
            self.code.fmt(f)
        } else {
            write!(f, "{}: {}", self.code, self.reason)
        }
    }
}

/// Why one request was refused; the connection goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ErrorCode(pub u16);

impl ErrorCode {
    /// The room's name is empty, too long or not printable.
    pub const BAD_ROOM: Self = Self(100);
    /// The nick is empty, too long or not printable.
    pub const BAD_NICK: Self = Self(101);
    /// A JOIN asked both to continue and for the last `history` messages.
    pub const SINCE_AND_HISTORY: Self = Self(102);
    /// A publish to a room this connection has not joined.
    pub const NOT_JOINED: Self = Self(103);
    /// The server holds as many rooms as it may.
    pub const ROOMS_FULL: Self = Self(104);
    /// This connection is in as many rooms as it may be, or waits for as many JOINs.
    pub const TOO_MANY_ROOMS: Self = Self(105);
    /// An `op` this server does not know.
    pub const UNKNOWN_OP: Self = Self(106);
    /// The store failed; whether the publish is in it is not known. Temporary.
    pub const UNAVAILABLE: Self = Self(107);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_a_code_says_whether_to_come_back() {
        for code in [
            CloseCode::SHUTDOWN,
            CloseCode::SLOW,
            CloseCode(3499),
            CloseCode(4000),
        ] {
            assert!(code.may_reconnect(), "{code}");
        }
        for code in [
            CloseCode::GOODBYE,
            CloseCode::BAD_FRAME,
            CloseCode(3999),
            CloseCode(4500),
        ] {
            assert!(!code.may_reconnect(), "{code}");
        }
    }
}
