//! From bytes to frames and back, for peers that are not trusted yet. A codec knows where a frame
//! ends and never what it means.
//!
//! | a frame | |
//! |---|---|
//! | stands behind a header of eight bytes | [`HeaderCodec`] |
//! | is a line | [`LineCodec`] |
//! | ends at a delimiter | [`DelimiterCodec`] |
//! | has a fixed length | [`FixedCodec`] |
//! | stands behind its length | [`LengthPrefixedCodec`] |
//! | is one JSON value of many, back to back | [`ConcatenatedJsonCodec`] |
//! | is found by a function of one's own | [`SplitCodec`] |
//!
//! With the feature `json`, `NdjsonCodec` and `JsonCodec` read lines and values as types of one's
//! own.
//!
//! All of them are [`tokio_util::codec`]s: what was read and not yet decoded stays in the reader's
//! buffer, so a `next()` dropped half-way through a frame loses nothing. All of them refuse what
//! is over the limit in force ([`Limits`]) before they keep it, and what the stream ended
//! in the middle of. None recovers from an error: where a frame ends is then unknown, and asking
//! again gives the same error. (The two that read JSON as types know where it ends: they go on.)
//! A [`Framed`](tokio_util::codec::Framed) yields one `None` after every error, which is not yet
//! the stream's end: whoever wants to go on asks once more.

use std::io;

use bytes::BytesMut;

use crate::BoxError;

mod concatenated_json;
mod delimiter;
mod fixed;
mod header;
#[cfg(feature = "json")]
mod json;
mod length_prefixed;
mod limits;
mod line;
#[cfg(feature = "json")]
mod ndjson;
mod split;
#[cfg(test)]
mod testing;

pub use concatenated_json::{ConcatenatedJsonCodec, JSON_DEPTH_MAX};
pub use delimiter::{DELIMITER_BYTES_MAX, DelimiterCodec, InvalidDelimiter};
pub use fixed::{FixedCodec, InvalidLength};
pub use header::{Command, Frame, HEADER_BYTES, HeaderCodec, MAGIC, OPCODE_MAX, encode_into};
#[cfg(feature = "json")]
pub use json::JsonCodec;
pub use length_prefixed::{
    ByteOrder, InvalidPrefix, LengthPrefixedCodec, PREFIX_OFFSET_MAX, Prefix,
};
pub use limits::{FRAME_BYTES_MAX, GAP_BYTES_MAX, InvalidLimits, Limits};
pub use line::LineCodec;
#[cfg(feature = "json")]
pub use ndjson::NdjsonCodec;
pub use split::{Split, SplitCodec};

