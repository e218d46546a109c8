//! What one link tells, written down and compared with what it may tell: the order of its
//! events, the waits, whom it calls, what it says of sessions, what becomes of what it leaves.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_link::Endpoint;
use bowline_link::discovery::Targets;
use bowline_policy::Observe;
use bowline_policy::heartbeat::Death;
use bowline_reconnect::{
    Event, LostReason, Reason, Resumption, Revival, SharedError, State, TurnedAway,
};
use bowline_sim::history::{Name, What};
use bowline_sim::scenario::Node;
use tokio::time::Instant;

use super::book::{Book, End, Is, Live, Wait};
use super::gauge::{self, Breach};
use super::terms::Terms;
use super::{
    CONNECT_TIMEOUT, HINTS, PORT, RETIRE_WITHIN, RETIRING_MAX, SERVERS, SLACK, STABLE_AFTER, Shared,
};
use crate::calls::Wish;

/// The ledger of one link.
#[derive(Debug)]
pub(super) struct Ledger {
    node: Node<Shared>,
    terms: Terms,
    /// Which of the client's links it is.
    pub(super) number: u64,
    book: Mutex<Book>,
}

// === impl Ledger ===

impl Ledger {
    pub(super) fn new(node: &Node<Shared>, terms: Terms, number: u64) -> Self {
        let book = Book {
            listed: endpoints(&terms.home()),
            since: node.elapsed(),
            ..Book::default()
        };
        Self {
            node: node.clone(),
            terms,
            number,
            book: Mutex::new(book),
        }
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        // A ledger that panicked has broken the run already.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn breach(&self, breach: Breach) {
        gauge::breach(&self.node, breach);
    }

    /// The session hook shows this token, or none (0).
    pub(super) fn shows(&self, token: u64) {
        if self.book().kept != token {
            self.breach(Breach::TokenLost);
        }
    }

    /// The server has said what became of the session of this connection.
    pub(super) fn heard(&self, epoch: u64, resumption: Resumption, token: u64) {
        let mut book = self.book();
        book.said.insert(epoch, resumption);
        book.kept = token;
    }

    /// The server asks for something.
    pub(super) fn asked(&self, wish: Wish) {
        self.book().wish = Some(wish);
    }

    /// A list will be in force; one that is already is not told.
    pub(super) fn will_list(&self, targets: &Targets) {
        let (list, mut book) = (endpoints(targets), self.book());
        if *book.pending.last().unwrap_or(&book.listed) != list {
            book.pending.push(list);
        }
    }

    /// Somebody cuts the wait under way short.
    pub(super) fn excuse(&self) {
        self.book().excuse();
    }

    /// Somebody closes the link.
    pub(super) fn closing(&self) {
        self.book().asked_to_close = true;
    }

    /// Whether the state is what was told, and nothing has gone on for too long.
    pub(super) fn compare(&self, state: &State, connections: u64) {
        let now = self.node.elapsed();
        let book = self.book();
        let same = match (state, &book.is) {
            (State::Idle, Is::New) | (State::Backoff { .. }, Is::Waiting) => true,
            // It begins with the first before that is told.
            (State::Connecting { .. }, Is::New) => true,
            (State::Connecting { endpoint, .. }, Is::Connecting(to)) => endpoint == to,
            (State::Ready { epoch, .. }, Is::Ready(is)) => epoch == is,
            (State::Parked { .. }, Is::Parked) | (State::Closed, Is::Closed) => true,
            _ => false,
        };
        let lasts = now.saturating_sub(book.since);
        let too_long = match &book.is {
            Is::Connecting(_) => lasts > CONNECT_TIMEOUT + SLACK,
            // Idle is for the first caller to end, and there are callers.
            Is::New | Is::Ready(_) | Is::Waiting | Is::Parked | Is::Closed => false,
        };
        let owned = book.retiring.len() + usize::from(book.live.is_some());
        // A probe is told only once it is over.
        let made = match &book.connecting {
            Some(_) => 1,
            None => usize::from(self.terms.servers.len() > 1),
        };
        let stray = connections > (owned + made) as u64;
        drop(book);
        for (broken, breach) in [
            (!same, Breach::OtherState),
            (too_long, Breach::LeftForGood),
            (stray, Breach::StrayConnection),
        ] {
            if broken {
                self.breach(breach);
            }
        }
    }

