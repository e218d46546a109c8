//! What happened in the line, as values. It counts nothing.

use std::time::Duration;

use bowline_policy::Observe;

use crate::{Endpoint, Log};

/// Something that happened to a dial that could not start at once.
///
/// After each `Held` comes, for the same dial, one of `Released`, `TimedOut`
/// and `GivenUp`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It stands in line.
    Held {
        /// Who is to be called.
        endpoint: Endpoint,
        /// How many stand in line, this one included.
        waiting: usize,
    },
    /// Its turn came, and it starts.
    Released {
        /// Who is called.
        endpoint: Endpoint,
        /// How long it stood in line.
        waited: Duration,
    },
    /// Its turn did not come in time.
    TimedOut {
        /// Who was to be called.
        endpoint: Endpoint,
        /// How long it stood in line.
        waited: Duration,
    },
    /// Its caller left the line.
    GivenUp {
        /// Who was to be called.
        endpoint: Endpoint,
        /// How long it stood in line.
        waited: Duration,
    },
    /// It was turned away, because the line is full.
    Overloaded {
        /// Who was to be called.
        endpoint: Endpoint,
        /// How many stand in line, which is as many as may.
        waiting: usize,
    },
}

// === impl Log ===

/// All of it is for debugging: where thousands come back at once each of them stands in line,
/// and who is turned away hears so.
impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::Held { endpoint, waiting } => {
                tracing::debug!(%endpoint, waiting, "dial stands in line");
            }
            Event::Released { endpoint, waited } => {
                tracing::debug!(%endpoint, ?waited, "dial starts");
            }
            Event::TimedOut { endpoint, waited } => {
                tracing::debug!(%endpoint, ?waited, "dial got no turn in time");
            }
            Event::GivenUp { endpoint, waited } => {
                tracing::debug!(%endpoint, ?waited, "dial left the line");
            }
            Event::Overloaded { endpoint, waiting } => {
                tracing::debug!(%endpoint, waiting, "dial turned away, the line is full");
            }
        }
    }
}
