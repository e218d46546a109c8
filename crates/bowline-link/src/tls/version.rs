//! The versions of TLS that are spoken here. Older ones have no name, so nobody can ask for them.

use std::fmt;

use rustls::{ProtocolVersion, SupportedProtocolVersion};

use super::Error;

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    V1_2,
    /// TLS 1.3 (RFC 8446).
    V1_3,
}

/// The versions from the lower to the upper one, both included.
#[derive(Debug, Clone, Copy)]
pub(super) struct Versions {
    pub(super) min: Version,
    pub(super) max: Version,
}

// === impl Version ===

impl Version {
    pub(super) fn of(version: ProtocolVersion) -> Option<Self> {
        match version {
            ProtocolVersion::TLSv1_2 => Some(Self::V1_2),
            ProtocolVersion::TLSv1_3 => Some(Self::V1_3),
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS 1.2",
            Self::V1_3 => "TLS 1.3",
        })
    }
}

// === impl Versions ===

impl Versions {
    pub(super) const ALL: Self = Self {
        min: Version::V1_2,
        max: Version::V1_3,
    };

    pub(super) fn supported(self) -> Result<Vec<&'static SupportedProtocolVersion>, Error> {
        let Self { min, max } = self;
        if min > max {
            return Err(Error::Versions { min, max });
        }
        let all = [
            (Version::V1_2, &rustls::version::TLS12),
            (Version::V1_3, &rustls::version::TLS13),
        ];
        let within = all
            .into_iter()
            .filter(|(version, _)| (min..=max).contains(version));
        Ok(within.map(|(_, supported)| supported).collect())
    }
}
