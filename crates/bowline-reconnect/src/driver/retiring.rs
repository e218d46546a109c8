//! A connection that was replaced: it takes no new calls and ends with those it has.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::BoxError;
use tokio::time::sleep;

use crate::LostReason;
use crate::connection::{Connection, Moved};
use crate::link::Link;
use crate::session::BoxFuture;

/// How many replaced connections may wait for their calls at once; one more, and
/// the oldest is cut.
pub(super) const RETIRING_MAX: usize = 4;

/// A connection that was replaced.
pub(super) struct Retiree<S> {
    pub(super) link: Arc<Link<S>>,
    pub(super) connection: Arc<Connection>,
    /// It may do the connection's work, so it is polled to the end.
    pub(super) closed: BoxFuture<BoxError>,
    /// How long its calls have.
    pub(super) grace: Duration,
}

// === impl Retiree ===

impl<S> Retiree<S> {
    pub(super) async fn run(mut self) {
        let connection = Arc::clone(&self.connection);
        let over = connection.over();
        tokio::select! {
            biased;
            () = over => {}
            () = connection.sealed() => retire(&connection),
            reason = &mut self.closed => connection.finish(LostReason::Died, reason.into()),
            () = sleep(self.grace) => retire(&connection),
        }
        self.link.tell_lost(&connection);
    }

    /// Ends it at once.
    pub(super) fn cut(self) {
        retire(&self.connection);
        self.link.tell_lost(&self.connection);
    }
}

/// Ends the oldest of those that are being left, if they are too many.
pub(super) fn cut_beyond_max<S>(link: &Link<S>) {
    let open = link.open();
    // The youngest is the live one.
    if open.len() > RETIRING_MAX + 1
        && let Some(oldest) = open.first()
    {
        retire(oldest);
    }
}

fn retire(connection: &Connection) {
    connection.finish(LostReason::Retired, Arc::new(Moved));
}
