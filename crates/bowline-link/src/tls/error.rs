//! Why there is no TLS, in words that say what to do and whose fault it is. Keys are never in it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::date::Utc;
use super::{Alert, PemKind, PemProblem, Version};
use crate::BoxError;

mod classify;

pub(super) use classify::{of_handshake, of_stream};

/// Why a handshake failed, a stream broke, or settings were refused.
///
/// Errors of a stream come as [`io::Error`]; [`Error::of`] finds this one in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server's certificate is for others. Either the wrong peer answered, or it was called
    /// by a name that is not in its certificate.
    #[error("the certificate is not for {asked} but for {}", listed(names))]
    WrongName {
        /// The name that was asked for.
        asked: String,
        /// The names that the certificate has.
        names: Vec<String>,
    },
    /// The peer's certificate, or one above it, has run out. Its owner must renew it; or the
    /// clock here is wrong.
    #[error("the certificate expired on {} (it is {} here)", Utc(*not_after), Utc(*now))]
    Expired {
        /// The last moment of its time.
        not_after: SystemTime,
        /// What the clock here said.
        now: SystemTime,
    },
    /// The peer's certificate, or one above it, is for later. Usually a clock is wrong.
    #[error("the certificate is not valid before {} (it is {} here)", Utc(*not_before), Utc(*now))]
    NotYetValid {
        /// The first moment of its time.
        not_before: SystemTime,
        /// What the clock here said.
        now: SystemTime,
    },
    /// No root that we believe leads to the peer's certificate: a root is missing here, an
    /// intermediate certificate there, or the peer is not who it says.
    #[error("the certificate was issued by nobody we trust")]
    UnknownIssuer,
    /// A signature does not hold. Whoever issued the certificate has the name of somebody we trust
    /// and another key, as when an authority was made anew; or the peer lacks the key of the
    /// certificate that it shows.
    #[error(
        "a signature does not hold: another authority of the same name, or another's certificate"
    )]
    BadSignature,
    /// A revocation list has the peer's certificate, or one above it.
    #[error("the certificate was revoked")]
    Revoked,
    /// There are revocation lists, and none covers the peer's certificate or one above it.
    #[error("no revocation list says whether the certificate was revoked")]
    UnknownRevocation,
    /// The revocation list that covers the peer's certificate should have been renewed.
    #[error("the revocation list was due to be renewed on {} (it is {} here)", Utc(*due), Utc(*now))]
    StaleRevocationList {
        /// When it was due.
        due: SystemTime,
        /// What the clock here said.
        now: SystemTime,
    },
    /// The peer's certificate is wrong in a rarer way, such as its purpose.
    #[error("the certificate was refused")]
    BadCertificate {
        /// In which way.
        source: BoxError,
    },
    /// The peer showed no certificate, and must.
    #[error("the peer showed no certificate, which is demanded here")]
    NoCertificate,
    /// Both speak TLS, and no version of it in common.
    #[error("no version of TLS in common{}", said(*by))]
    NoCommonVersion {
        /// Who found out.
        by: Side,
    },
    /// No cipher suite, key exchange or signature scheme in common. A peer that finds out says
    /// `handshake_failure`, which is an [`Alert`](Error::Alert), since it says that of much else.
    #[error("no cipher suite, key exchange or signature scheme in common")]
    NoCommonCipherSuite {
        /// What was missing.
        source: BoxError,
    },
    /// Both name the protocols that they speak inside (ALPN), and none is in both lists.
    #[error("no application protocol (ALPN) in common{}", said(*by))]
    NoCommonProtocol {
        /// Who found out.
        by: Side,
    },
    /// The peer ended it, and said why. With TLS 1.3 a refused client certificate shows up here
    /// at the first read, not in the handshake.
    #[error("the peer refused: {alert}")]
    Alert {
        /// What it said.
        alert: Alert,
    },
    /// What answered is not TLS: a port of another protocol, or a plain one.
    #[error("the peer does not speak TLS")]
    NotTls,
    /// The peer hung up before the handshake was done, without a word.
    #[error("the peer hung up during the handshake")]
    HungUp {
        /// How the network put it.
        source: io::Error,
    },
    /// The handshake was not done in time.
    #[error("no handshake within {after:?}")]
    TimedOut {
        /// How long it had.
        after: Duration,
    },
    /// The stream ended without TLS's own goodbye (`close_notify`). What was read may lack its
    /// end, and nobody can know whether the peer or somebody between cut it.
    #[error("the stream was cut off: it ended without close_notify")]
    Truncated,
    /// The peer broke the rules of TLS, or something between damaged the stream.
    #[error("the peer broke the rules of TLS")]
    Protocol {
        /// In which way.
        source: BoxError,
    },
    /// The stream below failed during the handshake.
    #[error("the stream failed during the handshake")]
    Io {
        /// How.
        source: io::Error,
    },
    /// A PEM text does not hold what it should. Its contents are not repeated here.
    #[error("cannot use the {kind}{}: {problem}", at(file.as_deref()))]
    Pem {
        /// What was looked for.
        kind: PemKind,
        /// The file it came from, if it came from one.
        file: Option<PathBuf>,
        /// What is wrong.
        problem: PemProblem,
    },
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The private key is a good one and belongs to another certificate.
    #[error("the private key{} does not belong to the certificate", at(file.as_deref()))]
    KeyMismatch {
        /// The key's file, if it came from one.
        file: Option<PathBuf>,
    },
    /// The lowest version asked for is above the highest.
    #[error("no version is at least {min} and at most {max}")]
    Versions {
        /// The lowest.
        min: Version,
        /// The highest.
        max: Version,
    },
    /// No certificate can have this name.
    #[error("{name:?} is neither a DNS name nor an IP address")]
    ServerName {
        /// What was asked for.
        name: String,
    },
    /// A protocol's name cannot be offered.
    #[error("a protocol's name (ALPN) has 1 to 255 bytes, not {bytes}")]
    ProtocolName {
        /// How many it has.
        bytes: usize,
    },
    /// Revocation lists for client certificates, and no client is asked for one.
    #[error("{lists} revocation lists for client certificates, and none is asked for")]
    NoClientRoots {
        /// How many lists were given.
        lists: usize,
    },
    /// The settings were refused by the cryptography below.
    #[error("the settings were refused")]
    Settings {
        /// Why.
        source: BoxError,
    },
}

