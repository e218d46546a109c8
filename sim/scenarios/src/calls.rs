//! A small request/response peer for worlds about connections: whoever calls asks for an id to
//! be appended to a log, and is told where it stands. It is no part of what is under test, so
//! it does nothing twice, repairs nothing and knows of no second connection.
//!
//! The log stands for a durable store that does not look for duplicates: a request that is
//! sent twice is in it twice, and checks see that.

mod borrowed;
mod client;
mod door;
mod frame;
mod log;
mod memory;
mod server;
mod temper;
#[cfg(test)]
mod tests;
mod wish;

use bowline_sim::history::Id;

pub use borrowed::{answer, ask, greet, ping};
pub use client::{Calling, Calls, Connection, Kept, open};
pub use door::{Door, Welcoming};
pub use frame::Corrupt;
pub use log::{Guest, Guests, Log, Order};
pub use memory::Memory;
pub use server::{OWED_MAX, SLOW_EVERY, SLOW_MS, Serving, serve};
pub use wish::Wish;

/// What the log is called in a history.
pub const STREAM: &str = "log";

/// One request: to append `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// What to append.
    pub id: Id,
    /// How many bytes to send along that mean nothing, to make the request large.
    pub padding: u16,
}

/// Where the peer appended what a call asked for, counted from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// How many were in the log before.
    pub offset: u64,
}

/// Whether the peer has met a session before, since it was last started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// It has.
    Before,
    /// It has not, or was started again.
    Never,
}

/// Who says hello, and what it will ask for before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hello {
    /// Whose connection this is.
    pub session: Id,
    /// The token by which the session is continued; 0 for none.
    pub token: u64,
    /// How many subscriptions are restored before the first call, at least.
    pub promised: u8,
}

/// What a greeting is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Welcome {
    /// Whether the session is continued.
    pub met: Met,
    /// The token to continue it by.
    pub token: u64,
}

/// Why a call has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Not one byte of it was given to the connection.
    #[error("the connection ended before the request was sent")]
    Unsent,
    /// The connection ended: the request may have arrived.
    #[error("the connection ended before the answer came")]
    Ended,
    /// To a greeting: not now.
    #[error("the peer does not receive anybody now")]
    Later(Wish),
    /// To a greeting: the peer does not believe it.
    #[error("the peer does not know us")]
    Stranger,
}

// === impl Met ===

impl Met {
    /// As the number of a welcome says.
    fn of(number: u64) -> Self {
        match number & 1 {
            0 => Self::Never,
            _ => Self::Before,
        }
    }
}
