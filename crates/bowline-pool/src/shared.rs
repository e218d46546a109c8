//! What callers, guards and the keeper share: parking, taking, waiting and
//! closing. It never dials and never waits for a dial.
//!
//! One rule keeps every wake-up: *publish, then look*. Whoever puts something
//! where others may miss it looks afterwards whether somebody announced itself
//! meanwhile; whoever wants something announces itself, then takes.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};

use bowline_link::Endpoint;
use bowline_policy::Observe;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::budget::Budget;
use crate::conn::Conn;
use crate::gate::{Gate, Refusal};
use crate::rack::Rack;
use crate::{CloseReason, DialError, Error, Event, Reuse, Settings};

pub(crate) struct Shared<C> {
    pub(crate) endpoint: Endpoint,
    pub(crate) settings: Settings,
    pub(crate) observer: Arc<dyn Observe<Event>>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) gate: Gate,
    pub(crate) rack: Rack<Box<Conn<C>>>,
    /// Wakes the keeper to look again.
    pub(crate) nudge: Notify,
    /// Dials under way, for the status.
    pub(crate) dialing: AtomicUsize,
    /// A connection proved the peer stable since the keeper last looked.
    pub(crate) stable: AtomicBool,
    /// A connection died unused since the keeper last looked.
    pub(crate) stillborn: AtomicBool,
    pub(crate) last_dial: Mutex<Option<DialError>>,
}

// === impl Shared ===

impl<C: Reuse> Shared<C> {
    pub(crate) fn new(
        endpoint: Endpoint,
        settings: Settings,
        observer: Arc<dyn Observe<Event>>,
    ) -> Self {
        Self {
            endpoint,
            observer,
            budget: Arc::new(Budget::new(settings.max)),
            gate: Gate::new(),
            rack: Rack::new(settings.max),
            settings,
            nudge: Notify::new(),
            dialing: AtomicUsize::new(0),
            stable: AtomicBool::new(false),
            stillborn: AtomicBool::new(false),
            last_dial: Mutex::new(None),
        }
    }

    /// A parked connection fit to be handed out, past nobody who waits.
    pub(crate) fn take_parked(&self) -> Option<Box<Conn<C>>> {
        while self.gate.is_clear() {
            let conn = self.rack.take_hot().or_else(|| self.take_cold())?;
            if let Some(fit) = self.admit(conn, Instant::now()) {
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
            self.nudge.notify_one();
        }
        Some(conn)
    }

    /// Stands in line until a fit connection comes, or until the deadline.
    pub(crate) async fn take_in_line(&self) -> Result<Box<Conn<C>>, Error> {
        let _ticket = self.join()?;
        // What was parked before anybody waited belongs to the head of the line.
        self.rack.flush();
        // A full pool cannot dial; the seat that comes free wakes the keeper.
        if !self.budget.is_full() {
            self.nudge.notify_one();
        }

        let deadline = Instant::now() + self.settings.wait;
        let mut late = pin!(sleep_until(deadline));
        loop {
            tokio::select! {
                biased;
                taken = self.rack.take_in_line() => {
                    let conn = taken.ok_or(Error::Closed)?;
                    let now = Instant::now();
                    if now >= deadline {
                        self.park(conn);
                        return Err(self.timed_out());
                    }
                    if let Some(fit) = self.admit(conn, now) {
                        return Ok(fit);
                    }
                }
                () = &mut late => return Err(self.timed_out()),
            }
        }
    }

    /// Takes a connection back from its caller.
    pub(crate) fn give_back(&self, mut conn: Box<Conn<C>>) {
        if !conn.link.is_settled() {
            return self.discard(conn, CloseReason::Dirty);
        }
        if conn.came_back(Instant::now(), self.settings.idle_limit) {
            self.stable.store(true, Ordering::SeqCst);
        }
        self.park(conn);
    }

    /// Puts a connection where the next caller finds it.
    pub(crate) fn park(&self, conn: Box<Conn<C>>) {
        if self.gate.is_clear() {
            self.rack.add_hot(conn);
        } else {
            self.rack.add(conn);
        }
        // Published; now look. A caller that joined in between has emptied the
        // slot before it was filled, and would wait for what lies there.
        if self.gate.is_closed() {
            self.strip();
        } else if !self.gate.is_clear() {
            self.rack.flush();
        }
    }

    /// Closes a connection and says why.
    pub(crate) fn discard(&self, conn: Box<Conn<C>>, reason: CloseReason) {
        if matches!(reason, CloseReason::Dead(_)) && !conn.has_served() {
            self.stillborn.store(true, Ordering::SeqCst);
        }
        // Said before it is done: else a successor could be reported first.
        self.observer.observe(&Event::Closed {
            endpoint: self.endpoint.clone(),
            reason,
        });
        drop(conn);
    }

    /// Refuses callers from now on and closes what is parked.
    pub(crate) fn close(&self) {
        if self.gate.close() {
            self.strip();
            self.rack.end_line();
            self.nudge.notify_one();
        }
    }

    pub(crate) fn note_dial(&self, outcome: Option<DialError>) {
        *self
            .last_dial
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = outcome;
    }

    fn strip(&self) {
        for conn in self.rack.strip() {
            self.discard(conn, CloseReason::PoolClosed);
        }
    }

    /// The connection, if nothing speaks against it; else it is closed.
    fn admit(&self, mut conn: Box<Conn<C>>, now: Instant) -> Option<Box<Conn<C>>> {
        match conn.defect(now) {
            None => Some(conn),
            Some(reason) => {
                self.discard(conn, reason);
                None
            }
        }
    }

    fn join(&self) -> Result<crate::gate::Ticket<'_>, Error> {
        self.gate
            .join(self.settings.max_waiters)
            .map_err(|refusal| match refusal {
                Refusal::Closed => Error::Closed,
                Refusal::Full => {
                    let waiting = self.gate.in_line();
                    self.observer.observe(&Event::Overloaded {
                        endpoint: self.endpoint.clone(),
                        waiting,
                    });
                    Error::Overloaded {
                        open: self.budget.open(),
                        max: self.settings.max,
                        waiting,
                        last_dial: self.last_dial(),
                    }
                }
            })
    }

    fn timed_out(&self) -> Error {
        let waited = self.settings.wait;
        self.observer.observe(&Event::TimedOut {
            endpoint: self.endpoint.clone(),
            waited,
        });
        Error::Timeout {
            waited,
            open: self.budget.open(),
            max: self.settings.max,
            waiting: self.gate.in_line(),
            last_dial: self.last_dial(),
        }
    }

    fn last_dial(&self) -> Option<DialError> {
        let last = self.last_dial.lock();
        last.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
