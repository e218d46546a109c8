//! Frames behind a length, as most binary protocols have them: how wide, in which order, and what
//! it counts are settings. What stands in a frame is not looked at.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

use super::limits::InForce;
use super::{Error, FRAME_BYTES_MAX, Limits, ended, sendable};

/// The most bytes there may be before the length.
pub const PREFIX_OFFSET_MAX: usize = 64;

/// The widest length there is, in bytes.
const WIDTH_MAX: usize = 8;

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The most significant one, as is usual on the network.
    BigEndian,
    /// The least significant one.
    LittleEndian,
}

/// Where the length of a frame stands and what it counts.
///
/// ```
/// use bowline_link::codec::{ByteOrder, Prefix};
///
/// // Type (1 byte), then a length of 3 bytes that counts those 4 too.
/// let prefix = Prefix::new(3, ByteOrder::BigEndian)?.behind(1)?.adjusted(-4)?;
/// # Ok::<(), bowline_link::codec::InvalidPrefix>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    width: usize,
    order: ByteOrder,
    offset: usize,
    adjustment: i64,
}

/// A prefix that no frame can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a length of {width} bytes behind {offset} others and adjusted by {adjustment}: \
     there may be 1 to {WIDTH_MAX} behind at most {PREFIX_OFFSET_MAX}, adjusted by at most \
     {FRAME_BYTES_MAX} either way and by no more than the length has room for"
)]
pub struct InvalidPrefix {
    /// The bytes of the length.
    pub width: usize,
    /// The bytes before it.
    pub offset: usize,
    /// What is added to it.
    pub adjustment: i64,
}

/// Reads and writes frames behind their length.
///
/// An item is a frame without its length: the bytes before it, if the [`Prefix`] has such, and
/// then the bytes behind it, in one piece. All of those count against the limit. A length that
/// claims more than the limit in force is refused before anything is reserved for it; one that
/// does not has exactly what it claims reserved. Sending is limited by [`FRAME_BYTES_MAX`] and by
/// what the length has room for.
///
/// A decoded frame shares the memory of what was read with it: copy what is to be kept for long.
///
/// tokio-util's `LengthDelimitedCodec` is not inside. As of 0.7.20 it compares the claim with the
/// limit first and adds the adjustment afterwards, so that more than the limit is reserved; it
/// takes the length off the buffer before the rest has come, so that a peer which hangs up just
/// then seems to have ended in order; and its errors carry no numbers.
///
/// ```
/// use bowline_link::codec::{ByteOrder, LengthPrefixedCodec, Limits, Prefix};
/// use bytes::BytesMut;
/// use tokio_util::codec::{Decoder, Encoder};
///
/// let prefix = Prefix::new(2, ByteOrder::BigEndian)?;
/// let mut codec = LengthPrefixedCodec::new(prefix, Limits::default());
/// let mut wire = BytesMut::new();
/// codec.encode("ahoy", &mut wire)?;
/// assert_eq!(&wire[..], b"\0\x04ahoy");
/// assert_eq!(codec.decode(&mut wire)?.unwrap(), "ahoy");
/// # Ok::<(), bowline_link::BoxError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LengthPrefixedCodec {
    prefix: Prefix,
    limit: InForce,
}

// === impl Prefix ===

impl Prefix {
    /// A length of `width` bytes, with nothing before it, that counts what is behind it.
    ///
    /// # Errors
    ///
    /// Unless 1 <= `width` <= 8.
    pub fn new(width: usize, order: ByteOrder) -> Result<Self, InvalidPrefix> {
        Self {
            width,
            order,
            offset: 0,
            adjustment: 0,
        }
        .checked()
    }

    /// The same behind `offset` other bytes, which begin the item.
    ///
    /// # Errors
    ///
    /// Unless `offset` <= [`PREFIX_OFFSET_MAX`].
    pub fn behind(self, offset: usize) -> Result<Self, InvalidPrefix> {
        Self { offset, ..self }.checked()
    }

    /// The same where `adjustment` has to be added to the length to get the bytes behind it:
    /// minus the whole prefix where it counts that too, more than 0 where it leaves something out.
    ///
    /// # Errors
    ///
    /// If it is above [`FRAME_BYTES_MAX`] or below its negative, or takes more away than the
    /// length has room for: no frame could then have one.
    pub fn adjusted(self, adjustment: i64) -> Result<Self, InvalidPrefix> {
        Self { adjustment, ..self }.checked()
    }

