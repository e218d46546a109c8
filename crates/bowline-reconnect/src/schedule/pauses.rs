//! Our schedules as tower's backoffs.

use std::time::Duration;

use bowline_policy::backoff::{DELAY_MAX, Maker, Session};
use tokio::time::{Instant, Sleep, sleep};
use tower::retry::backoff::{Backoff, MakeBackoff};

/// A maker of pauses for tower's `Retry` and whatever else asks for tower's
/// `MakeBackoff`.
///
/// Each session it makes has a jitter of its own, clones of it included.
#[derive(Debug, Clone)]
pub struct Pauses {
    maker: Maker,
}

/// One call's pauses, which end never: see [`Backoff::next_backoff`] below.
///
/// A clone starts over, as tower asks, with another jitter.
#[derive(Debug)]
pub struct Pausing {
    maker: Maker,
    session: Session,
    latest: Option<Duration>,
}

// === impl Pauses ===

impl Pauses {
    /// Pauses as sessions of `maker` say.
    pub fn new(maker: Maker) -> Self {
        Self { maker }
    }
}

impl MakeBackoff for Pauses {
    type Backoff = Pausing;

    fn make_backoff(&mut self) -> Pausing {
        Pausing::new(self.maker.clone())
    }
}

// === impl Pausing ===

impl Pausing {
    fn new(maker: Maker) -> Self {
        Self {
            session: maker.session(),
            maker,
            latest: None,
        }
    }
}

impl Backoff for Pausing {
    type Future = Sleep;

    /// Tower knows no end of tries here, so a schedule that has ended goes on
    /// with its last delay; one that never began, with [`DELAY_MAX`].
    fn next_backoff(&mut self) -> Sleep {
        let next = self.session.next_delay(Instant::now().into_std());
        let delay = next.or(self.latest).unwrap_or(DELAY_MAX);
        self.latest = Some(delay);
        sleep(delay)
    }
}

impl Clone for Pausing {
    fn clone(&self) -> Self {
        Self::new(self.maker.clone())
    }
}
