//! What happened in a pool, as values. It counts nothing and keeps nothing.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::Endpoint;

use crate::{CheckError, Death, DialError, Lent};

mod log;

pub use log::Log;

/// Something that happened in a pool.
///
/// Connections are numbered from 1 in the order in which they were opened.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A dial succeeded.
    Opened {
        /// The connection's number.
        id: u64,
        /// Who was called.
        endpoint: Endpoint,
        /// Why it was dialed.
        cause: Cause,
        /// How long the connect took.
        took: Duration,
    },
    /// A dial failed; none to this endpoint starts before the delay is over.
    DialFailed {
        /// Why; it names who was called.
        error: DialError,
        /// How long the pool backs off.
        retry_in: Duration,
    },
    /// A connection is about to be closed. Every `Opened` has one.
    Closed {
        /// The connection's number.
        id: u64,
        /// The other side.
        endpoint: Endpoint,
        /// Why.
        reason: CloseReason,
        /// How long it was open.
        age: Duration,
    },
    /// A parked connection answered a ping.
    Pinged {
        /// The connection's number.
        id: u64,
        /// The other side.
        endpoint: Endpoint,
        /// How long the answer took.
        took: Duration,
    },
    /// A connection did not pass a check and is closed next.
    CheckFailed {
        /// The connection's number.
        id: u64,
        /// The other side.
        endpoint: Endpoint,
        /// Why not.
        error: CheckError,
    },
    /// Whatever proved itself before has to do so again.
    Doubted {
        /// Why.
        doubt: Doubt,
    },
    /// A caller got a connection after it had stood in line.
    Served {
        /// For how long.
        waited: Duration,
    },
    /// A caller gave up at its deadline.
    TimedOut {
        /// How long it stood in line.
        waited: Duration,
    },
    /// A caller was turned away because too many wait.
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// A caller was told at once that nobody can be reached.
    FailedFast,
    /// No connection is left and dials have failed for too long: callers are
    /// told at once from now on.
    WentDown {
        /// For how long they have failed.
        failing_for: Duration,
    },
    /// A dial succeeded after that.
    CameUp {
        /// How long callers were told at once.
        down_for: Duration,
    },
    /// For the first time, as many connections are open as always should be.
    WarmedUp {
        /// How many.
        open: usize,
    },
    /// A connection has been lent for so long that its caller may have
    /// forgotten it.
    LeakSuspected(Lent),
    /// Connections opened until now are no longer handed out.
    Cleared {
        /// The generation that begins.
        generation: u64,
    },
    /// Nothing is lent until the pool is resumed.
    Suspended,
    /// The pool lends again.
    Resumed,
    /// The settings changed.
    SettingsChanged {
        /// The most connections there may be now.
        max: usize,
        /// How many are kept open now.
        min: usize,
    },
    /// The list of endpoints changed.
    EndpointsChanged {
        /// How many there are now.
        count: usize,
    },
    /// A new list of endpoints was refused, or its source has a problem; the
    /// last one stays in force.
    EndpointsKept {
        /// Why.
        problem: Arc<str>,
    },
    /// A connection goes elsewhere: back to a preferred endpoint, or to where a
    /// weight says.
    Moving {
        /// From whom.
        from: Endpoint,
        /// To whom.
        to: Endpoint,
    },
    /// The pool was closed.
    PoolClosed,
}

/// Why a connection was dialed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// A caller waits for it.
    Demand,
    /// Fewer are open than always should be.
    Min,
    /// Another one will soon be too old.
    Succession,
    /// Another one should go elsewhere, or an endpoint has to prove its health.
    Move,
}

/// Why nothing parked is trusted any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Doubt {
    /// One of them had died.
    Death(Death),
    /// Our clocks leapt: the machine, or we, were asleep for so long.
    Leap(Duration),
}

/// Why a connection was closed: the first reason seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// It was found unusable while it was parked.
    Dead(Death),
    /// It did not pass a check.
    Unproved,
    /// It was doubtful, its turn to be checked had not come, and a caller needed
    /// its place.
    Doubtful,
    /// It had been parked for longer than the idle limit.
    Idle,
    /// It was too old.
    Age,
    /// It came back in the middle of an exchange.
    Dirty,
    /// Its caller said that it must not be used again, or it itself that it
    /// takes no more requests.
    Poisoned,
    /// Its caller asked for it.
    Discarded,
    /// Its caller keeps it: it is open, and no longer the pool's.
    Detached,
    /// It was opened before the pool was cleared.
    Cleared,
    /// The limit had been lowered below what was open.
    OverMax,
    /// A pool that shares the budget needed its place.
    Yielded,
    /// Its endpoint is on the list no more.
    EndpointGone,
    /// Another one took its place at an endpoint that is preferred.
    Moved,
    /// The pool was closed.
    PoolClosed,
}

// === impl CloseReason ===

impl CloseReason {
    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dead(Death::Ended) => "ended",
            Self::Dead(Death::Failed) => "failed",
            Self::Dead(Death::Unread) => "unread",
            Self::Dead(Death::Silent) => "silent",
            Self::Unproved => "unproved",
            Self::Doubtful => "doubtful",
            Self::Idle => "idle",
            Self::Age => "age",
            Self::Dirty => "dirty",
            Self::Poisoned => "poisoned",
            Self::Discarded => "discarded",
            Self::Detached => "detached",
            Self::Cleared => "cleared",
            Self::OverMax => "over_max",
            Self::Yielded => "yielded",
            Self::EndpointGone => "endpoint_gone",
            Self::Moved => "moved",
            Self::PoolClosed => "pool_closed",
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

// === impl Cause ===

impl Cause {
    /// Its name in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Demand => "demand",
            Self::Min => "min",
            Self::Succession => "succession",
            Self::Move => "move",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
