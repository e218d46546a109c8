//! What only the test knows: how far everybody is, so that a run can tell when all is said.
//!
//! It outlives crashes and judges nothing; checks read the history.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_chat::log::{MsgId, Offset};
use bowline_sim::Streams;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::script::Script;
use super::{PEOPLE, ROBOT};

/// How long nothing is new before all is said: longer than a message and its answer travel.
pub(super) const QUIET: Duration = Duration::from_millis(300);

type Heads = BTreeMap<Arc<str>, Offset>;

/// A run's blackboard.
#[derive(Debug)]
pub struct Board {
    pub(super) streams: Streams,
    state: Mutex<State>,
    despair: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The last place that the store gave away, in each room.
    heads: Heads,
    /// The last place that each person was shown, in each room that they are in now.
    reached: BTreeMap<(&'static str, Arc<str>), Offset>,
    /// Publishes without an answer, of each person.
    unanswered: BTreeMap<&'static str, usize>,
    /// Who has said a last word where, and has the answer.
    last_words: BTreeSet<(&'static str, &'static str)>,
    robot_said_all: bool,
    /// All was said and shown once.
    settled: bool,
    /// What a store that forgets ids wrote instead of them.
    pub(super) aliases: BTreeMap<MsgId, MsgId>,
}

// === impl Board ===

impl Board {
    pub(super) fn new(streams: Streams) -> Self {
        Self {
            streams,
            state: Mutex::default(),
            despair: Notify::new(),
        }
    }

    /// The store has given away `head` in `room`.
    pub(super) fn committed(&self, room: &str, head: Offset) {
        let mut state = self.lock();
        let known = state.heads.entry(room.into()).or_default();
        *known = head.max(*known);
    }

    /// The last place that the store gave away in `room`.
    pub(super) fn head(&self, room: &str) -> Offset {
        self.lock().heads.get(room).copied().unwrap_or_default()
    }

    /// `who` stands at `offset` in `room`.
    pub(super) fn reached(&self, who: &'static str, room: &Arc<str>, offset: Offset) {
        self.lock().reached.insert((who, room.clone()), offset);
    }

    /// `who` is in no room until they are told where they stand.
    pub(super) fn away(&self, who: &'static str) {
        self.lock().reached.retain(|(person, _), _| *person != who);
    }

    /// `who` asked for something.
    pub(super) fn asked(&self, who: &'static str) {
        *self.lock().unanswered.entry(who).or_default() += 1;
    }

    /// `who` has an answer, or waits for it no longer.
    pub(super) fn answered(&self, who: &'static str) {
        let mut state = self.lock();
        let unanswered = state.unanswered.entry(who).or_default();
        *unanswered = unanswered.checked_sub(1).expect("it was asked before");
    }

    /// `who` has said a last word in `room`.
    pub(super) fn said_last(&self, who: &'static str, room: &'static str) {
        self.lock().last_words.insert((who, room));
    }

    /// The robot has said all and has all answers.
    pub(super) fn robot_said_all(&self) {
        self.lock().robot_said_all = true;
    }

    /// Waits until everybody of the core has said a last word in each room, has all
    /// answers, and for a moment was shown all that there is.
    ///
    /// It becomes true for all at once: who went earlier would miss what others are late
    /// with, and what those have sent whom a fault holds for ever.
    pub(super) async fn settled(&self, is_core: impl Fn(&str) -> bool) {
        let core = PEOPLE.iter().filter(|name| is_core(name));
        let scripts: Vec<_> = core.map(|name| Script::of(self.streams, name)).collect();
        while is_core(ROBOT) && !self.lock().robot_said_all {
            sleep(QUIET).await;
        }
        loop {
            let before = self.quiet(&scripts);
            sleep(QUIET).await;
            let mut state = self.lock();
            if state.settled || before.is_some() && state.quiet(&scripts) == before {
                state.settled = true;
                return;
            }
        }
    }

    fn quiet(&self, core: &[Script]) -> Option<Heads> {
        self.lock().quiet(core)
    }

    /// Somebody goes in circles: all is over.
    pub(super) fn despair(&self) {
        self.despair.notify_one();
    }

    /// Waits for somebody to [`despair`](Self::despair).
    pub(super) async fn despaired(&self) {
        self.despair.notified().await;
    }

    /// The message id that stands for `id` in a store that forgets ids: another each time.
    pub(super) fn alias(&self, id: MsgId) -> MsgId {
        let mut state = self.lock();
        let mut alias = id;
        while state.aliases.contains_key(&alias) {
            alias = MsgId(
                (u128::from_be_bytes(alias.0) ^ ALIASED)
                    .wrapping_add(1)
                    .to_be_bytes(),
            );
        }
        state.aliases.insert(alias, id);
        alias
    }

    /// What `alias` stands for.
    pub(super) fn meant(&self, alias: MsgId) -> MsgId {
        self.lock().aliases.get(&alias).copied().unwrap_or(alias)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// How far the logs go, where all of `core` have reached that.
    fn quiet(&self, core: &[Script]) -> Option<Heads> {
        let are_all_there = core.iter().all(|script| {
            let who = script.name;
            let is_done = |room: &&'static str| {
                let head = self.heads.get(*room).copied().unwrap_or_default();
                let reached = self.reached.get(&(who, Arc::from(*room)));
                self.last_words.contains(&(who, *room)) && reached.is_some_and(|at| *at >= head)
            };
            let unanswered = self.unanswered.get(who).copied().unwrap_or_default();
            unanswered == 0 && script.rooms().iter().all(is_done)
        });
        are_all_there.then(|| self.heads.clone())
    }
}

/// Set in every alias, so that it meets no id that was drawn.
const ALIASED: u128 = 1 << 127;
