//! What a client holds that is limited, counted where it is taken and given back; and what
//! must never happen at all, which is written down as one of nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bowline_sim::history::What;
use bowline_sim::scenario::Node;

use super::Shared;

/// Streams that are open: the live one, those that are being left, and one being made.
pub(super) const CONNECTIONS: &str = "connections";

/// Attempts under way: one for each link, however many handles wait.
pub(super) const DIALING: &str = "dials under way";

/// Connections that the server believes to have with us.
pub(super) const GUESTS: &str = "connections at the server";

/// On which connection a call of a handle was let through.
pub(super) const GRANTED: &str = "calls let through";

/// Counts one kind of thing of one client.
#[derive(Debug, Clone)]
pub(super) struct Gauge {
    node: Node<Shared>,
    of: &'static str,
    at_most: u64,
    count: Arc<AtomicU64>,
}

/// One of them, until it is dropped. That leaves no record, since what is dropped when a
/// world ends is dropped in no order.
#[derive(Debug)]
pub(super) struct Held(Arc<AtomicU64>);

/// What must never happen, by the promise that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breach {
    EndedByItself,
    GrantTakenBack,
    OutlivedItsConnection,
    StrayConnection,
    OtherConnection,
    BackOnTheOld,
    Overdue,
    LeftForGood,
    NotOnTheList,
    TooManyEjected,
    NotHome,
    TooManyDials,
    DialsTooFast,
    ToldOtherwise,
    TokenLost,
    NotRestored,
    HintIgnored,
    WentTooLate,
    TooSoon,
    Uncounted,
    OtherState,
    CutByMove,
    NeverMoved,
    FailedByMove,
    CutByClose,
}

// === impl Gauge ===

impl Gauge {
    pub(super) fn new(node: &Node<Shared>, of: &'static str, at_most: u64) -> Self {
        Self {
            node: node.clone(),
            of,
            at_most,
            count: Arc::default(),
        }
    }

    /// Takes one more.
    pub(super) fn take(&self) -> Held {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.read();
        Held(Arc::clone(&self.count))
    }

    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Writes down how many there are.
    pub(super) fn read(&self) {
        record(&self.node, self.of, self.count(), self.at_most);
    }
}

pub(super) fn record(node: &Node<Shared>, of: &str, value: u64, at_most: u64) {
    let of = of.into();
    node.record(What::Gauge { of, value, at_most });
}

/// Writes down that a promise was broken.
pub(super) fn breach(node: &Node<Shared>, breach: Breach) {
    record(node, breach.name(), 1, 0);
}

// === impl Held ===

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Breach ===

impl Breach {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EndedByItself => "again-1: ends of a link that nobody closed",
            Self::GrantTakenBack => "again-1: grants taken back",
            Self::OutlivedItsConnection => "again-2: calls that outlived their connection",
            Self::StrayConnection => "again-3: connections that are neither used, left nor made",
            Self::OtherConnection => "again-4: answers from another connection",
            Self::BackOnTheOld => "again-4: calls let through on a connection that is being left",
            Self::Overdue => "again-5: waits that are over and go on",
            Self::LeftForGood => "again-5: links that do nothing and do not say so",
            Self::NotOnTheList => "again-6: calls of somebody who is not on the list",
            Self::TooManyEjected => "again-6: ejections over the share",
            Self::NotHome => "again-6: links that did not come back to the best endpoint",
            Self::TooManyDials => "again-7: dials under way over the budget",
            Self::DialsTooFast => "again-7: dials sooner than the budget allows",
            Self::ToldOtherwise => "again-8: sessions of which the link says otherwise",
            Self::TokenLost => "again-8: tokens that were kept and not shown",
            Self::NotRestored => "again-8: subscriptions that the server does not know",
            Self::HintIgnored => "again-9: waits outside of what was asked for",
            Self::WentTooLate => "again-9: connections left later than the server had asked",
            Self::TooSoon => "backoff-2: waits that nobody cut short and that were short",
            Self::Uncounted => "again-10: events that are missing without a count",
            Self::OtherState => "again-10: states that are not what was told",
            Self::CutByMove => "again-3: calls cut off by a move before their time",
            Self::NeverMoved => "again-6: moves that were asked for and not made",
            Self::FailedByMove => "again-3: calls failed by a planned move",
            Self::CutByClose => "again-2: calls cut off by a patient close",
        }
    }
}
