//! How messages and notices look, for a person and for a program. Pure: it writes nothing.
//!
//! What others wrote can neither steer a terminal nor pass for a line of its own.

use std::fmt::{self, Write};
use std::time::Duration;

use bowline_chat::log::{Epoch, Message, MsgId, Offset, Position};
use data_encoding::BASE64;
use serde::Serialize;

/// What the lines after the first of one message begin with. No nick can begin with
/// a blank, so none of them passes for a message.
const CONTINUED: &str = "    ";

/// Something to know besides the messages.
///
/// In JSON its name is in `notice`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub(super) enum Notice<'a> {
    /// The server let us in.
    Connected {
        server: &'a str,
        user: &'a str,
        durable: bool,
        again: bool,
    },
    /// We are in the room; `count` missed messages follow.
    Joined {
        room: &'a str,
        since: Option<Position>,
        epoch: Epoch,
        offset: Offset,
        recovered: Option<bool>,
        count: u64,
    },
    /// The connection is gone.
    Lost { reason: &'a str },
    /// It is tried again.
    Retrying {
        attempt: u32,
        after_ms: u64,
        reason: &'a str,
        /// Whether the last notice gave the same reason.
        #[serde(skip)]
        told: bool,
    },
    /// No further attempt is made; an error follows.
    Parked { reason: &'a str },
    /// The room cannot be entered; an error follows.
    JoinRefused {
        room: &'a str,
        code: u16,
        reason: &'a str,
    },
    /// A line of the input is on its way.
    Published {
        line: u64,
        msg_id: MsgId,
        #[serde(flatten)]
        body: Body<'a>,
    },
    /// A line is committed.
    Acked {
        line: u64,
        room: &'a str,
        epoch: Epoch,
        offset: Offset,
        msg_id: MsgId,
        duplicate: bool,
    },
    /// A line will never be acknowledged.
    Failed {
        line: u64,
        msg_id: Option<MsgId>,
        published: Published,
        reason: String,
    },
    /// Why the exit code will not be 0.
    Error { reason: String },
}

/// Whether a line without an acknowledgement is in the room all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Published {
    /// It is not.
    No,
    /// Nobody can tell.
    Unknown,
}

/// A body as text, or in base64 where it is not UTF-8.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Body<'a> {
    Text { body: &'a str },
    Base64 { body_b64: String },
}

/// A message as a line for programs.
#[derive(Serialize)]
struct JsonLine<'a> {
    room: &'a str,
    epoch: Epoch,
    #[serde(flatten)]
    message: &'a Message,
}

/// `nick: text`, without a line end.
pub(super) fn plain(message: &Message) -> String {
    let mut line = visible(message.from.as_bytes());
    line.push_str(": ");
    line.push_str(&visible(&message.body));
    line
}

/// The message as one JSON object, without a line end.
pub(super) fn json(room: &str, epoch: Epoch, message: &Message) -> String {
    object(&JsonLine {
        room,
        epoch,
        message,
    })
}

/// `bytes` as text that moves nothing on a terminal but the end of the line: control
/// and direction characters and what is not UTF-8 are spelt out.
pub(super) fn visible(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\n' => {
                    text.push('\n');
                    text.push_str(CONTINUED);
                }
                '\t' => text.push(char),
                char if char.is_control() || redirects(char) => {
                    text.extend(char.escape_unicode());
                }
                char => text.push(char),
            }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("a String takes all that is written");
        }
    }
    text
}

/// Whether `char` ends a line or turns the direction of the text around it, so that
/// a line could read as another.
fn redirects(char: char) -> bool {
    matches!(char,
        '\u{061c}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2066}'..='\u{2069}'
    )
}

fn object(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("text keys and plain values always make JSON")
}

// === impl Notice ===

impl Notice<'_> {
    /// The notice as one JSON object, without a line end.
    pub(super) fn json(&self) -> String {
        object(self)
    }

    /// The notice for a person, without a line end; `None` for what only programs
    /// want to know.
    pub(super) fn plain(&self) -> Option<String> {
        let text = match self {
            Self::Published { .. }
            | Self::Acked { .. }
            | Self::Parked { .. }
            | Self::JoinRefused { .. } => return None,
            Self::Error { reason } => return Some(format!("bowline: {}", safe(reason))),
            Self::Connected {
                server,
                user,
                durable,
                again,
            } => {
                let again = if *again { " again" } else { "" };
                let memory = match durable {
                    true => "",
                    false => "; what is said here does not outlive the server",
                };
                let (server, user) = (safe(server), safe(user));
                format!("connected{again} to {server} as {user}{memory}")
            }
            Self::Joined {
                room,
                recovered,
                count,
                ..
            } => joined(&safe(room), *recovered, *count),
            Self::Lost { reason } => format!("lost the connection: {}", safe(reason)),
            Self::Retrying {
                after_ms,
                reason,
                told,
                ..
            } => {
                let after = Duration::from_millis(*after_ms).as_secs_f64();
                match told {
                    true => format!("retrying in {after:.1} s"),
                    false => format!("retrying in {after:.1} s: {}", safe(reason)),
                }
            }
            Self::Failed {
                line,
                published,
                reason,
                ..
            } => format!("line {line} {published}: {}", safe(reason)),
        };
        Some(format!("* {text}"))
    }
}

fn safe(text: &str) -> String {
    visible(text.as_bytes())
}

fn joined(room: &str, recovered: Option<bool>, count: u64) -> String {
    match (recovered, count) {
        (None, _) => format!("in {room}"),
        (Some(true), 0) => format!("back in {room}: missed nothing"),
        (Some(true), 1) => format!("back in {room}: recovered 1 message"),
        (Some(true), count) => format!("back in {room}: recovered {count} messages"),
        (Some(false), _) => {
            format!("back in {room}: what was said meanwhile could not be recovered")
        }
    }
}

// === impl Published ===

impl fmt::Display for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "was not published",
            Self::Unknown => "may have been published or not",
        })
    }
}

// === impl Body ===

impl<'a> From<&'a [u8]> for Body<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(body) => Self::Text { body },
            Err(_) => Self::Base64 {
                body_b64: BASE64.encode(bytes),
            },
        }
    }
}

#[cfg(test)]
mod tests;
