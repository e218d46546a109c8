//! From the rack to a caller and back.

use std::panic::Location;
use std::pin::pin;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::{Shared, is_contagious, lock};
use crate::conn::{Conn, Verdict};
use crate::error::{LastDial, Shortage, Step};
use crate::gate::{Refusal, Ticket};
use crate::rack::Handed;
use crate::{CloseReason, Doubt, Error, Event, Reuse};

/// At how many parked connections a caller looks at most before it stands in
/// line, where whatever the keeper has looked at reaches it.
const LOOKS_MAX: usize = 2;

/// One who stands in line.
// The fields drop in this order: whoever leaves is counted no more when it looks
// at what it leaves behind.
struct Waiting<'a, C: Reuse> {
    _ticket: Ticket<'a>,
    _leaving: Leaving<'a, C>,
}

/// Sees to what a caller leaves behind.
struct Leaving<'a, C: Reuse>(&'a Shared<C>);

/// The place in the code that asks.
pub(crate) type Place = &'static Location<'static>;

// === impl Shared ===

impl<C: Reuse> Shared<C> {
    /// A parked connection fit to be handed out, past nobody who waits.
    pub(crate) fn take_parked(&self, place: Place) -> Option<Box<Conn<C>>> {
        for _ in 0..LOOKS_MAX {
            if !self.gate.is_clear() {
                return None;
            }
            let conn = self.rack.take_hot().or_else(|| self.take_cold())?;
            if let Some(fit) = self.admit(conn, Instant::now(), place) {
                return Some(fit);
            }
        }
        None
    }

    fn take_cold(&self) -> Option<Box<Conn<C>>> {
        let conn = self.rack.take_cold()?;
        // A caller may have joined since the gate was clear, and the keeper may
        // have counted on this connection for it. The fence pairs with the
        // keeper's: one of the two sees what the other did.
        fence(Ordering::SeqCst);
        if self.gate.in_line() > 0 {
            self.quota.nudge();
        }
        Some(conn)
    }

    /// Stands in line until a fit connection comes, or until the deadline.
    pub(crate) async fn take_in_line(&self, place: Place) -> Result<Box<Conn<C>>, Error> {
        let begun = Instant::now();
        let _waiting = self.join()?;
        // What was parked before anybody waited belongs to the head of the line.
        self.rack.flush();
        // A full pool cannot dial; the seat that comes free wakes the keeper.
        if !self.quota.is_full() {
            self.quota.nudge();
        }

        let deadline = begun + self.asked.wait();
        let mut late = pin!(sleep_until(deadline));
        loop {
            tokio::select! {
                biased;
                handed = self.rack.take_in_line() => match handed {
                    Handed::Call => self.look_up(begun)?,
                    Handed::Parked(conn) => {
                        let now = Instant::now();
                        if now >= deadline {
                            self.park(conn);
                            return Err(self.timed_out(now - begun));
                        }
                        if self.gate.is_shut() {
                            self.set_aside([conn]);
                        } else if let Some(fit) = self.admit(conn, now, place) {
                            self.observer.observe(&Event::Served { waited: now - begun });
                            return Ok(fit);
                        }
                    }
                },
                () = &mut late => return Err(self.timed_out(Instant::now() - begun)),
            }
        }
    }

    /// Why nobody should wait any more; nothing, if that is over.
    fn look_up(&self, begun: Instant) -> Result<(), Error> {
        if let Some(refusal) = self.gate.refusal() {
            self.rack.pass_call();
            return Err(self.refused(refusal, Instant::now() - begun));
        }
        self.rack.end_call();
        // Ended; now look. Somebody may have relied on it meanwhile.
        if self.gate.refusal().is_some() {
            self.rack.call();
        }
        // The keeper may have taken the call for a connection.
        self.quota.nudge();
        Ok(())
    }

    /// Takes a connection back from its caller.
    pub(crate) fn give_back(&self, mut conn: Box<Conn<C>>) {
        let now = Instant::now();
        conn.entry.give_back();
        if conn.poisoned {
            return self.discard(conn, CloseReason::Poisoned);
        }
        let marks = self.marks();
        if let Some(reason) = conn.outlived(now, marks) {
            return self.discard(conn, reason);
        }
        if !conn.link.is_settled() {
            return self.discard(conn, CloseReason::Dirty);
        }
        if let Some(stable) = conn.came_back(now, marks.doubts) {
            conn.entry.origin.note_served(stable);
            self.news.store(true, Ordering::SeqCst);
        }
        if self.quota.is_over() {
            return self.discard(conn, CloseReason::OverMax);
        }
        if conn.entry.origin.leaves() {
            return self.discard(conn, CloseReason::Moved);
        }
        if self.yields() {
            return self.discard(conn, CloseReason::Yielded);
        }
        if self.resets || conn.plan.revision != self.revision() {
            conn.needs_reset = self.resets;
            return self.leave_to_keeper([conn]);
        }
        self.park(conn);
        // Published; now look. A limit may have been lowered in between, or
        // somebody pinched.
        if self.quota.is_over() || self.yields() {
            self.quota.nudge();
        }
    }

