//! A byte stream whose reads fail once its peer has been silent for too long.
//! For the side of a connection that answers probes; it sends nothing itself,
//! and does not know what a probe looks like.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_policy::heartbeat::{ClockJump, Death, Listener, Next, Policy};
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::coop;
use tokio::time::{Instant, Sleep};

use crate::WallClock;
use crate::stamp::{Stamp, poll_read_stamped};

mod layer;

pub use layer::AliveLayer;

/// Fails reads once nothing was received for as long as its heartbeat allows.
///
/// Such a read ends with [`io::ErrorKind::TimedOut`], and inside it a [`Death`]
/// that says how long was too long; [`death`] finds it. Every later read fails
/// the same way. Silence is measured on received bytes, so half a frame is
/// life, and nothing that is written is. A byte costs a stamp; the one timer is
/// touched only when it fires.
///
/// Only a read that finds nothing to read can fail so: while nobody reads,
/// nobody dies, and what arrived meanwhile is read first.
///
/// ```
/// use std::time::Duration;
/// use bowline_link::alive::{Alive, death};
/// use bowline_policy::heartbeat::Fixed;
/// use tokio::io::AsyncReadExt;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), bowline_policy::heartbeat::Invalid> {
/// let (stream, _silent_peer) = tokio::io::duplex(64);
/// let agreed = Fixed::new(Duration::from_secs(25), Duration::from_secs(5), 2)?;
///
/// let error = Alive::new(stream, agreed).read_u8().await.unwrap_err();
/// assert_eq!(death(&error).unwrap().to_string(), "heard nothing for 35s, allowed are 35s");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Alive<I> {
    io: I,
    liveness: Liveness,
    timer: Pin<Box<Sleep>>,
    wall: Option<Wall>,
    dead: Option<Death>,
}

/// Tells an [`Alive`] what it cannot see, and asks it what it saw. Clones share
/// the connection, and outlive it harmlessly.
#[derive(Debug, Clone)]
pub struct Liveness {
    stamp: Stamp,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    told: Mutex<Told>,
    /// The timer may be set too late.
    changed: AtomicBool,
    paused: AtomicBool,
    reader: AtomicWaker,
}

/// The rules, and how many bytes they were told of.
#[derive(Debug)]
struct Told {
    listener: Listener,
    bytes: u64,
}

/// Looks for jumps of the wall clock.
pub(crate) struct Wall {
    clock: Arc<dyn WallClock>,
    jumps: ClockJump,
}

/// Why a connection was given up, if `error` says so.
pub fn death(error: &io::Error) -> Option<Death> {
    error.get_ref()?.downcast_ref().copied()
}

// === impl Alive ===

impl<I> Alive<I> {
    /// Watches `io`, which counts as heard from now, by what its handshake
    /// agreed on: a [`Fixed`](bowline_policy::heartbeat::Fixed) heartbeat, or an
    /// [`Adaptive`](bowline_policy::heartbeat::Adaptive) one, which begins at its
    /// start interval and follows [`Liveness::probed`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with a clock.
    pub fn new(io: I, policy: impl Into<Policy>) -> Self {
        let now = Instant::now();
        Self {
            io,
            liveness: Liveness {
                stamp: Stamp::new(),
                shared: Arc::new(Shared {
                    told: Mutex::new(Told {
                        listener: Listener::new(policy, now.into_std()),
                        bytes: 0,
                    }),
                    changed: AtomicBool::new(true),
                    paused: AtomicBool::new(false),
                    reader: AtomicWaker::new(),
                }),
            },
            timer: Box::pin(tokio::time::sleep_until(now)),
            wall: None,
            dead: None,
        }
    }

