//! What outlives the server: the log, and for the tests, whom it holds connections of.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_sim::history::{Id, Position, What};
use tokio::sync::Notify;

use super::{Appended, STREAM};

/// What was appended, in order. Clones are the same log.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<Id>>>);

/// How many connections a server holds of each session. Clones are the same count.
#[derive(Debug, Clone, Default)]
pub struct Guests(Arc<Books>);

#[derive(Debug, Default)]
struct Books {
    held: Mutex<BTreeMap<Id, usize>>,
    orders: Mutex<Orders>,
    told: Notify,
}

/// The last order about each session, and the number of each.
#[derive(Debug, Default)]
struct Orders {
    given: u64,
    last: BTreeMap<Id, (u64, Order)>,
}

/// What a server does to all connections that it has of a session at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// It closes them.
    HangUp,
    /// It says nothing more on them.
    FallSilent,
}

/// Counts for one connection of a session, until it is dropped.
#[derive(Debug)]
pub struct Guest {
    guests: Guests,
    session: Id,
    /// How many orders had been given when it came.
    came_after: u64,
}

// === impl Log ===

impl Log {
    /// Appends `id`, whether or not it is there.
    pub fn append(&self, id: Id) -> Appended {
        let mut ids = lock(&self.0);
        let offset = ids.len() as u64;
        ids.push(id);
        Appended { offset }
    }

    /// What it holds, for a history's end.
    pub fn last_word(&self) -> What {
        let ids = lock(&self.0);
        let log = ids.iter().zip(0..).map(|(id, offset)| (at(offset), *id));
        What::Final {
            stream: STREAM.into(),
            first_kept: at(0),
            log: log.collect(),
        }
    }
}

/// A place in the one log there is.
fn at(offset: u64) -> Position {
    Position { epoch: 0, offset }
}

// === impl Appended ===

impl Appended {
    /// The same for a history.
    pub fn position(self) -> Position {
        at(self.offset)
    }
}

// === impl Guests ===

impl Guests {
    /// How many connections of `session` the server holds.
    pub fn of(&self, session: Id) -> usize {
        lock(&self.0.held).get(&session).copied().unwrap_or(0)
    }

    /// Tells the servers what to do to the connections of `session`.
    pub fn order(&self, session: Id, order: Order) {
        {
            let mut orders = lock(&self.0.orders);
            orders.given += 1;
            let given = orders.given;
            orders.last.insert(session, (given, order));
        }
        self.0.told.notify_waiters();
    }

    pub(super) fn enter(&self, session: Id) -> Guest {
        *lock(&self.0.held).entry(session).or_default() += 1;
        Guest {
            guests: self.clone(),
            session,
            came_after: lock(&self.0.orders).given,
        }
    }
}

// === impl Guest ===

impl Guest {
    /// Waits for an order to this connection.
    ///
    /// # Cancellation
    ///
    /// What is ordered while nobody waits is missed.
    pub(super) async fn told(&self) -> Order {
        loop {
            self.guests.0.told.notified().await;
            let orders = lock(&self.guests.0.orders);
            if let Some((number, order)) = orders.last.get(&self.session)
                && *number > self.came_after
            {
                return *order;
            }
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Some(count) = lock(&self.guests.0.held).get_mut(&self.session) {
            *count -= 1;
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // Neither a push nor a count is ever half done.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
