//! What a TLS client believes, shows and speaks. Settings only: nothing is connected here.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring::default_provider;
use rustls::server::VerifierBuilderError;

use super::connector::Setup;
use super::name;
use super::time::Clock;
use super::trust::{Stale, Uncovered};
use super::version::Versions;
use super::{Connector, Error, Identity, RevocationLists, Roots, Version};
use crate::WallClock;

/// Settings of a TLS client.
///
/// The peer must have a certificate from one of the roots, for the name that is called. There is
/// no way to go without.
///
/// ```no_run
/// # fn main() -> Result<(), bowline_link::tls::Error> {
/// use bowline_link::tls::{Client, Identity, Roots, Version};
///
/// let connector = Client::new(Roots::from_file("/etc/chat/ca.pem")?)
///     .identity(Identity::from_files("/etc/chat/me.pem", "/etc/chat/me.key")?)
///     .versions(Version::V1_3, Version::V1_3)
///     .alpn(["chat/1"])
///     .build()?;
/// # drop(connector);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    roots: Roots,
    revoked: Option<RevocationLists>,
    identity: Option<Identity>,
    alpn: Vec<Vec<u8>>,
    versions: Versions,
    server_name: Option<String>,
    clock: Clock,
}

// === impl Client ===

impl Client {
    /// Believes `roots` and nobody else. Speaks TLS 1.2 and 1.3, shows no certificate, names no
    /// protocol, and reads the machine's clock.
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            revoked: None,
            identity: None,
            alpn: Vec::new(),
            versions: Versions::ALL,
            server_name: None,
            clock: Clock::system(),
        }
    }

    /// Refuses servers whose certificates `lists` take back.
    pub fn revocation_lists(mut self, lists: RevocationLists) -> Self {
        self.revoked = Some(lists);
        self
    }

    /// Shows this certificate to servers that ask for one.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Offers these protocols inside TLS, the most wanted first.
    ///
    /// A server that knows nothing of such names is not refused: ask
    /// [`MaybeTls::alpn`](super::MaybeTls::alpn) what came of it.
    pub fn alpn(mut self, protocols: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Speaks the versions from `min` to `max`, both included.
    pub fn versions(mut self, min: Version, max: Version) -> Self {
        self.versions = Versions { min, max };
        self
    }

    /// Asks every server for this name, a DNS name or an IP address, instead of the host that is
    /// called: for peers behind a tunnel, or called by an address their certificate lacks.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// Judges by this clock whether certificates and lists are in their time.
    pub fn clock(mut self, clock: Arc<dyn WallClock>) -> Self {
        self.clock = Clock(clock);
        self
    }

    /// Checks it all and makes the handle that shakes hands.
    ///
    /// # Errors
    ///
    /// [`Error::Versions`], [`Error::ServerName`], [`Error::ProtocolName`], or [`Error::Pem`] for
    /// a revocation list that is not one.
    pub fn build(self) -> Result<Connector, Error> {
        Ok(Connector::new(self.setup()?))
    }

    pub(super) fn setup(self) -> Result<Setup, Error> {
        let server_name = self.server_name.as_deref().map(name::server_name);
        let verifier = self.verifier()?;
        let provider = Arc::new(default_provider());
        let config = ClientConfig::builder_with_details(provider, Arc::new(self.clock))
            .with_protocol_versions(&self.versions.supported()?)
            .map_err(|source| Error::Settings {
                source: source.into(),
            })?
            .with_webpki_verifier(verifier);
        let mut config = match &self.identity {
            Some(identity) => config.with_client_cert_resolver(identity.resolver()),
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = name::protocols(&self.alpn)?;
        Ok(Setup {
            config: Arc::new(config),
            server_name: server_name.transpose()?,
        })
    }

    fn verifier(&self) -> Result<Arc<WebPkiServerVerifier>, Error> {
        let roots = Arc::clone(&self.roots.store);
        let provider = Arc::new(default_provider());
        let mut verifier = WebPkiServerVerifier::builder_with_provider(roots, provider);
        if let Some(revoked) = &self.revoked {
            verifier = verifier.with_crls(revoked.lists.iter().cloned());
            if revoked.uncovered == Uncovered::Accept {
                verifier = verifier.allow_unknown_revocation_status();
            }
            if revoked.stale == Stale::Refuse {
                verifier = verifier.enforce_revocation_expiration();
            }
        }
        verifier
            .build()
            .map_err(|error| refused(error, self.revoked.as_ref()))
    }
}

/// Why a verifier could not be made: its roots are never empty, so a list is at fault.
pub(super) fn refused(error: VerifierBuilderError, revoked: Option<&RevocationLists>) -> Error {
    match (error, revoked) {
        (VerifierBuilderError::InvalidCrl(_), Some(revoked)) => revoked.not_understood(),
        (error, _) => Error::Settings {
            source: error.into(),
        },
    }
}
