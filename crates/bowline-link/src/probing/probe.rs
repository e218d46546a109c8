//! What a protocol says about its probes, and how a probed connection ends.

use std::time::Duration;

use bowline_policy::heartbeat::Death;

/// What probes and their answers look like in a protocol.
pub trait Probe {
    /// The protocol's frames.
    type Frame;

    /// Makes a probe, which tells the peer when at the latest it will hear the
    /// next one.
    fn ping(&mut self, next_interval: Duration) -> Self::Frame;

    /// Tells what a received frame is. Called once for each, in order.
    fn sort(&mut self, frame: Self::Frame) -> Sorted<Self::Frame>;
}

/// What a received frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sorted<F> {
    /// For the user.
    Item(F),
    /// A probe of the peer, which the user does not see.
    Probe {
        /// What to answer. Only the newest answer waits, should the peer probe
        /// faster than it reads.
        answer: F,
    },
    /// The answer to a probe, which the user does not see. That it came is told
    /// by its bytes.
    Answer,
}

/// Why a probed connection failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error<E> {
    /// The peer was silent, or we paused, for too long. The connection is of no
    /// more use; another one may be.
    #[error("gave the connection up")]
    Dead(#[source] Death),
    /// The stream of frames below failed.
    #[error(transparent)]
    Frames(E),
}
