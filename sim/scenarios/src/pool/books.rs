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

use super::gauge::{Gauge, Rest, millis, number};
use super::pulse::Pulse;
use super::terms::Terms;
use super::watch::{TICK, Watch};
use super::{MAX, Shared};

/// The books.
#[derive(Debug)]
pub(super) struct Books {
    node: Node<Shared>,
    /// What the pool is called in the history.
    name: &'static str,
    pub(super) terms: Terms,
    pub(super) watch: Watch,
    /// Connections of all pools that share a budget.
    budget: Arc<AtomicU64>,
    /// The connections there are, in the order in which they were opened.
    pulses: Mutex<BTreeMap<u64, Arc<Pulse>>>,
    opened: AtomicU64,
    clears: AtomicU64,
    /// What the pool may hold at present, and since when.
    limit: Mutex<(usize, Duration)>,
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

// === impl Books ===

impl Books {
    pub(super) fn new(
        node: Node<Shared>,
        name: &'static str,
        terms: Terms,
        watch: Watch,
        budget: Arc<AtomicU64>,
    ) -> Self {
        Self {
            node,
            name,
            terms,
            watch,
            budget,
            pulses: Mutex::default(),
            opened: AtomicU64::new(0),
            clears: AtomicU64::new(0),
            limit: Mutex::new((MAX, Duration::ZERO)),
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
            self.write(gauge.name(), value, gauge.at_most(&self.terms));
        }
    }

    /// Writes it down for as long as it is there.
    pub(super) fn enter(&self, pulse: Arc<Pulse>) -> u64 {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        lock(&self.pulses).insert(number, pulse);
        number
    }

    /// It is there no more.
    pub(super) fn strike(&self, number: u64) {
        lock(&self.pulses).remove(&number);
    }

    /// How often the pool was cleared.
    pub(super) fn clears(&self) -> u64 {
        self.clears.load(Ordering::Relaxed)
    }

    /// The pool is cleared.
    pub(super) fn cleared(&self) {
        self.clears.fetch_add(1, Ordering::Relaxed);
    }

    /// The pool may hold `max` from now on.
    pub(super) fn limited(&self, max: usize) {
        *lock(&self.limit) = (max, self.watch.awake());
    }

    /// Looks whether a dial may begin.
    pub(super) fn dials(&self) {
        let (max, since) = *lock(&self.limit);
        // A dial that was decided on before begins a moment later.
        if self.watch.awake() > since + 2 * TICK && self.open() >= max {
            self.read(Gauge::PastResize, 1);
        }
    }

    /// Reads what is parked.
    pub(super) fn audit(&self) {
        let pulses: Vec<_> = lock(&self.pulses).values().cloned().collect();
        for pulse in pulses {
            if let Some(unproved) = pulse.unproved_for() {
                self.read(Gauge::Unproved, millis(unproved));
            }
            if let Some(unheard) = pulse.unheard_for() {
                self.read(Gauge::EndUnnoticed, millis(unheard));
            }
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
        if gauge == Gauge::Open {
            let before = books.budget.fetch_add(1, Ordering::Relaxed);
            if books.terms.pools.len() > 1 {
                books.read(Gauge::Budget, before + 1);
            }
        }
        Counted { books, gauge }
    }

    /// Says in the trace what became of the pool's connections and callers.
    pub(super) fn tell(&self) {
        let events: Vec<_> = lock(&self.events)
            .iter()
            .map(|(event, count)| format!("{event} {count}"))
            .collect();
        self.node
            .note(format!("{}: {}", self.name, events.join(", ")));
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
            _ => unreachable!("read, not counted"),
        }
    }

    fn write(&self, of: &str, value: u64, at_most: u64) {
        let of = of.into();
        self.node
            .record_as(self.name, What::Gauge { of, value, at_most });
    }
}

impl Observe<Event> for Books {
    fn observe(&self, event: &Event) {
        // Only counted: where a host is killed, connections close in any order.
        let what = match event {
            Event::Opened { cause, .. } => {
                self.reported.fetch_add(1, Ordering::Relaxed);
                format!("opened for {cause}")
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
            Event::Pinged { .. } => "pinged".to_owned(),
            Event::CheckFailed { .. } => "check failed".to_owned(),
            Event::Doubted { .. } => "doubted".to_owned(),
            Event::FailedFast => "caller told at once".to_owned(),
            Event::WentDown { .. } => "went down".to_owned(),
            Event::Moving { .. } => "moving".to_owned(),
            Event::Cleared { .. } => "cleared".to_owned(),
            Event::Suspended => "suspended".to_owned(),
            Event::PoolClosed => "drained".to_owned(),
            _ => "something else".to_owned(),
        };
        *lock(&self.events).entry(what).or_default() += 1;
    }
}

// === impl Counted ===

impl Drop for Counted {
    fn drop(&mut self) {
        // Nothing is written down: a host that is killed drops these in any order.
        if self.gauge == Gauge::Open {
            self.books.budget.fetch_sub(1, Ordering::Relaxed);
        }
        self.books
            .counter(self.gauge)
            .fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A map is whole between any two steps of its own.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
