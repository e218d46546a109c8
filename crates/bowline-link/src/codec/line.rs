//! Lines of text, one message each, for people with `nc` and for NDJSON. What a line says is not
//! looked at.

use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::{Error, FRAME_BYTES_MAX, Limits};

/// Reads and writes lines that end in `\n`; a `\r` before it is taken off.
///
/// A line over the limit in force is refused as soon as more bytes than that have
/// come without an end, so that it costs little more than the limit. An empty line is
/// an empty item; what comes after the last `\n` is an error, since nobody knows
/// whether it was whole. Sending is limited by [`FRAME_BYTES_MAX`] alone.
///
/// ```
/// use bowline_link::codec::{Limits, LineCodec};
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
///
/// let mut codec = LineCodec::new(Limits::default());
/// let mut read = BytesMut::from("{\"op\":\"join\"}\r\n{\"op");
/// assert_eq!(codec.decode(&mut read)?.unwrap(), r#"{"op":"join"}"#);
/// assert_eq!(codec.decode(&mut read)?, None);
/// # Ok::<(), bowline_link::codec::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LineCodec {
    limits: Limits,
    limit: usize,
    // So that a line which comes byte by byte is read once, not once per byte.
    searched: usize,
}

impl LineCodec {
    /// Starts with a stranger: the lower of the two limits is in force.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            limit: limits.before_authentication(),
            searched: 0,
        }
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.limit = self.limits.after_authentication();
    }
}

impl Decoder for LineCodec {
    type Item = Bytes;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        // The longest line allowed, and its end. Looking no further makes a long
        // line an error whether its end has come or not.
        let window = read.len().min(self.limit + 1);
        // A reader whose buffer was emptied from outside is searched from its start.
        let start = if self.searched > window {
            0
        } else {
            self.searched
        };
        let newline = read[start..window].iter().position(|&b| b == b'\n');
        let Some(found) = newline else {
            self.searched = window;
            return if window > self.limit {
                Err(Error::LineTooLong { limit: self.limit })
            } else {
                Ok(None)
            };
        };
        let end = start + found;
        self.searched = 0;
        let mut line = read.split_to(end + 1);
        line.truncate(end);
        if line.ends_with(b"\r") {
            line.truncate(end - 1);
        }
        Ok(Some(line.freeze()))
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        match self.decode(read)? {
            None if !read.is_empty() => Err(Error::Unterminated {
                buffered: read.len(),
            }),
            decoded => Ok(decoded),
        }
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for LineCodec {
    type Error = Error;

    fn encode(&mut self, line: T, buffer: &mut BytesMut) -> Result<(), Error> {
        let line = line.as_ref();
        if line.len() > FRAME_BYTES_MAX {
            return Err(Error::TooLarge {
                claimed: line.len(),
                limit: FRAME_BYTES_MAX,
            });
        }
        // A `\r` at the end would be taken off at the other side.
        let carriage_return = || line.len().checked_sub(1).filter(|&at| line[at] == b'\r');
        let newline = line.iter().position(|&b| b == b'\n');
        if let Some(at) = newline.or_else(carriage_return) {
            return Err(Error::LineBreak { at });
        }
        buffer.reserve(line.len() + 1);
        buffer.put_slice(line);
        buffer.put_u8(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests;
