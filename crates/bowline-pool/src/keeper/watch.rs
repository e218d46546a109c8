//! Noticing that we, or the machine, were asleep. Peers and middle boxes were
//! not, and may have forgotten us.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bowline_link::WallClock;
use tokio::time::Instant;

/// Two clocks, compared at each sweep: on most systems the monotonic one stops
/// while the machine is suspended, and the time of day goes on.
pub(super) struct Watch {
    clock: Arc<dyn WallClock>,
    read: (SystemTime, Instant),
}

impl Watch {
    pub(super) fn new(clock: Arc<dyn WallClock>, now: Instant) -> Self {
        let read = (clock.now(), now);
        Self { clock, read }
    }

    /// By how much the time of day went further than ours since the last time,
    /// or how late we are, if that is over `limit`.
    ///
    /// A time of day that was set back says nothing: people do that.
    pub(super) fn leapt(
        &mut self,
        now: Instant,
        late: Duration,
        limit: Duration,
    ) -> Option<Duration> {
        let (day, ours) = std::mem::replace(&mut self.read, (self.clock.now(), now));
        let of_day = self.read.0.duration_since(day).unwrap_or_default();
        let leap = of_day.saturating_sub(now - ours).max(late);
        (leap > limit).then_some(leap)
    }
}
