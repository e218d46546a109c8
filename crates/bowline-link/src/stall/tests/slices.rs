//! A stream that takes and yields few bytes at a time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

#[derive(Debug)]
pub(super) struct Slices {
    io: DuplexStream,
    bytes_max: usize,
}

impl Slices {
    pub(super) fn new(io: DuplexStream, bytes_max: usize) -> Self {
        Self { io, bytes_max }
    }
}

impl AsyncRead for Slices {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = [0; 8];
        let bytes_max = self.bytes_max.min(buffer.remaining());
        let mut slice = ReadBuf::new(&mut bytes[..bytes_max]);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut slice))?;
        buffer.put_slice(slice.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Slices {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = bytes.len().min(self.bytes_max);
        Pin::new(&mut self.io).poll_write(cx, &bytes[..taken])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
