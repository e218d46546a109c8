//! The bytes between caller and peer, with a checksum over all of them: what was corrupted on
//! its way ends the connection, and is never taken for something else.

use std::io;
use std::time::Duration;

use bowline_link::probing::{Probe, Sorted};
use bowline_sim::history::Id;
use bytes::{Buf, BufMut, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Kind, id, number and length of the padding.
const HEAD_BYTES: usize = 1 + 16 + 8 + 2;

const SUM_BYTES: usize = 4;

/// How long a frame without padding is.
pub(super) const UNPADDED_BYTES: usize = HEAD_BYTES + SUM_BYTES;

/// One frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    /// What it is about; zero for probes.
    pub(super) id: Id,
    /// An offset, a token, a place, a wish, or milliseconds.
    pub(super) number: u64,
    /// How many bytes follow that mean nothing.
    pub(super) padding: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first of each connection: `id` is the session, `number` the token and, in its
    /// lowest byte, how many `Join` follow before the first `Ask`.
    Hello = 1,
    /// To `Hello`: `number` is the token and, in its lowest bit, 1 for who was met before.
    Welcome = 2,
    /// To append `id`.
    Ask = 3,
    /// `id` was appended at `number`.
    Answer = 4,
    /// The next comes at the latest after `number` milliseconds.
    Ping = 5,
    Pong = 6,
    /// To `Hello`: not now; `number` is a wish.
    Later = 7,
    /// To `Hello`: we do not believe it.
    Stranger = 8,
    /// The server will go; `number` is a wish.
    Going = 9,
    /// To join what stands at `number`, under `id`.
    Join = 10,
    Joined = 11,
}

/// Bytes that are no frame, or no longer one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes that came are not those that were sent")]
pub struct Corrupt;

/// Between bytes and frames. A head has a checksum of its own, so that no corrupted length
/// is believed: a reader would wait for bytes that nobody sends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Codec;

/// What the probes of this protocol look like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probes;

// === impl Frame ===

impl Frame {
    pub(super) fn new(kind: Kind, id: Id, number: u64) -> Self {
        Self {
            kind,
            id,
            number,
            padding: 0,
        }
    }
}

impl Kind {
    fn of(byte: u8) -> Option<Self> {
        [
            Self::Hello,
            Self::Welcome,
            Self::Ask,
            Self::Answer,
            Self::Ping,
            Self::Pong,
            Self::Later,
            Self::Stranger,
            Self::Going,
            Self::Join,
            Self::Joined,
        ]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
    }
}

// === impl Codec ===

impl Encoder<Frame> for Codec {
    type Error = io::Error;

    fn encode(&mut self, frame: Frame, bytes: &mut BytesMut) -> io::Result<()> {
        let begins = bytes.len();
        bytes.put_u8(frame.kind as u8);
        bytes.put_u128(frame.id.0);
        bytes.put_u64(frame.number);
        bytes.put_u16(frame.padding);
        bytes.put_u32(crc32fast::hash(&bytes[begins..]));
        if frame.padding > 0 {
            let begins = bytes.len();
            bytes.put_bytes(0x5a, frame.padding.into());
            bytes.put_u32(crc32fast::hash(&bytes[begins..]));
        }
        Ok(())
    }
}

impl Decoder for Codec {
    type Item = Frame;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Frame>> {
        let Some((mut head, rest)) = bytes.split_at_checked(UNPADDED_BYTES) else {
            return Ok(None);
        };
        if !is_whole(head) {
            return Err(corrupt());
        }
        let frame = Frame {
            kind: Kind::of(head.get_u8()).ok_or_else(corrupt)?,
            id: Id(head.get_u128()),
            number: head.get_u64(),
            padding: head.get_u16(),
        };
        let mut len = UNPADDED_BYTES;
        if frame.padding > 0 {
            let padded = usize::from(frame.padding) + SUM_BYTES;
            let Some(padding) = rest.get(..padded) else {
                return Ok(None);
            };
            if !is_whole(padding) {
                return Err(corrupt());
            }
            len += padded;
        }
        bytes.advance(len);
        Ok(Some(frame))
    }
}

/// Whether the last bytes are the checksum of those before.
fn is_whole(bytes: &[u8]) -> bool {
    let (said, sum) = bytes.split_at(bytes.len() - SUM_BYTES);
    crc32fast::hash(said).to_be_bytes() == sum
}

pub(super) fn corrupt() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, Corrupt)
}

// === impl Probes ===

impl Probe for Probes {
    type Frame = Frame;

    fn ping(&mut self, next_interval: Duration) -> Frame {
        let millis = u64::try_from(next_interval.as_millis()).unwrap_or(u64::MAX);
        Frame::new(Kind::Ping, Id(0), millis)
    }

    fn sort(&mut self, frame: Frame) -> Sorted<Frame> {
        match frame.kind {
            Kind::Ping => Sorted::Probe {
                answer: Frame::new(Kind::Pong, Id(0), 0),
            },
            Kind::Pong => Sorted::Answer,
            Kind::Hello
            | Kind::Welcome
            | Kind::Ask
            | Kind::Answer
            | Kind::Later
            | Kind::Stranger
            | Kind::Going
            | Kind::Join
            | Kind::Joined => Sorted::Item(frame),
        }
    }
}
