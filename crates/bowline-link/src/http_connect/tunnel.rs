//! A stream behind a proxy, which may have sent its first bytes along with the answer.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream through an HTTP proxy.
///
/// Bytes that came right behind the proxy's answer are read first. There are seldom any:
/// a peer that speaks first, and a proxy that is quick. `Debug` only counts them.
pub struct Tunnel<I> {
    io: I,
    early: Bytes,
}

// === impl Tunnel ===

impl<I> Tunnel<I> {
    pub(super) fn new(io: I, early: Bytes) -> Self {
        Self { io, early }
    }

    /// The stream to the proxy.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    /// The stream to the proxy, and what was read from it and not yet from here.
    pub fn into_parts(self) -> (I, Bytes) {
        (self.io, self.early)
    }
}

impl<I: fmt::Debug> fmt::Debug for Tunnel<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tunnel")
            .field("io", &self.io)
            .field("early_bytes", &self.early.len())
            .finish()
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Tunnel<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.early.has_remaining() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let len = self.early.len().min(buf.remaining());
        buf.put_slice(&self.early.split_to(len));
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Tunnel<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
