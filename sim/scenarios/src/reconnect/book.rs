//! What is known of one link, from what it told. It judges nothing: its ledger does.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_link::Endpoint;
use bowline_reconnect::{ClosedReason, Origin, Resumption};
use tokio::time::Instant;

use crate::calls::Wish;

/// What is known of a link.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Everything that was told, each in a word.
    pub(super) told: Vec<String>,
    /// What the state should be.
    pub(super) is: Is,
    /// Since when, by the world's clock.
    pub(super) since: Duration,
    /// The connection that takes calls.
    pub(super) live: Option<Live>,
    /// The attempt under way, and whether it is beside a connection.
    pub(super) connecting: Option<(Endpoint, bool)>,
    /// Connections that are being left, and since when by the client's clock and the world's.
    pub(super) retiring: BTreeMap<u64, (Instant, Duration)>,
    /// Why and when connections were lost, by both clocks, and how many were being left then.
    pub(super) lost: BTreeMap<u64, End>,
    /// What the server said of each connection's session.
    pub(super) said: BTreeMap<u64, Resumption>,
    /// The token that was kept last.
    pub(super) kept: u64,
    /// Whom it may call: what is in force, what will be, and where a server sent it.
    pub(super) listed: Vec<Endpoint>,
    pub(super) pending: Vec<Vec<Endpoint>>,
    /// Where a server has sent us, and we have not been yet.
    pub(super) redirect: Option<Endpoint>,
    /// That is where the attempt under way goes.
    pub(super) redirected: bool,
    /// What the server last asked for.
    pub(super) wish: Option<Wish>,
    /// What was asked of the next wait.
    pub(super) asked: Option<(Duration, Duration)>,
    /// The wait under way.
    pub(super) wait: Option<Wait>,
    /// The next wait may be cut short.
    pub(super) reset: bool,
    /// By when the live connection is to be left.
    pub(super) leave_by: Option<Duration>,
    /// Nobody was believed to be who he says he is.
    pub(super) unauthorized: bool,
    pub(super) closed: Option<ClosedReason>,
    pub(super) asked_to_close: bool,
}

/// What the state should be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Is {
    #[default]
    New,
    Connecting(Endpoint),
    Ready(u64),
    Waiting,
    Parked,
    Closed,
}

/// The connection that takes calls.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) epoch: u64,
    pub(super) endpoint: Endpoint,
    pub(super) redirected: bool,
    /// When it was made, by the world's clock.
    pub(super) since: Duration,
}

/// The end of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) at: Duration,
    pub(super) early: bool,
}

#[derive(Debug)]
pub(super) struct Wait {
    pub(super) began: Instant,
    pub(super) delay: Duration,
    /// Somebody or something may have cut it short.
    pub(super) excused: bool,
}

// === impl Book ===

impl Book {
    /// The connection that takes calls.
    pub(super) fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// Why the link ended, if it did.
    pub(super) fn closed(&self) -> Option<ClosedReason> {
        self.closed
    }

    /// Whether somebody closes the link.
    pub(super) fn is_closing(&self) -> bool {
        self.asked_to_close
    }

    /// Whether the link waits for somebody, since nobody believed it.
    pub(super) fn is_locked_out(&self) -> bool {
        self.unauthorized && self.is == Is::Parked
    }

    /// How many events were told, and what the one of this number was.
    pub(super) fn told(&self, number: usize) -> (usize, Option<&str>) {
        (self.told.len(), self.told.get(number).map(String::as_str))
    }

    /// Something may cut a wait short: the one under way, or else the next.
    pub(super) fn excuse(&mut self) {
        match &mut self.wait {
            Some(wait) => wait.excused = true,
            None => self.reset = true,
        }
    }

    /// Whether somebody is on the list in force. Which one that is can be in doubt: a list that is
    /// in force already is not told, and what the bootstrap list was is not known.
    pub(super) fn may_be_listed(&self, endpoint: &Endpoint) -> bool {
        let mut lists = self.pending.iter().chain([&self.listed]);
        lists.any(|list| list.contains(endpoint))
    }

    pub(super) fn listed(&mut self, origin: Origin) {
        // The bootstrap list may be called at any time.
        if matches!(origin, Origin::Set | Origin::Discovered) && !self.pending.is_empty() {
            self.listed = self.pending.remove(0);
        }
    }
}
