//! An end for connections that nobody uses. Whether the peer is alive is
//! [`alive`](crate::alive)'s to ask, and what has begun and does not end [`stall`](crate::stall)'s.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::alarm::{Alarm, Side, after};

mod layer;
mod limit;

pub use layer::IdleTimeoutLayer;
pub use limit::{Limit, NoTime, Use};

/// Fails reads and writes once a connection was not used for its limit.
///
/// Both end with [`io::ErrorKind::TimedOut`], and inside it an [`Expired`], which [`expired`] finds;
/// every later one fails the same way. What counts as use is the [`Limit`]'s to say. Bytes that came
/// count when they are read: a read takes what is there first, while a write to a connection whose
/// limit has passed is refused before a byte is taken, since a middlebox may have forgotten the
/// connection and would lose it in silence. While nobody reads or writes, nothing fails.
///
/// A byte costs a stamp; the one timer is touched only when it rings. The two halves of
/// `tokio::io::split` may be two tasks.
///
/// ```
/// use std::time::Duration;
/// use bowline_link::idle::{IdleTimeout, Limit, expired};
/// use tokio::io::AsyncReadExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), bowline_link::idle::NoTime> {
/// let (stream, _peer) = tokio::io::duplex(64);
/// let mut stream = IdleTimeout::new(stream, Limit::new(Duration::from_secs(60))?);
///
/// let error = stream.read_u8().await.unwrap_err();
/// assert_eq!(expired(&error).unwrap().limit, Duration::from_secs(60));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct IdleTimeout<I> {
    io: I,
    limit: Limit,
    idle: Idle,
    alarm: Alarm,
    /// Bytes that are no use were read after the limit had passed.
    overdue: bool,
    expired: Option<Expired>,
}

/// Tells an [`IdleTimeout`] of use, and asks it. Clones share the connection, and outlive it
/// harmlessly.
#[derive(Debug, Clone)]
pub struct Idle {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    origin: Instant,
    /// Nanoseconds after the origin.
    used_at: AtomicU64,
}

/// A connection was not used for longer than it may be. Nobody's fault; a new one may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("idle for {idle:?}, allowed are {limit:?}")]
#[non_exhaustive]
pub struct Expired {
    /// How long it had not been used when that was noticed.
    pub idle: Duration,
    /// Its limit.
    pub limit: Duration,
}

/// Whether `error`, or anything that caused it, is a connection's idle limit.
pub fn expired(error: &(dyn Error + 'static)) -> Option<Expired> {
    crate::io::find(error)
}

// === impl IdleTimeout ===

impl<I> IdleTimeout<I> {
    /// Ends `io`, which counts as just used, when it is idle for too long.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with a clock.
    pub fn new(io: I, limit: Limit) -> Self {
        Self {
            io,
            limit,
            idle: Idle::new(),
            alarm: Alarm::new(),
            overdue: false,
            expired: None,
        }
    }

    /// A handle to tell of use, and to ask.
    pub fn idle(&self) -> Idle {
        self.idle.clone()
    }

    /// The limit, which never changes.
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// The stream below.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    /// Gives the stream back, no longer limited.
    pub fn into_inner(self) -> I {
        self.io
    }

    /// Fails once the limit was found to have passed.
    fn usable(&self) -> io::Result<()> {
        self.expired.map_or(Ok(()), |expired| Err(expired.into()))
    }

    /// Whether the limit has passed by now.
    fn look(&mut self) -> io::Result<()> {
        self.usable()?;
        let now = Instant::now();
        match now >= after(self.idle.used_at(), self.limit.after()) {
            true => Err(self.expire(now)),
            false => Ok(()),
        }
    }

    fn expire(&mut self, now: Instant) -> io::Error {
        let expired = Expired {
            idle: now.saturating_duration_since(self.idle.used_at()),
            limit: self.limit.after(),
        };
        self.expired = Some(expired);
        expired.into()
    }

    /// Waits until the limit passed.
    fn poll_expire(&mut self, side: Side, cx: &Context<'_>) -> Poll<io::Error> {
        if let Some(expired) = self.expired {
            return Poll::Ready(expired.into());
        }
        // The instant moves with each use, and the alarm only after it.
        let ends = after(self.idle.used_at(), self.limit.after());
        let now = ready!(self.alarm.poll(ends, side, cx));
        Poll::Ready(self.expire(now))
    }

    fn poll_done<T>(&mut self, done: Poll<io::Result<T>>, cx: &Context<'_>) -> Poll<io::Result<T>> {
        if done.is_pending() {
            return self.poll_expire(Side::Write, cx).map(Err);
        }
        done
    }

    fn poll_written(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(1..)) = written
            && self.limit.counts() == Use::Bytes
        {
            self.idle.touch();
        }
        self.poll_done(written, cx)
    }

    /// Counts what was read, if it is use.
    fn came(&mut self, bytes: usize) {
        match self.limit.counts() {
            Use::Bytes | Use::BytesReceived if bytes > 0 => self.idle.touch(),
            Use::Bytes | Use::BytesReceived => {}
            // They may be what whoever reads them will call use: the next read
            // will tell.
            Use::Touches => {
                let ends = after(self.idle.used_at(), self.limit.after());
                self.overdue = Instant::now() >= ends;
            }
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for IdleTimeout<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.usable()?;
        if this.overdue {
            this.look()?;
        }
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buffer) {
            this.came(buffer.filled().len() - before);
            return Poll::Ready(read);
        }
        this.poll_expire(Side::Read, cx).map(Err)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for IdleTimeout<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.look()?;
        let written = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.poll_written(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.look()?;
        let written = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.poll_written(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.usable()?;
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        this.poll_done(flushed, cx)
    }

    // Whoever found it idle shuts it down: that is not refused, and only its
    // wait has an end.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let shut = Pin::new(&mut this.io).poll_shutdown(cx);
        this.poll_done(shut, cx)
    }
}

// === impl Idle ===

impl Idle {
    fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                origin: Instant::now(),
                used_at: AtomicU64::new(0),
            }),
        }
    }

    /// Counts as use, now. It does not bring back a connection whose limit was found to have passed.
    pub fn touch(&self) {
        let passed = Instant::now().saturating_duration_since(self.shared.origin);
        // After five centuries every use counts as made in the same moment.
        let nanos = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        self.shared.used_at.store(nanos, Ordering::Relaxed);
    }

    /// When it was last used, or wrapped.
    pub fn used_at(&self) -> Instant {
        let nanos = self.shared.used_at.load(Ordering::Relaxed);
        self.shared.origin + Duration::from_nanos(nanos)
    }
}

// === impl Expired ===

impl From<Expired> for io::Error {
    fn from(expired: Expired) -> Self {
        Self::new(io::ErrorKind::TimedOut, expired)
    }
}

#[cfg(test)]
mod tests;
