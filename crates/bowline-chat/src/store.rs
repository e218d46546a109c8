//! Where rooms keep their history: what a store promises, and the stores there are.
//!
//! A store numbers messages and keeps them; who may write or read, and who is told,
//! is decided elsewhere. It is synchronous: a [`Committer`] gives it a thread.

use std::sync::Arc;

use bytes::Bytes;

use crate::log::{Epoch, Message, MsgId, Offset};

mod committer;
#[cfg(test)]
mod conformance;
mod error;
mod memory;
mod redb;
mod replay;
mod retention;

pub use committer::{Committer, JOBS_MAX};
pub use error::{Error, OpenError};
pub use memory::Memory;
pub use redb::{CACHE_BYTES, Redb};
pub use replay::Replay;
pub use retention::{KeepsNothing, Retention};

/// What one message may take in bytes, with its room's name and its sender: far
/// above any frame limit, so that one absurd draft cannot fail a whole batch.
pub const DRAFT_BYTES_MAX: usize = 16 << 20;

/// Keeps the logs of rooms.
///
/// Each room's offsets are dense from 1, each message's `prev` is the offset
/// before its own, and of each room at most
/// [`messages_per_room`](Retention::messages_per_room) are kept: the oldest go,
/// together with their ids, in the transaction that appends one too many.
pub trait Store: Send + 'static {
    /// Whether what [`append`](Self::append) returned survives a power loss.
    fn durable(&self) -> bool;

    /// Appends `batch` in order, in one transaction, and answers each draft in the
    /// same order. What it returns is as durable as the store ever makes it. A room
    /// that does not exist is created.
    ///
    /// A draft whose id its room still keeps, be it from earlier in this batch, is
    /// not appended again: it gets the original's place and `duplicate: true`.
    ///
    /// # Errors
    ///
    /// Either the whole batch was appended or none of it, and which is unknown. All
    /// further work is refused until [`reopen`](Self::reopen) succeeds.
    fn append(&mut self, batch: &[Draft]) -> Result<Vec<Result<Appended, Refused>>, Error>;

    /// The room's log, created as durably as the store can if it does not exist.
    ///
    /// # Errors
    ///
    /// As [`append`](Self::append).
    fn open_room(&mut self, room: &str) -> Result<Result<Head, Refused>, Error>;

    /// A snapshot of the room's messages after `after`, as far as they are kept. It
    /// holds only what was committed.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchRoom`] when the room was never opened; otherwise the store
    /// failed and must be reopened.
    fn replay(&self, room: &str, after: Offset) -> Result<Replay, Error>;

    /// Brings the store back after an error. What it then holds is what was
    /// committed, and is as durable as the store ever makes it. It ends the replays
    /// taken before.
    ///
    /// # Errors
    ///
    /// The store stays closed; try again.
    fn reopen(&mut self) -> Result<(), Error>;
}

/// A message that has no place yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// The room it goes to.
    pub room: Arc<str>,
    /// The id its publisher gave it.
    pub msg_id: MsgId,
    /// The user who published it.
    pub from: Arc<str>,
    /// Whether `from` is only a guest's nick.
    pub guest: bool,
    /// When the server took it, in milliseconds since 1970.
    pub ts: u64,
    /// What is said; any bytes.
    pub body: Bytes,
}

/// The extent of a room's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The log.
    pub epoch: Epoch,
    /// The oldest message kept; one after `last` when there is none.
    pub first: Offset,
    /// The newest message; 0 when there never was one.
    pub last: Offset,
}

/// Where a draft stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The log it is in.
    pub epoch: Epoch,
    /// Its place there.
    pub offset: Offset,
    /// The place before that; 0 for a room's first message ever.
    pub prev: Offset,
    /// Whether it stood there before: nothing was appended.
    pub duplicate: bool,
}

/// Why this one draft or room is not taken, now or when tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The room does not exist and there may be no more.
    #[error("there are {max} rooms already, as many as there may be")]
    RoomsFull {
        /// The most rooms there may be.
        max: u32,
    },
    /// The draft is larger than any message may be.
    #[error("the message has {bytes} bytes, more than {max}")]
    TooLarge {
        /// Its size, with its room's name and its sender.
        bytes: usize,
        /// [`DRAFT_BYTES_MAX`].
        max: usize,
    },
}

// === impl Draft ===

impl Draft {
    /// The message this draft is once it stands at `offset`.
    pub fn to_message(&self, offset: Offset) -> Message {
        Message {
            offset,
            prev: before(offset),
            msg_id: self.msg_id,
            from: Arc::clone(&self.from),
            guest: self.guest,
            ts: self.ts,
            body: self.body.clone(),
        }
    }

    fn check(&self) -> Result<(), Refused> {
        let bytes = self.room.len() + self.from.len() + self.body.len();
        if bytes > DRAFT_BYTES_MAX {
            return Err(Refused::TooLarge {
                bytes,
                max: DRAFT_BYTES_MAX,
            });
        }
        Ok(())
    }
}

// === impl Appended ===

impl Appended {
    fn duplicate_of(epoch: Epoch, offset: Offset) -> Self {
        Self {
            epoch,
            offset,
            prev: before(offset),
            duplicate: true,
        }
    }
}

/// Offsets are dense, so the place before one needs no record of its own.
fn before(offset: Offset) -> Offset {
    Offset(offset.0 - 1)
}
