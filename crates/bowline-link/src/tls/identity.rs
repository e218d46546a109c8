//! Who we are: a certificate and the key that proves it. The key is shown to nobody.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::crypto::ring::default_provider;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Error;
use super::pem::{self, PemKind, PemProblem, Text};

/// A certificate, those between it and its root, and its private key.
///
/// `Debug` counts the certificates and says nothing of the key.
///
/// ```no_run
/// # fn main() -> Result<(), bowline_link::tls::Error> {
/// use bowline_link::tls::Identity;
///
/// let identity = Identity::from_files("/etc/chat/chain.pem", "/etc/chat/key.pem")?;
/// # drop(identity);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
}

// === impl Identity ===

impl Identity {
    /// Takes the certificates in `chain`, our own first, and the first private key in `key`
    /// (PKCS #8, PKCS #1 or SEC 1; RSA, ECDSA P-256 or P-384, Ed25519). Both may be the same text.
    ///
    /// # Errors
    ///
    /// [`Error::Pem`] if either lacks what it should hold, [`Error::KeyMismatch`] if the key
    /// belongs to another certificate. Whether the certificate is still valid is for the peer to
    /// judge.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, Error> {
        Self::new(&Text::new(chain, None), &Text::new(key, None))
    }

    /// As [`from_pem`](Self::from_pem), from the files at these paths. It blocks while it reads.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if one cannot be read, else as [`from_pem`](Self::from_pem), naming the
    /// file.
    pub fn from_files(chain: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, Error> {
        let (chain, key) = (chain.as_ref(), key.as_ref());
        let chain_pem = pem::read(chain, PemKind::Certificate)?;
        let key_pem = pem::read(key, PemKind::PrivateKey)?;
        Self::new(
            &Text::new(&chain_pem, Some(chain)),
            &Text::new(&key_pem, Some(key)),
        )
    }

    fn new(chain: &Text<'_>, key: &Text<'_>) -> Result<Self, Error> {
        let certificates = chain.all::<CertificateDer<'static>>(PemKind::Certificate)?;
        let mut keys = key.all::<PrivateKeyDer<'static>>(PemKind::PrivateKey)?;
        let signing = default_provider()
            .key_provider
            .load_private_key(keys.swap_remove(0))
            .map_err(|_| key.error(PemKind::PrivateKey, PemProblem::NotUnderstood))?;
        let certified = CertifiedKey::new(certificates, signing);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(Self {
                certified: Arc::new(certified),
            }),
            Err(rustls::Error::InconsistentKeys(_)) => Err(Error::KeyMismatch {
                file: key.file().map(PathBuf::from),
            }),
            Err(_) => Err(chain.error(PemKind::Certificate, PemProblem::NotUnderstood)),
        }
    }

    pub(super) fn resolver(&self) -> Arc<SingleCertAndKey> {
        Arc::new(SingleCertAndKey::from(Arc::clone(&self.certified)))
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.certified.cert.len())
            .finish_non_exhaustive()
    }
}
