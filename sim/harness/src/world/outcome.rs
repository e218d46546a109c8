//! How a run ended. Whether what happened in it was right is for checks to say.

use std::time::Duration;

use bowline_link::BoxError;

use crate::plan;

/// What a run that came to its end has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// The hash of all that happened: the same for the same seed, plan and code.
    pub trace_hash: u64,
    /// How long it took, in simulated time.
    pub simulated: Duration,
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The plan cannot be carried out in this world.
    #[error("the plan does not fit this world")]
    Plan(#[from] plan::Invalid),
    /// A host of the topology was given no software, so a fault of it would mean nothing.
    #[error("host {name:?} has no software")]
    Idle {
        /// The host.
        name: String,
    },
    /// The plan fills a disk that is not there: a world makes one when it is asked for.
    #[error("step {step}: host {host:?} has no disk to be full")]
    NoDisk {
        /// The step, counted from zero.
        step: usize,
        /// The host.
        host: String,
    },
    /// The plan has a host's name answered for in another way, and nobody answers for names.
    #[error("step {step}: no name server answers for the names of host {host:?}")]
    NoNameServer {
        /// The step, counted from zero.
        step: usize,
        /// The host.
        host: String,
    },
    /// It was not done in time.
    #[error("not done after {limit:?} of simulated time")]
    TimedOut {
        /// How long it could have taken.
        limit: Duration,
    },
    /// A task panicked, perhaps one that nobody awaits.
    #[error("a task panicked: {message}")]
    Panicked {
        /// What it said, and where.
        message: String,
    },
    /// The software of a host gave up.
    #[error("host {name:?} failed")]
    Host {
        /// The host.
        name: String,
        /// What its software returned.
        #[source]
        error: BoxError,
    },
    /// The simulator itself gave up.
    #[error("the simulator failed: {message}")]
    Simulator {
        /// What it said.
        message: String,
    },
}

impl RunError {
    /// Whether nothing was played at all, because what was asked for cannot be.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Plan(_) | Self::NoDisk { .. } | Self::NoNameServer { .. } | Self::Idle { .. } => {
                true
            }
            Self::TimedOut { .. }
            | Self::Panicked { .. }
            | Self::Host { .. }
            | Self::Simulator { .. } => false,
        }
    }
}