    /// Whether the budget's other sharers should have what is not in use here.
    pub(crate) fn yields(&self) -> bool {
        let in_demand = self.gate.in_line() > 0;
        self.quota.should_yield(in_demand, self.min())
    }

    /// Puts a connection where the next caller finds it.
    pub(crate) fn park(&self, conn: Box<Conn<C>>) {
        if self.gate.is_clear() {
            self.rack.add_hot(conn);
        } else if self.gate.is_shut() {
            // Past the line: whoever was handed it would lose its place there.
            return self.set_aside([conn]);
        } else {
            self.rack.add(conn);
        }
        // Published; now look. A caller that joined in between has emptied the
        // slot before it was filled, and would wait for what lies there.
        if self.gate.is_clear() {
            return;
        }
        if !self.gate.is_shut() {
            self.rack.flush();
        }
        // The same again: while it was flushed, nobody could have seen it.
        if self.gate.is_shut() {
            self.clear_rack();
        }
    }

    /// The connection, if nothing speaks against it.
    fn admit(&self, mut conn: Box<Conn<C>>, now: Instant, place: Place) -> Option<Box<Conn<C>>> {
        match conn.judge_once(now, self.marks()) {
            Verdict::Fit => {
                conn.entry.lend(now, place);
                Some(conn)
            }
            Verdict::Check => self.leave_wanted(conn),
            Verdict::Close(CloseReason::Idle) if self.spares(&conn) => self.leave_wanted(conn),
            Verdict::Close(reason) => {
                self.discard(conn, reason);
                if let Some(death) = is_contagious(reason) {
                    self.doubt(Doubt::Death(death));
                }
                None
            }
        }
    }

    /// Has the keeper ping a connection that a caller would have had.
    fn leave_wanted(&self, mut conn: Box<Conn<C>>) -> Option<Box<Conn<C>>> {
        conn.wanted = true;
        self.leave_to_keeper([conn]);
        None
    }

    fn join(&self) -> Result<Waiting<'_, C>, Error> {
        match self.gate.join(self.asked.max_waiters()) {
            Ok(ticket) => Ok(Waiting {
                _ticket: ticket,
                _leaving: Leaving(self),
            }),
            Err(refusal) => Err(self.refused(refusal, Duration::ZERO)),
        }
    }

    fn refused(&self, refusal: Refusal, waited: Duration) -> Error {
        match refusal {
            Refusal::Closed => Error::Closed,
            Refusal::Suspended => Error::Suspended,
            Refusal::Down => {
                self.observer.observe(&Event::FailedFast);
                Error::Unreachable(Box::new(self.shortage(waited)))
            }
            Refusal::Full => {
                let waiting = self.gate.in_line();
                self.observer.observe(&Event::Overloaded { waiting });
                Error::Overloaded(Box::new(self.shortage(waited)))
            }
        }
    }

    fn timed_out(&self, waited: Duration) -> Error {
        self.observer.observe(&Event::TimedOut { waited });
        Error::Timeout(Box::new(self.shortage(waited)))
    }

    /// How the pool stands for somebody who got nothing.
    pub(crate) fn shortage(&self, waited: Duration) -> Shortage {
        let (open, max) = (self.quota.open(), self.quota.max());
        let dialing = self.dialing.load(Ordering::SeqCst);
        let checking = self.checking.load(Ordering::SeqCst);
        let idle = self.rack.parked();
        let last_dial = self.last_dial();
        let step = if dialing > 0 || (open < max && last_dial.is_some()) {
            Step::Connect
        } else if checking > 0 {
            Step::Check
        } else {
            Step::Wait
        };
        Shortage {
            step,
            waited,
            max,
            in_use: open.saturating_sub(dialing + checking + idle + lock(&self.aside).len()),
            idle,
            dialing,
            checking,
            waiting: self.gate.in_line(),
            last_dial: last_dial.map(|(error, at)| LastDial {
                error,
                ago: Instant::now() - at,
            }),
        }
    }
}

// === impl Leaving ===

impl<C: Reuse> Drop for Leaving<'_, C> {
    fn drop(&mut self) {
        let Shared { gate, quota, .. } = self.0;
        if gate.in_line() == 0 {
            // Here and not at the keeper's next turn: else what comes back before
            // that would be closed for somebody who no longer waits.
            quota.unpinch();
            // Taken back; now look. It may have been said for somebody else.
            if gate.in_line() > 0 {
                quota.nudge();
            }
        }
        if gate.is_shut() {
            // What had been promised hangs on the line again, after those who
            // emptied it.
            self.0.clear_rack();
        }
    }
}

#[cfg(test)]
mod tests;
