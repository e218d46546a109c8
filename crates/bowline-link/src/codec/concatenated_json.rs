//! JSON values back to back, as `jq` and many devices write them: `{..}{..} [..]`. Where one ends is
//! found without parsing it; whether it is JSON inside is for whoever parses it.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use self::scan::{Scan, Step};
use super::limits::InForce;
use super::{Error, GAP_BYTES_MAX, Limits, ended, sendable};

mod scan;

pub use scan::JSON_DEPTH_MAX;

/// Reads and writes JSON values that follow each other with or without white space between.
///
/// An item is the text of one value, without the white space around it. Only strings, escapes and
/// brackets are looked at, each byte once, however the value arrives; what is inside is parsed by
/// whoever wants it parsed (`JsonCodec` does, with the feature `json`). A number, `true`, `false`
/// or `null` ends where something else follows: one that the stream ends in may have lost its end
/// and is an error, as [RFC 7464 section 2.4] has it.
///
/// A value over the limit in force is refused with the byte that makes it so, nesting beyond
/// [`JSON_DEPTH_MAX`] with the bracket, and white space between values after [`GAP_BYTES_MAX`].
/// Sending is limited by [`FRAME_BYTES_MAX`](super::FRAME_BYTES_MAX) alone.
///
/// A decoded value shares the memory of what was read with it: copy what is to be kept for long.
///
/// ```
/// use bowline_link::codec::{ConcatenatedJsonCodec, Limits};
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
///
/// let mut codec = ConcatenatedJsonCodec::new(Limits::default());
/// let mut read = BytesMut::from(r#"{"op":"join"}{"say":"} "} 1 2"#);
/// assert_eq!(codec.decode(&mut read)?.unwrap(), r#"{"op":"join"}"#);
/// assert_eq!(codec.decode(&mut read)?.unwrap(), r#"{"say":"} "}"#);
/// assert_eq!(codec.decode(&mut read)?.unwrap(), "1");
/// assert_eq!(codec.decode(&mut read)?, None); // It may become 23.
/// # Ok::<(), bowline_link::codec::Error>(())
/// ```
///
/// [RFC 7464 section 2.4]: https://www.rfc-editor.org/rfc/rfc7464#section-2.4
#[derive(Clone, Debug)]
pub struct ConcatenatedJsonCodec {
    limit: InForce,
    scan: Scan,
    // The white space dropped since the last value.
    gap: usize,
}

impl ConcatenatedJsonCodec {
    /// Starts with a stranger: the lower of the two limits is in force.
    pub fn new(limits: Limits) -> Self {
        Self {
            limit: InForce::new(limits),
            scan: Scan::default(),
            gap: 0,
        }
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.limit.authenticated();
    }

    /// Drops the white space before a value.
    fn drop_space(&mut self, read: &mut BytesMut) -> Result<(), Error> {
        let spaces = read.iter().take_while(|&&b| is_space(b)).count();
        if self.gap + spaces > GAP_BYTES_MAX {
            return Err(Error::Gap {
                limit: GAP_BYTES_MAX,
            });
        }
        self.gap += spaces;
        read.advance(spaces);
        Ok(())
    }

    fn take(&mut self, length: usize, read: &mut BytesMut) -> Bytes {
        self.scan = Scan::default();
        self.gap = 0;
        read.split_to(length).freeze()
    }
}

/// What JSON takes for white space (RFC 8259 section 2).
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

impl Decoder for ConcatenatedJsonCodec {
    type Item = Bytes;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        // A reader whose buffer was emptied from outside is scanned from its start.
        if self.scan.scanned() > read.len() {
            self.scan = Scan::default();
        }
        if self.scan.scanned() == 0 {
            self.drop_space(read)?;
        }
        while let Some(&byte) = read.get(self.scan.scanned()) {
            let at = self.scan.scanned();
            if at == self.limit.bytes && !self.scan.ends_before(byte) {
                return Err(Error::FrameTooLong {
                    limit: self.limit.bytes,
                });
            }
            match self.scan.step(byte)? {
                Step::Inside => {}
                Step::Ended => return Ok(Some(self.take(at + 1, read))),
                Step::EndedBefore => return Ok(Some(self.take(at, read))),
            }
        }
        Ok(None)
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        let decoded = self.decode(read)?;
        ended(decoded, read)
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for ConcatenatedJsonCodec {
    type Error = Error;

    fn encode(&mut self, value: T, buffer: &mut BytesMut) -> Result<(), Error> {
        let value = value.as_ref();
        let length = sendable(value.len())?;
        let shows_its_end = scan::one_value(value)?;
        buffer.reserve(length + 1);
        buffer.put_slice(value);
        if !shows_its_end {
            buffer.put_u8(b'\n');
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
