//! What happened at a TLS listener, as values. It counts nothing and keeps nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bowline_policy::Observe;

use super::{Error, Version};
use crate::Log;

/// Something that happened at a TLS listener.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A handshake was done; the connection waits to be accepted.
    Accepted {
        /// Who called.
        peer: SocketAddr,
        /// Which version is spoken.
        version: Option<Version>,
        /// How long the handshake took.
        took: Duration,
    },
    /// A handshake failed; the connection is closed.
    Failed {
        /// Who called.
        peer: SocketAddr,
        /// Why.
        error: Arc<Error>,
        /// How long it took to fail.
        took: Duration,
    },
}

// === impl Log ===

/// Failures that somebody should look into are warnings, the rest is for debugging.
impl Observe<Event> for Log {
    fn observe(&self, event: &Event) {
        match event {
            Event::Accepted {
                peer,
                version,
                took,
            } => {
                tracing::debug!(%peer, ?version, ?took, "TLS handshake done");
            }
            Event::Failed { peer, error, took } => {
                let source: &dyn std::error::Error = error;
                match **error {
                    // Every port on the internet sees these all day.
                    Error::NotTls | Error::HungUp { .. } | Error::TimedOut { .. } => {
                        tracing::debug!(%peer, error = source, ?took, "TLS handshake failed");
                    }
                    _ => tracing::warn!(%peer, error = source, ?took, "TLS handshake failed"),
                }
            }
        }
    }
}
