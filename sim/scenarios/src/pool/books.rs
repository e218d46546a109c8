//! The books of one application: how much it holds of all that is limited, written into
//! the history. It counts by itself what the pool counts too, and believes neither.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_policy::Observe;
use bowline_pool::{DialError, Event, Snapshot};
use bowline_sim::history::What;
use bowline_sim::scenario::Node;

use super::{DIALS_MAX, IDLE, MAX, Shared, WAIT, WAITERS_MAX};

/// What is limited at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gauge {
    /// Connections open and opening, counted where they are made.
    Open,
    /// Dials under way, counted likewise.
    Dialing,
    /// Connections that callers hold.
    InUse,
    /// Connections open and opening, as the pool says.
    PoolOpen,
    /// Dials under way, as the pool says.
    PoolDialing,
    /// Callers in line, as the pool says.
    PoolWaiting,
    /// How long a connection was parked when it was lent, in milliseconds.
    IdleWhenLent,
    /// Connections that had ended before they were lent.
    DeadWhenLent,
    /// How long a caller had waited who was served, in milliseconds.
    Waited,
}

/// What must be back at nothing when all is over.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rest {
    /// Of all that the pool may hold, what could not be had.
    Missing,
    /// Of those that were closed while callers waited, what was not replaced.
    Unreplaced,
    /// Connections in use by the pool's account though nobody uses one.
    InUse,
    /// Callers in line though nobody waits.
    Waiting,
    /// Dials under way though nobody waits for one.
    Dialing,
    /// Connections open after the pool was closed, counted where they are made.
    Open,
    /// The same by the pool's account.
    PoolOpen,
    /// Connections that the pool's events opened and never closed.
    Unclosed,
}

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    node: Node<Shared>,
    highest: Mutex<BTreeMap<Gauge, u64>>,
    /// How often each thing happened, as the pool's events say.
    events: Mutex<BTreeMap<String, u64>>,
    open: AtomicU64,
    dialing: AtomicU64,
    in_use: AtomicU64,
    reported: AtomicU64,
}

/// One of something that is counted, until it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    books: Arc<Books>,
    gauge: Gauge,
}

// === impl Gauge ===

impl Gauge {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "connections open or opening",
            Self::Dialing => "dials",
            Self::InUse => "connections in use",
            Self::PoolOpen => "connections open or opening, as the pool says",
            Self::PoolDialing => "dials, as the pool says",
            Self::PoolWaiting => "callers in line, as the pool says",
            Self::IdleWhenLent => "ms that a connection was parked when it was lent",
            Self::DeadWhenLent => "connections that had ended when they were lent",
            Self::Waited => "ms that a caller waited and was served",
        }
    }

    fn at_most(self) -> u64 {
        match self {
            Self::Open | Self::InUse | Self::PoolOpen => number(MAX),
            Self::Dialing | Self::PoolDialing => number(DIALS_MAX),
            Self::PoolWaiting => number(WAITERS_MAX),
            Self::IdleWhenLent => millis(IDLE),
            Self::DeadWhenLent => 0,
            Self::Waited => millis(WAIT),
        }
    }
}

// === impl Rest ===

impl Rest {
    pub(super) const ALL: [Self; 8] = [
        Self::Missing,
        Self::Unreplaced,
        Self::InUse,
        Self::Waiting,
        Self::Dialing,
        Self::Open,
        Self::PoolOpen,
        Self::Unclosed,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Missing => "connections that cannot be had in the end",
            Self::Unreplaced => "callers in line for whom nobody replaced a closed connection",
            Self::InUse => "connections in use at rest",
            Self::Waiting => "callers in line at rest",
            Self::Dialing => "dials at rest",
            Self::Open => "connections open once the pool is closed",
            Self::PoolOpen => "connections open once the pool is closed, as it says",
            Self::Unclosed => "connections reported as opened and never as closed",
        }
    }

    fn at_most(self) -> u64 {
        match self {
            Self::Waiting => number(WAITERS_MAX),
            Self::Dialing => number(DIALS_MAX),
            // As many as there ever were: only rest is asked for.
            Self::Unclosed => u64::MAX,
            Self::Missing | Self::Unreplaced | Self::InUse | Self::Open | Self::PoolOpen => {
                number(MAX)
            }
        }
    }
}

// === impl Books ===