/// Why bytes are no frame, or a frame cannot become bytes.
///
/// All but [`Io`](Error::Io) and what is said of split functions are the fault of whoever
/// wrote the frame, and trying again gives the same answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The peer speaks something else.
    #[error("a frame begins with {MAGIC:#06x}, not with {found:#06x}")]
    Magic {
        /// The first two bytes.
        found: u16,
    },
    /// A payload is over the limit; as claimed by a header, before any of it is
    /// kept, or as it was about to be sent.
    #[error("a frame of {claimed} bytes is over the limit of {limit}")]
    TooLarge {
        /// The payload's bytes.
        claimed: usize,
        /// The most there may be.
        limit: usize,
    },
    /// More bytes came than a line may have, and none of them ends it.
    #[error("a line is longer than the limit of {limit} bytes")]
    LineTooLong {
        /// The most there may be.
        limit: usize,
    },
    /// What was to be sent as a line would be read as another one, or as two.
    #[error("a line must not hold a line break, as this one does at byte {at}")]
    LineBreak {
        /// Where in the payload it is.
        at: usize,
    },
    /// More bytes came than a frame may have, and none of them ends it.
    #[error("a frame is longer than the limit of {limit} bytes")]
    FrameTooLong {
        /// The most there may be.
        limit: usize,
    },
    /// What was to be sent would end at the other side before it is over.
    #[error("a frame must not hold its delimiter, as this one does at byte {at}")]
    Delimiter {
        /// Where in the frame it begins.
        at: usize,
    },
    /// What was to be sent has another length than all frames have.
    #[error("a frame of {length} bytes, where all have {expected}")]
    WrongLength {
        /// The frame's bytes.
        length: usize,
        /// Those of all others.
        expected: usize,
    },
    /// What was to be sent is too short to have a length before it.
    #[error("a frame of {length} bytes, where the prefix asks for {least}")]
    TooShort {
        /// The frame's bytes.
        length: usize,
        /// The fewest there may be.
        least: usize,
    },
    /// A length says that there are less than no bytes.
    #[error("a length of {field}, adjusted by {adjustment}, is below zero")]
    LengthBelowZero {
        /// The length as it came.
        field: u64,
        /// What has to be added to it.
        adjustment: i64,
    },
    /// Bytes that belong to no frame came, and more of them than may lie between two.
    #[error("more than {limit} bytes came between two frames")]
    Gap {
        /// The most there may be.
        limit: usize,
    },
    /// Where a JSON value should begin or a bracket should close, something else stands.
    #[error("byte {at} of a JSON value cannot be {found:#04x}")]
    NotJson {
        /// Which byte of the value, from 0.
        at: usize,
        /// What it is.
        found: u8,
    },
    /// A JSON value nests too deeply.
    #[error("a JSON value nests deeper than {limit}")]
    TooDeep {
        /// How deep it may nest.
        limit: usize,
    },
    /// What was to be sent as a JSON value would be read as another one, or as several.
    #[error("{length} bytes that are not one JSON value")]
    NotOneValue {
        /// Their number.
        length: usize,
    },
    /// A line is not JSON, or not the JSON asked for. Its text is not quoted.
    #[cfg(feature = "json")]
    #[error("line {line} is no such JSON at column {column}: {reason}")]
    JsonLine {
        /// Which line, from 1; blank ones count.
        line: u64,
        /// Where in it, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// A value is not JSON, or not the JSON asked for. Its text is not quoted.
    #[cfg(feature = "json")]
    #[error("value {number} is no such JSON at its line {line}, column {column}: {reason}")]
    JsonValue {
        /// Which value, from 1.
        number: u64,
        /// Which line of it, from 1.
        line: usize,
        /// Where in that line, from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
    },
    /// What was to be sent has no JSON.
    #[cfg(feature = "json")]
    #[error("not to be written as JSON: {reason}")]
    JsonWrite {
        /// What is wrong with it.
        reason: String,
    },
    /// The split function refused what came.
    #[error("the split function refused")]
    Split(#[source] BoxError),
    /// The split function would be asked about the same bytes forever: the fault of
    /// whoever wrote it.
    #[error("the split function took nothing of {shown} bytes and waits for no more")]
    SplitStuck {
        /// The bytes that it was shown.
        shown: usize,
    },
    /// The split function returned bytes that there are not: the fault of whoever
    /// wrote it.
    #[error("the split function claimed {claimed} of {shown} bytes")]
    SplitClaim {
        /// Where what it claimed ends.
        claimed: usize,
        /// The bytes that there were.
        shown: usize,
    },
    /// The peer hung up half-way.
    #[error("the stream ended inside a frame, after {buffered} bytes of it")]
    Unterminated {
        /// The bytes that came of the last frame.
        buffered: usize,
    },
    /// The stream below failed.
    #[error("the stream failed")]
    Io(#[from] io::Error),
}

/// What a stream's end makes of `decoded`: nothing, where something is left that is no frame.
fn ended<T>(decoded: Option<T>, read: &BytesMut) -> Result<Option<T>, Error> {
    match decoded {
        None if !read.is_empty() => Err(Error::Unterminated {
            buffered: read.len(),
        }),
        decoded => Ok(decoded),
    }
}

/// A frame of `length` bytes, unless that is over the hard cap.
fn sendable(length: usize) -> Result<usize, Error> {
    if length > FRAME_BYTES_MAX {
        return Err(Error::TooLarge {
            claimed: length,
            limit: FRAME_BYTES_MAX,
        });
    }
    Ok(length)
}
