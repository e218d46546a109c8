//! Shaking hands as a client. It takes a stream and gives one back; whom to call is the dialer's.

use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;

use super::error::of_handshake;
use super::flight::Flight;
use super::replaceable::Replaceable;
use super::stream::BUFFER_MAX;
use super::{Client, Error, MaybeTls, farewell, name};
use crate::Io;

/// Checked settings of a client: shakes hands, and lets its settings be replaced.
///
/// Clones share them, so any clone can be kept to replace them in all.
#[derive(Clone)]
pub struct Connector {
    setup: Replaceable<Setup>,
}

/// What a handshake needs.
pub(super) struct Setup {
    pub(super) config: Arc<ClientConfig>,
    /// Asked for instead of the host that is called.
    pub(super) server_name: Option<ServerName<'static>>,
}

// === impl Connector ===

impl Connector {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup: Replaceable::new(setup),
        }
    }

    /// Shakes hands over `io` with the server called `host`, a DNS name or an IP address (IPv6
    /// without brackets).
    ///
    /// It has no deadline of its own: whoever asks puts one round the whole connect. A server
    /// that is refused is told why, which takes [`FAREWELL_MAX`](super::FAREWELL_MAX) at most.
    ///
    /// # Errors
    ///
    /// Any of the handshake's; [`Error::ServerName`] if no certificate can be for `host`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future closes `io`.
    pub async fn connect<I: Io>(&self, host: &str, io: I) -> Result<MaybeTls<I>, Error> {
        let setup = self.setup.current();
        let server_name = match &setup.server_name {
            Some(server_name) => server_name.clone(),
            None => name::server_name(host)?,
        };
        let hands = TlsConnector::from(Arc::clone(&setup.config))
            .connect_with(server_name, Flight::new(io), |session| {
                session.set_buffer_limit(Some(BUFFER_MAX));
            })
            .into_fallible();
        match hands.await {
            Ok(stream) => Ok(MaybeTls::tls(stream)),
            Err((error, flight)) => {
                farewell::tell(flight).await;
                Err(of_handshake(error))
            }
        }
    }

    /// Replaces all settings, in every clone: certificates, roots, revocation lists and the rest.
    ///
    /// Handshakes that begin afterwards use the new ones and resume no older session. Those under
    /// way finish with the old ones; running connections go on.
    ///
    /// # Errors
    ///
    /// As [`Client::build`]; then nothing has changed.
    pub fn replace(&self, client: Client) -> Result<(), Error> {
        self.setup.replace(client.setup()?);
        Ok(())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}
