//! What time it is in a world: one clock for its trace, its faults and its time of day.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bowline_link::WallClock;

/// When every world begins, counted from the Unix epoch: a fixed moment, or no run would
/// repeat.
pub const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// The time of day in a world: its [`EPOCH`] and what was simulated since.
#[derive(Debug, Clone)]
pub struct SimClock {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Microseconds at the last step.
    stepped_us: AtomicU64,
    /// Whether hosts run, so that the simulator knows better than the last step.
    hosts_run: AtomicBool,
}

impl SimClock {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::default(),
        }
    }

    /// What was simulated since the beginning.
    pub fn elapsed(&self) -> Duration {
        let stepped = Duration::from_micros(self.shared.stepped_us.load(Ordering::Relaxed));
        // While software is being dropped outside a step no runtime tells its time, and
        // asking would read the machine's clock.
        if self.shared.hosts_run.load(Ordering::Relaxed) {
            turmoil::sim_elapsed().unwrap_or(stepped)
        } else {
            stepped
        }
    }

    /// Between steps: it is exactly `now` for everybody.
    pub(crate) fn stand_at(&self, now: Duration) {
        let now_us = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.shared.stepped_us.store(now_us, Ordering::Relaxed);
        self.shared.hosts_run.store(false, Ordering::Relaxed);
    }

    /// During a step each host's own clock counts.
    pub(crate) fn run(&self) {
        self.shared.hosts_run.store(true, Ordering::Relaxed);
    }
}

impl WallClock for SimClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + EPOCH + self.elapsed()
    }
}
