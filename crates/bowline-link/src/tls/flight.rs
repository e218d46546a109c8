//! The stream below TLS while hands are shaken: it takes each flight of messages whole, so that
//! an alert is sent even where a peer reads it byte by byte. Afterwards it is not there.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Io;

/// How many bytes of a handshake wait for a peer that does not read: 64 KiB.
///
/// A flight is the certificates and little else. One that is longer is sent in pieces.
pub const FLIGHT_MAX: usize = 64 << 10;

pub(super) struct Flight<I> {
    io: I,
    held: BytesMut,
    mode: Mode,
}

enum Mode {
    /// Writes are taken at once and sent by a flush.
    Hold,
    /// Writes go where they are meant to.
    Pass,
}

// === impl Flight ===

impl<I: Io> Flight<I> {
    pub(super) fn new(io: I) -> Self {
        Self {
            io,
            held: BytesMut::new(),
            mode: Mode::Hold,
        }
    }

    /// Ends the handshake.
    pub(super) fn pass(&mut self) {
        self.mode = Mode::Pass;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn inner(&self) -> &I {
        &self.io
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.held.is_empty() {
            match ready!(Pin::new(&mut self.io).poll_write(cx, &self.held))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.held.advance(sent),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_hold(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.held.len() >= FLIGHT_MAX {
            ready!(self.poll_send(cx))?;
        }
        let taken = buf.len().min(FLIGHT_MAX - self.held.len());
        self.held.extend_from_slice(&buf[..taken]);
        Poll::Ready(Ok(taken))
    }
}

impl<I: Io> AsyncRead for Flight<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<I: Io> AsyncWrite for Flight<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.mode {
            Mode::Hold => self.poll_hold(cx, buf),
            Mode::Pass => {
                ready!(self.poll_send(cx))?;
                Pin::new(&mut self.io).poll_write(cx, buf)
            }
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.mode {
            Mode::Hold => {
                let mut taken = 0;
                for buf in bufs {
                    match self.poll_hold(cx, buf) {
                        Poll::Ready(Ok(more)) => taken += more,
                        // What was taken before is not taken back.
                        Poll::Ready(Err(_)) | Poll::Pending if taken > 0 => break,
                        refused => return refused,
                    }
                }
                Poll::Ready(Ok(taken))
            }
            Mode::Pass => {
                ready!(self.poll_send(cx))?;
                Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self.mode {
            Mode::Hold => true,
            Mode::Pass => self.io.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
