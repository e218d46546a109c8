//! Who we are to our peers, and who they are to us. It is complete when it is
//! made: nothing is looked up.

use std::net::SocketAddr;
use std::num::NonZeroU64;

use bowline_policy::heartbeat::Policy;
use rand_core::CryptoRng;

use super::keys::Keys;

/// The most peers of one socket: a probe of each fits into a second of what one
/// task sends with ease. Who has more opens another socket.
pub const PEERS_MAX: usize = 1024;

/// The drift that is reported, in parts per million, unless told: as much as
/// RFC 5905 believes of a clock in order (section 7.1, MAXFREQ).
pub const DRIFT_PPM_DEFAULT: u32 = 500;

/// Which run of a process this is. A peer that comes back with another session
/// is known to have restarted, and what was recorded of an earlier one proves
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session(pub(super) NonZeroU64);

/// Who we are.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub(super) node: u32,
    pub(super) session: Session,
    pub(super) drift_ppm_max: u32,
}

/// Where a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Address {
    /// There, always. What comes from elsewhere is refused.
    Fixed(SocketAddr),
    /// Wherever it was last heard from: behind a NAT, or on the move. With an
    /// address it is probed before it spoke first.
    Roaming(Option<SocketAddr>),
}

/// Who a peer is.
#[derive(Debug, Clone)]
pub struct PeerSettings {
    pub(super) node: u32,
    pub(super) address: Address,
    pub(super) keys: Keys,
    pub(super) policy: Policy,
}

/// Why a peer was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPeer {
    /// It would be ourselves.
    #[error("node {node} is our own")]
    Ourselves {
        /// The number.
        node: u32,
    },
    /// There is one of that number.
    #[error("node {node} is a peer already")]
    Known {
        /// The number.
        node: u32,
    },
    /// There are too many.
    #[error("node {node} would be peer {peers}, at most are {most}")]
    TooMany {
        /// The number.
        node: u32,
        /// How many there would be.
        peers: usize,
        /// How many there may be.
        most: usize,
    },
}

// === impl Session ===

impl Session {
    /// Draws a session that nobody had before, and nobody can guess.
    pub fn draw(secrets: &mut (impl CryptoRng + ?Sized)) -> Self {
        Self(NonZeroU64::new(secrets.next_u64()).unwrap_or(NonZeroU64::MIN))
    }

    /// The one after it, for when its sequence numbers are used up.
    pub(super) fn next(self) -> Self {
        Self(self.0.checked_add(1).unwrap_or(NonZeroU64::MIN))
    }
}

// === impl Settings ===

impl Settings {
    /// We are `node`, in `session`, which must be drawn anew in each process.
    pub fn new(node: u32, session: Session) -> Self {
        Self {
            node,
            session,
            drift_ppm_max: DRIFT_PPM_DEFAULT,
        }
    }

    /// Reports clocks that drift by more than `ppm` parts per million; see
    /// [`DRIFT_PPM_DEFAULT`].
    pub fn drift_ppm_max(self, ppm: u32) -> Self {
        Self {
            drift_ppm_max: ppm,
            ..self
        }
    }
}

// === impl PeerSettings ===

impl PeerSettings {
    /// A peer called `node`, which shares `keys` with us and is probed and given
    /// up as `policy` says.
    pub fn new(node: u32, address: Address, keys: Keys, policy: impl Into<Policy>) -> Self {
        let address = match address {
            Address::Fixed(at) => Address::Fixed(canonical(at)),
            Address::Roaming(at) => Address::Roaming(at.map(canonical)),
        };
        Self {
            node,
            address,
            keys,
            policy: policy.into(),
        }
    }
}

/// A socket for both families shows an IPv4 address in IPv6 clothes.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip().to_canonical() {
        ip if ip == address.ip() => address,
        ip => SocketAddr::new(ip, address.port()),
    }
}
