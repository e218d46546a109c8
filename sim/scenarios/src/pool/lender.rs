//! The pool of one application, as its callers see it: each loan is counted and looked at.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::BoxError;
use bowline_pool::{Error, InUse, Pool, Pooled, Reuse};
use bowline_sim::history::Id;
use tokio::time::Instant;

use super::books::{Books, Counted};
use super::gauge::{Gauge, millis, number};
use super::line::Line;
use super::{MAX, Mutation};

/// Which loan is never given back where one is to be kept.
const KEPT: u64 = 30;

/// A pool and its books.
pub(super) struct Lender {
    pool: RefCell<Pool<Line>>,
    pub(super) books: Arc<Books>,
    /// By which the server knows its connections.
    pub(super) session: Id,
    maker: Maker,
    mutation: Option<Mutation>,
    lent: Cell<u64>,
    kept: RefCell<Vec<Pooled<Line>>>,
}

/// Makes a pool anew, as after a drain.
pub(super) type Maker = Box<dyn Fn() -> Result<Pool<Line>, BoxError>>;

/// A connection on loan, given back when it is dropped.
pub(super) struct Loan {
    line: Option<Pooled<Line>>,
    lender: Rc<Lender>,
    number: u64,
    _in_use: Counted,
}

// === impl Lender ===

impl Lender {
    pub(super) fn new(
        maker: Maker,
        books: Arc<Books>,
        session: Id,
        mutation: Option<Mutation>,
    ) -> Result<Self, BoxError> {
        Ok(Self {
            pool: RefCell::new(maker()?),
            books,
            session,
            maker,
            mutation,
            lent: Cell::new(0),
            kept: RefCell::default(),
        })
    }

    /// The pool that there is now.
    pub(super) fn pool(&self) -> Pool<Line> {
        self.pool.borrow().clone()
    }

    /// Closes what was opened until now.
    pub(super) fn clear(&self, in_use: InUse) {
        if self.mutation != Some(Mutation::ForgetClears) {
            self.pool().clear(in_use);
        }
        self.books.cleared();
    }

    /// Allows so many from now on.
    pub(super) fn resize(&self, max: usize) -> Result<(), BoxError> {
        if self.mutation != Some(Mutation::ForgetResizes) {
            self.pool().resize(max)?;
        }
        self.books.limited(max);
        Ok(())
    }

    /// Drains the pool. Its callers have `within` to bring back what they hold, counted in
    /// the time that they are awake.
    pub(super) async fn drain(&self, within: Duration) {
        let began = self.books.watch.awake();
        let pool = self.pool();
        loop {
            let report = pool.drain(Instant::now() + within).await;
            if report.is_complete() {
                break;
            }
            if self.books.watch.awake() > began + within {
                return self.books.read(Gauge::Undrained, number(report.lent.len()));
            }
        }
        self.books.read(Gauge::Undrained, number(self.books.open()));
    }

    /// Has another pool in place of one that was drained.
    pub(super) fn reopen(&self) -> Result<(), BoxError> {
        let pool = (self.maker)()?;
        self.books.limited(MAX);
        *self.pool.borrow_mut() = pool;
        Ok(())
    }

    /// Borrows one.
    pub(super) async fn check_out(self: &Rc<Self>) -> Result<Loan, Error> {
        let begun = Instant::now();
        let awake = self.books.watch.awake();
        let pool = self.pool();
        let line = match pool.checkout().await {
            Ok(line) => line,
            Err(error) => {
                let waited = self.books.watch.awake().saturating_sub(awake);
                self.books.read(Gauge::GaveUp, millis(waited));
                return Err(error);
            }
        };
        let waited = millis(Instant::now() - begun);
        self.books.read(Gauge::Waited, waited);
        let number = self.lent.get() + 1;
        self.lent.set(number);
        let loan = Loan {
            line: Some(line),
            lender: Rc::clone(self),
            number,
            _in_use: self.books.count(Gauge::InUse),
        };
        loan.lent();
        Ok(loan)
    }

    /// Looks at all that is parked.
    pub(super) fn audit(&self) {
        self.books.audit();
    }

    /// Writes down what the pool says of itself.
    pub(super) fn look(&self) {
        self.books.read_snapshot(&self.pool().snapshot());
    }
}

// === impl Loan ===

impl Loan {
    /// Looks whether it had ended, in fact, when it was lent.
    pub(super) fn inspect(&mut self) {
        let dead = u64::from(self.has_ended());
        self.lender.books.read(Gauge::DeadWhenLent, dead);
    }

    /// Closes it instead of giving it back.
    pub(super) fn discard(mut self) {
        if let Some(line) = self.line.take() {
            line.discard();
        }
    }
}

impl Deref for Loan {
    type Target = Line;

    fn deref(&self) -> &Line {
        self.line.as_ref().expect("taken only on the way out")
    }
}

impl DerefMut for Loan {
    fn deref_mut(&mut self) -> &mut Line {
        self.line.as_mut().expect("taken only on the way out")
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        let Some(mut line) = self.line.take() else {
            return;
        };
        line.returns();
        let keep = self.lender.mutation == Some(Mutation::KeepOne);
        if keep && self.number == KEPT && line.is_settled() {
            self.lender.kept.borrow_mut().push(line);
        }
    }
}
