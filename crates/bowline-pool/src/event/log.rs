//! Events as lines of a log. What somebody should look into is a warning, what
//! changes the pool as a whole is information, the rest is for debugging.

use std::error::Error as StdError;

use bowline_policy::Observe;

use super::Event;

/// The default observer: writes each event with `tracing`.
#[derive(Debug, Clone, Copy)]
pub struct Log;

impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::DialFailed { error, retry_in } => {
                let error: &dyn StdError = error;
                tracing::warn!(error, ?retry_in, "dial failed");
            }
            Event::CheckFailed {
                id,
                endpoint,
                error,
            } => {
                let error: &dyn StdError = error;
                tracing::warn!(id, %endpoint, error, "check failed");
            }
            Event::LeakSuspected(lent) => {
                let (id, location, lent_for) = (lent.id, lent.location, lent.lent_for);
                tracing::warn!(id, %location, ?lent_for, "connection not given back");
            }
            Event::WentDown { failing_for } => {
                tracing::warn!(?failing_for, "nobody can be reached");
            }
            Event::EndpointsKept { problem } => {
                tracing::warn!(%problem, "endpoints stay as they were");
            }
            Event::Doubted { doubt } => tracing::info!(?doubt, "parked connections are doubted"),
            Event::CameUp { down_for } => tracing::info!(?down_for, "reached again"),
            Event::WarmedUp { open } => tracing::info!(open, "warmed up"),
            Event::Cleared { generation } => tracing::info!(generation, "pool cleared"),
            Event::Suspended => tracing::info!("pool suspended"),
            Event::Resumed => tracing::info!("pool resumed"),
            Event::SettingsChanged { max, min } => tracing::info!(max, min, "settings changed"),
            Event::EndpointsChanged { count } => tracing::info!(count, "endpoints changed"),
            Event::Moving { from, to } => tracing::info!(%from, %to, "connection moves"),
            Event::PoolClosed => tracing::info!("pool closed"),
            Event::Opened { .. }
            | Event::Closed { .. }
            | Event::Pinged { .. }
            | Event::Served { .. }
            | Event::TimedOut { .. }
            | Event::Overloaded { .. }
            | Event::FailedFast => debug(event),
        }
    }
}

fn debug(event: &Event) {
    match event {
        Event::Opened {
            id,
            endpoint,
            cause,
            took,
        } => tracing::debug!(id, %endpoint, %cause, ?took, "connection opened"),
        Event::Closed {
            id,
            endpoint,
            reason,
            age,
        } => tracing::debug!(id, %endpoint, %reason, ?age, "connection closed"),
        Event::Pinged { id, endpoint, took } => {
            tracing::debug!(id, %endpoint, ?took, "ping answered");
        }
        Event::Served { waited } => tracing::debug!(?waited, "caller served"),
        Event::TimedOut { waited } => tracing::debug!(?waited, "caller timed out"),
        Event::Overloaded { waiting } => tracing::debug!(waiting, "caller turned away"),
        Event::FailedFast => tracing::debug!("caller told that nobody can be reached"),
        _ => {}
    }
}