impl Books {
    pub(super) fn new(node: Node<Shared>) -> Self {
        Self {
            node,
            highest: Mutex::default(),
            events: Mutex::default(),
            open: AtomicU64::new(0),
            dialing: AtomicU64::new(0),
            in_use: AtomicU64::new(0),
            reported: AtomicU64::new(0),
        }
    }

    /// Writes `value` down if it is higher than all before it: no lower one can be over a
    /// limit that the highest keeps.
    pub(super) fn read(&self, gauge: Gauge, value: u64) {
        let mut highest = lock(&self.highest);
        if highest.get(&gauge).is_none_or(|before| value > *before) {
            highest.insert(gauge, value);
            self.write(gauge.name(), value, gauge.at_most());
        }
    }

    /// Reads what the pool says of itself.
    pub(super) fn read_snapshot(&self, snapshot: &Snapshot) {
        self.read(Gauge::PoolOpen, number(snapshot.open));
        self.read(Gauge::PoolDialing, number(snapshot.dialing));
        self.read(Gauge::PoolWaiting, number(snapshot.waiting));
    }

    /// Writes down what is left of something at rest.
    pub(super) fn rest(&self, rest: Rest, value: usize) {
        self.write(rest.name(), number(value), rest.at_most());
    }

    /// Counts one more.
    pub(super) fn count(self: &Arc<Self>, gauge: Gauge) -> Counted {
        let books = Arc::clone(self);
        let before = books.counter(gauge).fetch_add(1, Ordering::Relaxed);
        books.read(gauge, before + 1);
        Counted { books, gauge }
    }

    /// Says in the trace what became of the pool's connections and callers.
    pub(super) fn tell(&self) {
        let events: Vec<_> = lock(&self.events)
            .iter()
            .map(|(event, count)| format!("{event} {count}"))
            .collect();
        self.node.note(events.join(", "));
    }

    /// How many connections there are, counted where they are made.
    pub(super) fn open(&self) -> usize {
        usize::try_from(self.open.load(Ordering::Relaxed)).expect("a few")
    }

    /// How many connections the pool's events opened and did not close.
    pub(super) fn unclosed(&self) -> usize {
        usize::try_from(self.reported.load(Ordering::Relaxed)).expect("never below nothing")
    }

    fn counter(&self, gauge: Gauge) -> &AtomicU64 {
        match gauge {
            Gauge::Open => &self.open,
            Gauge::Dialing => &self.dialing,
            Gauge::InUse => &self.in_use,
            Gauge::PoolOpen
            | Gauge::PoolDialing
            | Gauge::PoolWaiting
            | Gauge::IdleWhenLent
            | Gauge::DeadWhenLent
            | Gauge::Waited => unreachable!("read, not counted"),
        }
    }

    fn write(&self, of: &str, value: u64, at_most: u64) {
        let of = of.into();
        self.node.record(What::Gauge { of, value, at_most });
    }
}

impl Observe<Event> for Books {
    fn observe(&self, event: &Event) {
        // Only counted: where a host is killed, connections close in any order.
        let what = match event {
            Event::Opened { .. } => {
                self.reported.fetch_add(1, Ordering::Relaxed);
                "opened".to_owned()
            }
            Event::Closed { reason, .. } => {
                self.reported.fetch_sub(1, Ordering::Relaxed);
                format!("closed as {reason}")
            }
            Event::DialFailed { error, .. } => match error {
                DialError::Refused { .. } => "dial refused".to_owned(),
                DialError::TimedOut { .. } => "dial timed out".to_owned(),
                DialError::Stillborn { .. } => "stillborn".to_owned(),
                _ => "dial failed".to_owned(),
            },
            Event::TimedOut { .. } => "caller timed out".to_owned(),
            Event::Overloaded { .. } => "caller turned away".to_owned(),
            _ => "something new".to_owned(),
        };
        *lock(&self.events).entry(what).or_default() += 1;
    }
}

// === impl Counted ===

impl Drop for Counted {
    fn drop(&mut self) {
        // Nothing is written down: a host that is killed drops these in any order.
        self.books
            .counter(self.gauge)
            .fetch_sub(1, Ordering::Relaxed);
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).expect("a count fits 64 bits")
}

/// Whole milliseconds, rounded up: what is over a limit by any part of one is over it.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000)).expect("less than a run")
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A map is whole between any two steps of its own.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
