//! The limits of a pool. Past these constructors nobody checks again.

use std::time::Duration;

use bowline_policy::backoff::Maker;

/// The most connections a pool may be allowed: the rack reserves room for all
/// of them, and more towards one peer would run it out of ports.
pub const CONNECTIONS_MAX: usize = 65_536;

/// The longest time a setting accepts: a year. Longer ones overflow clocks.
pub const TIME_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The most callers that may be allowed to wait.
pub const WAITERS_MAX: usize = 1 << 20;

const WAIT_DEFAULT: Duration = Duration::from_secs(10);
const CONNECT_DEFAULT: Duration = Duration::from_secs(4);
const IDLE_DEFAULT: Duration = Duration::from_secs(55);
const CONNECTING_DEFAULT: usize = 4;
const WAITERS_DEFAULT: usize = 1024;

/// What a pool may do, and for how long.
///
/// ```
/// # use std::time::Duration;
/// # use bowline_policy::backoff::{Maker, Schedule};
/// # use bowline_pool::Settings;
/// # fn settings(seed: u64) -> Result<Settings, Box<dyn std::error::Error>> {
/// let schedule = Schedule::exponential(Duration::from_millis(100), Duration::from_secs(5))?;
/// let settings = Settings::new(16, Maker::new(schedule, seed))?
///     .wait(Duration::from_secs(2))?
///     .idle_limit(Duration::from_secs(30))?;
/// # Ok(settings)
/// # }
/// # settings(1).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) max: usize,
    pub(crate) backoff: Maker,
    pub(crate) wait: Duration,
    pub(crate) connect_limit: Duration,
    pub(crate) idle_limit: Duration,
    pub(crate) max_connecting: usize,
    pub(crate) max_waiters: usize,
}

/// Why settings were refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSettings {
    /// A number is outside its bounds.
    #[error("{setting} {value} is not within {least} and {most}")]
    Number {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: usize,
        /// The least that is accepted.
        least: usize,
        /// The most that is accepted.
        most: usize,
    },
    /// A time is zero or too long to be meant.
    #[error("{setting} {value:?} is not above 0 and within {most:?}")]
    Time {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: Duration,
        /// The most that is accepted.
        most: Duration,
    },
}

// === impl Settings ===

impl Settings {
    /// Allows at most `max` connections, open and opening together, and holds
    /// dials back by `backoff` after one has failed.
    ///
    /// Both are asked for because neither has a value that is safe for
    /// everybody: a backoff whose seed two processes share makes them return in
    /// step. A schedule that ends starts over: as long as callers wait, somebody
    /// has to try, and each of them has a deadline of its own.
    ///
    /// # Errors
    ///
    /// `max` is zero or over [`CONNECTIONS_MAX`].
    pub fn new(max: usize, backoff: Maker) -> Result<Self, InvalidSettings> {
        number("max", max, CONNECTIONS_MAX)?;
        Ok(Self {
            max,
            backoff,
            wait: WAIT_DEFAULT,
            connect_limit: CONNECT_DEFAULT,
            idle_limit: IDLE_DEFAULT,
            max_connecting: CONNECTING_DEFAULT.min(max),
            max_waiters: WAITERS_DEFAULT,
        })
    }

    /// How long a caller stands in line. The default is 10 s: enough for two
    /// dials into a black hole and a third that is answered.
    ///
    /// # Errors
    ///
    /// `wait` is zero or over [`TIME_MAX`].
    pub fn wait(mut self, wait: Duration) -> Result<Self, InvalidSettings> {
        self.wait = time("wait", wait)?;
        Ok(self)
    }

    /// How long one whole connect may take, name lookup and handshakes
    /// included. The default is 4 s: a lost first packet and its first two
    /// repetitions.
    ///
    /// # Errors
    ///
    /// `limit` is zero or over [`TIME_MAX`].
    pub fn connect_limit(mut self, limit: Duration) -> Result<Self, InvalidSettings> {
        self.connect_limit = time("connect_limit", limit)?;
        Ok(self)
    }

    /// How long a connection may be parked before it is no longer handed out,
    /// counted from its return. The default is 55 s: just before the minute
    /// after which many balancers forget a silent connection.
    ///
    /// # Errors
    ///
    /// `limit` is zero or over [`TIME_MAX`].
    pub fn idle_limit(mut self, limit: Duration) -> Result<Self, InvalidSettings> {
        self.idle_limit = time("idle_limit", limit)?;
        Ok(self)
    }

    /// How many dials may be under way at once. The default is 4, or `max` if
    /// that is less: a cold pool fills quickly, and a peer that comes back is
    /// not met by all of it.
    ///
    /// # Errors
    ///
    /// `dials` is zero or over the pool's `max`.
    pub fn max_connecting(mut self, dials: usize) -> Result<Self, InvalidSettings> {
        number("max_connecting", dials, self.max)?;
        self.max_connecting = dials;
        Ok(self)
    }

    /// How many callers may stand in line; the next one is turned away at
    /// once. The default is 1024. It cannot be zero: a dial begins because
    /// somebody waits.
    ///
    /// # Errors
    ///
    /// `callers` is zero or over [`WAITERS_MAX`].
    pub fn max_waiters(mut self, callers: usize) -> Result<Self, InvalidSettings> {
        number("max_waiters", callers, WAITERS_MAX)?;
        self.max_waiters = callers;
        Ok(self)
    }
}

fn number(setting: &'static str, value: usize, most: usize) -> Result<(), InvalidSettings> {
    let least = 1;
    if value < least || value > most {
        return Err(InvalidSettings::Number {
            setting,
            value,
            least,
            most,
        });
    }
    Ok(())
}

fn time(setting: &'static str, value: Duration) -> Result<Duration, InvalidSettings> {
    if value.is_zero() || value > TIME_MAX {
        return Err(InvalidSettings::Time {
            setting,
            value,
            most: TIME_MAX,
        });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use bowline_policy::backoff::Schedule;

    use super::*;

    fn settings(max: usize) -> Result<Settings, InvalidSettings> {
        let schedule = Schedule::constant(Duration::from_millis(10)).unwrap();
        Settings::new(max, Maker::new(schedule, 1))
    }

    #[test]
    fn a_refused_limit_is_named_with_its_bounds() {
        let told = |refused: Result<Settings, InvalidSettings>| refused.unwrap_err().to_string();
        assert_eq!(told(settings(0)), "max 0 is not within 1 and 65536");
        assert_eq!(
            told(settings(65_537)),
            "max 65537 is not within 1 and 65536"
        );
        assert_eq!(
            told(settings(3).unwrap().max_connecting(4)),
            "max_connecting 4 is not within 1 and 3"
        );
        assert_eq!(
            told(settings(3).unwrap().wait(Duration::ZERO)),
            "wait 0ns is not above 0 and within 31536000s"
        );
        assert!(settings(3).unwrap().idle_limit(TIME_MAX * 2).is_err());
        assert!(settings(3).unwrap().connect_limit(Duration::ZERO).is_err());
        assert!(settings(3).unwrap().max_waiters(0).is_err());
    }

    #[test]
    fn dials_never_outnumber_the_connections() {
        assert_eq!(settings(1).unwrap().max_connecting, 1);
        assert_eq!(settings(65_536).unwrap().max_connecting, 4);
    }
}
