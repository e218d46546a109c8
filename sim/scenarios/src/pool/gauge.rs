//! What is limited at any time, and what must be nothing in the end: names and limits.

use std::time::Duration;

use super::terms::Terms;
use super::watch::TICK;
use super::{AGE, BUDGET, CHECK, DIALS_MAX, MAX, SWEEP, WAIT, WAITERS_MAX};

/// What is limited at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gauge {
    /// Connections open and opening, counted where they are made.
    Open,
    /// The same of all pools that share a budget.
    Budget,
    /// Dials under way, counted likewise.
    Dialing,
    /// Connections that callers hold.
    InUse,
    /// Connections open and opening, as the pool says.
    PoolOpen,
    /// Dials under way, as the pool says.
    PoolDialing,
    /// Callers in line, as the pool says.
    PoolWaiting,
    /// How long a connection was parked when it was lent, in milliseconds.
    IdleWhenLent,
    /// How old it was then, likewise.
    AgeWhenLent,
    /// How long ago its last proof was then, likewise.
    ProofWhenLent,
    /// Connections that had ended before they were lent.
    DeadWhenLent,
    /// Connections that had been cleared before they were lent.
    ClearedWhenLent,
    /// Connections that were lent again without the hook on return.
    UnresetWhenLent,
    /// How long a caller had waited who was served, in milliseconds.
    Waited,
    /// How long one had waited who got nothing, likewise.
    GaveUp,
    /// How long a parked connection lay there that had called, likewise.
    EndUnnoticed,
    /// How long a parked connection lay there without a proof, likewise.
    Unproved,
    /// Dials that began above a limit that had been lowered before.
    PastResize,
    /// Connections open after a drain that came to its end, and drains that did not.
    Undrained,
}

/// What must be back at nothing when all is over.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rest {
    /// Of all that the pool may hold, what could not be had.
    Missing,
    /// Of those that were closed while callers waited, what was not replaced.
    Unreplaced,
    /// Calls that failed because connections had ended while they were parked.
    CostOfEnds,
    /// Calls that failed because peers had fallen silent.
    CostOfSilence,
    /// By how many more than one the pools of one budget differ when all want more.
    Unfair,
    /// Connections in use by the pool's account though nobody uses one.
    InUse,
    /// Callers in line though nobody waits.
    Waiting,
    /// Dials under way once the pool is drained.
    Dialing,
    /// Connections open once the pool is drained, counted where they are made.
    Open,
    /// The same by the pool's account.
    PoolOpen,
    /// Connections that the pool's events opened and never closed.
    Unclosed,
}

// === impl Gauge ===

impl Gauge {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "connections open or opening",
            Self::Budget => "connections open or opening under one budget",
            Self::Dialing => "dials",
            Self::InUse => "connections in use",
            Self::PoolOpen => "connections open or opening, as the pool says",
            Self::PoolDialing => "dials, as the pool says",
            Self::PoolWaiting => "callers in line, as the pool says",
            Self::IdleWhenLent => "ms that a connection was parked when it was lent",
            Self::AgeWhenLent => "ms that a connection was old when it was lent",
            Self::ProofWhenLent => "ms since a connection had proved itself when it was lent",
            Self::DeadWhenLent => "connections that had ended when they were lent",
            Self::ClearedWhenLent => "connections that had been cleared when they were lent",
            Self::UnresetWhenLent => "connections lent without the hook on return",
            Self::Waited => "ms that a caller waited and was served",
            Self::GaveUp => "ms that a caller waited for nothing",
            Self::EndUnnoticed => "ms that nobody heard a parked connection call",
            Self::Unproved => "ms that a parked connection proved nothing",
            Self::PastResize => "dials above a limit just lowered",
            Self::Undrained => "connections left by a drain",
        }
    }

    pub(super) fn at_most(self, terms: &Terms) -> u64 {
        match self {
            Self::Open | Self::InUse | Self::PoolOpen => number(MAX),
            Self::Budget => number(BUDGET),
            Self::Dialing | Self::PoolDialing => number(DIALS_MAX),
            Self::PoolWaiting => number(WAITERS_MAX),
            Self::IdleWhenLent => millis(terms.idle),
            Self::AgeWhenLent => millis(AGE),
            Self::ProofWhenLent => millis(terms.trust()),
            Self::Waited => millis(WAIT),
            // A tick to notice it, and one of rounding.
            Self::GaveUp => millis(WAIT + 2 * TICK),
            // A check that is under way ends first.
            Self::EndUnnoticed => millis(SWEEP + CHECK + 2 * TICK),
            Self::Unproved => millis(terms.silence() + 2 * TICK),
            Self::DeadWhenLent
            | Self::ClearedWhenLent
            | Self::UnresetWhenLent
            | Self::PastResize
            | Self::Undrained => 0,
        }
    }
}

// === impl Rest ===

impl Rest {
    pub(super) const ALL: [Self; 11] = [
        Self::Missing,
        Self::Unreplaced,
        Self::CostOfEnds,
        Self::CostOfSilence,
        Self::Unfair,
        Self::InUse,
        Self::Waiting,
        Self::Dialing,
        Self::Open,
        Self::PoolOpen,
        Self::Unclosed,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Missing => "connections that cannot be had in the end",
            Self::Unreplaced => "callers in line for whom nobody replaced a closed connection",
            Self::CostOfEnds => "calls that met a connection which had ended while parked",
            Self::CostOfSilence => "calls that met a connection which was silent for long",
            Self::Unfair => "connections that one pool has too many of",
            Self::InUse => "connections in use at rest",
            Self::Waiting => "callers in line at rest",
            Self::Dialing => "dials at rest",
            Self::Open => "connections open once the pool is drained",
            Self::PoolOpen => "connections open once the pool is drained, as it says",
            Self::Unclosed => "connections reported as opened and never as closed",
        }
    }

    pub(super) fn at_most(self) -> u64 {
        match self {
            Self::Waiting => number(WAITERS_MAX),
            Self::Dialing => number(DIALS_MAX),
            // As many as there ever were: only rest is asked for.
            Self::Unclosed => u64::MAX,
            Self::Missing
            | Self::Unreplaced
            | Self::CostOfEnds
            | Self::CostOfSilence
            | Self::Unfair
            | Self::InUse
            | Self::Open
            | Self::PoolOpen => number(MAX),
        }
    }
}

pub(super) fn number(count: usize) -> u64 {
    u64::try_from(count).expect("a count fits 64 bits")
}

/// Whole milliseconds, rounded up: what is over a limit by any part of one is over it.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1_000)).expect("less than a run")
}
