//! Drives the heartbeats over a socket: reads what came, asks the table what is
//! due, writes it. It decides nothing about a peer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, UNIX_EPOCH};

use bowline_policy::Observe;
use futures_util::task::AtomicWaker;
use tokio::io::ReadBuf;
use tokio::time::{Instant, Sleep};

use super::datagrams::Datagrams;
use super::event::{Counts, During, Event, Snapshot};
use super::keys::Keys;
use super::packet::PACKET_BYTES_MAX;
use super::peer::{Outgoing, Present};
use super::settings::{InvalidPeer, PEERS_MAX, PeerSettings, Settings};
use super::table::Table;
use crate::alive::Wall;
use crate::beat::Status;
use crate::{Log, WallClock};

/// How many datagrams are read, and how many written, before other tasks get
/// their turn.
pub const DATAGRAMS_PER_POLL: usize = 64;

/// How many datagrams may come without a pause before peers are judged all the
/// same: more than the kernel keeps unread by default, so that whatever lay
/// there in time was read first, and a flood puts no verdict off for ever.
pub const UNREAD_MAX: usize = 1024;

/// How many datagrams of ours may wait for the socket.
pub const OUTBOX_MAX: usize = 2 * PEERS_MAX;

/// How many failures in one turn are taken for those of single datagrams.
pub const FAILURES_MAX: usize = 8;

/// How long a socket that only fails is left alone.
pub const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// Probes peers, answers their probes, and tells who lives, for as long as it is
/// polled. It never ends by itself.
///
/// # Cancellation
///
/// Dropping it ends the heartbeats: nothing more is sent or judged, and what
/// [`Handle`] shows stays as it is. Datagrams that waited for the socket are
/// gone, which is what datagrams may do.
///
/// ```
/// use std::sync::Arc;
/// use std::time::Duration;
/// use bowline_link::SystemClock;
/// use bowline_link::udp::{Address, Heartbeat, Key, Keys, PeerSettings, Session, Settings, Socket};
/// use bowline_policy::heartbeat::Fixed;
///
/// # #[derive(Debug, thiserror::Error)] #[error("no")] struct No;
/// # fn watch(secrets: &mut impl rand_core::CryptoRng, secret: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// let socket = Socket::bind("0.0.0.0:7401".parse()?)?;
/// let we = Settings::new(1, Session::draw(secrets));
/// let (heartbeat, handle) = Heartbeat::new(socket, we, Arc::new(SystemClock));
///
/// let policy = Fixed::new(Duration::from_secs(5), Duration::from_secs(1), 3)?;
/// let keys = Keys::new(Key::new(0, secret)?);
/// let there = Address::Fixed("192.0.2.2:7401".parse()?);
/// handle.add(PeerSettings::new(2, there, keys, policy))?;
/// // Now poll `heartbeat` in a task, and ask `handle`.
/// # drop(heartbeat);
/// # Ok(())
/// # }
/// ```
#[must_use = "it does nothing unless polled"]
pub struct Heartbeat<D> {
    datagrams: D,
    shared: Arc<Shared>,
    observer: Arc<dyn Observe<Event>>,
    outbox: VecDeque<Outgoing>,
    own_clock: Wall,
    timer: Pin<Box<Sleep>>,
    /// Read in a row without finding nothing to read.
    unread: usize,
    /// The socket only failed; it is left alone until then.
    resume_at: Option<Instant>,
}

/// Changes and shows what a [`Heartbeat`] does. Clones share it.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

struct Shared {
    table: Mutex<Table>,
    clock: Arc<dyn WallClock>,
    driver: AtomicWaker,
}

/// What reading found.
enum Read {
    /// Nothing more to read.
    Dry,
    /// Perhaps more.
    Enough,
}

// === impl Heartbeat ===

impl<D: Datagrams> Heartbeat<D> {
    /// Heartbeats over `datagrams`, with no peer yet. `clock` stamps what is
    /// sent; what happens is told to [`Log`].
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime with a clock.
    pub fn new(datagrams: D, we: Settings, clock: Arc<dyn WallClock>) -> (Self, Handle) {
        let shared = Arc::new(Shared {
            table: Mutex::new(Table::new(we)),
            clock: Arc::clone(&clock),
            driver: AtomicWaker::new(),
        });
        let handle = Handle {
            shared: Arc::clone(&shared),
        };
        let heartbeat = Self {
            datagrams,
            shared,
            observer: Arc::new(Log),
            outbox: VecDeque::new(),
            own_clock: Wall::new(clock),
            timer: Box::pin(tokio::time::sleep_until(Instant::now())),
            unread: 0,
            resume_at: None,
        };
        (heartbeat, handle)
    }

