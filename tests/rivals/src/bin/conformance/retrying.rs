//! Crates that repeat an operation, judged by their delays: they keep no connection.

use std::iter;
use std::time::Duration;

use backoff::backoff::Backoff as _;
use backoff::{Clock, exponential};
use backon::{BackoffBuilder, ExponentialBuilder};
use bowline_conformance::{Backoff, Lacks, Pace};
use tokio::time::Instant;
use tokio_retry2::strategy::{ExponentialBackoff, MaxInterval, jitter_with_bounds};

/// The crate `backoff`.
#[derive(Debug)]
pub(crate) struct BackoffCrate;

/// The crate `backon`.
#[derive(Debug)]
pub(crate) struct Backon;

/// The crate `tokio-retry2`.
#[derive(Debug)]
pub(crate) struct Retry2;

/// tokio's clock, for `backoff`.
#[derive(Debug, Default)]
struct TokioClock;

type Delays = Box<dyn Iterator<Item = Duration>>;

// === impl BackoffCrate ===

impl BackoffCrate {
    fn session(pace: Pace, limit: Option<Duration>) -> Delays {
        let mut builder = exponential::ExponentialBackoffBuilder::<TokioClock>::new();
        builder
            .with_initial_interval(pace.base)
            .with_multiplier(2.0)
            .with_randomization_factor(0.5)
            .with_max_interval(pace.cap)
            .with_max_elapsed_time(limit);
        let mut session = builder.build();
        // As its `retry` does first.
        session.reset();
        Box::new(iter::from_fn(move || session.next_backoff()))
    }
}

impl Backoff for BackoffCrate {
    type Delays = Delays;

    fn sessions(&self, pace: Pace, count: usize) -> Vec<Delays> {
        (0..count).map(|_| Self::session(pace, None)).collect()
    }

    fn ending(&self, pace: Pace, limit: Duration) -> Result<Delays, Lacks> {
        Ok(Self::session(pace, Some(limit)))
    }
}

impl Clock for TokioClock {
    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
}

// === impl Backon ===

impl Backon {
    fn settings(pace: Pace) -> ExponentialBuilder {
        ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(pace.base)
            .with_max_delay(pace.cap)
            .without_max_times()
    }
}

impl Backoff for Backon {
    type Delays = Delays;

    fn sessions(&self, pace: Pace, count: usize) -> Vec<Delays> {
        let session = || Box::new(Self::settings(pace).build()) as Delays;
        iter::repeat_with(session).take(count).collect()
    }

    fn ending(&self, pace: Pace, limit: Duration) -> Result<Delays, Lacks> {
        let settings = Self::settings(pace).with_total_delay(Some(limit));
        Ok(Box::new(settings.build()))
    }
}

// === impl Retry2 ===

impl Retry2 {
    fn curve(pace: Pace) -> ExponentialBackoff {
        // It raises its argument to a power: twos, of half the base each.
        let half = u64::try_from(pace.base.as_millis() / 2).expect("a base is short");
        ExponentialBackoff::from_millis(2)
            .factor(half)
            .max_delay(pace.cap)
    }
}

impl Backoff for Retry2 {
    type Delays = Delays;

    fn sessions(&self, pace: Pace, count: usize) -> Vec<Delays> {
        let session = || Box::new(Self::curve(pace).map(jitter_with_bounds(0.5, 1.0))) as Delays;
        iter::repeat_with(session).take(count).collect()
    }

    fn ending(&self, pace: Pace, limit: Duration) -> Result<Delays, Lacks> {
        let limit = u64::try_from(limit.as_millis()).expect("a limit is short");
        let delays = Self::curve(pace).max_interval(limit);
        Ok(Box::new(delays.map(jitter_with_bounds(0.5, 1.0))))
    }
}
