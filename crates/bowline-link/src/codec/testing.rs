//! What every codec is held to: the same frames however they arrive, and little kept of what is
//! no frame yet. It knows no codec by name.

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

use super::{Error, Limits};

/// Small ones, that a short stream can break.
pub(super) fn limits() -> Limits {
    Limits::new(8, 16).unwrap()
}

pub(super) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<char> = hex.chars().filter(|c| !c.is_whitespace()).collect();
    let pair = |pair: &[char]| u8::from_str_radix(&String::from_iter(pair), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// Everything `codec` makes of `pieces`, and why it stopped before the end. What it waits with in
/// the buffer must never be more than `kept_max` bytes.
pub(super) fn decode<D: Decoder<Error = Error>>(
    mut codec: D,
    pieces: &[&[u8]],
    kept_max: usize,
) -> (Vec<D::Item>, Option<String>) {
    let mut read = BytesMut::new();
    let mut frames = Vec::new();
    // One frame costs a byte at least: more turns than this never end.
    let mut turns = 2 + 2 * pieces.iter().map(|piece| 1 + piece.len()).sum::<usize>();
    for piece in pieces {
        read.extend_from_slice(piece);
        loop {
            turns = turns.checked_sub(1).expect("decoding ends");
            match codec.decode(&mut read) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error.to_string())),
            }
        }
        assert!(read.len() <= kept_max, "{} bytes were kept", read.len());
        let reserved = read.capacity();
        let most = 2 * (kept_max + piece.len()) + 64;
        assert!(reserved <= most, "{reserved} bytes were reserved");
    }
    loop {
        turns = turns.checked_sub(1).expect("decoding ends");
        match codec.decode_eof(&mut read) {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error.to_string())),
        }
    }
}

/// Decodes `wire` in one piece, in two at every place, and byte by byte: all must give the same.
pub(super) fn decode_every_way<D>(
    codec: &D,
    wire: &[u8],
    kept_max: usize,
) -> (Vec<D::Item>, Option<String>)
where
    D: Decoder<Error = Error> + Clone,
    D::Item: PartialEq + Debug,
{
    let whole = decode(codec.clone(), &[wire], kept_max);
    for at in 0..=wire.len() {
        let (head, tail) = wire.split_at(at);
        let halves = decode(codec.clone(), &[head, tail], kept_max);
        assert_eq!(halves, whole, "cut at byte {at} of {wire:02x?}");
    }
    let bytes: Vec<&[u8]> = wire.chunks(1).collect();
    assert_eq!(decode(codec.clone(), &bytes, kept_max), whole);
    whole
}

/// Each wire gives these frames, however it arrives, and these frames give the wire.
#[track_caller]
pub(super) fn check_vectors<D>(codec: &D, vectors: &[(&str, &[&str])])
where
    D: Decoder<Item = Bytes, Error = Error> + Encoder<Bytes, Error = Error> + Clone,
{
    for (wire, frames) in vectors {
        let frames: Vec<Vec<u8>> = frames.iter().map(|frame| bytes(frame)).collect();
        let (decoded, error) = decode_every_way(codec, &bytes(wire), 64);
        assert_eq!((decoded, error), (to_bytes(&frames), None), "{wire}");
        assert_eq!(encode(codec, &to_bytes(&frames)), bytes(wire), "{wire}");
    }
}

fn to_bytes(frames: &[Vec<u8>]) -> Vec<Bytes> {
    frames.iter().cloned().map(Bytes::from).collect()
}

pub(super) fn encode<D>(codec: &D, frames: &[Bytes]) -> BytesMut
where
    D: Encoder<Bytes, Error = Error> + Clone,
{
    let mut wire = BytesMut::new();
    for frame in frames {
        codec.clone().encode(frame.clone(), &mut wire).unwrap();
    }
    wire
}

/// The last word on `wire`, however it arrives.
pub(super) fn refusal<D>(codec: &D, wire: &[u8]) -> String
where
    D: Decoder<Error = Error> + Clone,
    D::Item: PartialEq + Debug,
{
    let (_, error) = decode_every_way(codec, wire, 2048);
    error.unwrap_or_else(|| "in order".to_owned())
}

/// Bytes of which one in two is of `marks`, which mean something to the codec.
pub(super) fn noise(marks: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![prop::sample::select(marks), any::<u8>()];
    prop::collection::vec(byte, 0..96)
}
