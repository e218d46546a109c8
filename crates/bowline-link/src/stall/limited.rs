//! A byte stream whose reads and writes do not wait for ever. It knows no frames, and an idle
//! connection is none of its business.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Limits, Stalled, Step, Wait};
use crate::alarm::{Alarm, Side};

/// Fails writes that get nowhere, and reads of which somebody says that a byte is owed.
///
/// A write, flush or shutdown in which the stream below takes no byte for the write limit ends with
/// [`io::ErrorKind::TimedOut`] and a [`Stalled`] inside, which [`stalled`](super::stalled) finds.
/// A read fails so only between [`Reads::expect`] and the end of that expectation: a connection
/// that merely has nothing to say is not stalled. Each direction fails by itself, and for good.
///
/// Wrap what is closest to the network. Above a buffer, such as that of a TLS session, a flush that
/// moves bytes and one that moves none look alike.
///
/// A read costs a lock that is free; the one timer is touched only when it rings, or when something
/// must wait that would end before that. The two halves of `tokio::io::split` may be two tasks.
///
/// ```
/// use bowline_link::stall::{Limited, Limits, Step, stalled};
/// use tokio::io::AsyncWriteExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let (stream, _peer_that_never_reads) = tokio::io::duplex(4);
/// let mut stream = Limited::new(stream, &Limits::default());
///
/// let error = stream.write_all(b"too much").await.unwrap_err();
/// let stalled = stalled(&error).unwrap();
/// assert_eq!(stalled.which, Step::Write);
/// assert_eq!(stalled.to_string(), "write limit of 30s passed after 4 bytes");
/// # }
/// ```
#[derive(Debug)]
pub struct Limited<I> {
    io: I,
    read_limit: Option<Duration>,
    write_limit: Option<Duration>,
    alarm: Alarm,
    reads: Reads,
    read_stalled: Option<Stalled>,
    writing: Option<Writing>,
    written: u64,
    write_stalled: Option<Stalled>,
}

/// Says of one [`Limited`] when a byte is owed by its peer. Clones share the connection, and
/// outlive it harmlessly.
#[derive(Debug, Clone)]
pub struct Reads {
    shared: Arc<Shared>,
}

/// A byte is owed while this lives, or another one of the same connection.
#[derive(Debug)]
#[must_use = "nothing is expected any more once it is dropped"]
pub struct Expected {
    reads: Reads,
}

#[derive(Debug)]
struct Shared {
    owed: Mutex<Owed>,
    reader: AtomicWaker,
}

#[derive(Debug)]
struct Owed {
    /// How many say so.
    by: usize,
    /// Since the first of them said so, or since the last byte.
    wait: Option<Wait>,
    bytes: u64,
}

/// What waits to be taken.
#[derive(Debug)]
struct Writing {
    what: What,
    wait: Wait,
}

/// A flush that is done says little of a write that was given up: only bytes do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Bytes,
    Flush,
    Shutdown,
}

// === impl Limited ===

impl<I> Limited<I> {
    /// Limits the reads and writes of `io`.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with a clock.
    pub fn new(io: I, limits: &Limits) -> Self {
        Self {
            io,
            read_limit: limits.of(Step::Read),
            write_limit: limits.of(Step::Write),
            alarm: Alarm::new(),
            reads: Reads::new(),
            read_stalled: None,
            writing: None,
            written: 0,
            write_stalled: None,
        }
    }

    /// A handle to say when a byte is owed.
    pub fn reads(&self) -> Reads {
        self.reads.clone()
    }

    /// The stream below.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    /// Gives the stream back, no longer limited.
    pub fn into_inner(self) -> I {
        self.io
    }

    /// Waits with the read that found nothing.
    fn poll_read_stall(&mut self, cx: &Context<'_>) -> Poll<Stalled> {
        let Some(after) = self.read_limit else {
            return Poll::Pending;
        };
        // Before the look at what is owed, or an expectation that begins just
        // after it would wake nobody.
        self.reads.shared.reader.register(cx.waker());
        let mut owed = self.reads.owed();
        let Some(wait) = &mut owed.wait else {
            return Poll::Pending;
        };
        ready!(wait.poll(after, &mut self.alarm, Side::Read, cx));
        Poll::Ready(Stalled {
            which: Step::Read,
            after,
            progressed: Some(owed.bytes),
        })
    }