    /// Looks for jumps of the wall clock too, at least once per interval: after
    /// a suspend, in which tokio's clock may stand still, the peer then gets
    /// one interval and one timeout instead of the rest of its limit.
    pub fn with_wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.wall = Some(Wall::new(clock));
        self
    }

    /// A handle to tell and to ask.
    pub fn liveness(&self) -> Liveness {
        self.liveness.clone()
    }

    /// The stream below.
    pub fn get_ref(&self) -> &I {
        &self.io
    }

    /// Gives the stream back, no longer watched.
    pub fn into_inner(self) -> I {
        self.io
    }

    /// Pending until the verdict, of which it waits for the next possible
    /// instant.
    fn poll_death(&mut self, cx: &mut Context<'_>) -> Poll<Death> {
        // A task that has used up its turn finds nothing to read, whatever there is: it is woken
        // again at once, and judges then.
        if !coop::has_budget_remaining() {
            return Poll::Pending;
        }
        loop {
            let changed = self.liveness.shared.changed.swap(false, Ordering::AcqRel);
            if !changed && self.timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let now = Instant::now();
            let jumped = self.wall.as_mut().is_some_and(|wall| wall.jumped(now));
            let mut told = self.liveness.told();
            let listener = &mut told.listener;
            if jumped {
                listener.clock_jumped(now.into_std());
            }
            let at = match listener.poll(now.into_std()) {
                Next::Wait(at) => Instant::from_std(at),
                Next::Dead(death) => return Poll::Ready(death),
                Next::Probe { .. } => unreachable!("a listener never probes"),
            };
            let look_at = self.wall.as_ref().map(|_| now + listener.interval());
            drop(told);
            self.timer
                .as_mut()
                .reset(look_at.map_or(at, |look| look.min(at)));
        }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Alive<I> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(death) = this.dead {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, death)));
        }
        // Before the look at the pause, or one that ends just after it would
        // wake nobody.
        this.liveness.shared.reader.register(cx.waker());
        if !this.liveness.shared.paused.load(Ordering::Acquire) {
            let read = poll_read_stamped(&mut this.io, &this.liveness.stamp, cx, buffer);
            if read.is_ready() {
                return read;
            }
        }
        this.poll_death(cx).map(|death| {
            this.dead = Some(death);
            Err(io::Error::new(io::ErrorKind::TimedOut, death))
        })
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Alive<I> {
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
        slices: &[io::IoSlice<'_>],
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

// === impl Liveness ===

impl Liveness {
    /// Tells that a probe named the interval to the next one; the limit of
    /// silence follows it, up and down.
    pub fn probed(&self, next_interval: Duration) {
        self.told()
            .listener
            .probed(Instant::now().into_std(), next_interval);
        self.wake();
    }

    /// The interval last agreed on or named by a probe.
    pub fn interval(&self) -> Duration {
        self.told().listener.interval()
    }

    /// Stops reading: reads stay pending, and silence is not counted, until
    /// [`reading_resumed`](Self::reading_resumed). A read that waits fails when
    /// the pause passes its limit.
    pub fn reading_paused(&self) {
        self.told()
            .listener
            .reading_paused(Instant::now().into_std());
        self.shared.paused.store(true, Ordering::Release);
        self.wake();
    }

    /// Reads again.
    pub fn reading_resumed(&self) {
        self.told()
            .listener
            .reading_resumed(Instant::now().into_std());
        self.shared.paused.store(false, Ordering::Release);
        self.wake();
    }

    /// Notes that what was received until now belonged to the handshake.
    pub fn handshake_done(&self) {
        self.stamp.handshake_done();
    }

    /// Whether anything was received after
    /// [`handshake_done`](Self::handshake_done); see [`Stamp::heard`].
    pub fn heard(&self) -> bool {
        self.stamp.heard()
    }

    /// The rules, told of the last byte.
    fn told(&self) -> MutexGuard<'_, Told> {
        // A panic elsewhere leaves instants behind that are each of them valid.
        let mut told = self
            .shared
            .told
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let bytes = self.stamp.received_bytes();
        if bytes != told.bytes {
            told.bytes = bytes;
            told.listener.received(self.stamp.received_at().into_std());
        }
        told
    }

    fn wake(&self) {
        self.shared.changed.store(true, Ordering::Release);
        self.shared.reader.wake();
    }
}

// === impl Wall ===

impl Wall {
    pub(crate) fn new(clock: Arc<dyn WallClock>) -> Self {
        let mut wall = Self {
            clock,
            jumps: ClockJump::default(),
        };
        wall.jumped(Instant::now());
        wall
    }

    pub(crate) fn jumped(&mut self, now: Instant) -> bool {
        self.jumps.look(now.into_std(), self.clock.now()).is_some()
    }
}

impl std::fmt::Debug for Wall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wall")
            .field("jumps", &self.jumps)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