/// Who found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// We did.
    Us,
    /// The peer did, and said so with an alert.
    Peer,
}

// === impl Error ===

impl Error {
    /// Whether the peer did not prove to be the one who was called, or who it says: its
    /// certificate is for others, at the wrong time, taken back, or vouched for by nobody we
    /// trust, or there is none.
    pub fn is_unproven(&self) -> bool {
        match self {
            Self::WrongName { .. }
            | Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::UnknownIssuer
            | Self::BadSignature
            | Self::Revoked
            | Self::UnknownRevocation
            | Self::StaleRevocationList { .. }
            | Self::BadCertificate { .. }
            | Self::NoCertificate => true,
            Self::NoCommonVersion { .. }
            | Self::NoCommonCipherSuite { .. }
            | Self::NoCommonProtocol { .. }
            | Self::Alert { .. }
            | Self::NotTls
            | Self::HungUp { .. }
            | Self::TimedOut { .. }
            | Self::Truncated
            | Self::Protocol { .. }
            | Self::Io { .. }
            | Self::Pem { .. }
            | Self::File { .. }
            | Self::KeyMismatch { .. }
            | Self::Versions { .. }
            | Self::ServerName { .. }
            | Self::ProtocolName { .. }
            | Self::NoClientRoots { .. }
            | Self::Settings { .. } => false,
        }
    }

    /// The TLS error inside an error of a stream, if that is what it is.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

fn said(by: Side) -> &'static str {
    match by {
        Side::Us => "",
        Side::Peer => ", says the peer",
    }
}

fn at(file: Option<&Path>) -> String {
    file.map(|file| format!(" in {}", file.display()))
        .unwrap_or_default()
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "nobody by name".to_owned(),
        names => names.join(", "),
    }
}
