//! What a client holds that is limited, counted where it is taken and given back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bowline_sim::history::What;
use bowline_sim::scenario::Node;

use super::Shared;

/// Streams that are open: one, since a link opens none before the last is closed.
pub(super) const CONNECTIONS: &str = "connections";

/// Attempts under way: one for each link, however many handles wait.
pub(super) const DIALING: &str = "dials under way";

/// Connections that the server believes to have with us.
pub(super) const GUESTS: &str = "connections at the server";

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

    /// Writes down how many there are.
    pub(super) fn read(&self) {
        record(
            &self.node,
            self.of,
            self.count.load(Ordering::Relaxed),
            self.at_most,
        );
    }
}

pub(super) fn record(node: &Node<Shared>, of: &str, value: u64, at_most: u64) {
    let of = of.into();
    node.record(What::Gauge { of, value, at_most });
}

// === impl Held ===

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
