//! A store with one thing broken on purpose: what the checks must find.

use bowline_chat::log::{Message, Offset};
use bowline_chat::store::{Appended, Draft, Error, Head, Refused, Replay, Store};

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
}

/// The store that a [`Mutation`] makes of a good one.
#[derive(Debug)]
pub(super) struct Mutant<S> {
    store: S,
    mutation: Mutation,
}

impl<S: Store> Mutant<S> {
    pub(super) fn new(store: S, mutation: Mutation) -> Self {
        Self { store, mutation }
    }

    fn head(&self, head: Head) -> Head {
        if self.mutation == Mutation::LeaveOutLast && head.last > head.first {
            let last = Offset(head.last.0 - 1);
            Head { last, ..head }
        } else {
            head
        }
    }
}

impl<S: Store> Store for Mutant<S> {
    fn durable(&self) -> bool {
        self.store.durable()
    }

    fn append(&mut self, batch: &[Draft]) -> Result<Vec<Result<Appended, Refused>>, Error> {
        self.store.append(batch)
    }

    fn open_room(&mut self, room: &str) -> Result<Result<Head, Refused>, Error> {
        Ok(self.store.open_room(room)?.map(|head| self.head(head)))
    }

    fn replay(&self, room: &str, after: Offset) -> Result<Replay, Error> {
        let mut replay = self.store.replay(room, after)?;
        if self.mutation == Mutation::ForgetToSync {
            return Ok(replay);
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
        if self.mutation == Mutation::SwapNeighbours {
            swap_neighbours(&mut messages);
        }
        Ok(Replay::new(
            room.into(),
            head,
            after,
            messages.into_iter().map(Ok),
        ))
    }

    fn reopen(&mut self) -> Result<(), Error> {
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
