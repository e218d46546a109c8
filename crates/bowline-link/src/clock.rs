//! The time of day, which is for people: stamps and expiry, never liveness.

use std::time::SystemTime;

/// Tells the time of day.
///
/// A parameter like the network, so that a simulated run stamps its messages
/// with simulated time. It may jump; deadlines use `tokio::time`.
pub trait WallClock: Send + Sync + 'static {
    /// The present.
    fn now(&self) -> SystemTime;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's time of day"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
