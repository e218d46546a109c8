//! Frames that end where some agreed bytes stand: a zero byte, an empty line, a mark of one's own.
//! Nothing is escaped: what holds its own end cannot be sent.

use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::limits::InForce;
use super::{Error, Limits, ended, sendable};

/// The most bytes a delimiter may have. Longer ones would make looking for them slow.
pub const DELIMITER_BYTES_MAX: usize = 64;

/// Reads and writes frames that end in a delimiter of one or more bytes, which is no part of
/// them.
///
/// A frame over the limit in force is refused as soon as its end can no longer come in time, so
/// that it costs no more than the limit and one delimiter. What was searched is not searched again:
/// a frame that comes byte by byte is read once. An empty frame is an empty item; what comes
/// after the last delimiter is an error, since nobody knows whether it was whole. Sending is
/// limited by [`FRAME_BYTES_MAX`](super::FRAME_BYTES_MAX) alone.
///
/// A decoded frame shares the memory of what was read with it: copy what is to be kept for long.
///
/// ```
/// use bowline_link::codec::{DelimiterCodec, Limits};
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
///
/// let mut codec = DelimiterCodec::new("\r\n\r\n", Limits::default())?;
/// let mut read = BytesMut::from("HTTP/1.1 200 OK\r\nserver: quay\r\n\r\n<!doc");
/// assert_eq!(codec.decode(&mut read)?.unwrap(), "HTTP/1.1 200 OK\r\nserver: quay");
/// assert_eq!(codec.decode(&mut read)?, None);
/// # Ok::<(), bowline_link::BoxError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DelimiterCodec {
    delimiter: Bytes,
    limit: InForce,
    // No frame ends at a byte before this one.
    searched: usize,
}

/// A delimiter that ends nothing, or takes too long to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a delimiter of {length} bytes: it must have 1 to {DELIMITER_BYTES_MAX}")]
pub struct InvalidDelimiter {
    /// The bytes of it.
    pub length: usize,
}

impl DelimiterCodec {
    /// Starts with a stranger: the lower of the two limits is in force.
    ///
    /// # Errors
    ///
    /// Unless `delimiter` has 1 to [`DELIMITER_BYTES_MAX`] bytes.
    pub fn new(delimiter: impl Into<Bytes>, limits: Limits) -> Result<Self, InvalidDelimiter> {
        let delimiter = delimiter.into();
        let length = delimiter.len();
        if length == 0 || length > DELIMITER_BYTES_MAX {
            return Err(InvalidDelimiter { length });
        }
        Ok(Self {
            delimiter,
            limit: InForce::new(limits),
            searched: 0,
        })
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.limit.authenticated();
    }

    /// Where in `bytes` the first delimiter is that begins at `from` or later.
    fn find(&self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut places = bytes.get(from..)?.windows(self.delimiter.len());
        let found = places.position(|place| place == self.delimiter)?;
        Some(from + found)
    }
}

impl Decoder for DelimiterCodec {
    type Item = Bytes;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        let delimiter = self.delimiter.len();
        // The longest frame allowed, and its end. Looking no further makes a long
        // frame an error whether its end has come or not.
        let longest = self.limit.bytes + delimiter;
        let window = read.len().min(longest);
        // A reader whose buffer was emptied from outside is searched from its start.
        if self.searched > window {
            self.searched = 0;
        }
        let Some(end) = self.find(&read[..window], self.searched) else {
            if window == longest {
                return Err(Error::FrameTooLong {
                    limit: self.limit.bytes,
                });
            }
            // The last bytes may be the first ones of a delimiter.
            self.searched = (window + 1).saturating_sub(delimiter);
            return Ok(None);
        };
        self.searched = 0;
        let mut frame = read.split_to(end + delimiter);
        frame.truncate(end);
        Ok(Some(frame.freeze()))
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        let decoded = self.decode(read)?;
        ended(decoded, read)
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for DelimiterCodec {
    type Error = Error;

    fn encode(&mut self, frame: T, buffer: &mut BytesMut) -> Result<(), Error> {
        let frame = frame.as_ref();
        let length = sendable(frame.len())?;
        buffer.reserve(length + self.delimiter.len());
        let start = buffer.len();
        buffer.put_slice(frame);
        buffer.put_slice(&self.delimiter);
        // Looked for in what is sent: `a\r\n` is without `\r\n\r\n` until that follows it, and
        // would be read as `a`.
        match self.find(&buffer[start..], 0) {
            Some(at) if at < length => {
                buffer.truncate(start);
                Err(Error::Delimiter { at })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
