//! What a balancer compares. It counts calls and does not guess how long they take.

use tower::load::Load;

use crate::Reconnect;

// === impl Reconnect ===

impl<S> Load for Reconnect<S> {
    type Metric = usize;

    /// Calls in flight on the live connection, and grants for more; the greatest
    /// there is without one, so that whoever is connected is preferred.
    fn load(&self) -> usize {
        let live = self.link.slot.live();
        live.map_or(usize::MAX, |live| live.connection.users())
    }
}
