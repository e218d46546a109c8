//! What happened to a link. An observer is told in the task where it happened and
//! while it happens, so it misses nothing.

use std::time::Duration;

use bowline_link::Endpoint;

use crate::{Hint, Origin, Resumption, SharedError};

/// What happened to a link, in order.
///
/// Each `Connecting` is followed by one `Connected` or `Failed` unless the link
/// is closed or parked in between; each `Connected` by one `Lost`; and `Closed` is
/// the last. Between a `Connecting` whose reason is [beside](Reason::is_beside) a
/// connection and its end, that connection takes the calls.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// An attempt began.
    Connecting {
        /// The peer.
        endpoint: Endpoint,
        /// Which try it is, counted as in [`State::Connecting`](crate::State::Connecting).
        attempt: u32,
        /// Why a connection is wanted.
        reason: Reason,
    },
    /// It succeeded: connected, and the session hook was content. Calls pass.
    Connected {
        /// The peer.
        endpoint: Endpoint,
        /// The number of the connection; 1 is the link's first.
        epoch: u64,
        /// Which try it was.
        attempt: u32,
        /// How long the attempt took.
        took: Duration,
        /// What became of the previous session.
        resumption: Resumption,
    },
    /// It failed.
    Failed {
        /// The peer.
        endpoint: Endpoint,
        /// Which try it was.
        attempt: u32,
        /// How long the attempt took.
        took: Duration,
        /// Why.
        error: SharedError,
    },
    /// A connection that had been up is gone.
    Lost {
        /// The peer.
        endpoint: Endpoint,
        /// The number of the connection.
        epoch: u64,
        /// Who noticed, or decided; the first one counts.
        reason: LostReason,
        /// What they said.
        error: SharedError,
        /// How long calls passed.
        lived: Duration,
    },
    /// A connection takes no further calls, since another one is up. It ends with
    /// those it has, as `Lost`.
    Retiring {
        /// The peer.
        endpoint: Endpoint,
        /// The number of the connection.
        epoch: u64,
        /// Why it was left.
        reason: Reason,
    },
    /// The server asked for something, which is obeyed within limits.
    Hinted {
        /// The peer.
        endpoint: Endpoint,
        /// What it asked for.
        hint: Hint,
    },
    /// A security event: the peer did not accept who we say we are.
    Unauthorized {
        /// The peer.
        endpoint: Endpoint,
        /// Which try it was.
        attempt: u32,
        /// What it said.
        error: SharedError,
    },
    /// A security event: whoever answered did not prove to be who we called.
    Unproven {
        /// Who was called.
        endpoint: Endpoint,
        /// Which try it was.
        attempt: u32,
        /// What was wrong with the proof.
        error: SharedError,
    },
    /// A better endpoint that had failed was called, only to learn how it is.
    Probed {
        /// Whom.
        endpoint: Endpoint,
        /// How long that took.
        took: Duration,
        /// What was wrong, if anything.
        error: Option<SharedError>,
    },
    /// Another list of endpoints is in force.
    Listed {
        /// How many there are.
        endpoints: usize,
        /// Where it came from.
        origin: Origin,
    },
    /// There was something wrong with the discovery of endpoints; the last list
    /// stays in force.
    ListProblem {
        /// What.
        error: SharedError,
    },
    /// Time passed that we did not see: a suspend, a stopped process.
    Leapt {
        /// How much.
        by: Duration,
    },
    /// The next attempt waits.
    BackingOff {
        /// The peer.
        endpoint: Endpoint,
        /// Which try that will be.
        attempt: u32,
        /// For how long.
        delay: Duration,
    },
    /// No next attempt will be made unless someone asks for it, the list changes
    /// or a slow probe is due.
    Parked {
        /// The peer.
        endpoint: Endpoint,
        /// How many tries there were.
        attempts: u32,
        /// Why there is no connection.
        error: SharedError,
    },
    /// The backoff or the parking ended before its time.
    Revived {
        /// The peer.
        endpoint: Endpoint,
        /// By what.
        by: Revival,
    },
    /// The link ended.
    Closed {
        /// The peer.
        endpoint: Endpoint,
        /// Why.
        reason: ClosedReason,
    },
}

/// Why a connection is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is the link's first.
    First,
    /// The one before failed or was lost.
    Again,
    /// The link was [revived](Revival).
    Revived,
    /// The server of the one that is up will go, and said so.
    Drain,
    /// The one that is up has reached its age.
    Age,
    /// A better endpoint has proved its health.
    Better,
    /// The endpoint of the one that is up is not in the list any more.
    Moved,
    /// Time passed unseen, so the one that is up may be dead.
    Leap,
}

/// What ended a wait before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Revival {
    /// Someone called [`reconnect_now`](crate::Reconnect::reconnect_now), or
    /// [`reset_backoff`](crate::Reconnect::reset_backoff) while the link was parked.
    Asked,
    /// The list of endpoints changed.
    NewList,
    /// The link was parked for long enough to be tried once.
    SlowProbe,
}

/// Why a connection is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LostReason {
    /// Its `closed` future completed.
    Died,
    /// Its service refused to become ready.
    NotReady,
    /// Time had passed unseen, and its check failed after that.
    CheckFailed,
    /// Another connection took its place.
    Retired,
    /// The link was closed.
    LinkClosed,
}

/// Why a link ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClosedReason {
    /// Someone called [`close`](crate::Reconnect::close).
    Asked,
    /// The last handle was dropped, or the runtime stopped.
    Released,
    /// No endpoint could be connected to at first, on which everything depended:
    /// [`InitialConnect::Eager`](crate::InitialConnect::Eager).
    FirstFailed,
    /// Code of others panicked in the task of the link: the connector, the hook, the
    /// classifier, an observer, what a connection came with, or the discovery.
    Panicked,
}

// === impl Reason ===

impl Reason {
    /// Whether a connection is up meanwhile, which this one is to replace.
    pub fn is_beside(self) -> bool {
        match self {
            Self::First | Self::Again | Self::Revived => false,
            Self::Drain | Self::Age | Self::Better | Self::Moved | Self::Leap => true,
        }
    }
}
