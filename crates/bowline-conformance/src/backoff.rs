//! What a schedule of delays must offer to be judged.

use std::time::Duration;

use crate::{Lacks, Law, Pace};

/// A schedule of delays under judgement.
///
/// Give it its best settings, jitter above all.
pub trait Backoff {
    /// The delays of one session, in order.
    type Delays: Iterator<Item = Duration>;

    /// Begins `count` sessions as a program with `count` connections does: from
    /// one maker where there is such a thing.
    ///
    /// Delays start at about `pace.base`, go up to `pace.cap` in the library's
    /// own sense of a maximum, and do not end. Called, and iterated, inside a
    /// tokio runtime with the clock paused.
    fn sessions(&self, pace: Pace, count: usize) -> Vec<Self::Delays>;

    /// One session that ends when `limit` has elapsed.
    ///
    /// # Errors
    ///
    /// [`Lacks`], where it knows no such limit.
    fn ending(&self, pace: Pace, limit: Duration) -> Result<Self::Delays, Lacks> {
        let _ = (pace, limit);
        Err(Lacks(
            "its delays read no clock: it has no limit on elapsed time",
        ))
    }

    /// Why `law` cannot be judged on this schedule, if that is so.
    fn exempt(&self, law: Law) -> Option<&'static str> {
        let _ = law;
        None
    }
}
