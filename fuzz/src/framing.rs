//! Codecs that look at no content: their frames, sent again, are the bytes they came from.

use bowline_link::codec::{
    ByteOrder, Command, DelimiterCodec, FixedCodec, Frame, HEADER_BYTES, HeaderCodec,
    LengthPrefixedCodec, LineCodec, Prefix,
};
use bytes::{Bytes, BytesMut};
use tokio_util::codec::Encoder;

use crate::arrival::{outcome, sent};
use crate::{Manner, limits};

/// Lines: manner, stream.
///
/// # Panics
///
/// Where a promise is broken.
pub fn line(data: &[u8]) {
    let Some((manner, stream)) = Manner::of(data) else {
        return;
    };
    let mut codec = LineCodec::new(limits());
    if manner.authenticated {
        codec.authenticated();
    }
    let (lines, said) = outcome(&codec, stream, manner.piece, manner.limit());
    let mut expected = stream.split(|&b| b == b'\n');
    let mut returned = Vec::new();
    for line in &lines {
        assert!(line.len() <= manner.limit());
        let text = expected.next().expect("no line is made up");
        assert_eq!(text.strip_suffix(b"\r").unwrap_or(text), line);
        // Such a line is one carriage return shorter when it has come a second time.
        if !line.ends_with(b"\r") {
            returned.push(line.clone());
        }
    }
    let rest: Vec<&[u8]> = expected.collect();
    assert_eq!(said.is_none(), rest == [b""], "all lines, or a reason");
    let again = outcome(
        &codec,
        &sent(&codec, &returned),
        manner.piece,
        manner.limit(),
    );
    assert_eq!(again, (returned, None));
}

/// Any delimiter: manner, its length, the delimiter, stream.
///
/// # Panics
///
/// Where a promise is broken.
pub fn delimiter(data: &[u8]) {
    let Some((manner, [length, data @ ..])) = Manner::of(data) else {
        return;
    };
    let Some((delimiter, stream)) = data.split_at_checked(1 + usize::from(length % 6)) else {
        return;
    };
    let mut codec = DelimiterCodec::new(delimiter.to_vec(), limits())
        .expect("one to six bytes are a delimiter");
    if manner.authenticated {
        codec.authenticated();
    }
    let kept_max = manner.limit() + delimiter.len() - 1;
    let (frames, said) = outcome(&codec, stream, manner.piece, kept_max);
    for frame in &frames {
        assert!(frame.len() <= manner.limit());
    }
    exact(stream, &sent(&codec, &frames), said.is_none());
    // What does not end too early when it is sent comes back, and nothing else is sent.
    let mut wire = BytesMut::new();
    let short = &stream[..stream.len().min(manner.limit())];
    if codec.clone().encode(short, &mut wire).is_ok() {
        let (frames, said) = outcome(&codec, &wire, manner.piece, kept_max);
        assert_eq!((frames, said), (vec![Bytes::copy_from_slice(short)], None));
    } else {
        assert!(wire.is_empty(), "what is refused is not sent in part");
    }
}

/// Fixed lengths: manner, the length, stream.
///
/// # Panics
///
/// Where a promise is broken.
pub fn fixed(data: &[u8]) {
    let Some((manner, [length, stream @ ..])) = Manner::of(data) else {
        return;
    };
    let length = usize::from(*length);
    let Ok(mut codec) = FixedCodec::new(length, limits()) else {
        assert!(length == 0 || length > limits().after_authentication());
        return;
    };
    if manner.authenticated {
        codec.authenticated();
    }
    let (frames, said) = outcome(&codec, stream, manner.piece, manner.limit());
    if length <= manner.limit() {
        assert_eq!(frames.len(), stream.len() / length);
        exact(stream, &sent(&codec, &frames), said.is_none());
    } else {
        assert!(frames.is_empty(), "over the limit");
        assert_eq!(said.is_some(), !stream.is_empty());
    }
}

/// Lengths before frames: manner, width and order, offset, adjustment, stream.
///
/// # Panics
///
/// Where a promise is broken.
pub fn length_prefixed(data: &[u8]) {
    let Some((manner, [shape, offset, adjustment, stream @ ..])) = Manner::of(data) else {
        return;
    };
    let width = usize::from(shape % 8) + 1;
    let order = if shape & 0x80 == 0 {
        ByteOrder::BigEndian
    } else {
        ByteOrder::LittleEndian
    };
    let offset = usize::from(offset % 8);
    let prefix = Prefix::new(width, order)
        .and_then(|prefix| prefix.behind(offset))
        .and_then(|prefix| prefix.adjusted(i64::from(adjustment.cast_signed())))
        .expect("few bytes and a small adjustment are a prefix");
    let mut codec = LengthPrefixedCodec::new(prefix, limits());
    if manner.authenticated {
        codec.authenticated();
    }
    let kept_max = manner.limit() + width + offset;
    let (frames, said) = outcome(&codec, stream, manner.piece, kept_max);
    for frame in &frames {
        assert!(frame.len() <= manner.limit());
    }
    exact(stream, &sent(&codec, &frames), said.is_none());
}

/// The binary header: manner, stream.
///
/// # Panics
///
/// Where a promise is broken.
pub fn header(data: &[u8]) {
    let Some((manner, stream)) = Manner::of(data) else {
        return;
    };
    let mut codec = HeaderCodec::new(limits());
    if manner.authenticated {
        codec.authenticated();
    }
    let kept_max = manner.limit() + HEADER_BYTES;
    let (frames, said) = outcome(&codec, stream, manner.piece, kept_max);
    let mut wire = BytesMut::new();
    for Frame { cmd, payload } in frames {
        assert!(payload.len() <= manner.limit());
        let known = Command::from_bits(cmd.bits());
        assert_eq!((known, known.response().is_response()), (cmd, true));
        let outcome = codec.encode(Frame { cmd, payload }, &mut wire);
        outcome.expect("what was received can be sent");
    }
    exact(stream, &wire, said.is_none());
}

/// `wire` is what `stream` began with, and all of it where the stream ended in order.
fn exact(stream: &[u8], wire: &[u8], in_order: bool) {
    assert!(
        stream.starts_with(wire),
        "sent again, frames are the same bytes"
    );
    assert!(!in_order || wire.len() == stream.len(), "bytes got lost");
}
