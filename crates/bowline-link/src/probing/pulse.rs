//! What a heartbeat measured and did, for meters and logs. Nothing here is decided.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowline_policy::Observe;
use bowline_policy::heartbeat::{Event, Next, Prober, Tally};

/// What the heartbeat of a [`Probing`](super::Probing) measured. Clones share
/// the connection, and outlive it harmlessly.
#[derive(Debug, Clone)]
pub struct Pulse {
    shared: Arc<Mutex<Reading>>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    interval: Duration,
    tally: Tally,
}

// === impl Pulse ===

impl Pulse {
    pub(super) fn new(prober: &Prober) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Reading::of(prober))),
        }
    }

    /// The interval in force.
    pub fn interval(&self) -> Duration {
        self.read().interval
    }

    /// How long the last answer took that can be told from others; `None` before
    /// the first. It includes what the probe waited for in our own buffers.
    pub fn round_trip(&self) -> Option<Duration> {
        self.read().tally.round_trip
    }

    /// How many timeouts have passed without a byte since the connection began.
    pub fn missed(&self) -> u64 {
        self.read().tally.missed
    }

    /// How many probes were made.
    pub fn probes(&self) -> u64 {
        self.read().tally.probes
    }

    /// Shows what asking the heartbeat led to.
    pub(super) fn polled(&self, prober: &Prober, next: Next, observer: &dyn Observe<Event>) {
        let (before, after) = (self.replace(prober), prober.tally());
        if after.missed > before.missed {
            observer.observe(&Event::Missed {
                in_a_row: after.in_a_row,
            });
        }
        if after.doubted > before.doubted {
            observer.observe(&Event::Doubted);
        }
        if let Next::Probe { next_interval } = next {
            observer.observe(&Event::Probed { next_interval });
        }
    }

    /// Takes over what the prober measured, and returns what it had before.
    pub(super) fn replace(&self, prober: &Prober) -> Tally {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *shared, Reading::of(prober)).tally
    }

    fn read(&self) -> Reading {
        *self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Reading ===

impl Reading {
    fn of(prober: &Prober) -> Self {
        Self {
            interval: prober.interval(),
            tally: prober.tally(),
        }
    }
}
