//! A connection and what is remembered of it. It has no state of its own: where
//! the box lies (on the rack, with a caller, with the keeper) is its state.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use crate::budget::Seat;
use crate::{CloseReason, Reuse};

// The fields drop in this order: the connection is closed before its seat is
// free, or its successor would be one too many.
#[derive(Debug)]
pub(crate) struct Conn<C> {
    pub(crate) link: C,
    _seat: Seat,
    idle_at: Instant,
    stable_at: Instant,
    record: Record,
}

/// What the connection has proved about its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    /// Nothing yet but that it could be opened.
    Untried,
    /// It came back settled from a caller.
    Served,
    /// It did so after it had been up for the backoff's stable time.
    Stable,
}

// === impl Conn ===

impl<C: Reuse> Conn<C> {
    pub(crate) fn new(
        link: C,
        seat: Seat,
        now: Instant,
        idle_limit: Duration,
        stable_after: Duration,
    ) -> Self {
        Self {
            link,
            _seat: seat,
            idle_at: now + idle_limit,
            stable_at: now + stable_after,
            record: Record::Untried,
        }
    }

    /// What speaks against handing it out.
    pub(crate) fn defect(&mut self, now: Instant) -> Option<CloseReason> {
        if self.idle_at <= now {
            return Some(CloseReason::Idle);
        }
        // Outside the task's budget of turns: a task that has spent its own
        // would see `Pending`, that is health, in every dead connection.
        let look = pin!(unconstrained(std::future::poll_fn(|context| {
            self.link.poll_closed(context)
        })));
        match look.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(death) => Some(CloseReason::Dead(death)),
            Poll::Pending => None,
        }
    }

    /// Notes a settled return, from which idleness counts. True if it is the
    /// one that proves the peer stable.
    pub(crate) fn came_back(&mut self, now: Instant, idle_limit: Duration) -> bool {
        self.idle_at = now + idle_limit;
        let was = self.record;
        self.record = match was {
            Record::Untried | Record::Served if now < self.stable_at => Record::Served,
            Record::Untried | Record::Served | Record::Stable => Record::Stable,
        };
        was != self.record && self.record == Record::Stable
    }

    pub(crate) fn has_served(&self) -> bool {
        self.record != Record::Untried
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Death;
    use crate::budget::Budget;

    struct Link(Arc<Budget>);

    impl Reuse for Link {
        fn poll_closed(&mut self, _context: &mut Context<'_>) -> Poll<Death> {
            Poll::Pending
        }

        fn is_settled(&self) -> bool {
            true
        }
    }

    impl Drop for Link {
        fn drop(&mut self) {
            assert_eq!(self.0.open(), 1, "the seat came free too early");
        }
    }

    // contract: pool-1
    #[tokio::test(start_paused = true)]
    async fn a_connection_is_closed_before_its_seat_is_free() {
        let budget = Arc::new(Budget::new(1));
        let seat = budget.claim().unwrap();
        assert!(budget.claim().is_none());
        let second = Duration::from_secs(1);
        let conn = Conn::new(
            Link(Arc::clone(&budget)),
            seat,
            Instant::now(),
            second,
            second,
        );
        drop(conn);
        assert_eq!(budget.open(), 0);
    }
}
