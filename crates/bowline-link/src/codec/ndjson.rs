//! Newline-delimited JSON: a value per line, read as a type of one's own. Values that span lines
//! are no NDJSON.

use std::fmt;
use std::marker::PhantomData;

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{Decoder, Encoder};

use super::{Error, GAP_BYTES_MAX, Limits, LineCodec, json};

/// Reads lines of JSON as `T`s, and writes whatever serde writes, a line each.
///
/// Where a line ends and how long it may be is [`LineCodec`]'s to say. A line that is no `T` is
/// an error that names the line and quotes none of it; it is taken off the buffer, and
/// asking again goes on behind it (in a `Framed`, after the one `None` that follows each error).
/// serde_json refuses what nests deeper than
/// [`JSON_DEPTH_MAX`](super::JSON_DEPTH_MAX).
///
/// Blank lines are skipped, as [the format] leaves open: people press Enter, and many programs
/// end a file with one. They count as lines, and more than [`GAP_BYTES_MAX`] bytes of them in a
/// row are an error.
///
/// ```
/// use bowline_link::codec::{Limits, NdjsonCodec};
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
///
/// let mut codec = NdjsonCodec::<(String, u32)>::new(Limits::default());
/// let mut read = BytesMut::from("[\"berth\",7]\n\n[\"berth\",-7]\n");
/// assert_eq!(codec.decode(&mut read)?, Some(("berth".to_owned(), 7)));
/// let error = codec.decode(&mut read).unwrap_err();
/// assert_eq!(error.to_string(), "line 3 is no such JSON at column 11: not of the type asked for");
/// # Ok::<(), bowline_link::codec::Error>(())
/// ```
///
/// [the format]: https://github.com/ndjson/ndjson-spec
pub struct NdjsonCodec<T> {
    lines: LineCodec,
    line: u64,
    // The blank lines since the last that was none.
    gap: usize,
    // It makes `T`s and holds none.
    item: PhantomData<fn() -> T>,
}

impl<T> NdjsonCodec<T> {
    /// Starts with a stranger: the lower of the two limits is in force.
    pub fn new(limits: Limits) -> Self {
        Self {
            lines: LineCodec::new(limits),
            line: 0,
            gap: 0,
            item: PhantomData,
        }
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.lines.authenticated();
    }
}

impl<T: DeserializeOwned> NdjsonCodec<T> {
    /// Reads the first of the lines that `next` yields and that is not blank.
    fn read(
        &mut self,
        mut next: impl FnMut(&mut LineCodec) -> Result<Option<Bytes>, Error>,
    ) -> Result<Option<T>, Error> {
        loop {
            if self.gap > GAP_BYTES_MAX {
                return Err(Error::Gap {
                    limit: GAP_BYTES_MAX,
                });
            }
            let Some(text) = next(&mut self.lines)? else {
                return Ok(None);
            };
            self.line += 1;
            if text.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r')) {
                self.gap += text.len() + 1;
                continue;
            }
            self.gap = 0;
            let item = json::parse(&text).map_err(|fault| Error::JsonLine {
                line: self.line,
                column: fault.column,
                reason: fault.reason,
            })?;
            return Ok(Some(item));
        }
    }
}

impl<T: DeserializeOwned> Decoder for NdjsonCodec<T> {
    type Item = T;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<T>, Error> {
        self.read(|lines| lines.decode(read))
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<T>, Error> {
        self.read(|lines| lines.decode_eof(read))
    }
}

impl<T: Serialize, D> Encoder<T> for NdjsonCodec<D> {
    type Error = Error;

    fn encode(&mut self, value: T, buffer: &mut BytesMut) -> Result<(), Error> {
        self.lines.encode(json::text(&value)?, buffer)
    }
}

impl<T> Clone for NdjsonCodec<T> {
    fn clone(&self) -> Self {
        Self {
            lines: self.lines.clone(),
            line: self.line,
            gap: self.gap,
            item: PhantomData,
        }
    }
}

impl<T> fmt::Debug for NdjsonCodec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NdjsonCodec")
            .field("lines", &self.lines)
            .field("line", &self.line)
            .field("gap", &self.gap)
            .finish()
    }
}

#[cfg(test)]
mod tests;
