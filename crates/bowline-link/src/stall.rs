//! Limits for what has begun and does not end: reads, writes, whole frames, whole requests. A
//! connection on which nothing has begun is idle, which is [`idle`](crate::idle)'s to judge, and a
//! peer that is silent [`alive`](crate::alive)'s.
//!
//! | step | begins | ends | counted by |
//! |---|---|---|---|
//! | [`Read`](Step::Read) | with [`Reads::expect`], again with each byte | with the next byte | [`Limited`] |
//! | [`Write`](Step::Write) | when a write must wait | when the stream takes a byte | [`Limited`] |
//! | [`FrameRead`](Step::FrameRead) | with the first byte of a frame | with its last | [`Frames`] |
//! | [`FrameWrite`](Step::FrameWrite) | when it must wait with nothing before it | when the stream took its last byte | [`Frames`] |
//! | [`Request`](Step::Request) | with the call | with the response | [`Request`] |
//!
//! What arrived in time is read, however late: a limit passes only where polling finds nothing
//! more to do. A limit that is seen to have passed a quarter of itself ago was seen by nobody in
//! time: the process slept, or did not poll. It then gets the limit once more, and only once, since
//! the delay was ours and not the peer's. A request gets none: whoever made it has waited so long.

use std::error::Error;
use std::fmt;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::alarm::{Alarm, Side, after};

mod frames;
mod layer;
mod limited;
mod limits;
mod request;

pub use frames::Frames;
pub use layer::StallLayer;
pub use limited::{Expected, Limited, Reads};
pub use limits::{
    FRAME_READ_MAX, FRAME_WRITE_MAX, InvalidLimits, Limits, READ_MAX, REQUEST_MAX, Settings,
    WRITE_MAX,
};
pub use request::{Request, RequestLayer, Requesting};

/// The share of a limit by which a look at it may be late.
const LATE_SHARE: u32 = 4;

/// What has begun, and did not end within its limit.
///
/// The peer, or the way to it, is too slow or gone. A connection that stalled is of no further use;
/// another one may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{which} limit of {after:?} passed{}", said(*progressed))]
#[non_exhaustive]
pub struct Stalled {
    /// What did not end.
    pub which: Step,
    /// The limit.
    pub after: Duration,
    /// The bytes that had moved: since the read was expected, since the stream was wrapped for a
    /// write, of the frame in question for frames. A request counts none.
    pub progressed: Option<u64>,
}

/// What has a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Step {
    /// The next byte to come, while one is owed.
    Read,
    /// The next byte to be taken, or a flush or shutdown.
    Write,
    /// A whole frame to come.
    FrameRead,
    /// A whole frame to be taken.
    FrameWrite,
    /// A whole request.
    Request,
}

/// How long something waits.
#[derive(Debug)]
struct Wait {
    since: Instant,
    /// It was looked at late, and got its limit again.
    graced: bool,
}

/// What stalled, if `error` or anything that caused it says so.
///
/// An error that does not name its cause hides it, as tokio-util's `LinesCodecError` does: open
/// that one first.
///
/// ```
/// use bowline_link::stall::stalled;
///
/// let closed = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
/// assert_eq!(stalled(&closed), None);
/// ```
pub fn stalled(error: &(dyn Error + 'static)) -> Option<Stalled> {
    crate::io::find(error)
}

fn said(progressed: Option<u64>) -> String {
    progressed.map_or_else(String::new, |bytes| format!(" after {bytes} bytes"))
}

// === impl Stalled ===

impl From<Stalled> for io::Error {
    fn from(stalled: Stalled) -> Self {
        Self::new(io::ErrorKind::TimedOut, stalled)
    }
}

// === impl Step ===

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::FrameRead => "frame read",
            Self::FrameWrite => "frame write",
            Self::Request => "request",
        })
    }
}

// === impl Wait ===

impl Wait {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            graced: false,
        }
    }

    /// Pending until it waited for longer than `limit`.
    fn poll(
        &mut self,
        limit: Duration,
        alarm: &mut Alarm,
        side: Side,
        cx: &Context<'_>,
    ) -> Poll<()> {
        loop {
            let ends = after(self.since, limit);
            let now = ready!(alarm.poll(ends, side, cx));
            let late = now > after(ends, limit / LATE_SHARE);
            if !late || self.graced {
                return Poll::Ready(());
            }
            self.since = now;
            self.graced = true;
        }
    }
}

#[cfg(test)]
mod tests;
