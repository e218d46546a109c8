//! What became of failed calls, for whoever counts replays.

use bowline_policy::Observe;

use crate::Sent;

/// What was decided about a failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It is made again, after a pause.
    Replayed {
        /// Whether it may have reached the peer.
        sent: Sent,
        /// How often it will then have been made again.
        replays: u32,
    },
    /// Its caller is told the error.
    GivenUp {
        /// Whether it may have reached the peer.
        sent: Sent,
        /// How often it had been made again.
        replays: u32,
        /// Why it is not made once more.
        why: Why,
    },
}

/// Why a failed call is not made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Why {
    /// It may have been carried out, and does not say that this does no harm.
    NotReplayable,
    /// The error says that another try would end the same way.
    Hopeless,
    /// It was made again as often as one call may be.
    Often,
    /// All calls together have used up what may be made again.
    OverBudget,
}

/// The default observer: writes each event with `tracing`, for whoever debugs.
#[derive(Debug, Clone, Copy)]
pub struct Log;

// === impl Log ===

impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::Replayed { sent, replays } => {
                tracing::debug!(?sent, replays, "making a failed call again");
            }
            Event::GivenUp { sent, replays, why } => {
                tracing::debug!(?sent, replays, ?why, "not making a failed call again");
            }
        }
    }
}
