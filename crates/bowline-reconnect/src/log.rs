//! The default observer, which writes each event with `tracing`. It counts nothing.

use std::error::Error as StdError;

use bowline_policy::Observe;

use crate::{ClosedReason, Event, SharedError};

/// The tracing target of security events.
const SECURITY: &str = "bowline::security";

/// The default observer: writes each event with `tracing`.
///
/// Nothing is an error here, since a peer that hangs up is the everyday case;
/// what needs a person (parked, panicked, bad credentials or certificates, no news of endpoints)
/// is a warning. Security events have the target `bowline::security`. Pair it
/// with your own: `Arc::new((Log, mine))`.
#[derive(Debug, Clone, Copy)]
pub struct Log;

// === impl Log ===

impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::Connecting {
                endpoint,
                attempt,
                reason,
            } => {
                tracing::debug!(%endpoint, attempt, ?reason, "connecting");
            }
            Event::Connected {
                endpoint,
                epoch,
                attempt,
                took,
                resumption,
            } => {
                tracing::info!(%endpoint, epoch, attempt, ?took, ?resumption, "connected");
            }
            Event::Failed {
                endpoint,
                attempt,
                took,
                error,
            } => {
                tracing::info!(%endpoint, attempt, ?took, error = whole(error), "connecting failed");
            }
            Event::Lost {
                endpoint,
                epoch,
                reason,
                error,
                lived,
            } => {
                tracing::info!(%endpoint, epoch, ?reason, ?lived, error = whole(error), "connection lost");
            }
            Event::BackingOff {
                endpoint,
                attempt,
                delay,
            } => {
                tracing::debug!(%endpoint, attempt, ?delay, "waiting before the next try");
            }
            Event::Parked {
                endpoint,
                attempts,
                error,
            } => {
                tracing::warn!(%endpoint, attempts, error = whole(error), "gave up connecting until asked again");
            }
            Event::Revived { endpoint, by } => {
                tracing::debug!(%endpoint, ?by, "connecting before its time");
            }
            Event::Closed {
                endpoint,
                reason: ClosedReason::Panicked,
            } => {
                tracing::warn!(%endpoint, "link closed by a panic");
            }
            Event::Closed { endpoint, reason } => {
                tracing::debug!(%endpoint, ?reason, "link closed");
            }
            Event::Retiring { .. }
            | Event::Hinted { .. }
            | Event::Unauthorized { .. }
            | Event::Unproven { .. }
            | Event::Probed { .. }
            | Event::Listed { .. }
            | Event::ListProblem { .. }
            | Event::Leapt { .. } => observe_circumstance(event),
        }
    }
}

/// Writes what made a link do something, rather than what it did.
fn observe_circumstance(event: &Event) {
    match event {
        Event::Retiring {
            endpoint,
            epoch,
            reason,
        } => {
            tracing::info!(%endpoint, epoch, ?reason, "leaving a connection for another");
        }
        Event::Hinted { endpoint, hint } => {
            tracing::info!(%endpoint, ?hint, "the peer said when or where to come back");
        }
        Event::Unauthorized {
            endpoint,
            attempt,
            error,
        } => {
            tracing::warn!(
                target: SECURITY,
                %endpoint, attempt, error = whole(error), "our credentials were not accepted"
            );
        }
        Event::Unproven {
            endpoint,
            attempt,
            error,
        } => {
            tracing::warn!(
                target: SECURITY,
                %endpoint, attempt, error = whole(error), "who answered did not prove to be who we called"
            );
        }
        Event::Probed {
            endpoint,
            took,
            error,
        } => {
            let error = error.as_ref().map(whole);
            tracing::debug!(%endpoint, ?took, error, "asked a better endpoint how it is");
        }
        Event::Listed { endpoints, origin } => {
            tracing::info!(endpoints, ?origin, "another list of endpoints");
        }
        Event::ListProblem { error } => {
            tracing::warn!(error = whole(error), "no news of endpoints");
        }
        Event::Leapt { by } => tracing::info!(?by, "time passed unseen"),
        Event::Connecting { .. }
        | Event::Connected { .. }
        | Event::Failed { .. }
        | Event::Lost { .. }
        | Event::BackingOff { .. }
        | Event::Parked { .. }
        | Event::Revived { .. }
        | Event::Closed { .. } => {}
    }
}

/// An error that is written with its causes.
fn whole(error: &SharedError) -> &(dyn StdError + 'static) {
    &**error
}
