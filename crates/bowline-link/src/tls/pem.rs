//! From PEM text to what stands in it. Its errors never repeat what they read: it may be a key.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustls_pki_types::pem::{self, PemObject};

use super::Error;

/// The longest PEM text that is read: 64 MiB.
///
/// The longest revocation lists that authorities publish have some tens of megabytes.
pub const PEM_MAX: usize = 64 << 20;

/// How a key that needs a password announces itself, by RFC 7468 and by OpenSSL's own form.
const ENCRYPTED: [&str; 2] = ["BEGIN ENCRYPTED PRIVATE KEY", "Proc-Type: 4,ENCRYPTED"];

/// What was looked for in a PEM text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemKind {
    /// `CERTIFICATE`.
    Certificate,
    /// `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`.
    PrivateKey,
    /// `X509 CRL`.
    RevocationList,
}

/// What is wrong with a PEM text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PemProblem {
    /// It has no section of that kind. Binary (DER) files look like this too.
    Missing,
    /// A section's first line, its last line or its base64 is damaged.
    Damaged,
    /// The section can be read, and what it holds is not what its first line says, or of a sort
    /// that is not known here.
    NotUnderstood,
    /// The key needs a password, which is never asked for.
    Encrypted,
    /// It is longer than [`PEM_MAX`].
    TooLong,
}

/// PEM text, and the file it came from, for errors.
pub(super) struct Text<'a> {
    bytes: &'a [u8],
    file: Option<&'a Path>,
}

/// Reads a file of at most [`PEM_MAX`].
pub(super) fn read(path: &Path, kind: PemKind) -> Result<Vec<u8>, Error> {
    let file_error = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(file_error)?;
    let mut bytes = Vec::new();
    let limit = PEM_MAX as u64 + 1;
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(file_error)?;
    if bytes.len() > PEM_MAX {
        return Err(Text::new(&bytes, Some(path)).error(kind, PemProblem::TooLong));
    }
    Ok(bytes)
}

// === impl Text ===

impl<'a> Text<'a> {
    pub(super) fn new(bytes: &'a [u8], file: Option<&'a Path>) -> Self {
        Self { bytes, file }
    }

    /// Every section of one kind, of which there must be one at least.
    pub(super) fn all<T: PemObject>(&self, kind: PemKind) -> Result<Vec<T>, Error> {
        if self.bytes.len() > PEM_MAX {
            return Err(self.error(kind, PemProblem::TooLong));
        }
        let found: Result<Vec<T>, pem::Error> = T::pem_slice_iter(self.bytes).collect();
        match found {
            Ok(found) if found.is_empty() => Err(self.error(kind, self.why_missing(kind))),
            Ok(found) => Ok(found),
            Err(_) => Err(self.error(kind, PemProblem::Damaged)),
        }
    }

    pub(super) fn file(&self) -> Option<&'a Path> {
        self.file
    }

    pub(super) fn error(&self, kind: PemKind, problem: PemProblem) -> Error {
        Error::Pem {
            kind,
            file: self.file.map(PathBuf::from),
            problem,
        }
    }

    fn why_missing(&self, kind: PemKind) -> PemProblem {
        let text = String::from_utf8_lossy(self.bytes);
        let encrypted = ENCRYPTED.iter().any(|mark| text.contains(mark));
        match kind {
            PemKind::PrivateKey if encrypted => PemProblem::Encrypted,
            _ => PemProblem::Missing,
        }
    }
}

// === impl PemKind ===

impl fmt::Display for PemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::PrivateKey => "private key",
            Self::RevocationList => "certificate revocation list",
        })
    }
}

// === impl PemProblem ===

impl fmt::Display for PemProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "there is none (PEM text is expected, with its BEGIN and END lines)",
            Self::Damaged => "its BEGIN line, END line or base64 is damaged",
            Self::NotUnderstood => "it is damaged or of an unknown sort",
            Self::Encrypted => "it needs a password, which is never asked for: decrypt it first",
            Self::TooLong => "the text is longer than 64 MiB",
        })
    }
}
