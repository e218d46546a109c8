//! How a server receives those who come, and what it tells those who are there: changed from
//! outside while it serves. It closes nothing itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_sim::history::Id;
use tokio::sync::Notify;

use super::Wish;

/// The door of one server: open, until somebody says otherwise. Clones are the same door.
#[derive(Debug, Clone, Default)]
pub struct Door(Arc<Sign>);

/// How a server answers a greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Welcoming {
    /// Everybody is welcome.
    #[default]
    All,
    /// Nobody is, now.
    Later(Wish),
    /// Nobody is believed to be who he says he is.
    Nobody,
}

#[derive(Debug, Default)]
struct Sign {
    says: Mutex<Says>,
    told: Notify,
}

#[derive(Debug, Default)]
struct Says {
    welcoming: Welcoming,
    crawls: bool,
    notices: u64,
    /// The last notice that it will go to all, and to each session, and their numbers.
    going: BTreeMap<Option<Id>, (u64, Wish)>,
}

// === impl Door ===

impl Door {
    /// Receives those who come from now on like this.
    pub fn receive(&self, welcoming: Welcoming) {
        self.says().welcoming = welcoming;
    }

    /// Answers every call slowly from now on, or no longer.
    pub fn crawl(&self, crawls: bool) {
        self.says().crawls = crawls;
    }

    /// Tells those who are connected, or of them only those of one session, that the server
    /// will go.
    pub fn announce(&self, wish: Wish, session: Option<Id>) {
        {
            let mut says = self.says();
            says.notices += 1;
            let number = says.notices;
            says.going.insert(session, (number, wish));
        }
        self.0.told.notify_waiters();
    }

    pub(super) fn welcoming(&self) -> Welcoming {
        self.says().welcoming
    }

    pub(super) fn crawls(&self) -> bool {
        self.says().crawls
    }

    /// How many notices there were.
    pub(super) fn notices(&self) -> u64 {
        self.says().notices
    }

    /// A notice for `session` with a number above `after`.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost, but for a notice that another to the same followed at once.
    pub(super) async fn going(&self, session: Id, after: u64) -> Wish {
        loop {
            // From before the look on, so that none is missed.
            let told = self.0.told.notified();
            if let Some(wish) = self.says().first_after(session, after) {
                return wish;
            }
            told.await;
        }
    }

    fn says(&self) -> MutexGuard<'_, Says> {
        // Fields are set one by one and make sense in any combination.
        self.0.says.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Says ===

impl Says {
    fn first_after(&self, session: Id, after: u64) -> Option<Wish> {
        let to = [None, Some(session)];
        let notices = to.iter().filter_map(|to| self.going.get(to));
        let new = notices.filter(|(number, _)| *number > after);
        new.min_by_key(|(number, _)| *number).map(|(_, wish)| *wish)
    }
}
