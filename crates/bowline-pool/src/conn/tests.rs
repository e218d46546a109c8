//! The order in which a connection is taken apart.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::Endpoint;
use bowline_policy::lifetime;
use tokio::time::Instant;

use super::*;
use crate::Death;
use crate::budget::Quota;
use crate::ledger::Ledger;
use crate::origin::Origin;

struct Link(Arc<Quota>);

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
    let quota = Arc::new(Quota::new(1, None));
    let seat = quota.claim().unwrap();
    assert!(quota.claim().is_none());
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    let origin = Arc::new(Origin::new(Endpoint::new("chat.example", 7400)));
    let settings = lifetime::Settings::new(second, second).unwrap();
    let mut planner = lifetime::Maker::new(settings, 1).planner();
    let plan = Plan {
        revision: 0,
        age: planner.born(now.into_std()),
        idle_limit: second,
        ping_every: second,
        trust: second,
        stable_after: second,
    };
    let entry = Ledger::default().enter(Arc::clone(&origin), 0, now);
    let conn = Conn::new(Link(Arc::clone(&quota)), entry, seat, plan, (false, 0), now);
    assert_eq!(origin.open(), 1);
    drop(conn);
    assert_eq!((quota.open(), origin.open()), (0, 0));
}
