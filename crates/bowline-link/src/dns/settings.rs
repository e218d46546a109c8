//! Whom to ask, for how long and how often, and what is remembered; validated here only.

use std::net::SocketAddr;
use std::time::Duration;

/// The port on which name servers answer (RFC 1035).
pub const PORT: u16 = 53;

/// The most name servers: as many as resolv.conf(5) takes.
pub const SERVERS_MAX: usize = 3;

/// How long one server has for one attempt, unless told otherwise. resolv.conf(5) waits 5 s;
/// a dial whose whole allowance is 10 s would be spent on one lost datagram.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(2);

/// The least [`Settings::timeout`]: less than some round trips, and nobody is ever heard.
pub const TIMEOUT_MIN: Duration = Duration::from_millis(10);

/// The most [`Settings::timeout`], which resolv.conf(5) has too.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// How often each server is asked, unless told otherwise; resolv.conf(5) has the same.
pub const ATTEMPTS_DEFAULT: u32 = 2;

/// The most [`Settings::attempts`], which resolv.conf(5) has too.
pub const ATTEMPTS_MAX: u32 = 5;

/// The longest an answer counts as fresh, whatever it says: a mistake in a zone is over within
/// an hour of its repair.
pub const TTL_MAX: Duration = Duration::from_secs(60 * 60);

/// How long beyond its time to live an answer is served where nobody answers, unless told
/// otherwise: the shortest that RFC 8767, section 5, suggests.
pub const MAX_STALE_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);

/// The most that [`Settings::max_stale`] takes: the longest that RFC 8767 speaks of.
const MAX_STALE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How a resolver asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    servers: Vec<SocketAddr>,
    timeout: Duration,
    attempts: u32,
    max_stale: Duration,
}

/// Settings with which nobody could be asked, or nobody would stop asking.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSettings {
    /// There is nobody to ask, or there are too many.
    #[error("{count} name servers, and there must be from 1 to {max}")]
    Servers {
        /// How many there are.
        count: usize,
        /// The most: [`SERVERS_MAX`].
        max: usize,
    },
    /// A time is outside of what makes sense.
    #[error("{setting} is {value:?}, and must be from {least:?} to {most:?}")]
    OutOfRange {
        /// Which.
        setting: &'static str,
        /// What was given.
        value: Duration,
        /// The least.
        least: Duration,
        /// The most.
        most: Duration,
    },
    /// Nobody would be asked, or for ever.
    #[error("attempts is {attempts}, and must be from 1 to {most}")]
    Attempts {
        /// What was given.
        attempts: u32,
        /// The most: [`ATTEMPTS_MAX`].
        most: u32,
    },
}

// === impl Settings ===

impl Settings {
    /// Asks `servers`, in this order.
    ///
    /// # Errors
    ///
    /// When there are none or more than [`SERVERS_MAX`].
    pub fn new(servers: impl IntoIterator<Item = SocketAddr>) -> Result<Self, InvalidSettings> {
        let servers: Vec<_> = servers.into_iter().collect();
        if servers.is_empty() || servers.len() > SERVERS_MAX {
            return Err(InvalidSettings::Servers {
                count: servers.len(),
                max: SERVERS_MAX,
            });
        }
        Ok(Self {
            servers,
            timeout: TIMEOUT_DEFAULT,
            attempts: ATTEMPTS_DEFAULT,
            max_stale: MAX_STALE_DEFAULT,
        })
    }

    /// Gives each attempt so long; [`TIMEOUT_DEFAULT`] unless told.
    ///
    /// # Errors
    ///
    /// A time outside of [`TIMEOUT_MIN`] to [`TIMEOUT_MAX`].
    pub fn timeout(mut self, timeout: Duration) -> Result<Self, InvalidSettings> {
        if !(TIMEOUT_MIN..=TIMEOUT_MAX).contains(&timeout) {
            return Err(InvalidSettings::OutOfRange {
                setting: "timeout",
                value: timeout,
                least: TIMEOUT_MIN,
                most: TIMEOUT_MAX,
            });
        }
        self.timeout = timeout;
        Ok(self)
    }

    /// Asks each server so often; [`ATTEMPTS_DEFAULT`] unless told.
    ///
    /// # Errors
    ///
    /// None, or more than [`ATTEMPTS_MAX`].
    pub fn attempts(mut self, attempts: u32) -> Result<Self, InvalidSettings> {
        if !(1..=ATTEMPTS_MAX).contains(&attempts) {
            return Err(InvalidSettings::Attempts {
                attempts,
                most: ATTEMPTS_MAX,
            });
        }
        self.attempts = attempts;
        Ok(self)
    }

    /// Serves addresses for so long beyond their time to live where nobody answers;
    /// [`MAX_STALE_DEFAULT`] unless told, and zero never does.
    ///
    /// # Errors
    ///
    /// More than 7 days.
    pub fn max_stale(mut self, max_stale: Duration) -> Result<Self, InvalidSettings> {
        if max_stale > MAX_STALE_MAX {
            return Err(InvalidSettings::OutOfRange {
                setting: "max_stale",
                value: max_stale,
                least: Duration::ZERO,
                most: MAX_STALE_MAX,
            });
        }
        self.max_stale = max_stale;
        Ok(self)
    }

    /// The longest that one question can take, all servers, attempts and aliases together.
    pub fn patience(&self) -> Duration {
        self.patience_of(self.attempts)
    }

    /// The same, were each server asked `rounds` times.
    pub(super) fn patience_of(&self, rounds: u32) -> Duration {
        let servers = u32::try_from(self.servers.len()).expect("they were counted");
        self.timeout * rounds * servers
    }

    pub(super) fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    pub(super) fn per_attempt(&self) -> Duration {
        self.timeout
    }

    pub(super) fn rounds(&self) -> u32 {
        self.attempts
    }

    pub(super) fn stale_for(&self) -> Duration {
        self.max_stale
    }
}
