//! Shaking hands as a server. It takes a stream and gives one back; how many at a time, and for
//! how long, is the listener's.

use std::fmt;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

use super::error::of_handshake;
use super::flight::Flight;
use super::replaceable::Replaceable;
use super::stream::BUFFER_MAX;
use super::{Error, MaybeTls, Server, farewell};
use crate::Io;

/// Checked settings of a server: shakes hands, and lets its settings be replaced.
///
/// Clones share them, so any clone can be kept to replace them in all.
#[derive(Clone)]
pub struct Acceptor {
    config: Replaceable<Arc<ServerConfig>>,
}

/// A handshake that failed, and the stream on which the peer can still be told.
pub(super) struct Failed<I> {
    pub(super) error: Error,
    pub(super) flight: Flight<I>,
}

// === impl Acceptor ===

impl Acceptor {
    pub(super) fn new(config: Arc<ServerConfig>) -> Self {
        Self {
            config: Replaceable::new(config),
        }
    }

    /// Shakes hands over `io` with the client that called.
    ///
    /// It has no deadline of its own: whoever asks puts one round it, as
    /// [`Listener`](super::Listener) does. A client that is refused is told why, which takes
    /// [`FAREWELL_MAX`](super::FAREWELL_MAX) at most.
    ///
    /// # Errors
    ///
    /// Any of the handshake's.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes `io`.
    pub async fn accept<I: Io>(&self, io: I) -> Result<MaybeTls<I>, Error> {
        match self.shake(io).await {
            Ok(stream) => Ok(stream),
            Err(failed) => {
                farewell::tell_and_listen(failed.flight).await;
                Err(failed.error)
            }
        }
    }

    pub(super) async fn shake<I: Io>(&self, io: I) -> Result<MaybeTls<I>, Failed<I>> {
        let config = Arc::clone(&*self.config.current());
        let hands = TlsAcceptor::from(config)
            .accept_with(Flight::new(io), |session| {
                session.set_buffer_limit(Some(BUFFER_MAX));
            })
            .into_fallible();
        match hands.await {
            Ok(stream) => Ok(MaybeTls::tls(stream)),
            Err((error, flight)) => Err(Failed {
                error: of_handshake(error),
                flight,
            }),
        }
    }

    /// Replaces all settings, in every clone: certificates, roots, revocation lists and the rest.
    ///
    /// Handshakes that begin afterwards use the new ones and resume no older session. Those under
    /// way finish with the old ones; running connections go on.
    ///
    /// # Errors
    ///
    /// As [`Server::build`]; then nothing has changed.
    pub fn replace(&self, server: Server) -> Result<(), Error> {
        self.config.replace(server.config()?);
        Ok(())
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}
