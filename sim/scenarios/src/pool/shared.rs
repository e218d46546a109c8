//! What a whole run shares: the server's log, and which calls are under way, so that those
//! of an application that is killed have an end in the history too.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bowline_link::BoxError;
use bowline_policy::heartbeat::Fixed;
use bowline_sim::history::{Id, What};
use bowline_sim::scenario::After;
use bowline_sim::scenario::Node;
use tokio::time::Instant;

use super::{PORT, SERVERS, SILENCE, TROUBLE};
use crate::calls::{self, Appended, Door, Guests, Log, Memory, STREAM, Serving};

/// What outlives every crash: what only the test may know, and the server's log, which
/// stands for a durable store.
#[derive(Debug, Default)]
pub struct Shared {
    log: Log,
    pub(super) guests: Guests,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    last: u128,
    /// Calls without an outcome, and who made them.
    open: BTreeMap<Id, String>,
}

/// The software of each server.
pub(super) async fn serve(node: Node<Shared>) -> Result<(), BoxError> {
    let listener = node.listen(PORT).await?;
    // Both servers keep one log, as two that share a database.
    let rude_for = TROUBLE.saturating_sub(node.elapsed());
    let serving = Serving {
        log: node.shared().log.clone(),
        guests: node.shared().guests.clone(),
        memory: Memory::default(),
        door: Door::default(),
        heartbeat: Fixed::new(SILENCE / 3, SILENCE / 3, 2)?,
        chance: node.chance(),
        rude_until: (!rude_for.is_zero()).then(|| Instant::now() + rude_for),
    };
    calls::serve(listener, serving).await
}

/// Says that `node` asks for something, and what.
pub(super) fn ask(node: &Node<Shared>) -> Id {
    let id = {
        let mut asked = node.shared().asked();
        asked.last += 1;
        let id = Id(asked.last);
        asked.open.insert(id, node.name().to_owned());
        id
    };
    let stream = STREAM.into();
    node.record(What::Invoked { stream, id });
    id
}

/// It got an answer.
pub(super) fn acked(node: &Node<Shared>, id: Id, appended: Appended) {
    let what = What::Acked {
        stream: STREAM.into(),
        id,
        position: appended.position(),
        duplicate: false,
    };
    end(node, id, what);
}

/// It sent nothing.
pub(super) fn failed(node: &Node<Shared>, id: Id) {
    let stream = STREAM.into();
    end(node, id, What::Failed { stream, id });
}

/// It sent something and got no answer.
pub(super) fn unknown(node: &Node<Shared>, id: Id) {
    let stream = STREAM.into();
    end(node, id, What::Unknown { stream, id });
}

/// What was under way when `node` was killed has no answer and never will.
pub(super) fn bury(node: &Node<Shared>) {
    for id in node.shared().open_of(node.name()) {
        unknown(node, id);
    }
}

/// Writes down what the log holds, and gives up what is still open: somebody was killed,
/// or struck, and never came back.
pub(super) fn last_word(after: &After<Shared>) {
    let shared = after.shared();
    let core: Vec<_> = after.plan().core().map(str::to_owned).collect();
    let open = shared.asked().open.clone();
    for (id, process) in open {
        // Of the others an answer is owed: what is missing there is to be found.
        if !core.contains(&process) {
            let stream = STREAM.into();
            after.record(&process, What::Unknown { stream, id });
        }
    }
    after.record(SERVERS[0], shared.log.last_word());
}

fn end(node: &Node<Shared>, id: Id, what: What) {
    node.shared().asked().open.remove(&id);
    node.record(what);
}

// === impl Shared ===

impl Shared {
    fn open_of(&self, process: &str) -> Vec<Id> {
        let asked = self.asked();
        let open = asked.open.iter().filter(|(_, by)| *by == process);
        open.map(|(id, _)| *id).collect()
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        // A count and a map are whole between any two steps of theirs.
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
