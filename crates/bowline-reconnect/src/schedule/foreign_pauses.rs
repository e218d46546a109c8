//! Backoffs of the `backoff` crate as tower's, and so for our replays.

use std::fmt;
use std::time::Duration;

use backoff::backoff::Backoff as Foreign;
use bowline_policy::backoff::DELAY_MAX;
use tokio::time::{Sleep, sleep};
use tower::retry::backoff::{Backoff, MakeBackoff};

/// Backoffs of the `backoff` crate, one for each call, where tower's
/// `MakeBackoff` is asked for.
#[derive(Clone)]
pub struct ForeignPauses<F>(F);

/// One call's pauses by a backoff of the `backoff` crate. When that has ended,
/// they go on with its last delay, or with [`DELAY_MAX`] if there was none.
#[derive(Debug)]
pub struct ForeignPausing<B> {
    backoff: B,
    latest: Option<Duration>,
}

// === impl ForeignPauses ===

impl<F> ForeignPauses<F> {
    /// Makes each session with `make`.
    pub fn new<B: Foreign>(make: F) -> Self
    where
        F: Fn() -> B,
    {
        Self(make)
    }
}

impl<F: Fn() -> B, B: Foreign> MakeBackoff for ForeignPauses<F> {
    type Backoff = ForeignPausing<B>;

    fn make_backoff(&mut self) -> ForeignPausing<B> {
        ForeignPausing {
            backoff: (self.0)(),
            latest: None,
        }
    }
}

impl<F> fmt::Debug for ForeignPauses<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ForeignPauses").finish_non_exhaustive()
    }
}

// === impl ForeignPausing ===

impl<B: Foreign> Backoff for ForeignPausing<B> {
    type Future = Sleep;

    fn next_backoff(&mut self) -> Sleep {
        let next = self.backoff.next_backoff();
        let delay = next.or(self.latest).unwrap_or(DELAY_MAX);
        self.latest = Some(delay);
        sleep(delay)
    }
}
