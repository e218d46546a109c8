//! How long answers take, measured only where it is certain which probe was
//! answered. It is no sign of life and decides nothing.

use std::time::{Duration, Instant};

#[derive(Debug, Default)]
pub(super) struct RoundTrip {
    asked_at: Option<Instant>,
    /// Probes whose answers may still come.
    under_way: u64,
}

// === impl RoundTrip ===

impl RoundTrip {
    /// Notes a probe. An answer that has not come for `patience` after the last
    /// one was merged with another, and is awaited no more.
    pub(super) fn asked(&mut self, now: Instant, patience: Duration) {
        if self.asked_at.is_some_and(|at| now >= at + patience) {
            self.under_way = 0;
        }
        self.asked_at = Some(now);
        self.under_way += 1;
    }

    /// The round trip, if only one probe was under way.
    pub(super) fn answered(&mut self, now: Instant) -> Option<Duration> {
        let alone = self.under_way == 1;
        self.under_way = self.under_way.saturating_sub(1);
        let asked_at = self.asked_at?;
        alone.then(|| now.saturating_duration_since(asked_at))
    }
}
