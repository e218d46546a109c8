//! When bytes last came and went, noted below any framing, so that half of a
//! large frame is as good a sign of life as a whole one. It judges nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What is known of the bytes of one connection. Clones share it.
#[derive(Debug, Clone)]
pub struct Stamp {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    origin: Instant,
    /// Nanoseconds after the origin.
    received_at: AtomicU64,
    sent_at: AtomicU64,
    received_bytes: AtomicU64,
    /// How many bytes had come when the handshake was done.
    handshake_bytes: AtomicU64,
}

/// No handshake has been done: more bytes than can ever come.
const NO_HANDSHAKE: u64 = u64::MAX;

/// A byte stream that stamps what passes through it.
#[derive(Debug)]
pub struct Stamped<I> {
    io: I,
    stamp: Stamp,
}

// === impl Stamp ===

impl Stamp {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                origin: Instant::now(),
                received_at: AtomicU64::new(0),
                sent_at: AtomicU64::new(0),
                received_bytes: AtomicU64::new(0),
                handshake_bytes: AtomicU64::new(NO_HANDSHAKE),
            }),
        }
    }

    /// When a byte was last received, or when the stream was wrapped.
    pub fn received_at(&self) -> Instant {
        self.at(&self.shared.received_at)
    }

    /// How many bytes were received.
    pub fn received_bytes(&self) -> u64 {
        self.shared.received_bytes.load(Ordering::Acquire)
    }

    /// When a byte was last taken by the stream below, or when it was wrapped.
    pub fn sent_at(&self) -> Instant {
        self.at(&self.shared.sent_at)
    }

    /// Notes that what was received until now belonged to the handshake.
    pub fn handshake_done(&self) {
        self.shared
            .handshake_bytes
            .store(self.received_bytes(), Ordering::Relaxed);
    }

    /// Whether anything was received after
    /// [`handshake_done`](Self::handshake_done): what a backoff asks for before
    /// it calls a connection stable. What came in one read with the end of the
    /// handshake does not count.
    pub fn heard(&self) -> bool {
        self.received_bytes() > self.shared.handshake_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.set(&self.shared.received_at);
        // After the time, so that whoever sees the bytes sees it too.
        self.shared
            .received_bytes
            .fetch_add(bytes as u64, Ordering::Release);
    }

    pub(crate) fn sent(&self) {
        self.set(&self.shared.sent_at);
    }

    fn at(&self, stamp: &AtomicU64) -> Instant {
        self.shared.origin + std::time::Duration::from_nanos(stamp.load(Ordering::Relaxed))
    }

    fn set(&self, stamp: &AtomicU64) {
        let passed = Instant::now().saturating_duration_since(self.shared.origin);
        // After five centuries every byte counts as sent in the same moment.
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        stamp.store(nanos, Ordering::Relaxed);
    }
}

// === impl Stamped ===

impl<I> Stamped<I> {
    /// Stamps the bytes of `io`, which counts as heard from now.
    pub fn new(io: I) -> Self {
        Self {
            io,
            stamp: Stamp::new(),
        }
    }

    /// The stamps, to be asked from elsewhere.
    pub fn stamp(&self) -> Stamp {
        self.stamp.clone()
    }

    /// The stream below.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    /// Gives the stream back, unstamped from here on.
    pub fn into_inner(self) -> I {
        self.io
    }
}

/// Reads, and stamps what came.
pub(crate) fn poll_read_stamped<I: AsyncRead + Unpin>(
    io: &mut I,
    stamp: &Stamp,
    cx: &mut Context<'_>,
    buffer: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let before = buffer.filled().len();
    ready!(Pin::new(io).poll_read(cx, buffer))?;
    let bytes = buffer.filled().len() - before;
    if bytes > 0 {
        stamp.received(bytes);
    }
    Poll::Ready(Ok(()))
}

impl<I: AsyncRead + Unpin> AsyncRead for Stamped<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        poll_read_stamped(&mut this.io, &this.stamp, cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> Stamped<I> {
    fn stamp_sent(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = written {
            self.stamp.sent();
        }
        written
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Stamped<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, bytes);
        self.stamp_sent(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, slices);
        self.stamp_sent(written)
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
