//! Frames found by a function of one's own, in the spirit of Go's `bufio.SplitFunc`. The function
//! knows the format; that it stays within the limits is not left to it.

use std::fmt;
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use super::limits::InForce;
use super::{Error, GAP_BYTES_MAX, Limits, ended};
use crate::BoxError;

/// What a split function makes of the bytes it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Split {
    /// They hold no whole frame yet: ask again when there is at least one byte more.
    More,
    /// The same, and it is known that this many bytes in all are needed: ask again when they are
    /// there, so that a long frame is not looked at once per read.
    Need(usize),
    /// The first so many belong to no frame: drop them and ask again. At most
    /// [`GAP_BYTES_MAX`] of them may come in a row.
    Skip(usize),
    /// The first `consumed` bytes hold a frame.
    Frame {
        /// Where in the bytes shown the frame is, without what surrounds it.
        frame: Range<usize>,
        /// How many bytes it takes up with what surrounds it, which is [`GAP_BYTES_MAX`] at most.
        consumed: usize,
    },
}

/// Reads frames that a function finds.
///
/// The function is shown what came and is not consumed, though no more than the limit in force
/// and [`GAP_BYTES_MAX`]; its second argument is that limit. It must be pure: it is asked again
/// about the same bytes with more behind them. What it may do is checked: it is an error
/// to return a frame or a skip of no bytes (which would be asked for forever), to claim bytes that
/// were not shown, a frame over the limit, or to find nothing in all that may be kept. What
/// is left when the stream ends is an error too.
///
/// It only reads: whoever writes knows the format and appends to a buffer.
///
/// ```
/// use std::convert::Infallible;
///
/// use bowline_link::codec::{Limits, Split, SplitCodec};
/// use bytes::BytesMut;
/// use tokio_util::codec::Decoder;
///
/// // Words, each with the space behind it.
/// let words = |bytes: &[u8], _limit| match bytes.iter().position(|&b| b == b' ') {
///     Some(0) => Ok::<_, Infallible>(Split::Skip(1)),
///     Some(end) => Ok(Split::Frame { frame: 0..end, consumed: end + 1 }),
///     None => Ok(Split::More),
/// };
/// let mut codec = SplitCodec::new(words, Limits::default());
/// let mut read = BytesMut::from("fair  winds a");
/// assert_eq!(codec.decode(&mut read)?.unwrap(), "fair");
/// assert_eq!(codec.decode(&mut read)?.unwrap(), "winds");
/// assert_eq!(codec.decode(&mut read)?, None);
/// # Ok::<(), bowline_link::codec::Error>(())
/// ```
#[derive(Clone)]
pub struct SplitCodec<F> {
    split: F,
    limit: InForce,
    // What the function said it needs; 0 where it said nothing.
    needed: usize,
    // Dropped since the last frame.
    skipped: usize,
}

impl<F> SplitCodec<F> {
    /// Starts with a stranger: the lower of the two limits is in force.
    pub fn new<E>(split: F, limits: Limits) -> Self
    where
        F: FnMut(&[u8], usize) -> Result<Split, E>,
        E: Into<BoxError>,
    {
        Self {
            split,
            limit: InForce::new(limits),
            needed: 0,
            skipped: 0,
        }
    }

    /// Raises the limit: the peer has proved who it is.
    pub fn authenticated(&mut self) {
        self.limit.authenticated();
    }

    fn shown_max(&self) -> usize {
        self.limit.bytes + GAP_BYTES_MAX
    }

    /// Waits until there are `needed` bytes, where `shown` were not enough.
    fn wait(&mut self, needed: usize, shown: usize) -> Result<Option<Bytes>, Error> {
        if needed <= shown {
            return Err(Error::SplitStuck { shown });
        }
        if needed > self.shown_max() {
            return Err(Error::FrameTooLong {
                limit: self.limit.bytes,
            });
        }
        self.needed = needed;
        Ok(None)
    }

    fn skip(&mut self, count: usize, shown: usize) -> Result<(), Error> {
        if count == 0 {
            return Err(Error::SplitStuck { shown });
        }
        if self.skipped.saturating_add(count) > GAP_BYTES_MAX {
            return Err(Error::Gap {
                limit: GAP_BYTES_MAX,
            });
        }
        self.skipped += count;
        Ok(())
    }

    /// Whether `frame` is one, within what was `shown`.
    fn check(&self, frame: &Range<usize>, consumed: usize, shown: usize) -> Result<(), Error> {
        if consumed == 0 {
            return Err(Error::SplitStuck { shown });
        }
        if frame.start > frame.end || frame.end > consumed {
            return Err(Error::SplitClaim {
                claimed: frame.start.max(frame.end),
                shown: consumed.min(shown),
            });
        }
        claim(consumed, shown)?;
        self.limit.admit(frame.len())?;
        if consumed - frame.len() > GAP_BYTES_MAX {
            return Err(Error::Gap {
                limit: GAP_BYTES_MAX,
            });
        }
        Ok(())
    }
}

fn claim(claimed: usize, shown: usize) -> Result<(), Error> {
    if claimed > shown {
        return Err(Error::SplitClaim { claimed, shown });
    }
    Ok(())
}

impl<F, E> Decoder for SplitCodec<F>
where
    F: FnMut(&[u8], usize) -> Result<Split, E>,
    E: Into<BoxError>,
{
    type Item = Bytes;
    type Error = Error;

    fn decode(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        // Each turn consumes something: the loop ends with the buffer.
        loop {
            let shown = read.len().min(self.shown_max());
            if shown == 0 || shown < self.needed {
                return Ok(None);
            }
            let split = (self.split)(&read[..shown], self.limit.bytes)
                .map_err(|source| Error::Split(source.into()))?;
            match split {
                Split::More => return self.wait(shown + 1, shown),
                Split::Need(bytes) => return self.wait(bytes, shown),
                Split::Skip(count) => {
                    claim(count, shown)?;
                    self.skip(count, shown)?;
                    self.needed = 0;
                    read.advance(count);
                }
                Split::Frame { frame, consumed } => {
                    self.check(&frame, consumed, shown)?;
                    self.needed = 0;
                    self.skipped = 0;
                    let whole = read.split_to(consumed).freeze();
                    return Ok(Some(whole.slice(frame)));
                }
            }
        }
    }

    fn decode_eof(&mut self, read: &mut BytesMut) -> Result<Option<Bytes>, Error> {
        let decoded = self.decode(read)?;
        ended(decoded, read)
    }
}

impl<F> fmt::Debug for SplitCodec<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SplitCodec")
            .field("limit", &self.limit)
            .field("needed", &self.needed)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
