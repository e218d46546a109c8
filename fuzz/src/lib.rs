//! What every codec must keep to, whatever the bytes: one function per codec, called by the
//! fuzzer and by the test that replays the kept corpus. A function panics where a promise is broken.
//!
//! Each asks for more than that nothing panics: that chunks of any size give the same frames as
//! the whole, that no more than the limit is kept of what is unfinished, that decoding ends,
//! and that the frames, sent again, are the bytes they came from or frames just like them.

mod arrival;
mod framing;
mod json;
mod own;

pub use framing::{delimiter, fixed, header, length_prefixed, line};
pub use json::{concatenated_json, ndjson};
pub use own::split;

use bowline_link::codec::Limits;

/// The most a stranger may send, and a friend: little, so that short inputs reach beyond it, though
/// JSON that nests too deeply must fit.
const BEFORE: usize = 16;
const AFTER: usize = 192;

/// What judges an input: it returns, or it panics.
pub type Check = fn(&[u8]);

/// Every target by its name: that of its program, and of its folder in `corpus`.
pub const TARGETS: [(&str, Check); 8] = [
    ("line", line),
    ("delimiter", delimiter),
    ("fixed", fixed),
    ("length_prefixed", length_prefixed),
    ("ndjson", ndjson),
    ("concatenated_json", concatenated_json),
    ("split", split),
    ("header", header),
];

/// What an input begins with, apart from the stream that it holds.
#[derive(Clone, Copy, Debug)]
struct Manner {
    /// Whether the higher limit is in force.
    authenticated: bool,
    /// In pieces of how many bytes the stream comes.
    piece: usize,
}

impl Manner {
    /// The manner in the first byte, and the bytes behind it.
    fn of(data: &[u8]) -> Option<(Self, &[u8])> {
        let (&first, stream) = data.split_first()?;
        let manner = Self {
            authenticated: first & 0x80 != 0,
            piece: 1 + usize::from(first & 0x7f),
        };
        Some((manner, stream))
    }

    /// The most a frame may have.
    fn limit(self) -> usize {
        if self.authenticated { AFTER } else { BEFORE }
    }
}

fn limits() -> Limits {
    Limits::new(BEFORE, AFTER).expect("the lower one is lower")
}