    fn connecting(&self, book: &mut Book, endpoint: &Endpoint, reason: Reason) {
        let listed = book.may_be_listed(endpoint)
            || endpoints(&self.terms.home()).contains(endpoint)
            || book.redirect.as_ref() == Some(endpoint);
        if !listed {
            self.breach(Breach::NotOnTheList);
        }
        // Once; who sends us there in the meantime does so for the next time.
        book.redirected = book.redirect.take_if(|to| to == endpoint).is_some();
        book.connecting = Some((endpoint.clone(), reason.is_beside()));
        book.asked = None;
        book.unauthorized = false;
        if let Some(wait) = book.wait.take()
            && reason == Reason::Again
            && !wait.excused
            && Instant::now() < wait.began + wait.delay
        {
            self.breach(Breach::TooSoon);
        }
        let late = |by: Duration| self.node.elapsed() > by;
        if reason == Reason::Drain && book.leave_by.take().is_some_and(late) {
            self.breach(Breach::WentTooLate);
        }
        if !reason.is_beside() {
            self.turn(book, Is::Connecting(endpoint.clone()));
        }
    }

    fn connected(&self, book: &mut Book, to: &Endpoint, epoch: u64, told: Resumption) {
        if book.said.get(&epoch) != Some(&told) {
            self.breach(Breach::ToldOtherwise);
        }
        book.connecting = None;
        book.leave_by = None;
        let redirected = std::mem::take(&mut book.redirected);
        book.redirect = None;
        if book.live.is_some() {
            // One at a time is written down: the other is left now.
            self.node.record(What::Lost);
        }
        book.live = Some(Live {
            epoch,
            endpoint: to.clone(),
            redirected,
            since: self.node.elapsed(),
        });
        let to = Name::from(to.host());
        self.node.record(What::Connected { to });
        self.turn(book, Is::Ready(epoch));
    }

    fn failed(&self, book: &mut Book, error: &SharedError) {
        let beside = book.connecting.take().is_some_and(|(_, beside)| beside);
        if error.is::<TurnedAway>() && !beside {
            book.asked = book.wish.and_then(window);
        }
    }

    fn retiring(&self, book: &mut Book, epoch: u64, reason: Reason) {
        let text = format!("leaves connection {epoch}: {reason:?}");
        self.node.note(text);
        let since = (Instant::now(), self.node.elapsed());
        book.retiring.insert(epoch, since);
    }

    fn lost(&self, book: &mut Book, epoch: u64, reason: LostReason, error: &SharedError) {
        let (now, clock) = (self.node.elapsed(), Instant::now());
        if reason == LostReason::LinkClosed {
            // Told too when a world is taken down, in no order: who leaves says it himself.
            book.retiring.remove(&epoch);
            book.live.take_if(|live| live.epoch == epoch);
            let (at, early) = (now, false);
            book.lost.insert(epoch, End { at, early });
            return;
        }
        let others = book.retiring.len();
        let retired = book.retiring.remove(&epoch);
        let early = reason == LostReason::Retired
            && others <= RETIRING_MAX
            && retired.is_none_or(|(since, _)| clock < since + RETIRE_WITHIN);
        if retired.is_some_and(|(_, since)| now > since + RETIRE_WITHIN + SLACK) {
            self.breach(Breach::Overdue);
        }
        book.lost.insert(epoch, End { at: now, early });
        let Some(live) = book.live.take_if(|live| live.epoch == epoch) else {
            return;
        };
        book.leave_by = None;
        if let Some(Death::Silence { silent, .. }) = error.downcast_ref::<Death>() {
            let silent_us = u64::try_from(silent.as_micros()).unwrap_or(u64::MAX);
            let on = Name::from(live.endpoint.host());
            self.node.record(What::GaveUp { on, silent_us });
        }
        self.node.record(What::Lost);
        // What was being made beside it is all there is now.
        if let Some((to, beside)) = &mut book.connecting {
            *beside = false;
            let to = to.clone();
            self.turn(book, Is::Connecting(to));
        }
    }