    /// Tells `observer` what happens, instead of [`Log`].
    pub fn observed_by(mut self, observer: impl Observe<Event> + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// Reads until nothing is left, or it is another's turn.
    fn read(&mut self, cx: &mut Context<'_>) -> Read {
        if self.resume_at.is_some_and(|at| Instant::now() < at) {
            return Read::Dry;
        }
        self.resume_at = None;
        let mut failures = 0;
        let mut space = [0; PACKET_BYTES_MAX];
        for _ in 0..DATAGRAMS_PER_POLL {
            let mut buffer = ReadBuf::new(&mut space);
            match self.datagrams.poll_recv_from(cx, &mut buffer) {
                Poll::Pending => return Read::Dry,
                Poll::Ready(Ok(from)) => {
                    self.unread += 1;
                    let now = self.shared.present();
                    let answer = self.shared.table().received(now, from, buffer.filled());
                    self.queue(answer);
                }
                Poll::Ready(Err(error)) => {
                    self.failed(During::Receive, &error);
                    failures += 1;
                    if failures == FAILURES_MAX {
                        self.resume_at = Some(Instant::now() + FAILURE_PAUSE);
                        return Read::Dry;
                    }
                }
            }
        }
        Read::Enough
    }

    /// Asks the table what is due; returns when to ask it again.
    fn judge(&mut self) -> Option<Instant> {
        let now = self.shared.present();
        let mut out = Vec::new();
        let mut table = self.shared.table();
        if self.own_clock.jumped(Instant::from_std(now.at)) {
            table.clock_jumped(now);
        }
        table.poll(now, &mut out);
        let next = table.next_due().map(Instant::from_std);
        drop(table);
        self.queue(out);
        next
    }

    /// Writes until the socket has enough. Whether more could be written.
    fn write(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..DATAGRAMS_PER_POLL {
            let Some((to, datagram)) = self.outbox.front() else {
                return false;
            };
            match self.datagrams.poll_send_to(cx, datagram, *to) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => self.failed(During::Send, &error),
            }
            self.outbox.pop_front();
        }
        !self.outbox.is_empty()
    }

    fn queue(&mut self, datagrams: impl IntoIterator<Item = Outgoing>) {
        for datagram in datagrams {
            if self.outbox.len() == OUTBOX_MAX {
                let to = datagram.0;
                self.shared.table().events.push(Event::Overflow { to });
            } else {
                self.outbox.push_back(datagram);
            }
        }
    }

    /// Tells of a failure, and goes on: it may be an ICMP message about one
    /// host, such as a refused connection.
    fn failed(&self, during: During, error: &io::Error) {
        let kind = error.kind();
        let mut table = self.shared.table();
        table.events.push(Event::Socket { during, kind });
    }

    /// Tells what happened, with nothing locked: an observer may use a handle.
    fn tell(&self) {
        let events = std::mem::take(&mut self.shared.table().events);
        for event in &events {
            self.observer.observe(event);
        }
    }
}

impl<D: Datagrams + Unpin> Future for Heartbeat<D> {
    type Output = Infallible;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Infallible> {
        let this = self.get_mut();
        this.shared.driver.register(cx.waker());
        let mut at_once = match this.read(cx) {
            Read::Dry => {
                this.unread = 0;
                false
            }
            Read::Enough => true,
        };
        // Before everything that came was read, a peer could die of our own
        // slowness.
        let next = if !at_once || this.unread >= UNREAD_MAX {
            this.unread = 0;
            this.judge()
        } else {
            None
        };
        at_once |= this.write(cx);
        this.tell();
        if at_once {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(at) = [next, this.resume_at].into_iter().flatten().min() {
            this.timer.as_mut().reset(at);
            if this.timer.as_mut().poll(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Pending
    }
}

impl<D: fmt::Debug> fmt::Debug for Heartbeat<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Heartbeat")
            .field("datagrams", &self.datagrams)
            .field("outbox", &self.outbox.len())
            .field("resume_at", &self.resume_at)
            .finish_non_exhaustive()
    }
}

// === impl Handle ===

impl Handle {
    /// Probes one more peer, answers it, and begins to wait for it.
    ///
    /// # Errors
    ///
    /// A node that is our own or a peer already, or more than [`PEERS_MAX`].
    pub fn add(&self, peer: PeerSettings) -> Result<(), InvalidPeer> {
        let now = self.shared.present();
        let added = self.shared.table().add(now, peer);
        self.shared.driver.wake();
        added
    }

    /// Has nothing to do with a peer any more; returns what was known of it.
    pub fn remove(&self, node: u32) -> Option<Snapshot> {
        let now = self.shared.present();
        self.shared.table().remove(now, node)
    }

    /// Changes the keys of a peer. Whether there is one.
    pub fn set_keys(&self, node: u32, keys: Keys) -> bool {
        self.shared.table().set_keys(node, keys)
    }

    /// Says in what is sent from now on how we feel; at first
    /// [`Ok`](Status::Ok).
    pub fn set_status(&self, status: Status) {
        self.shared.table().set_status(status);
    }

    /// What is known of each peer, by its number.
    pub fn snapshot(&self) -> Vec<Snapshot> {
        let now = self.shared.present();
        self.shared.table().snapshot(now)
    }

    /// How many datagrams came that name no peer, or nothing.
    pub fn strangers(&self) -> Counts {
        self.shared.table().strangers()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing of the table is left half done by what could panic in it.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn present(&self) -> Present {
        let since = self.clock.now().duration_since(UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Present {
            at: Instant::now().into_std(),
            wall: u64::try_from(micros).unwrap_or(u64::MAX),
        }
    }
}

#[cfg(test)]
mod tests;
