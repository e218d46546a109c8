//! How a server behaves on one connection: mostly well, now and then as peers do that are
//! being restarted, or are broken. It waits for nobody and closes nothing itself.

use std::io;

use bytes::BytesMut;
use rand_core::Rng;
use tokio_util::codec::Encoder;

use super::frame::{Codec, Frame, UNPADDED_BYTES};

/// One connection in so many is treated ill.
const RUDE_EVERY: u64 = 6;

/// After how many frames at most the ill treatment begins.
const FRAMES_MAX: u64 = 12;

/// What it will do on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temper {
    /// Nothing but what it should.
    Even,
    /// It accepts, and hangs up at once.
    HangsUp,
    /// After so many frames it says half a frame, and then nothing more.
    HalfThenSilent(u64),
    /// After so many frames it says half a frame and closes.
    HalfThenGone(u64),
}

/// What it does after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Stays,
    Sulks,
    Goes,
}

/// A frame, or what is said of it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said {
    Whole(Frame),
    Half(Frame),
}

// === impl Temper ===

impl Temper {
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        if !rng.next_u64().is_multiple_of(RUDE_EVERY) {
            return Self::Even;
        }
        let after = rng.next_u64() % FRAMES_MAX;
        match rng.next_u64() % 3 {
            0 => Self::HangsUp,
            1 => Self::HalfThenSilent(after),
            _ => Self::HalfThenGone(after),
        }
    }

    /// How much of the next frame it says, and what it does then.
    pub(super) fn say(&mut self, frame: Frame) -> (Said, Mood) {
        match self {
            Self::HalfThenSilent(0) => (Said::Half(frame), Mood::Sulks),
            Self::HalfThenGone(0) => (Said::Half(frame), Mood::Goes),
            Self::HalfThenSilent(left) | Self::HalfThenGone(left) => {
                *left -= 1;
                (Said::Whole(frame), Mood::Stays)
            }
            Self::Even | Self::HangsUp => (Said::Whole(frame), Mood::Stays),
        }
    }
}

impl Encoder<Said> for Codec {
    type Error = io::Error;

    fn encode(&mut self, said: Said, bytes: &mut BytesMut) -> io::Result<()> {
        match said {
            Said::Whole(frame) => self.encode(frame, bytes),
            Said::Half(frame) => {
                let begins = bytes.len();
                self.encode(frame, bytes)?;
                bytes.truncate(begins + UNPADDED_BYTES / 2);
                Ok(())
            }
        }
    }
}
