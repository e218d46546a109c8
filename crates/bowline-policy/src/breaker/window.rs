//! How many of the recent calls failed, in bounded memory. It forgets whole
//! parts of the window at a time.

use std::time::{Duration, Instant};

/// How many parts a window is counted in.
pub const BUCKETS: u32 = 10;

const LEN: usize = BUCKETS as usize;

#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    calls: u32,
    failures: u32,
}

/// A ring of buckets, the one under way last.
#[derive(Debug, Clone)]
pub(super) struct Window {
    width: Duration,
    origin: Instant,
    /// The number of the bucket under way, counted from the origin.
    present: u128,
    ring: [Bucket; LEN],
}

// === impl Window ===

impl Window {
    pub(super) fn new(window: Duration, origin: Instant) -> Self {
        Self {
            width: window / BUCKETS,
            origin,
            present: 0,
            ring: [Bucket::default(); LEN],
        }
    }

    pub(super) fn note(&mut self, failed: bool, now: Instant) {
        self.turn(now);
        let bucket = &mut self.ring[slot(self.present)];
        bucket.calls = bucket.calls.saturating_add(1);
        bucket.failures = bucket.failures.saturating_add(failed.into());
    }

    /// The failures and all calls within the window, as of the last note.
    pub(super) fn failures_of_calls(&self) -> (u64, u64) {
        self.ring.iter().fold((0, 0), |(failures, calls), bucket| {
            (
                failures + u64::from(bucket.failures),
                calls + u64::from(bucket.calls),
            )
        })
    }

    fn turn(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.origin).as_nanos();
        let number = since / self.width.as_nanos();
        // A clock read out of order counts for the bucket under way.
        let passed = number.saturating_sub(self.present).min(BUCKETS.into());
        for step in 0..passed {
            self.ring[slot(number - step)] = Bucket::default();
        }
        self.present = self.present.max(number);
    }
}

fn slot(number: u128) -> usize {
    usize::try_from(number % u128::from(BUCKETS)).expect("a remainder of ten is small")
}
