//! The settings that a caller asks for, each readable without a lock. They
//! belong together only as far as one caller reads one of them.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crate::Settings;

pub(super) struct Asked {
    min: AtomicUsize,
    max_waiters: AtomicUsize,
    wait_nanos: AtomicU64,
}

// === impl Asked ===

impl Asked {
    pub(super) fn new(settings: &Settings) -> Self {
        let asked = Self {
            min: AtomicUsize::new(0),
            max_waiters: AtomicUsize::new(0),
            wait_nanos: AtomicU64::new(0),
        };
        asked.set(settings);
        asked
    }

    pub(super) fn set(&self, settings: &Settings) {
        let wait = u64::try_from(settings.wait.as_nanos()).expect("a wait is below a year");
        self.min.store(settings.min, Ordering::Relaxed);
        self.max_waiters
            .store(settings.max_waiters, Ordering::Relaxed);
        self.wait_nanos.store(wait, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn min(&self) -> usize {
        self.min.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn max_waiters(&self) -> usize {
        self.max_waiters.load(Ordering::Relaxed)
    }

    #[inline]
    pub(super) fn wait(&self) -> Duration {
        Duration::from_nanos(self.wait_nanos.load(Ordering::Relaxed))
    }
}
