//! A connection of frames that probes its peer while it is read. Whoever reads
//! the stream reads the answers, so the heartbeat lives in the reader: there is
//! no task beside it, and one that is not polled neither probes nor dies.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use bowline_policy::Observe;
use bowline_policy::heartbeat::{Death, Event, Next, Policy, Prober};
use futures_util::Sink;
use tokio::task::coop;
use tokio::time::{Instant, Sleep};

use crate::alive::Wall;
use crate::{Log, Stamp, WallClock};

mod ended;
mod layer;
mod log;
mod probe;
mod pulse;
mod sink;
mod stream;
mod wakers;

use ended::{Ended, Writing};
pub use layer::ProbingLayer;
pub use probe::{Error, Probe, Sorted};
pub use pulse::Pulse;
use wakers::Wakers;

/// How many probes and answers are sorted in one turn: a peer that sends nothing
/// else keeps neither our own heartbeat nor other tasks waiting.
pub const SORTED_PER_POLL: usize = 64;

/// Probes the peer of a stream of frames, answers its probes, and fails once it
/// is dead.
///
/// As a [`Stream`](futures_util::Stream) it yields the frames that are the user's, and drives the
/// heartbeat while it is polled. As a [`Sink`] it keeps one frame of the user's
/// in front of the sink below, behind the probe and the answer that may wait
/// there: so probes overtake all that the sink below has not yet taken. A write
/// that stalls delays neither reading nor the verdict.
///
/// `frames` must read and write through a [`Stamped`](crate::Stamped), whose
/// [`Stamp`] is given beside it: life is counted in bytes, below the framing.
///
/// The two halves may be driven from two tasks, as `futures`' `split` does.
///
/// ```
/// use std::time::Duration;
/// use bowline_link::Stamped;
/// use bowline_link::probing::{Error, Probe, Probing, Sorted};
/// use bowline_policy::heartbeat::Fixed;
/// use futures_util::StreamExt;
/// use tokio_util::codec::{Framed, LinesCodec};
///
/// struct Lines;
///
/// impl Probe for Lines {
///     type Frame = String;
///
///     fn ping(&mut self, next_interval: Duration) -> String {
///         format!("PING {}", next_interval.as_secs())
///     }
///
///     fn sort(&mut self, line: String) -> Sorted<String> {
///         match line.as_str() {
///             "PONG" => Sorted::Answer,
///             _ if line.starts_with("PING") => Sorted::Probe { answer: "PONG".into() },
///             _ => Sorted::Item(line),
///         }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), bowline_policy::heartbeat::Invalid> {
/// let (stream, _silent_peer) = tokio::io::duplex(1024);
/// let stamped = Stamped::new(stream);
/// let stamp = stamped.stamp();
/// let agreed = Fixed::new(Duration::from_secs(25), Duration::from_secs(5), 2)?;
/// let mut chat = Probing::new(Framed::new(stamped, LinesCodec::new()), stamp, agreed, Lines);
///
/// // Two probes later:
/// assert!(matches!(chat.next().await, Some(Err(Error::Dead(_)))));
/// # Ok(())
/// # }
/// ```
///
/// # Cancellation
///
/// Dropping a `next()` or a `send()` loses no frame and no probe: what was not
/// taken by the sink below stays here and goes first at the next poll.
pub struct Probing<T: Sink<P::Frame>, P: Probe> {
    frames: T,
    probe: P,
    stamp: Stamp,
    prober: Prober,
    pulse: Pulse,
    observer: Arc<dyn Observe<Event>>,
    timer: Pin<Box<Sleep>>,
    wall: Option<Wall>,
    /// The bytes that the prober was told of.
    told_bytes: u64,
    /// The timer may be set too late.
    changed: bool,
    paused: bool,
    /// Frames may be left that nobody looked at.
    unread: bool,
    /// The peer's silence was not judged when it was time to, since there was
    /// something left to read.
    unjudged: bool,
    answer: Option<P::Frame>,
    ping: Option<P::Frame>,
    item: Option<P::Frame>,
    /// A probe or answer went into the sink below, and must not stay there.
    unflushed: bool,
    wakers: Arc<Wakers>,
    /// Both wakers, as one.
    writer: Waker,
    writing: Writing<T::Error>,
    ended: Ended,
}

// === impl Probing ===

