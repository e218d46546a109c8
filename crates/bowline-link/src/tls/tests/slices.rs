//! A stream that passes one byte at a time, and makes whoever asks wait every other time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(super) struct Slices<I> {
    io: I,
    reads: u64,
    writes: u64,
    flushes: u64,
}

// === impl Slices ===

impl<I> Slices<I> {
    pub(super) fn new(io: I) -> Self {
        Self {
            io,
            reads: 0,
            writes: 0,
            flushes: 0,
        }
    }
}

/// Lets every other call wait, of each kind by itself, so that none waits for ever.
fn poll_turn(calls: &mut u64, cx: &Context<'_>) -> Poll<()> {
    *calls += 1;
    if calls.is_multiple_of(2) {
        return Poll::Ready(());
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

impl<I: AsyncRead + Unpin> AsyncRead for Slices<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(poll_turn(&mut self.reads, cx));
        let mut byte = [0];
        let mut one = ReadBuf::new(&mut byte);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut one))?;
        buf.put_slice(one.filled());
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Slices<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(poll_turn(&mut self.writes, cx));
        let one = &buf[..buf.len().min(1)];
        Pin::new(&mut self.io).poll_write(cx, one)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_turn(&mut self.flushes, cx));
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(poll_turn(&mut self.flushes, cx));
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
