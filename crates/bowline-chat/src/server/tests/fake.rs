//! A network, a store and an observer that do what a test tells them.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, mpsc as blocking};
use std::time::{Duration, SystemTime};

use bowline_link::{Listen, WallClock};
use bowline_policy::Observe;
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::log::Offset;
use crate::server::{EndReason, Event};
use crate::store::{Appended, Draft, Error, Head, Memory, OpenError, Refused};
use crate::store::{Replay, Retention, Store};

/// Accepts what a test hands over.
pub(super) struct Net(pub(super) mpsc::Receiver<io::Result<DuplexStream>>);

/// Goes with tokio's clock, from a day in 2023.
pub(super) struct Wall(pub(super) Instant);

pub(super) const BIRTH_MS: u64 = 1_700_000_000_000;

/// Everything that happened.
#[derive(Default)]
pub(super) struct Events(Mutex<Vec<Event>>);

/// A store in memory that fails, waits and forgets on demand.
pub(super) struct Fake {
    log: Memory,
    retention: Retention,
    orders: Arc<Orders>,
    broken: bool,
    /// Counts reopenings, which end the replays taken before.
    life: Arc<AtomicU64>,
}

/// What a test wants of a [`Fake`].
#[derive(Default)]
pub(super) struct Orders {
    next: Mutex<Next>,
    /// How many messages were appended.
    pub(super) appended: AtomicU64,
}

#[derive(Default)]
struct Next {
    append: Option<Outcome>,
    reopen_failures: u32,
    replace_log: bool,
    hold: Option<Hold>,
}

/// What became of an append that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Committed,
    Lost,
}

struct Hold {
    entered: mpsc::Sender<()>,
    released: blocking::Receiver<()>,
}

/// The test's end of one held append.
pub(super) struct Held {
    entered: mpsc::Receiver<()>,
    release: blocking::Sender<()>,
}

// === impl Net ===

impl Listen for Net {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        match self.0.recv().await {
            Some(accepted) => Ok((accepted?, self.local_addr()?)),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(([127, 0, 0, 1], 7400).into())
    }
}

impl WallClock for Wall {
    fn now(&self) -> SystemTime {
        let since = Instant::now() - self.0;
        SystemTime::UNIX_EPOCH + Duration::from_millis(BIRTH_MS) + since
    }
}

// === impl Events ===

impl Observe<Event> for Events {
    fn observe(&self, event: &Event) {
        lock(&self.0).push(event.clone());
    }
}

impl Events {
    pub(super) fn count(&self, is: impl Fn(&Event) -> bool) -> usize {
        lock(&self.0).iter().filter(|event| is(event)).count()
    }

    pub(super) fn seen(&self, event: &Event) -> usize {
        self.count(|other| other == event)
    }

    /// Why connections ended, in order.
    pub(super) fn ends(&self) -> Vec<EndReason> {
        let events = lock(&self.0);
        let ends = events.iter().filter_map(|event| match event {
            Event::Ended { reason } => Some(reason.clone()),
            _ => None,
        });
        ends.collect()
    }
}

// === impl Orders ===

impl Orders {
    /// Lets the next append fail, with this outcome.
    pub(super) fn fail_append(&self, outcome: Outcome) {
        lock(&self.next).append = Some(outcome);
    }

    /// Lets so many reopenings fail.
    pub(super) fn fail_reopening(&self, times: u32) {
        lock(&self.next).reopen_failures = times;
    }

    /// Lets the next reopening find an empty log.
    pub(super) fn replace_log(&self) {
        lock(&self.next).replace_log = true;
    }

    /// Holds the next append until told; only for a store with its own thread.
    pub(super) fn hold_append(&self) -> Held {
        let (enter, entered) = mpsc::channel(1);
        let (release, released) = blocking::channel();
        lock(&self.next).hold = Some(Hold {
            entered: enter,
            released,
        });
        Held { entered, release }
    }
}

impl Held {
    /// Waits until the append has begun.
    pub(super) async fn entered(&mut self) {
        self.entered.recv().await.unwrap();
    }

    pub(super) fn release(self) {
        self.release.send(()).unwrap();
    }
}

// === impl Fake ===

impl Fake {
    pub(super) fn new(retention: Retention) -> (Self, Arc<Orders>) {
        let orders = Arc::<Orders>::default();
        let fake = Self {
            log: empty_log(retention, 0),
            retention,
            orders: orders.clone(),
            broken: false,
            life: Arc::default(),
        };
        (fake, orders)
    }

    fn check(&self) -> Result<(), Error> {
        if self.broken {
            Err(Error::Closed)
        } else {
            Ok(())
        }
    }
}

fn empty_log(retention: Retention, seed: u64) -> Memory {
    Memory::new(retention, Box::new(ChaCha8Rng::seed_from_u64(seed)))
}

impl Store for Fake {
    fn durable(&self) -> bool {
        true
    }

    fn append(&mut self, batch: &[Draft]) -> Result<Vec<Result<Appended, Refused>>, Error> {
        self.check()?;
        let (hold, outcome) = {
            let mut next = lock(&self.orders.next);
            (next.hold.take(), next.append.take())
        };
        if let Some(hold) = hold {
            hold.entered.blocking_send(()).unwrap();
            // A test that failed meanwhile never releases; its server must still end.
            let _forgotten = hold.released.recv_timeout(Duration::from_secs(10));
        }
        self.broken = outcome.is_some();
        if outcome != Some(Outcome::Lost) {
            let appended = self.log.append(batch)?;
            let new = appended.iter().flatten().filter(|it| !it.duplicate).count();
            self.orders
                .appended
                .fetch_add(new as u64, Ordering::Relaxed);
            if outcome.is_none() {
                return Ok(appended);
            }
        }
        Err(Error::Failed {
            doing: "committing",
            source: "the disk is gone".into(),
        })
    }

    fn open_room(&mut self, room: &str) -> Result<Result<Head, Refused>, Error> {
        self.check()?;
        self.log.open_room(room)
    }

    fn replay(&self, room: &str, after: Offset) -> Result<Replay, Error> {
        self.check()?;
        let mut whole = self.log.replay(room, after)?;
        let messages = whole.next_page(usize::MAX)?;
        let (life, born) = (self.life.clone(), self.life.load(Ordering::Relaxed));
        let messages = messages.into_iter().map(move |message| {
            if life.load(Ordering::Relaxed) == born {
                Ok(message)
            } else {
                Err(Error::Closed)
            }
        });
        Ok(Replay::new(room.into(), whole.head(), after, messages))
    }

    fn reopen(&mut self) -> Result<(), Error> {
        let mut next = lock(&self.orders.next);
        if next.reopen_failures > 0 {
            next.reopen_failures -= 1;
            return Err(Error::Reopen {
                source: OpenError::Io {
                    place: "a fake".into(),
                    source: io::ErrorKind::Other.into(),
                },
            });
        }
        let life = self.life.fetch_add(1, Ordering::Relaxed);
        if std::mem::take(&mut next.replace_log) {
            self.log = empty_log(self.retention, life + 1);
        }
        self.broken = false;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}
