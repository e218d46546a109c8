//! A pool at one moment.

use std::fmt;

use bowline_link::Endpoint;

use crate::Reuse;
use crate::shared::Shared;

/// A pool at one moment, read without waiting for anybody.
///
/// The numbers are read one after another while the pool goes on, so they may
/// not add up exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// Whether it serves callers.
    pub state: State,
    /// The most connections there may be.
    pub max: usize,
    /// How many are kept open.
    pub min: usize,
    /// Connections open and opening.
    pub open: usize,
    /// Those of them still opening.
    pub dialing: usize,
    /// Those of them parked, or on their way to a caller who waits.
    pub parked: usize,
    /// Those of them being checked, or waiting for it.
    pub checking: usize,
    /// Those of them with callers.
    pub in_use: usize,
    /// Callers in line.
    pub waiting: usize,
    /// Each endpoint on the list, in its order.
    pub endpoints: Vec<EndpointSnapshot>,
}

/// One endpoint of a pool at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EndpointSnapshot {
    /// Who it is.
    pub endpoint: Endpoint,
    /// Connections open to it.
    pub open: usize,
    /// Whether the last dial to it failed.
    pub failing: bool,
}

/// Whether a pool serves callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It does.
    Open,
    /// Nobody can be reached, and callers are told so at once.
    Down,
    /// It was suspended.
    Suspended,
    /// It was closed.
    Closed,
}

// === impl Snapshot ===

impl Snapshot {
    pub(crate) fn of<C: Reuse>(shared: &Shared<C>) -> Self {
        use std::sync::atomic::Ordering::Relaxed;

        let gate = &shared.gate;
        let state = if gate.is_closed() {
            State::Closed
        } else if gate.is_held() {
            State::Suspended
        } else if gate.is_down() {
            State::Down
        } else {
            State::Open
        };
        let dialing = shared.dialing.load(Relaxed);
        let checking = shared.checking.load(Relaxed);
        let parked = shared.rack.parked() + shared.aside();
        let open = shared.quota.open();
        let endpoints = shared.origins().into_iter().map(|origin| EndpointSnapshot {
            endpoint: origin.endpoint.clone(),
            open: origin.open(),
            failing: origin.is_failing(),
        });
        Self {
            state,
            max: shared.quota.max(),
            min: shared.min(),
            open,
            dialing,
            parked,
            checking,
            in_use: open.saturating_sub(dialing + parked + checking),
            waiting: gate.in_line(),
            endpoints: endpoints.collect(),
        }
    }

    /// Whether the pool was closed.
    pub fn is_closed(&self) -> bool {
        self.state == State::Closed
    }
}

// === impl State ===

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Down => "down",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        })
    }
}
