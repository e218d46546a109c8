//! What time it is in a world: one clock for its trace, its faults and its time of day, and
//! one for each host whose time of day somebody may set.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bowline_link::WallClock;

/// When every world begins, counted from the Unix epoch: a fixed moment, or no run would
/// repeat.
pub const EPOCH: Duration = Duration::from_secs(1_700_000_000);

/// The time of day in a world: its [`EPOCH`] and what was simulated since.
///
/// It is the true one, which no fault touches.
#[derive(Debug, Clone)]
pub struct SimClock {
    shared: Arc<Shared>,
}

/// The time of day as one host sees it, ahead of the true one by all the
/// [jumps](crate::Clock::Wall) there were; clones are one clock.
///
/// It is the machine's: neither a crash nor a power loss sets it right.
#[derive(Debug, Clone)]
pub struct HostClock {
    world: SimClock,
    ahead_ms: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Microseconds at the last step.
    stepped_us: AtomicU64,
    /// Microseconds at the next.
    next_us: AtomicU64,
    /// Whether hosts run, so that the simulator knows better than the last step.
    hosts_run: AtomicBool,
}

// === impl SimClock ===

impl SimClock {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::default(),
        }
    }

    /// What was simulated since the beginning.
    pub fn elapsed(&self) -> Duration {
        let time = |at: &AtomicU64| Duration::from_micros(at.load(Ordering::Relaxed));
        let stepped = time(&self.shared.stepped_us);
        // While software is being dropped outside a step no runtime tells its time, and
        // asking would read the machine's clock.
        if !self.shared.hosts_run.load(Ordering::Relaxed) {
            return stepped;
        }
        // A host whose timers leap in this step tells a time that is not the world's.
        turmoil::sim_elapsed().map_or(stepped, |elapsed| {
            elapsed.clamp(stepped, time(&self.shared.next_us))
        })
    }

    /// Between steps: it is exactly `now` for everybody.
    pub(crate) fn stand_at(&self, now: Duration) {
        self.shared.stepped_us.store(micros(now), Ordering::Relaxed);
        self.shared.hosts_run.store(false, Ordering::Relaxed);
    }

    /// During a step, which goes as far as `next`, each host's own clock counts.
    pub(crate) fn run_until(&self, next: Duration) {
        let next_us = micros(next).max(self.shared.stepped_us.load(Ordering::Relaxed));
        self.shared.next_us.store(next_us, Ordering::Relaxed);
        self.shared.hosts_run.store(true, Ordering::Relaxed);
    }
}

impl WallClock for SimClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + EPOCH + self.elapsed()
    }
}

// === impl HostClock ===

impl HostClock {
    pub(crate) fn new(world: SimClock) -> Self {
        Self {
            world,
            ahead_ms: Arc::default(),
        }
    }

    pub(crate) fn leap(&self, by_ms: u64) {
        self.ahead_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}

impl WallClock for HostClock {
    fn now(&self) -> SystemTime {
        self.world.now() + Duration::from_millis(self.ahead_ms.load(Ordering::Relaxed))
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
