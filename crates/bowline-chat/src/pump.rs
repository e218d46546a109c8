//! Bytes in and out of one stream, a step at a time.
//!
//! It knows nothing of frames; both ends of the chat turn it. It holds no read
//! buffer while the stream is idle: bytes land on the stack first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bowline_link::Io;
use bytes::{Buf, Bytes, BytesMut};
use tokio::io::ReadBuf;

/// How many bytes one step reads at most; with the frame limit it bounds `input`.
const READ_BYTES: usize = 16 * 1024;

/// A stream with what was read and not yet understood, and what is to be written.
#[derive(Debug)]
pub(crate) struct Pump<I> {
    io: I,
    /// Read, not yet decoded. Whoever decodes takes from the front.
    pub(crate) input: BytesMut,
    /// What is being written; never interrupted, or the framing would break.
    current: Bytes,
    /// Written next: heartbeats and last words jump the queue.
    pub(crate) urgent: BytesMut,
    /// Written after that.
    pub(crate) output: BytesMut,
    unflushed: bool,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Bytes came into `input`.
    Read,
    /// Bytes went out.
    Wrote,
    /// The other side will send no more.
    Ended,
}

impl<I: Io> Pump<I> {
    pub(crate) fn new(io: I) -> Self {
        Self {
            io,
            input: BytesMut::new(),
            current: Bytes::new(),
            urgent: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
        }
    }

    /// Writes what there is to write, then reads. `more` yields what follows when
    /// nothing of the pump's own is left to write; without `reading` the other side waits.
    ///
    /// Nothing is lost when a waiting caller goes away: a step is either done or
    /// has not begun.
    pub(crate) fn poll_step(
        &mut self,
        cx: &mut Context<'_>,
        reading: bool,
        more: impl FnOnce() -> Option<Bytes>,
    ) -> Poll<io::Result<Step>> {
        self.refill(more);
        if self.current.has_remaining() {
            if let Poll::Ready(wrote) = Pin::new(&mut self.io).poll_write(cx, &self.current) {
                let wrote = wrote?;
                if wrote == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.current.advance(wrote);
                self.unflushed = true;
                return Poll::Ready(Ok(Step::Wrote));
            }
        } else if self.unflushed
            && let Poll::Ready(flushed) = Pin::new(&mut self.io).poll_flush(cx)
        {
            flushed?;
            self.unflushed = false;
        }
        if reading {
            return self.poll_read(cx);
        }
        Poll::Pending
    }

    /// Writes until everything that was to be written is on its way.
    pub(crate) fn poll_flushed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Poll::Ready(step) = self.poll_step(cx, false, || None) {
            step?;
        }
        if self.unflushed || self.current.has_remaining() {
            Poll::Pending
        } else {
            Poll::Ready(Ok(()))
        }
    }

    /// The stream.
    #[cfg(feature = "client")]
    pub(crate) fn io(&self) -> &I {
        &self.io
    }

    /// The same pump over another stream made of this one.
    #[cfg(feature = "client")]
    pub(crate) fn map_io<J>(self, map: impl FnOnce(I) -> J) -> Pump<J> {
        Pump {
            io: map(self.io),
            input: self.input,
            current: self.current,
            urgent: self.urgent,
            output: self.output,
            unflushed: self.unflushed,
        }
    }

    /// Gives the memory of an emptied input back.
    pub(crate) fn rest(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
    }

    /// Ends the writing side after what was flushed.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    fn refill(&mut self, more: impl FnOnce() -> Option<Bytes>) {
        if self.current.has_remaining() {
            return;
        }
        // A taken buffer leaves no capacity behind, so an idle connection holds none.
        self.current = if !self.urgent.is_empty() {
            std::mem::take(&mut self.urgent).freeze()
        } else if !self.output.is_empty() {
            std::mem::take(&mut self.output).freeze()
        } else {
            more().unwrap_or_default()
        };
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Step>> {
        let mut scratch = [0; READ_BYTES];
        let mut read = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut read))?;
        if read.filled().is_empty() {
            return Poll::Ready(Ok(Step::Ended));
        }
        self.input.extend_from_slice(read.filled());
        Poll::Ready(Ok(Step::Read))
    }
}
