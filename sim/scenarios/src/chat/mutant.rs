//! The server's store as the world sees it: it tells how far the logs go, and has one
//! thing broken on purpose where that is asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use bowline_chat::log::{Message, Offset};
use bowline_chat::store::{Appended, Draft, Error, Head, Refused, Replay, Store};
use bowline_sim::scenario::Node;

use super::board::Board;

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mutation {
    /// The disk says "synced" and is not: acknowledged messages go with the power.
    ForgetToSync,
    /// A replay swaps two neighbours.
    SwapNeighbours,
    /// A recovery leaves the last message out.
    LeaveOutLast,
    /// A replay begins one message late, and says so.
    BeginLate,
    /// Ids are not remembered: what is said again is appended again.
    ForgetIds,
    /// What could not be appended is acknowledged all the same.
    AckAnyway,
    /// A store that failed never comes back.
    StayClosed,
}

/// A store that is watched, and a [`Mutation`] of it.
#[derive(Debug)]
pub(super) struct Mutant<S> {
    store: S,
    node: Node<Board>,
    mutation: Option<Mutation>,
    heads: BTreeMap<Arc<str>, Head>,
}

// === impl Mutant ===

impl<S: Store> Mutant<S> {
    pub(super) fn new(store: S, node: Node<Board>, mutation: Option<Mutation>) -> Self {
        Self {
            store,
            node,
            mutation,
            heads: BTreeMap::new(),
        }
    }

    fn has(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    fn head(&self, head: Head) -> Head {
        if self.has(Mutation::LeaveOutLast) && head.last > head.first {
            let last = Offset(head.last.0 - 1);
            Head { last, ..head }
        } else {
            head
        }
    }

    /// The log of `room` is known to end there.
    fn ends(&mut self, room: &str, head: Head) {
        self.node.shared().committed(room, head.last);
        self.heads.insert(room.into(), head);
    }

    /// The answers that a store gives which has written all of `batch`.
    fn as_if_done(&mut self, batch: &[Draft]) -> Option<Vec<Result<Appended, Refused>>> {
        let answers = batch.iter().map(|draft| {
            let head = self.heads.get_mut(&draft.room)?;
            let prev = head.last;
            head.last = prev.next();
            Some(Ok(Appended {
                epoch: head.epoch,
                offset: head.last,
                prev,
                duplicate: false,
            }))
        });
        answers.collect()
    }
}

impl<S: Store> Store for Mutant<S> {
    fn durable(&self) -> bool {
        self.store.durable()
    }

    fn append(&mut self, batch: &[Draft]) -> Result<Vec<Result<Appended, Refused>>, Error> {
        let appended = if self.has(Mutation::ForgetIds) {
            let board = self.node.shared();
            let mut aliased = batch.to_vec();
            for draft in &mut aliased {
                draft.msg_id = board.alias(draft.msg_id);
            }
            self.store.append(&aliased)
        } else {
            self.store.append(batch)
        };
        let appended = match appended {
            Err(error) if self.has(Mutation::AckAnyway) => self.as_if_done(batch).ok_or(error)?,
            appended => appended?,
        };
        for (draft, outcome) in batch.iter().zip(&appended) {
            if let Ok(Appended { offset, .. }) = outcome {
                self.node.shared().committed(&draft.room, *offset);
                if let Some(head) = self.heads.get_mut(&draft.room) {
                    head.last = head.last.max(*offset);
                }
            }
        }
        Ok(appended)
    }

    fn open_room(&mut self, room: &str) -> Result<Result<Head, Refused>, Error> {
        let opened = self.store.open_room(room)?;
        if let Ok(head) = opened {
            self.ends(room, head);
        }
        Ok(opened.map(|head| self.head(head)))
    }

    fn replay(&self, room: &str, after: Offset) -> Result<Replay, Error> {
        let mut replay = self.store.replay(room, after)?;
        match self.mutation {
            Some(
                Mutation::SwapNeighbours
                | Mutation::LeaveOutLast
                | Mutation::BeginLate
                | Mutation::ForgetIds,
            ) => {}
            None | Some(Mutation::ForgetToSync | Mutation::AckAnyway | Mutation::StayClosed) => {
                return Ok(replay);
            }
        }
        let head = self.head(replay.head());
        let mut messages = Vec::new();
        loop {
            let page = replay.next_page(1 << 20)?;
            if page.is_empty() {
                break;
            }
            messages.extend(page);
        }
        messages.retain(|message| message.offset <= head.last);
        for message in &mut messages {
            message.msg_id = self.node.shared().meant(message.msg_id);
        }
        if self.has(Mutation::SwapNeighbours) {
            swap_neighbours(&mut messages);
        }
        let late = self.has(Mutation::BeginLate) && !messages.is_empty();
        let after = if late { after.next() } else { after };
        let messages = messages.into_iter().skip(usize::from(late)).map(Ok);
        Ok(Replay::new(room.into(), head, after, messages))
    }

    fn reopen(&mut self) -> Result<(), Error> {
        if self.has(Mutation::StayClosed) {
            return Err(Error::Closed);
        }
        self.store.reopen()
    }
}

/// Swaps what the first two messages say and leaves their places.
fn swap_neighbours(messages: &mut [Message]) {
    if let [first, second, ..] = messages {
        std::mem::swap(&mut first.msg_id, &mut second.msg_id);
        std::mem::swap(&mut first.body, &mut second.body);
    }
}
