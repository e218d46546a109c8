//! The reply codes of RFC 1928, section 6, in words.

/// Why a SOCKS5 proxy opened no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reply {
    /// 1: nothing more is known. Trying again may help.
    #[error("it failed for a reason it does not tell")]
    GeneralFailure,
    /// 2: trying again does not help.
    #[error("its rules do not allow it")]
    NotAllowed,
    /// 3.
    #[error("the network cannot be reached from there")]
    NetworkUnreachable,
    /// 4: many proxies say so too when a name has no answer.
    #[error("the host cannot be reached from there")]
    HostUnreachable,
    /// 5: the host is up and nothing listens.
    #[error("the host refused the connection")]
    ConnectionRefused,
    /// 6.
    #[error("the packets ran out of hops on their way")]
    TtlExpired,
    /// 7: it does not do CONNECT.
    #[error("it does not open connections for others")]
    CommandNotSupported,
    /// 8: perhaps it takes an IPv4 address instead of a name or an IPv6 address.
    #[error("it does not take this kind of address")]
    AddressTypeNotSupported,
    /// A code that RFC 1928 does not assign.
    #[error("unassigned reply code {0:#04x}")]
    Unassigned(u8),
}

// === impl Reply ===

impl Reply {
    /// What a reply code says; none is success.
    pub(super) fn of(code: u8) -> Option<Self> {
        match code {
            0 => None,
            1 => Some(Self::GeneralFailure),
            2 => Some(Self::NotAllowed),
            3 => Some(Self::NetworkUnreachable),
            4 => Some(Self::HostUnreachable),
            5 => Some(Self::ConnectionRefused),
            6 => Some(Self::TtlExpired),
            7 => Some(Self::CommandNotSupported),
            8 => Some(Self::AddressTypeNotSupported),
            code => Some(Self::Unassigned(code)),
        }
    }
}
