//! What happened to a breaker, as values. It counts nothing.

use bowline_policy::Observe;
use bowline_policy::breaker::State;
use tokio::time::Instant;

use super::Refused;
use crate::{Endpoint, Log};

/// Something that happened to a breaker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It changed its state.
    ///
    /// Changes made by two tasks at once may be told in either order.
    Changed {
        /// Whose call, or whose switch, changed it.
        endpoint: Endpoint,
        /// What it was.
        from: State,
        /// What it is.
        to: State,
        /// A number that grows with each change of this breaker.
        cycle: u64,
    },
    /// A call was not made.
    Refused(Refused),
}

// === impl Log ===

/// One that opens is a warning; other changes are told; the calls that were not made are for
/// debugging, since their callers hear of them.
impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::Changed {
                endpoint,
                from,
                to: State::Open { until },
                cycle,
            } => {
                let (from, until) = (name(*from), Instant::from_std(*until));
                tracing::warn!(
                    %endpoint,
                    from,
                    cycle,
                    left = ?until.saturating_duration_since(Instant::now()),
                    "breaker opened"
                );
            }
            Event::Changed {
                endpoint,
                from,
                to,
                cycle,
            } => {
                let (from, to) = (name(*from), name(*to));
                tracing::info!(%endpoint, from, to, cycle, "breaker changed");
            }
            Event::Refused(refused) => tracing::debug!(error = %refused, "call not made"),
        }
    }
}

/// As a word: when an open one may be asked again is no part of it.
fn name(state: State) -> &'static str {
    match state {
        State::Closed => "closed",
        State::Open { .. } => "open",
        State::HalfOpen => "half-open",
        State::ForcedOpen => "forced open",
        State::ForcedClosed => "forced closed",
        _ => "other",
    }
}