    fn waits(&self, book: &mut Book, delay: Duration) {
        if let Some((from, to)) = book.asked.take() {
            let (floor, cap) = HINTS;
            let low = from.clamp(floor, cap);
            let high = to.clamp(low, cap).max(low + low / 4).min(cap);
            // Earlier than asked only where there is no room below the cap.
            let least = if low + low / 4 <= cap { low } else { floor };
            if delay < least || delay > high {
                self.breach(Breach::HintIgnored);
            }
        }
        book.wait = Some(Wait {
            began: Instant::now(),
            delay,
            excused: std::mem::take(&mut book.reset),
        });
        self.turn(book, Is::Waiting);
    }

    fn hinted(&self, book: &mut Book) {
        let wish = book.wish.unwrap_or_default();
        // Where an earlier one sent us counts until we have been there.
        book.redirect = redirect(wish).or(book.redirect.take());
        // Of one who is turned away it is the wait that tells.
        let is_stable = |live: &Live| self.node.elapsed() >= live.since + STABLE_AFTER;
        if wish.closes_in_ms > 0
            && book.live.as_ref().is_some_and(is_stable)
            && book.connecting.is_none()
        {
            let within = Duration::from_millis(wish.closes_in_ms.into());
            book.leave_by = Some(self.node.elapsed() + within + SLACK);
        }
    }

    fn turn(&self, book: &mut Book, is: Is) {
        book.is = is;
        book.since = self.node.elapsed();
    }
}

impl Observe<Event> for Ledger {
    fn observe(&self, event: &Event) {
        let mut book = self.book();
        let book = &mut *book;
        if book.closed.is_some() {
            return self.breach(Breach::OtherState);
        }
        book.told.push(word(event));
        match event {
            Event::Connecting {
                endpoint, reason, ..
            } => self.connecting(book, endpoint, *reason),
            Event::Connected {
                endpoint,
                epoch,
                resumption,
                ..
            } => self.connected(book, endpoint, *epoch, *resumption),
            Event::Failed { error, .. } => {
                self.node.note(format!("no connection: {error}"));
                self.failed(book, error);
            }
            Event::Lost {
                epoch,
                reason,
                error,
                ..
            } => self.lost(book, *epoch, *reason, error),
            Event::Retiring { epoch, reason, .. } => self.retiring(book, *epoch, *reason),
            Event::Hinted { hint, .. } => {
                self.node.note(format!("is asked: {hint:?}"));
                self.hinted(book);
            }
            Event::Unauthorized { .. } => book.unauthorized = true,
            Event::Listed { origin, .. } => {
                book.listed(*origin);
                book.excuse();
            }
            Event::Leapt { by } => {
                self.node.note(format!("did not see {by:?}"));
                book.excuse();
            }
            Event::BackingOff { delay, .. } => {
                self.node.note(format!("rests for {delay:?}"));
                self.waits(book, *delay);
            }
            Event::Parked { .. } => {
                self.node.note("is parked");
                book.reset = false;
                self.turn(book, Is::Parked);
            }
            Event::Revived { by, .. } => {
                self.node.note("is told to connect now");
                if *by == Revival::Asked {
                    book.excuse();
                }
            }
            Event::Closed { reason, .. } => {
                book.closed = Some(*reason);
                self.turn(book, Is::Closed);
            }
            _ => {}
        }
    }
}

/// An event in words, to tell it from others.
pub(super) fn word(event: &Event) -> String {
    format!("{event:?}")
}

/// Where a wish sends us.
pub(super) fn redirect(wish: Wish) -> Option<Endpoint> {
    let place = usize::from(wish.redirect).checked_sub(1)?;
    Some(Endpoint::new(SERVERS[place], PORT))
}

/// When it asks us to come.
pub(super) fn window(wish: Wish) -> Option<(Duration, Duration)> {
    let [from, to] = [wish.from_ms, wish.to_ms].map(|ms| Duration::from_millis(ms.into()));
    (!to.is_zero()).then_some((from, to))
}

fn endpoints(targets: &Targets) -> Vec<Endpoint> {
    targets
        .iter()
        .map(|target| target.endpoint.clone())
        .collect()
}
