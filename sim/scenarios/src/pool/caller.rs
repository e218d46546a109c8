//! One caller among many: it wants a connection, makes a few calls, and is as careless
//! with time and with connections as callers are.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bowline_pool::Reuse;
use bowline_sim::history::Id;
use bowline_sim::scenario::Node;
use tokio::time::{sleep, timeout};

use super::chance::Chance;
use super::gauge::Gauge;
use super::lender::{Lender, Loan};
use super::line::Line;
use super::shared::{self, Shared};
use super::{CALL, CALLS_MAX, PAUSE, SEASON, WAIT};
use crate::calls::{Appended, Call};

/// Most requests mean nothing but their id; some are followed by so many bytes.
const PADDING: u16 = 2_000;

pub(super) struct Caller {
    pub(super) node: Node<Shared>,
    pub(super) lender: Rc<Lender>,
    pub(super) chance: Chance,
    /// When the application's busy seasons begin.
    pub(super) season: Duration,
    pub(super) stop: Rc<Cell<bool>>,
}

/// For how long somebody waits before they change their mind.
#[derive(Debug, Clone, Copy)]
enum Patience {
    /// As long as it takes.
    Whole,
    For(Duration),
    /// So many polls, and then not a moment longer.
    Turns(u64),
    /// So many polls; then they look away for a time before they let go.
    Absent(u64, Duration),
}

// === impl Caller ===

impl Caller {
    /// Calls until it is told to stop.
    pub(super) async fn run(mut self) {
        while !self.stop.get() {
            sleep(self.pause()).await;
            self.lender.look();
            match self.chance.one_in(5) {
                true => self.run_one().await,
                false => self.borrow().await,
            }
            self.lender.look();
        }
    }

    /// Borrows a connection for one call or more, and gives it back in some state.
    async fn borrow(&mut self) {
        let mut id = shared::ask(&self.node);
        let patience = self.patience(WAIT);
        let Some(Ok(mut loan)) = within(patience, self.lender.check_out()).await else {
            return shared::failed(&self.node, id);
        };
        // Now and then only, since looking takes away what it finds.
        if self.chance.one_in(4) {
            loan.inspect();
        }
        if self.chance.one_in(15) {
            // Given back as it came.
            return shared::failed(&self.node, id);
        }
        let mut left = self.chance.below(CALLS_MAX);
        while self.call(&mut loan, id).await {
            if left == 0 {
                return self.give_back(loan).await;
            }
            left -= 1;
            id = shared::ask(&self.node);
        }
        // An answer may be outstanding: the loan ends dirty.
    }

    /// Calls once; false if the answer is outstanding.
    async fn call(&mut self, loan: &mut Loan, id: Id) -> bool {
        let call = self.request(id);
        let patience = match self.chance.one_in(4) {
            true => self.patience(CALL / 8),
            false => Patience::Whole,
        };
        let answer = within(patience, timeout(CALL, loan.call(call))).await;
        let Some(Ok(Ok(appended))) = answer else {
            shared::unknown(&self.node, id);
            return false;
        };
        shared::acked(&self.node, id, appended);
        loan.settle();
        true
    }

    async fn give_back(&mut self, mut loan: Loan) {
        match self.chance.below(10) {
            0 => loan.discard(),
            1 => {
                let id = shared::ask(&self.node);
                let call = self.request(id);
                // Whether it could be sent is nothing to a caller who has gone.
                drop(timeout(CALL, loan.ask(call)).await);
                shared::unknown(&self.node, id);
            }
            _ => drop(loan),
        }
    }

    /// One call by [`Pool::run`](bowline_pool::Pool::run).
    async fn run_one(&mut self) {
        let id = shared::ask(&self.node);
        let call = self.request(id);
        let patience = self.patience(WAIT);
        let begun = Cell::new(false);
        let work = async |line: &mut Line| -> io::Result<Appended> {
            begun.set(true);
            let _in_use = self.lender.books.count(Gauge::InUse);
            line.lent();
            let appended = timeout(CALL, line.call(call)).await??;
            // It returns to the pool at once.
            line.settle();
            line.returns();
            Ok(appended)
        };
        let pool = self.lender.pool();
        match within(patience, pool.run(work)).await {
            Some(Ok(appended)) => shared::acked(&self.node, id, appended),
            _ if begun.get() => shared::unknown(&self.node, id),
            _ => shared::failed(&self.node, id),
        }
    }

    fn request(&mut self, id: Id) -> Call {
        let padding = if self.chance.one_in(8) { PADDING } else { 0 };
        Call { id, padding }
    }

    fn patience(&mut self, longest: Duration) -> Patience {
        match self.chance.below(8) {
            0 => Patience::Turns(1 + self.chance.below(3)),
            1 => {
                let turns = 1 + self.chance.below(3);
                Patience::Absent(turns, self.chance.up_to(longest / 4))
            }
            2 | 3 => Patience::For(self.chance.up_to(longest)),
            _ => Patience::Whole,
        }
    }

    /// Everybody is busy for a season, so that many stand in line, and then has time, so
    /// that connections are parked for longer than they may be.
    fn pause(&mut self) -> Duration {
        let season = (self.node.elapsed() + self.season).as_millis() / SEASON.as_millis();
        let longest = if season.is_multiple_of(2) {
            PAUSE / 20
        } else {
            PAUSE
        };
        self.chance.up_to(longest)
    }
}

/// What comes of `future`, unless patience ends first; then it is dropped where it stands.
async fn within<F: Future>(patience: Patience, future: F) -> Option<F::Output> {
    match patience {
        Patience::Whole => Some(future.await),
        Patience::For(longest) => timeout(longest, future).await.ok(),
        Patience::Turns(turns) => for_turns(turns, future, Duration::ZERO).await,
        Patience::Absent(turns, away) => for_turns(turns, future, away).await,
    }
}

async fn for_turns<F: Future>(turns: u64, future: F, away: Duration) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = turns;
    let ready = poll_fn(|context| {
        let polled = future.as_mut().poll(context).map(Some);
        left -= 1;
        match left {
            0 if polled.is_pending() => Poll::Ready(None),
            _ => polled,
        }
    });
    let ready = ready.await;
    if ready.is_none() && !away.is_zero() {
        sleep(away).await;
    }
    ready
}
