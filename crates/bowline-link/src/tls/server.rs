//! What a TLS server shows, demands and speaks. Settings only: nothing is accepted here.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::client::refused;
use super::name;
use super::time::Clock;
use super::trust::{Stale, Uncovered};
use super::version::Versions;
use super::{Acceptor, Error, Identity, RevocationLists, Roots, Version};
use crate::WallClock;

/// Settings of a TLS server.
///
/// ```no_run
/// # fn main() -> Result<(), bowline_link::tls::Error> {
/// use bowline_link::tls::{Identity, RevocationLists, Roots, Server};
///
/// let acceptor = Server::new(Identity::from_files("/etc/chat/chain.pem", "/etc/chat/key.pem")?)
///     .require_clients(Roots::from_file("/etc/chat/people.pem")?)
///     .revocation_lists(RevocationLists::from_file("/etc/chat/left.crl")?)
///     .build()?;
/// # drop(acceptor);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Server {
    identity: Identity,
    clients: Clients,
    revoked: Option<RevocationLists>,
    alpn: Vec<Vec<u8>>,
    versions: Versions,
    clock: Clock,
}

/// What clients must show.
#[derive(Debug, Clone)]
enum Clients {
    Unasked,
    Asked(Roots),
    Required(Roots),
}

// === impl Server ===

impl Server {
    /// Shows `identity` to everybody. Speaks TLS 1.2 and 1.3, asks no client for a certificate,
    /// names no protocol, and reads the machine's clock.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            clients: Clients::Unasked,
            revoked: None,
            alpn: Vec::new(),
            versions: Versions::ALL,
            clock: Clock::system(),
        }
    }

    /// Asks clients for a certificate from `roots`, and lets those in who have none. One that is
    /// shown must be good.
    pub fn ask_clients(mut self, roots: Roots) -> Self {
        self.clients = Clients::Asked(roots);
        self
    }

    /// Lets only clients in who show a certificate from `roots`.
    pub fn require_clients(mut self, roots: Roots) -> Self {
        self.clients = Clients::Required(roots);
        self
    }

    /// Refuses clients whose certificates `lists` take back.
    pub fn revocation_lists(mut self, lists: RevocationLists) -> Self {
        self.revoked = Some(lists);
        self
    }

    /// Speaks these protocols inside TLS, the most wanted first. A client that names only others
    /// is refused; one that names none is not.
    pub fn alpn(mut self, protocols: impl IntoIterator<Item = impl Into<Vec<u8>>>) -> Self {
        self.alpn = protocols.into_iter().map(Into::into).collect();
        self
    }

    /// Speaks the versions from `min` to `max`, both included.
    pub fn versions(mut self, min: Version, max: Version) -> Self {
        self.versions = Versions { min, max };
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
    /// [`Error::Versions`], [`Error::ProtocolName`], [`Error::NoClientRoots`], or [`Error::Pem`]
    /// for a revocation list that is not one.
    pub fn build(self) -> Result<Acceptor, Error> {
        Ok(Acceptor::new(self.config()?))
    }

    pub(super) fn config(self) -> Result<Arc<ServerConfig>, Error> {
        let verifier = self.verifier()?;
        let provider = Arc::new(default_provider());
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(self.clock))
            .with_protocol_versions(&self.versions.supported()?)
            .map_err(|source| Error::Settings {
                source: source.into(),
            })?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(self.identity.resolver());
        config.alpn_protocols = name::protocols(&self.alpn)?;
        Ok(Arc::new(config))
    }

    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let roots = match (&self.clients, &self.revoked) {
            (Clients::Unasked, None) => return Ok(WebPkiClientVerifier::no_client_auth()),
            (Clients::Unasked, Some(revoked)) => {
                return Err(Error::NoClientRoots {
                    lists: revoked.lists.len(),
                });
            }
            (Clients::Asked(roots) | Clients::Required(roots), _) => Arc::clone(&roots.store),
        };
        let provider = Arc::new(default_provider());
        let mut verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
        if let Clients::Asked(_) = self.clients {
            verifier = verifier.allow_unauthenticated();
        }
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
