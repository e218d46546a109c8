//! How bytes arrive: whole, in pieces, one at a time. It knows no codec by name.

use std::fmt::Debug;

use bowline_link::codec::Error;
use bytes::{Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// The frames of a stream, and how it ended: in order, or with what was said.
pub(crate) type Outcome<T> = (Vec<T>, Option<String>);

/// What `codec` makes of `stream`, which is the same however it comes. While it waits it keeps
/// `kept_max` bytes at most, and what it refused for its form stays refused.
pub(crate) fn outcome<D>(
    codec: &D,
    stream: &[u8],
    piece: usize,
    kept_max: usize,
) -> Outcome<D::Item>
where
    D: Decoder<Error = Error> + Clone,
    D::Item: PartialEq + Debug,
{
    let mut read = BytesMut::new();
    let mut used = codec.clone();
    let (frames, error) = arrive(&mut used, &mut read, &[stream], kept_max);
    let said = error.as_ref().map(Error::to_string);
    let stays = |error: &Error| !matches!(error, Error::JsonLine { .. } | Error::JsonValue { .. });
    if error.as_ref().is_some_and(stays) {
        let again = used.decode_eof(&mut read).err();
        assert_eq!(again.map(|error| error.to_string()), said, "asked again");
    }
    let whole = (frames, said);
    for piece in [piece, 1] {
        let pieces: Vec<&[u8]> = stream.chunks(piece).collect();
        let mut read = BytesMut::new();
        let (frames, error) = arrive(&mut codec.clone(), &mut read, &pieces, kept_max);
        let parts = (frames, error.as_ref().map(Error::to_string));
        assert_eq!(parts, whole, "in pieces of {piece}, and whole");
    }
    whole
}

/// What `codec` makes of `pieces`, arriving one by one in `read`.
pub(crate) fn arrive<D>(
    codec: &mut D,
    read: &mut BytesMut,
    pieces: &[&[u8]],
    kept_max: usize,
) -> (Vec<D::Item>, Option<Error>)
where
    D: Decoder<Error = Error>,
{
    let mut frames = Vec::new();
    for piece in pieces {
        read.extend_from_slice(piece);
        loop {
            let before = read.len();
            match codec.decode(read) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
            assert!(read.len() < before, "frames of no bytes have no end");
        }
        assert!(read.len() <= kept_max, "{} bytes were kept", read.len());
        let reserved = read.capacity();
        // How a buffer grows that is read from its front is its own affair; a claim that was
        // believed would be far more.
        let most = 4 * (kept_max + piece.len()) + 1024;
        assert!(reserved <= most, "{reserved} bytes were reserved");
    }
    loop {
        let before = read.len();
        match codec.decode_eof(read) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => {
                assert!(read.is_empty(), "the end left {} bytes over", read.len());
                return (frames, None);
            }
            Err(error) => return (frames, Some(error)),
        }
        assert!(read.len() < before, "frames of no bytes have no end");
    }
}

/// The bytes of `frames`, which were received and can therefore be sent.
pub(crate) fn sent<D>(codec: &D, frames: &[Bytes]) -> BytesMut
where
    D: Encoder<Bytes, Error = Error> + Clone,
{
    let mut wire = BytesMut::new();
    for frame in frames {
        let outcome = codec.clone().encode(frame.clone(), &mut wire);
        outcome.expect("what was received can be sent");
    }
    wire
}
