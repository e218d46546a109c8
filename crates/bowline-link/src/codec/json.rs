//! JSON values read as types of one's own, and what is said of those that are none. Nothing that a
//! peer wrote is quoted: it may be a secret.

use std::fmt;
use std::marker::PhantomData;

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio_util::codec::{Decoder, Encoder};

use super::{ConcatenatedJsonCodec, Error, Limits};

/// Reads JSON values back to back as `T`s, and writes whatever serde writes.
///
/// Where a value ends and how large it may be is [`ConcatenatedJsonCodec`]'s to say. A value that
/// is no `T` is an error that counts the values and quotes none of it; it is taken off the
/// buffer, and asking again goes on behind it (in a `Framed`, after the one `None` that follows
/// each error). serde_json refuses what nests deeper than
/// [`JSON_DEPTH_MAX`](super::JSON_DEPTH_MAX), as the codec below it does.
///
/// ```
/// use bowline_link::codec::{JsonCodec, Limits};
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
///
/// let mut codec = JsonCodec::<Vec<u8>>::new(Limits::default());
/// let mut read = BytesMut::from("[1,2][3]{}");
/// assert_eq!(codec.decode(&mut read)?, Some(vec![1, 2]));
/// assert_eq!(codec.decode(&mut read)?, Some(vec![3]));
/// assert!(codec.decode(&mut read).is_err());
/// # Ok::<(), bowline_link::codec::Error>(())
/// ```
pub struct JsonCodec<T> {
    values: ConcatenatedJsonCodec,
    number: u64,
    // It makes `T`s and holds none.
    item: PhantomData<fn() -> T>,
}

/// Where and why a text is not the JSON asked for.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) reason: String,
}

/// The value that `text` is.
pub(super) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(text).map_err(|error| Fault {
        line: error.line(),
        column: error.column(),
        reason: reason(&error),
    })
}

/// The text of `value`, on one line.
pub(super) fn text(value: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::JsonWrite {
        reason: reason(&error),
    })
}

/// What serde_json has to say, where it speaks of the form and not of the content.
fn reason(error: &serde_json::Error) -> String {
    let said = error.to_string();
    match error.classify() {
        // The place is told apart from it, in the numbers of the whole stream.
        Category::Syntax | Category::Eof => match said.rfind(" at line ") {
            Some(end) => said[..end].to_owned(),
            None => said,
        },
        // Made by types, which put the text itself into their messages.
        Category::Data | Category::Io => "not of the type asked for".to_owned(),
    }
}

impl<T> JsonCodec<T> {
    /// Starts with a stranger: the lower of the two limits is in force.
    pub fn new(limits: Limits) -> Self {
        Self {
            values: ConcatenatedJsonCodec::new(limits),
            number: 0,
            item: PhantomData,
        }
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.values.authenticated();
    }
}

impl<T: DeserializeOwned> JsonCodec<T> {
    fn read(&mut self, text: &[u8]) -> Result<T, Error> {
        self.number += 1;
        parse(text).map_err(|fault| Error::JsonValue {
            number: self.number,
            line: fault.line,
            column: fault.column,
            reason: fault.reason,
        })
    }
}

impl<T: DeserializeOwned> Decoder for JsonCodec<T> {
    type Item = T;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<T>, Error> {
        let text = self.values.decode(read)?;
        text.map(|text| self.read(&text)).transpose()
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<T>, Error> {
        let text = self.values.decode_eof(read)?;
        text.map(|text| self.read(&text)).transpose()
    }
}

impl<T: Serialize, D> Encoder<T> for JsonCodec<D> {
    type Error = Error;

    fn encode(&mut self, value: T, buffer: &mut BytesMut) -> Result<(), Error> {
        self.values.encode(text(&value)?, buffer)
    }
}

impl<T> Clone for JsonCodec<T> {
    fn clone(&self) -> Self {
        Self {
            values: self.values.clone(),
            number: self.number,
            item: PhantomData,
        }
    }
}

impl<T> fmt::Debug for JsonCodec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonCodec")
            .field("values", &self.values)
            .field("number", &self.number)
            .finish()
    }
}

#[cfg(test)]
mod tests;
