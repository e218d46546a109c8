//! The fields of a binary payload: varints, and bytes with their length in front.
//!
//! A reader never takes a length at its word: it is compared with what is there.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// A payload that ends early or holds something a field cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    /// The payload ended inside this field.
    #[error("the payload ends inside {0}")]
    Short(&'static str),
    /// A number above what its field can hold.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// A text that is not UTF-8.
    #[error("{0} is not UTF-8")]
    Utf8(&'static str),
}

/// Reads fields from the front of a payload.
pub(super) struct Reader {
    rest: Bytes,
}

impl Reader {
    pub(super) fn new(payload: Bytes) -> Self {
        Self { rest: payload }
    }

    /// An unsigned LEB128 of at most 64 bits.
    pub(super) fn varint(&mut self, name: &'static str) -> Result<u64, Malformed> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte(name)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed::Range(name));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Range(name))
    }

    pub(super) fn varint_u32(&mut self, name: &'static str) -> Result<u32, Malformed> {
        u32::try_from(self.varint(name)?).map_err(|_| Malformed::Range(name))
    }

    pub(super) fn varint_u16(&mut self, name: &'static str) -> Result<u16, Malformed> {
        u16::try_from(self.varint(name)?).map_err(|_| Malformed::Range(name))
    }

    pub(super) fn byte(&mut self, name: &'static str) -> Result<u8, Malformed> {
        self.rest.try_get_u8().map_err(|_| Malformed::Short(name))
    }

    pub(super) fn u64(&mut self, name: &'static str) -> Result<u64, Malformed> {
        self.rest.try_get_u64().map_err(|_| Malformed::Short(name))
    }

    pub(super) fn array<const N: usize>(
        &mut self,
        name: &'static str,
    ) -> Result<[u8; N], Malformed> {
        let mut array = [0; N];
        self.rest
            .try_copy_to_slice(&mut array)
            .map_err(|_| Malformed::Short(name))?;
        Ok(array)
    }

    pub(super) fn string(&mut self, name: &'static str) -> Result<String, Malformed> {
        let length = self.varint(name)?;
        let length = usize::try_from(length).map_err(|_| Malformed::Short(name))?;
        if length > self.rest.len() {
            return Err(Malformed::Short(name));
        }
        let bytes = self.rest.split_to(length);
        std::str::from_utf8(&bytes)
            .map(str::to_owned)
            .map_err(|_| Malformed::Utf8(name))
    }

    /// All that is left: the body, raw and last.
    pub(super) fn rest(self) -> Bytes {
        self.rest
    }
}

pub(super) fn put_varint(out: &mut BytesMut, mut value: u64) {
    while value >= 0x80 {
        out.put_u8((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

pub(super) fn put_string(out: &mut BytesMut, text: &str) {
    put_varint(out, text.len() as u64);
    out.put_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_varint_reads_what_was_written(value: u64) {
            let mut out = BytesMut::new();
            put_varint(&mut out, value);
            prop_assert!(out.len() <= 10);
            prop_assert_eq!(Reader::new(out.freeze()).varint("n"), Ok(value));
        }
    }

    #[test]
    fn a_varint_of_more_than_64_bits_is_refused() {
        let mut reader = Reader::new(Bytes::from_static(&[0xff; 11]));
        assert_eq!(reader.varint("n"), Err(Malformed::Range("n")));
    }

    #[test]
    fn a_length_is_compared_with_what_is_there() {
        let mut out = BytesMut::new();
        put_varint(&mut out, u64::MAX);
        out.put_slice(b"abc");
        let mut reader = Reader::new(out.freeze());
        assert_eq!(reader.string("nick"), Err(Malformed::Short("nick")));
    }
}
