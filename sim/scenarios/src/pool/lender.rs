//! The pool of one application, as its callers see it: each loan is counted and looked at.

use std::cell::{Cell, RefCell};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;

use bowline_pool::{Error, Pool, Pooled, Reuse};
use tokio::time::Instant;

use super::Mutation;
use super::books::{Books, Counted, Gauge, millis};
use super::line::Line;

/// Which loan is never given back where one is to be kept.
const KEPT: u64 = 30;

/// A pool and its books.
#[derive(Debug)]
pub(super) struct Lender {
    pub(super) pool: Pool<Line>,
    pub(super) books: Arc<Books>,
    mutation: Option<Mutation>,
    lent: Cell<u64>,
    kept: RefCell<Vec<Pooled<Line>>>,
}

/// A connection on loan, given back when it is dropped.
pub(super) struct Loan {
    line: Option<Pooled<Line>>,
    lender: Rc<Lender>,
    number: u64,
    _in_use: Counted,
}

// === impl Lender ===

impl Lender {
    pub(super) fn new(pool: Pool<Line>, books: Arc<Books>, mutation: Option<Mutation>) -> Self {
        Self {
            pool,
            books,
            mutation,
            lent: Cell::new(0),
            kept: RefCell::default(),
        }
    }

    /// Borrows one.
    pub(super) async fn check_out(self: &Rc<Self>) -> Result<Loan, Error> {
        let begun = Instant::now();
        let line = self.pool.checkout().await?;
        let waited = millis(Instant::now() - begun);
        self.books.read(Gauge::Waited, waited);
        let number = self.lent.get() + 1;
        self.lent.set(number);
        let mut loan = Loan {
            line: Some(line),
            lender: Rc::clone(self),
            number,
            _in_use: self.books.count(Gauge::InUse),
        };
        if let Some(parked) = loan.lent() {
            self.books.read(Gauge::IdleWhenLent, millis(parked));
        }
        Ok(loan)
    }

    /// Writes down what the pool says of itself.
    pub(super) fn look(&self) {
        self.books.read_snapshot(&self.pool.snapshot());
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
