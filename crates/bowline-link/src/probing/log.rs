//! What a heartbeat's events say in the log. A verdict is no event: whoever reads gets it as
//! the end of the frames, and handles it.

use bowline_policy::Observe;
use bowline_policy::heartbeat::Event;

use crate::Log;

// === impl Log ===

/// Whose heartbeat it is, the event does not know: that stands in the span of whoever reads.
impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::Probed { next_interval } => tracing::trace!(?next_interval, "peer probed"),
            Event::Answered { round_trip } => tracing::trace!(?round_trip, "peer answered"),
            Event::Missed { in_a_row } => tracing::debug!(in_a_row, "peer missed a timeout"),
            Event::Doubted => tracing::debug!("unknown for how long the peer was silent"),
            // A kind of event that came after this was written.
            other => tracing::debug!(event = ?other, "heartbeat"),
        }
    }
}
