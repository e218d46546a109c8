//! A connection in the keeper's hands. However the keeper or one of its jobs
//! ends, the connection is closed with a reason and comes off the count.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use crate::conn::Conn;
use crate::shared::Shared;
use crate::{CloseReason, Reuse};

pub(super) struct Custody<C: Reuse> {
    conn: Option<Box<Conn<C>>>,
    /// Since when it is in the keeper's hands.
    pub(super) since: Instant,
    shared: Arc<Shared<C>>,
}

// === impl Custody ===

impl<C: Reuse> Custody<C> {
    /// Takes one that nobody has counted as the keeper's.
    pub(super) fn take(shared: &Arc<Shared<C>>, conn: Box<Conn<C>>) -> Self {
        shared.checking.fetch_add(1, Ordering::SeqCst);
        Self::adopt(shared, conn)
    }

    /// Takes one that was counted when it was left to the keeper.
    pub(super) fn adopt(shared: &Arc<Shared<C>>, conn: Box<Conn<C>>) -> Self {
        Self {
            conn: Some(conn),
            since: Instant::now(),
            shared: Arc::clone(shared),
        }
    }

    /// Parks it.
    pub(super) fn park(mut self) {
        let conn = self.let_go();
        self.shared.park(conn);
    }

    /// Closes it.
    pub(super) fn discard(mut self, reason: CloseReason) {
        let conn = self.let_go();
        self.shared.discard(conn, reason);
    }

    fn let_go(&mut self) -> Box<Conn<C>> {
        self.shared.checking.fetch_sub(1, Ordering::SeqCst);
        self.conn.take().expect("let go once, by value")
    }
}

impl<C: Reuse> Deref for Custody<C> {
    type Target = Conn<C>;

    fn deref(&self) -> &Conn<C> {
        self.conn.as_ref().expect("let go once, by value")
    }
}

impl<C: Reuse> DerefMut for Custody<C> {
    fn deref_mut(&mut self) -> &mut Conn<C> {
        self.conn.as_mut().expect("let go once, by value")
    }
}

impl<C: Reuse> Drop for Custody<C> {
    fn drop(&mut self) {
        if self.conn.is_some() {
            let conn = self.let_go();
            self.shared.discard(conn, CloseReason::PoolClosed);
        }
    }
}
