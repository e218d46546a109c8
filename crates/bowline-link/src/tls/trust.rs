//! Whom to believe: roots, and what they have taken back. Nothing is believed unless it is given;
//! the system's own roots are not read.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};

use super::Error;
use super::pem::{self, PemKind, PemProblem, Text};

/// The authorities whose certificates are believed. There is at least one.
///
/// ```no_run
/// # fn main() -> Result<(), bowline_link::tls::Error> {
/// use bowline_link::tls::Roots;
///
/// let roots = Roots::from_file("/etc/chat/ca.pem")?;
/// # drop(roots);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Roots {
    pub(super) store: Arc<RootCertStore>,
}

/// What authorities have taken back (CRLs, RFC 5280).
///
/// Fails closed. Once there are lists, every certificate between the peer and its root must be
/// covered by one, or it is refused with [`Error::UnknownRevocation`]; and a list that was due to
/// be renewed refuses all it covers with [`Error::StaleRevocationList`], since a list that nobody
/// renews is how a revocation goes unnoticed. Both can be allowed.
#[derive(Clone)]
pub struct RevocationLists {
    pub(super) lists: Vec<CertificateRevocationListDer<'static>>,
    pub(super) file: Option<PathBuf>,
    pub(super) uncovered: Uncovered,
    pub(super) stale: Stale,
}

/// What to do with a certificate that no list covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uncovered {
    Refuse,
    Accept,
}

/// What to do with a list past its next update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stale {
    Refuse,
    Believe,
}

// === impl Roots ===

impl Roots {
    /// Believes every certificate in `pem`.
    ///
    /// # Errors
    ///
    /// [`Error::Pem`] if there is none, or one cannot be read; none is skipped.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        Self::new(&Text::new(pem, None))
    }

    /// Believes every certificate in the PEM file at `path`. It blocks while it reads.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read, else as [`from_pem`](Self::from_pem), naming `path`.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let pem = pem::read(path, PemKind::Certificate)?;
        Self::new(&Text::new(&pem, Some(path)))
    }

    fn new(text: &Text<'_>) -> Result<Self, Error> {
        let mut store = RootCertStore::empty();
        for certificate in text.all::<CertificateDer<'_>>(PemKind::Certificate)? {
            store
                .add(certificate)
                .map_err(|_| text.error(PemKind::Certificate, PemProblem::NotUnderstood))?;
        }
        Ok(Self {
            store: Arc::new(store),
        })
    }
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Roots")
            .field("certificates", &self.store.len())
            .finish()
    }
}

// === impl RevocationLists ===

impl RevocationLists {
    /// Takes every list in `pem`.
    ///
    /// # Errors
    ///
    /// [`Error::Pem`] if there is none or the text is damaged. A list that can be read and not
    /// understood is told when the settings are built.
    pub fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        Self::new(&Text::new(pem, None), None)
    }

    /// Takes every list in the PEM file at `path`. It blocks while it reads.
    ///
    /// # Errors
    ///
    /// [`Error::File`] if it cannot be read, else as [`from_pem`](Self::from_pem), naming `path`.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let pem = pem::read(path, PemKind::RevocationList)?;
        Self::new(&Text::new(&pem, Some(path)), Some(path.to_owned()))
    }

    /// Accepts certificates that no list covers, as if they were in good standing.
    pub fn accept_uncovered(mut self) -> Self {
        self.uncovered = Uncovered::Accept;
        self
    }

    /// Goes on believing lists whose next update is overdue.
    pub fn believe_stale(mut self) -> Self {
        self.stale = Stale::Believe;
        self
    }

    fn new(text: &Text<'_>, file: Option<PathBuf>) -> Result<Self, Error> {
        Ok(Self {
            lists: text.all(PemKind::RevocationList)?,
            file,
            uncovered: Uncovered::Refuse,
            stale: Stale::Refuse,
        })
    }

    /// One of the lists is not one.
    pub(super) fn not_understood(&self) -> Error {
        Text::new(&[], self.file.as_deref())
            .error(PemKind::RevocationList, PemProblem::NotUnderstood)
    }
}

impl fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationLists")
            .field("lists", &self.lists.len())
            .field("file", &self.file)
            .field("uncovered", &self.uncovered)
            .field("stale", &self.stale)
            .finish()
    }
}
