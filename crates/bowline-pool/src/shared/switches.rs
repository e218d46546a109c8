//! Closing, suspending, clearing: what changes for all connections at once.

use std::sync::atomic::Ordering;

use super::{Shared, lock};
use crate::conn::Conn;
use crate::{CloseReason, Event, Reuse};

impl<C: Reuse> Shared<C> {
    /// Refuses callers from now on and closes what is parked; how much that was,
    /// unless it was closed before.
    pub(crate) fn close(&self) -> usize {
        if !self.gate.close() {
            return 0;
        }
        self.observer.observe(&Event::PoolClosed);
        let parked = self.strip();
        self.rack.call();
        self.quota.unpinch();
        self.quota.nudge();
        self.warm.notify_waiters();
        parked
    }

    /// Lends nothing until resumed, and lets nobody wait if told so.
    pub(crate) fn suspend(&self, turn_away: bool) {
        self.gate.hold(turn_away);
        self.observer.observe(&Event::Suspended);
        self.clear_rack();
        if turn_away {
            self.rack.call();
        }
    }

    /// Lends again.
    pub(crate) fn resume(&self) {
        if self.gate.release() {
            self.observer.observe(&Event::Resumed);
            self.unpack();
            self.quota.nudge();
        }
    }

    /// Begins another generation, and calls back what is lent if told so.
    pub(crate) fn clear(&self, call_back: bool) {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        self.observer.observe(&Event::Cleared { generation });
        if call_back {
            self.ledger.call_back(generation);
        }
        let marks = self.marks();
        let now = tokio::time::Instant::now();
        // What is of the new generation already goes back, in its order.
        let parked = self.rack.strip().into_iter().rev();
        for conn in parked.chain(self.take_aside()) {
            match conn.outlived(now, marks) {
                Some(reason) => self.discard(conn, reason),
                None => self.park(conn),
            }
        }
        self.quota.nudge();
    }

    /// Empties the rack, as closing and suspending ask.
    pub(super) fn clear_rack(&self) {
        // The warmest comes last, as it does if one after another comes back.
        self.set_aside(self.rack.strip().into_iter().rev());
    }

    pub(super) fn set_aside(&self, conns: impl IntoIterator<Item = Box<Conn<C>>>) {
        lock(&self.aside).extend(conns);
        // Published; now look.
        if self.gate.is_closed() {
            self.strip();
        } else if !self.gate.is_held() {
            self.unpack();
        }
    }

    /// Parks what was set aside.
    fn unpack(&self) {
        for conn in self.take_aside() {
            self.park(conn);
        }
    }

    /// What was set aside, the coldest first.
    pub(crate) fn take_aside(&self) -> Vec<Box<Conn<C>>> {
        std::mem::take(&mut *lock(&self.aside))
    }

    /// Closes everything that nobody holds; how much that was.
    pub(super) fn strip(&self) -> usize {
        let mut stripped = self.rack.strip();
        stripped.append(&mut lock(&self.aside));
        let mut inbox = lock(&self.inbox);
        self.checking.fetch_sub(inbox.len(), Ordering::SeqCst);
        stripped.append(&mut inbox);
        drop(inbox);
        let count = stripped.len();
        for conn in stripped {
            self.discard(conn, CloseReason::PoolClosed);
        }
        count
    }

    /// Connections that lie aside while nothing is lent. It does not wait: while
    /// they are being moved they count for none.
    pub(crate) fn aside(&self) -> usize {
        self.aside.try_lock().map_or(0, |aside| aside.len())
    }
}
