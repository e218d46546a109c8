//! Accepting TLS connections over any listener. A peer that says nothing, or nonsense, holds up
//! nobody but itself, and ends nothing.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use bowline_policy::Observe;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::{Acceptor, Error, Event, MaybeTls, farewell};
use crate::{Listen, Log};

/// How many handshakes are under way at most, unless told otherwise.
///
/// Each keeps some tens of kilobytes. When everybody comes back at once, those who do not fit in
/// wait in the backlog, where they cost nothing.
pub const HANDSHAKES: usize = 512;

/// The most handshakes that may be allowed to be under way.
pub const HANDSHAKES_MAX: usize = 65_536;

/// How long a handshake may take, unless told otherwise: as long as a TCP connect.
pub const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// The longest time that a handshake may be given.
pub const HANDSHAKE_DEADLINE_MAX: Duration = Duration::from_secs(10 * 60);

/// Accepts TLS connections over those of `L`.
///
/// Handshakes go on in tasks of the listener's own, so [`accept`](Listen::accept) yields
/// connections in the order in which hands were shaken. A handshake that fails is told as an
/// [`Event`], never as an error of `accept`; that is what the listener below said.
///
/// While [`Handshakes::max`](Handshakes::new) are under way, or done and not accepted yet, nobody
/// else is taken from the backlog. Silent peers can hold all these places for the deadline, so
/// the two limits together say how many of them it takes: `max / deadline` a second.
///
/// Dropping it gives up the handshakes under way and closes their connections.
pub struct Listener<L: Listen> {
    inner: L,
    acceptor: Acceptor,
    limits: Handshakes,
    observer: Arc<dyn Observe<Event>>,
    under_way: JoinSet<Option<Accepted<L>>>,
}

/// How many handshakes may be under way, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Handshakes {
    max: usize,
    deadline: Duration,
}

/// Why limits of handshakes were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidHandshakes {
    /// The number is outside its bounds.
    #[error("{max} handshakes at a time are not within 1 and {HANDSHAKES_MAX}")]
    Max {
        /// What was asked for.
        max: usize,
    },
    /// The time is zero or too long to be meant.
    #[error(
        "a handshake's deadline of {deadline:?} is not above 0 and within {HANDSHAKE_DEADLINE_MAX:?}"
    )]
    Deadline {
        /// What was asked for.
        deadline: Duration,
    },
}

type Accepted<L> = (MaybeTls<<L as Listen>::Io>, SocketAddr);

// === impl Listener ===

impl<L: Listen> Listener<L> {
    /// Accepts with `inner`, then shakes hands as `acceptor` says, within the default
    /// [`Handshakes`]; its events go to [`Log`].
    pub fn new(inner: L, acceptor: Acceptor) -> Self {
        Self {
            inner,
            acceptor,
            limits: Handshakes::default(),
            observer: Arc::new(Log),
            under_way: JoinSet::new(),
        }
    }

    /// Limits the handshakes.
    pub fn handshakes(mut self, limits: Handshakes) -> Self {
        self.limits = limits;
        self
    }

    /// Tells `observer` what happens, instead of [`Log`].
    pub fn observer(mut self, observer: Arc<dyn Observe<Event>>) -> Self {
        self.observer = observer;
        self
    }

    fn begin(&mut self, io: L::Io, peer: SocketAddr) {
        let acceptor = self.acceptor.clone();
        let observer = Arc::clone(&self.observer);
        let deadline = self.limits.deadline;
        self.under_way.spawn(async move {
            let began = Instant::now();
            let (error, flight) = match timeout(deadline, acceptor.shake(io)).await {
                Ok(Ok(stream)) => {
                    observer.observe(&Event::Accepted {
                        peer,
                        version: stream.version(),
                        took: Instant::now() - began,
                    });
                    return Some((stream, peer));
                }
                Ok(Err(failed)) => (failed.error, Some(failed.flight)),
                Err(_) => (Error::TimedOut { after: deadline }, None),
            };
            observer.observe(&Event::Failed {
                peer,
                error: Arc::new(error),
                took: Instant::now() - began,
            });
            if let Some(flight) = flight {
                farewell::tell_and_listen(flight).await;
            }
            None
        });
    }
}

impl<L: Listen> Listen for Listener<L> {
    type Io = MaybeTls<L::Io>;

    async fn accept(&mut self) -> io::Result<(MaybeTls<L::Io>, SocketAddr)> {
        loop {
            let room = self.under_way.len() < self.limits.max;
            tokio::select! {
                biased;
                Some(done) = self.under_way.join_next() => match done {
                    Ok(Some(accepted)) => return Ok(accepted),
                    Ok(None) => {}
                    // Only a drop of the set cancels its tasks, so this one panicked.
                    Err(error) => resume_unwind(error.into_panic()),
                },
                accepted = self.inner.accept(), if room => {
                    let (io, peer) = accepted?;
                    self.begin(io, peer);
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl<L: Listen + fmt::Debug> fmt::Debug for Listener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("inner", &self.inner)
            .field("limits", &self.limits)
            .field("under_way", &self.under_way.len())
            .finish_non_exhaustive()
    }
}

// === impl Handshakes ===

impl Handshakes {
    /// Allows `max` handshakes at a time, each for `deadline`.
    ///
    /// # Errors
    ///
    /// [`InvalidHandshakes`] if `max` is not within 1 and [`HANDSHAKES_MAX`], or `deadline` not
    /// above zero and within [`HANDSHAKE_DEADLINE_MAX`].
    pub fn new(max: usize, deadline: Duration) -> Result<Self, InvalidHandshakes> {
        if !(1..=HANDSHAKES_MAX).contains(&max) {
            return Err(InvalidHandshakes::Max { max });
        }
        if deadline.is_zero() || deadline > HANDSHAKE_DEADLINE_MAX {
            return Err(InvalidHandshakes::Deadline { deadline });
        }
        Ok(Self { max, deadline })
    }
}

/// [`HANDSHAKES`] at a time, [`HANDSHAKE_DEADLINE`] for each.
impl Default for Handshakes {
    fn default() -> Self {
        Self {
            max: HANDSHAKES,
            deadline: HANDSHAKE_DEADLINE,
        }
    }
}
