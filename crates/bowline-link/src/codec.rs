//! From bytes to frames and back, for peers that are not trusted yet. A codec knows where a frame
//! ends and never what it means.
//!
//! All of them are [`tokio_util::codec`]s: what was read and not yet decoded stays in the reader's
//! buffer, so a `next()` dropped half-way through a frame loses nothing. None recovers from an
//! error: where a frame ends is then unknown, and asking again gives the same error.

use std::io;

mod header;
mod limits;
mod line;

pub use header::{Command, Frame, HEADER_BYTES, HeaderCodec, MAGIC, OPCODE_MAX, encode_into};
pub use limits::{FRAME_BYTES_MAX, InvalidLimits, Limits};
pub use line::LineCodec;

/// Why bytes are no frame, or a frame cannot become bytes.
///
/// All but [`Io`](Error::Io) are the fault of whoever wrote the frame, and trying
/// again gives the same answer.
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
