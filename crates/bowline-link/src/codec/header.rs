//! Binary frames: eight bytes that say what follows and how much of it. Payloads are carried, not
//! understood.

use std::fmt;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Error, FRAME_BYTES_MAX, Limits};

/// The bytes before every payload: magic, command and length, each big-endian.
pub const HEADER_BYTES: usize = 8;

/// What every frame begins with.
///
/// Its first byte is found at the start of no TLS record, no old SSL hello, no HTTP
/// request and no text, so that one port can serve them all.
pub const MAGIC: u16 = 0xB01E;

/// The highest opcode.
pub const OPCODE_MAX: u16 = 0x0FFF;

const RESPONSE: u16 = 1 << 15;
const IGNORABLE: u16 = 1 << 14;
const LENGTH_OFFSET: usize = 4;

/// What a frame is: a 12-bit opcode, whether it answers, and what to do if it is unknown.
///
/// Two bits are left; they are sent as zero and kept as they come.
///
/// ```
/// use bowline_link::codec::Command;
///
/// const JOIN: Command = Command::new(3);
/// assert_eq!(JOIN.response().bits(), 0x8003);
/// assert_eq!(Command::from_bits(0x8003).opcode(), JOIN.opcode());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Command(u16);

/// One message: what it is and what it carries.
///
/// A decoded payload shares the memory of what was read with it: copy what is to
/// be kept for long. `Debug` counts its bytes and shows none: they may be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub cmd: Command,
    /// What it carries.
    pub payload: Bytes,
}

/// Reads and writes [`Frame`]s behind the header `magic u16 | cmd u16 | length u32`,
/// where `length` counts the payload only.
///
/// A header that claims more than the limit in force is refused before anything is
/// reserved for it; one that does not has exactly what it claims reserved. Sending is
/// limited by [`FRAME_BYTES_MAX`] alone: what the peer takes was agreed with the peer.
///
/// ```
/// use bowline_link::codec::{Command, Frame, HeaderCodec, Limits};
/// use bytes::{Bytes, BytesMut};
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let mut codec = HeaderCodec::new(Limits::default());
/// let ahoy = Frame { cmd: Command::new(5), payload: Bytes::from_static(b"ahoy") };
/// let mut wire = BytesMut::new();
/// codec.encode(ahoy.clone(), &mut wire)?;
/// assert_eq!(codec.decode(&mut wire)?, Some(ahoy));
/// # Ok::<(), bowline_link::codec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct HeaderCodec {
    limits: Limits,
    limit: usize,
}

/// Appends to `buffer` a frame whose payload `write_payload` appends, so that a batch
/// is written in one piece and no payload is copied into place.
///
/// # Errors
///
/// [`Error::TooLarge`] if it wrote more than [`FRAME_BYTES_MAX`]; `buffer` is then as
/// it was before.
///
/// # Panics
///
/// If `write_payload` removes what it did not write.
pub fn encode_into(
    buffer: &mut BytesMut,
    cmd: Command,
    write_payload: impl FnOnce(&mut BytesMut),
) -> Result<(), Error> {
    let start = buffer.len();
    put_header(buffer, cmd, 0);
    let payload = buffer.len();
    write_payload(buffer);
    let length = buffer
        .len()
        .checked_sub(payload)
        .expect("writing a payload only appends");
    match length_field(length) {
        Ok(field) => {
            let at = start + LENGTH_OFFSET;
            buffer[at..payload].copy_from_slice(&field.to_be_bytes());
            Ok(())
        }
        Err(too_large) => {
            buffer.truncate(start);
            Err(too_large)
        }
    }
}

fn put_header(buffer: &mut BytesMut, cmd: Command, length: u32) {
    buffer.put_u16(MAGIC);
    buffer.put_u16(cmd.bits());
    buffer.put_u32(length);
}

fn length_field(length: usize) -> Result<u32, Error> {
    if length > FRAME_BYTES_MAX {
        return Err(Error::TooLarge {
            claimed: length,
            limit: FRAME_BYTES_MAX,
        });
    }
    Ok(u32::try_from(length).expect("the hard cap is far below 4 GiB"))
}

// === impl Command ===

impl Command {
    /// The request or message with this opcode.
    ///
    /// # Panics
    ///
    /// If `opcode` is above [`OPCODE_MAX`]; in a constant, that is a compile error.
    pub const fn new(opcode: u16) -> Self {
        assert!(opcode <= OPCODE_MAX, "an opcode has 12 bits");
        Self(opcode)
    }

    /// A command as it came, whatever it is.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// The answer to this request.
    #[must_use]
    pub const fn response(self) -> Self {
        Self(self.0 | RESPONSE)
    }

    /// The same, to be skipped by a peer that does not know it.
    #[must_use]
    pub const fn ignorable(self) -> Self {
        Self(self.0 | IGNORABLE)
    }

    /// As it goes into the header.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// What to do, without how.
    pub const fn opcode(self) -> u16 {
        self.0 & OPCODE_MAX
    }

    /// Whether it answers a request.
    pub const fn is_response(self) -> bool {
        self.0 & RESPONSE != 0
    }

    /// Whether a peer that does not know it may skip it.
    pub const fn is_ignorable(self) -> bool {
        self.0 & IGNORABLE != 0
    }
}

// === impl Frame ===

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("cmd", &self.cmd)
            .field("bytes", &self.payload.len())
            .finish_non_exhaustive()
    }
}

// === impl HeaderCodec ===

impl HeaderCodec {
    /// Starts with a stranger: the lower of the two limits is in force.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            limit: limits.before_authentication(),
        }
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.limit = self.limits.after_authentication();
    }
}

impl Decoder for HeaderCodec {
    type Item = Frame;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Frame>, Error> {
        let mut header = &read[..];
        // Two bytes are enough to know a stranger's language by.
        let Ok(found) = header.try_get_u16() else {
            return Ok(None);
        };
        if found != MAGIC {
            return Err(Error::Magic { found });
        }
        let (Ok(cmd), Ok(length)) = (header.try_get_u16(), header.try_get_u32()) else {
            return Ok(None);
        };
        let claimed = usize::try_from(length).unwrap_or(usize::MAX);
        if claimed > self.limit {
            return Err(Error::TooLarge {
                claimed,
                limit: self.limit,
            });
        }
        if let Some(missing) = claimed.checked_sub(header.len()).filter(|&more| more > 0) {
            read.reserve(missing);
            return Ok(None);
        }
        read.advance(HEADER_BYTES);
        Ok(Some(Frame {
            cmd: Command(cmd),
            payload: read.split_to(claimed).freeze(),
        }))
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Frame>, Error> {
        match self.decode(read)? {
            None if !read.is_empty() => Err(Error::Unterminated {
                buffered: read.len(),
            }),
            decoded => Ok(decoded),
        }
    }
}

impl Encoder<Frame> for HeaderCodec {
    type Error = Error;

    fn encode(&mut self, frame: Frame, buffer: &mut BytesMut) -> Result<(), Error> {
        let length = length_field(frame.payload.len())?;
        buffer.reserve(HEADER_BYTES + frame.payload.len());
        put_header(buffer, frame.cmd, length);
        buffer.put_slice(&frame.payload);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