impl<T: Sink<P::Frame>, P: Probe> Probing<T, P> {
    /// Probes over `frames` by what its handshake agreed on, be it a
    /// [`Fixed`](bowline_policy::heartbeat::Fixed) heartbeat or an
    /// [`Adaptive`](bowline_policy::heartbeat::Adaptive) one; `stamp` belongs to
    /// the byte stream below. Both sides count as just heard.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with a clock.
    pub fn new(frames: T, stamp: Stamp, policy: impl Into<Policy>, probe: P) -> Self {
        let now = Instant::now();
        let prober = Prober::new(policy, now.into_std());
        let wakers = Arc::new(Wakers::default());
        Self {
            frames,
            probe,
            pulse: Pulse::new(&prober),
            observer: Arc::new(Log),
            prober,
            timer: Box::pin(tokio::time::sleep_until(now)),
            wall: None,
            told_bytes: stamp.received_bytes(),
            stamp,
            changed: true,
            paused: false,
            unread: false,
            unjudged: false,
            answer: None,
            ping: None,
            item: None,
            unflushed: false,
            writer: Waker::from(wakers.clone()),
            wakers,
            writing: Writing::Yes,
            ended: Ended::No,
        }
    }

    /// Looks for jumps of the wall clock too, at least once per interval: after
    /// a suspend, in which tokio's clock may stand still, one fresh probe and
    /// one timeout decide.
    pub fn with_wall_clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.wall = Some(Wall::new(clock));
        self
    }

    /// Shows what the heartbeat does to `observer`, in the task that reads,
    /// instead of to [`Log`].
    pub fn with_observer(mut self, observer: Arc<dyn Observe<Event>>) -> Self {
        self.observer = observer;
        self
    }

    /// A handle to read what the heartbeat measured, from anywhere.
    pub fn pulse(&self) -> Pulse {
        self.pulse.clone()
    }

    /// Stops reading: `poll_next` yields nothing and silence is not counted
    /// until [`resume_reading`](Self::resume_reading). Go on polling it, for
    /// probes go on, and the pause has a limit.
    pub fn pause_reading(&mut self) {
        self.tell_bytes();
        self.prober.reading_paused(Instant::now().into_std());
        self.paused = true;
        self.changed = true;
    }

    /// Reads again.
    pub fn resume_reading(&mut self) {
        self.prober.reading_resumed(Instant::now().into_std());
        self.paused = false;
        self.changed = true;
    }

    /// The stamps of the byte stream below.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// What knows the protocol's probes.
    pub fn probe(&self) -> &P {
        &self.probe
    }

    /// The stream of frames below.
    pub fn get_ref(&self) -> &T {
        &self.frames
    }

    fn tell_bytes(&mut self) {
        let bytes = self.stamp.received_bytes();
        if bytes != self.told_bytes {
            self.told_bytes = bytes;
            self.prober.received(self.stamp.received_at().into_std());
        }
        self.prober.sent(self.stamp.sent_at().into_std());
    }

    /// An answer was read. Its bytes, not its frame, are the sign of life.
    fn answered(&mut self) {
        self.tell_bytes();
        let answered_at = self.stamp.received_at().into_std();
        let round_trip = self.prober.answered(answered_at);
        self.pulse.replace(&self.prober);
        if let Some(round_trip) = round_trip {
            self.observer.observe(&Event::Answered { round_trip });
        }
    }

    /// Asks the heartbeat, when it is time to. `read_all` says that nothing is
    /// left to read: else the peer's silence is only our slowness.
    fn beat(&mut self, cx: &mut Context<'_>, read_all: bool) -> Result<(), Death> {
        // A task that has used up its turn finds nothing to read, whatever there is: it is woken
        // again at once, and judges then.
        if !coop::has_budget_remaining() {
            return Ok(());
        }
        if read_all && std::mem::take(&mut self.unjudged) {
            self.changed = true;
        }
        while self.changed || self.timer.as_mut().poll(cx).is_ready() {
            self.changed = false;
            let now = Instant::now();
            self.tell_bytes();
            if self.wall.as_mut().is_some_and(|wall| wall.jumped(now)) {
                self.prober.clock_jumped(now.into_std());
            }
            let overdue = !read_all && !self.paused;
            if overdue {
                self.prober.reading_paused(now.into_std());
            }
            let next = self.prober.poll(now.into_std());
            if overdue {
                self.prober.reading_resumed(now.into_std());
                self.unjudged = true;
            }
            self.pulse.polled(&self.prober, next, &*self.observer);
            match next {
                Next::Wait(at) => self.timer.as_mut().reset(Instant::from_std(at)),
                Next::Probe { next_interval } => {
                    self.ping = Some(self.probe.ping(next_interval));
                    self.changed = true;
                }
                Next::Dead(death) => return Err(death),
            }
        }
        Ok(())
    }
}

/// Nothing in it is pinned in place.
impl<T: Sink<P::Frame> + Unpin, P: Probe> Unpin for Probing<T, P> {}

impl<T: Sink<P::Frame> + fmt::Debug, P: Probe + fmt::Debug> fmt::Debug for Probing<T, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probing")
            .field("frames", &self.frames)
            .field("probe", &self.probe)
            .field("prober", &self.prober)
            .field("paused", &self.paused)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
