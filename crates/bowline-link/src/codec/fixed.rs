//! Frames that all have the same length, which both sides know: ticks, samples, sectors. Nothing
//! marks where one begins.

use bytes::{BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::limits::InForce;
use super::{Error, Limits, ended};

/// Reads and writes frames of one fixed length.
///
/// A length over the limit in force is refused as soon as a byte has come, before anything is
/// reserved for it; that happens only before authentication, since a length over the limit after
/// it is refused at construction. What the peer hung up in the middle of is an error.
///
/// A decoded frame shares the memory of what was read with it: copy what is to be kept for long.
///
/// ```
/// use bowline_link::codec::{FixedCodec, Limits};
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
///
/// let mut codec = FixedCodec::new(4, Limits::default())?;
/// let mut read = BytesMut::from("northeas");
/// assert_eq!(codec.decode(&mut read)?.unwrap(), "nort");
/// assert_eq!(codec.decode(&mut read)?.unwrap(), "heas");
/// assert_eq!(codec.decode(&mut read)?, None);
/// # Ok::<(), bowline_link::BoxError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FixedCodec {
    length: usize,
    limit: InForce,
}

/// A fixed length that no peer could ever keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("frames of {length} bytes each, where 1 to {limit} are allowed after authentication")]
pub struct InvalidLength {
    /// The bytes asked for.
    pub length: usize,
    /// The most there may be, however well known the peer is.
    pub limit: usize,
}

impl FixedCodec {
    /// Starts with a stranger: the lower of the two limits is in force.
    ///
    /// # Errors
    ///
    /// Unless 1 <= `length` <= [`Limits::after_authentication`].
    pub fn new(length: usize, limits: Limits) -> Result<Self, InvalidLength> {
        let limit = limits.after_authentication();
        if length == 0 || length > limit {
            return Err(InvalidLength { length, limit });
        }
        Ok(Self {
            length,
            limit: InForce::new(limits),
        })
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.limit.authenticated();
    }
}

impl Decoder for FixedCodec {
    type Item = Bytes;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        if read.is_empty() {
            return Ok(None);
        }
        let length = self.limit.admit(self.length)?;
        if read.len() < length {
            read.reserve(length - read.len());
            return Ok(None);
        }
        Ok(Some(read.split_to(length).freeze()))
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        let decoded = self.decode(read)?;
        ended(decoded, read)
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for FixedCodec {
    type Error = Error;

    fn encode(&mut self, frame: T, buffer: &mut BytesMut) -> Result<(), Error> {
        let frame = frame.as_ref();
        if frame.len() != self.length {
            return Err(Error::WrongLength {
                length: frame.len(),
                expected: self.length,
            });
        }
        buffer.reserve(self.length);
        buffer.put_slice(frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