    /// Waits with what the stream below did not take yet.
    fn watch<T>(
        &mut self,
        what: What,
        taken: Poll<io::Result<T>>,
        cx: &Context<'_>,
    ) -> Poll<io::Result<T>> {
        if taken.is_ready() {
            self.writing.take_if(|writing| writing.ends_with(what));
            return taken;
        }
        let Some(after) = self.write_limit else {
            return Poll::Pending;
        };
        let writing = self.writing.get_or_insert_with(|| Writing {
            what,
            wait: Wait::new(),
        });
        ready!(writing.wait.poll(after, &mut self.alarm, Side::Write, cx));
        let stalled = Stalled {
            which: Step::Write,
            after,
            progressed: Some(self.written),
        };
        self.write_stalled = Some(stalled);
        Poll::Ready(Err(stalled.into()))
    }

    fn writable(&self) -> io::Result<()> {
        self.write_stalled
            .map_or(Ok(()), |stalled| Err(stalled.into()))
    }

    fn count(&mut self, taken: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(bytes)) = taken {
            self.written += *bytes as u64;
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Limited<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(stalled) = this.read_stalled {
            return Poll::Ready(Err(stalled.into()));
        }
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.io).poll_read(cx, buffer) {
            this.reads.came(buffer.filled().len() - before);
            return Poll::Ready(read);
        }
        let stalled = ready!(this.poll_read_stall(cx));
        this.read_stalled = Some(stalled);
        Poll::Ready(Err(stalled.into()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Limited<I> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.writable()?;
        let taken = Pin::new(&mut this.io).poll_write(cx, bytes);
        this.count(&taken);
        this.watch(What::Bytes, taken, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.writable()?;
        let taken = Pin::new(&mut this.io).poll_write_vectored(cx, slices);
        this.count(&taken);
        this.watch(What::Bytes, taken, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.writable()?;
        let flushed = Pin::new(&mut this.io).poll_flush(cx);
        this.watch(What::Flush, flushed, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.writable()?;
        let shut = Pin::new(&mut this.io).poll_shutdown(cx);
        this.watch(What::Shutdown, shut, cx)
    }
}

// === impl Reads ===

impl Reads {
    fn new() -> Self {
        let nothing = Owed {
            by: 0,
            wait: None,
            bytes: 0,
        };
        Self {
            shared: Arc::new(Shared {
                owed: Mutex::new(nothing),
                reader: AtomicWaker::new(),
            }),
        }
    }

    /// Says that the peer owes a byte, from now until what this returns is dropped: a request was
    /// sent, part of a frame has come. Each byte that comes begins the limit anew. A read that
    /// waits learns of it at once; while nobody reads, nothing fails.
    ///
    /// Several may say so; a byte is owed until the last of them is dropped.
    pub fn expect(&self) -> Expected {
        let mut owed = self.owed();
        owed.by += 1;
        if owed.wait.is_none() {
            owed.wait = Some(Wait::new());
            owed.bytes = 0;
        }
        drop(owed);
        self.shared.reader.wake();
        Expected {
            reads: self.clone(),
        }
    }

    fn came(&self, bytes: usize) {
        let mut owed = self.owed();
        if bytes > 0 && owed.by > 0 {
            owed.wait = Some(Wait::new());
            owed.bytes += bytes as u64;
        }
    }

    fn owed(&self) -> MutexGuard<'_, Owed> {
        // A panic elsewhere leaves numbers behind that are each of them valid.
        self.shared
            .owed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Expected ===

impl Drop for Expected {
    fn drop(&mut self) {
        let mut owed = self.reads.owed();
        owed.by -= 1;
        if owed.by == 0 {
            owed.wait = None;
        }
    }
}

// === impl Writing ===

impl Writing {
    fn ends_with(&self, done: What) -> bool {
        match done {
            What::Bytes | What::Shutdown => true,
            What::Flush => self.what != What::Bytes,
        }
    }
}

#[cfg(test)]
mod tests;