    fn checked(self) -> Result<Self, InvalidPrefix> {
        let Self {
            width,
            offset,
            adjustment,
            ..
        } = self;
        let shaped = (1..=WIDTH_MAX).contains(&width) && offset <= PREFIX_OFFSET_MAX;
        let near = adjustment.unsigned_abs() <= FRAME_BYTES_MAX as u64;
        let starved = || adjustment < 0 && adjustment.unsigned_abs() > self.field_max();
        if !shaped || !near || starved() {
            return Err(InvalidPrefix {
                width,
                offset,
                adjustment,
            });
        }
        Ok(self)
    }

    fn bytes(self) -> usize {
        self.offset + self.width
    }

    /// The number in the first bytes of `field`.
    fn get(self, mut field: &[u8]) -> u64 {
        match self.order {
            ByteOrder::BigEndian => field.get_uint(self.width),
            ByteOrder::LittleEndian => field.get_uint_le(self.width),
        }
    }

    fn put(self, field: u64, buffer: &mut BytesMut) {
        match self.order {
            ByteOrder::BigEndian => buffer.put_uint(field, self.width),
            ByteOrder::LittleEndian => buffer.put_uint_le(field, self.width),
        }
    }

    /// The highest number there is room for.
    fn field_max(self) -> u64 {
        u64::MAX >> (8 * (WIDTH_MAX - self.width))
    }

    /// The bytes behind the length, as `field` has it; saturated where that is beyond counting.
    fn behind_field(self, field: u64) -> Result<usize, Error> {
        let length = i128::from(field) + i128::from(self.adjustment);
        if length < 0 {
            return Err(Error::LengthBelowZero {
                field,
                adjustment: self.adjustment,
            });
        }
        Ok(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// What to write for an item of `length` bytes.
    fn field(self, length: usize) -> Result<u64, Error> {
        let Some(behind) = length.checked_sub(self.offset) else {
            return Err(Error::TooShort {
                length,
                least: self.offset,
            });
        };
        // Both are below the hard cap: neither cast nor subtraction wraps.
        let field = behind as i64 - self.adjustment;
        match u64::try_from(field) {
            Ok(field) if field <= self.field_max() => Ok(field),
            // Adjusting makes the number lower than what it counts: short frames have none.
            Err(_) => Err(Error::TooShort {
                length,
                least: self.offset + self.adjustment.unsigned_abs() as usize,
            }),
            Ok(_) => {
                let most = i128::from(self.field_max()) + i128::from(self.adjustment);
                Err(Error::TooLarge {
                    claimed: length,
                    limit: usize::try_from(most).map_or(usize::MAX, |most| most + self.offset),
                })
            }
        }
    }
}

// === impl LengthPrefixedCodec ===

impl LengthPrefixedCodec {
    /// Starts with a stranger: the lower of the two limits is in force.
    pub fn new(prefix: Prefix, limits: Limits) -> Self {
        Self {
            prefix,
            limit: InForce::new(limits),
        }
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.limit.authenticated();
    }
}

impl Decoder for LengthPrefixedCodec {
    type Item = Bytes;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        let Prefix { width, offset, .. } = self.prefix;
        if read.len() < self.prefix.bytes() {
            return Ok(None);
        }
        let field = self.prefix.get(&read[offset..]);
        let behind = self.prefix.behind_field(field)?;
        let length = self.limit.admit(behind.saturating_add(offset))?;
        let whole = length + width;
        if read.len() < whole {
            read.reserve(whole - read.len());
            return Ok(None);
        }
        // What stood before the length moves over it, to be in one piece with the rest.
        read.copy_within(..offset, width);
        read.advance(width);
        Ok(Some(read.split_to(length).freeze()))
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        let decoded = self.decode(read)?;
        ended(decoded, read)
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for LengthPrefixedCodec {
    type Error = Error;

    fn encode(&mut self, item: T, buffer: &mut BytesMut) -> Result<(), Error> {
        let item = item.as_ref();
        let length = sendable(item.len())?;
        let field = self.prefix.field(length)?;
        let (before, behind) = item.split_at(self.prefix.offset);
        buffer.reserve(length + self.prefix.width);
        buffer.put_slice(before);
        self.prefix.put(field, buffer);
        buffer.put_slice(behind);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
