//! What servers remember of sessions: the token by which one is continued, and what it has
//! joined. It outlives a start where whoever starts the server keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_sim::history::Id;

use super::Met;

/// The sessions that servers remember. Clones are the same memory.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<Id, Session>>>);

#[derive(Debug)]
struct Session {
    token: u64,
    joined: BTreeSet<u64>,
}

// === impl Memory ===

impl Memory {
    /// Forgets everybody.
    pub fn wipe(&self) {
        self.sessions().clear();
    }

    /// What the newest connection of `session` has joined.
    pub fn joined(&self, session: Id) -> BTreeSet<u64> {
        let sessions = self.sessions();
        sessions
            .get(&session)
            .map(|known| known.joined.clone())
            .unwrap_or_default()
    }

    /// Somebody comes who shows a token, or none (0). Who is not known gets the token `new`.
    pub(super) fn meet(&self, session: Id, shown: u64, new: u64) -> (Met, u64) {
        let mut sessions = self.sessions();
        let met = match sessions.get(&session) {
            Some(known) if shown == 0 || shown == known.token => Met::Before,
            Some(_) | None => Met::Never,
        };
        let token = new;
        let known = sessions.entry(session).or_insert_with(|| Session {
            token,
            joined: BTreeSet::new(),
        });
        known.joined.clear();
        (met, known.token)
    }

    pub(super) fn join(&self, session: Id, place: u64) {
        if let Some(known) = self.sessions().get_mut(&session) {
            known.joined.insert(place);
        }
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<Id, Session>> {
        // No insert is ever half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
