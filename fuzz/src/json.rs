//! Codecs of JSON, beside serde_json's own way of reading the same bytes.

use bowline_link::codec::{ConcatenatedJsonCodec, JsonCodec, NdjsonCodec};
use bytes::BytesMut;
use serde_json::Value;
use tokio_util::codec::Encoder;

use crate::arrival::{outcome, sent};
use crate::{Manner, limits};

/// NDJSON: manner, stream.
///
/// # Panics
///
/// Where a promise is broken.
pub fn ndjson(data: &[u8]) {
    let Some((manner, stream)) = Manner::of(data) else {
        return;
    };
    let mut codec = NdjsonCodec::<Value>::new(limits());
    if manner.authenticated {
        codec.authenticated();
    }
    let (values, said) = outcome(&codec, stream, manner.piece, manner.limit());
    let lines = stream.split(|&b| b == b'\n');
    let mut lines = lines.filter(|line| !line.iter().all(|b| b" \t\r".contains(b)));
    for value in &values {
        let line = lines.next().expect("no value is made up");
        let read: Value = serde_json::from_slice(line).expect("what was read can be read");
        assert_eq!(&read, value);
    }
    assert!(said.is_some() || lines.next().is_none(), "a line got lost");
    let mut wire = BytesMut::new();
    for value in &values {
        let outcome = codec.clone().encode(value, &mut wire);
        outcome.expect("what was received can be sent");
    }
    // Written out, a number may be longer than it was.
    let mut written = wire[..].split(|&b| b == b'\n');
    if written.all(|line| line.len() <= manner.limit()) {
        let again = outcome(&codec, &wire, manner.piece, manner.limit());
        assert_eq!(again, (values, None));
    }
}

/// JSON values back to back: manner, stream.
///
/// # Panics
///
/// Where a promise is broken.
pub fn concatenated_json(data: &[u8]) {
    let Some((manner, stream)) = Manner::of(data) else {
        return;
    };
    let mut codec = ConcatenatedJsonCodec::new(limits());
    let mut typed = JsonCodec::<Value>::new(limits());
    if manner.authenticated {
        codec.authenticated();
        typed.authenticated();
    }
    let (texts, _) = outcome(&codec, stream, manner.piece, manner.limit());
    let (values, _) = outcome(&typed, stream, manner.piece, manner.limit());
    for text in &texts {
        assert!((1..=manner.limit()).contains(&text.len()));
    }
    // As long as serde_json agrees that it is JSON, it agrees where each value ends.
    let theirs = serde_json::Deserializer::from_slice(stream).into_iter::<Value>();
    let theirs = theirs.map_while(Result::ok).zip(&texts).enumerate();
    for (index, (value, text)) in theirs {
        let read: Value = serde_json::from_slice(text).expect("a whole value was found");
        assert_eq!(read, value);
        assert_eq!(values.get(index), Some(&value));
    }
    let wire = sent(&codec, &texts);
    let again = outcome(&codec, &wire, manner.piece, manner.limit());
    assert_eq!(again, (texts, None));
}
