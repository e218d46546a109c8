//! The limits of a pool. Past these constructors nobody checks again.

use std::time::Duration;

use bowline_policy::backoff::{self, Schedule};
use bowline_policy::endpoints::{self, Choice};
use bowline_policy::{breaker, lifetime};

mod derived;
mod invalid;

pub use invalid::InvalidSettings;
pub(crate) use invalid::number;
use invalid::{not_over, time};

/// The most connections a pool may be allowed: more towards one peer would run
/// it out of ports.
pub const CONNECTIONS_MAX: usize = 65_536;

/// The longest time a setting accepts: a year. Longer ones overflow clocks.
pub const TIME_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The most callers that may be allowed to wait.
pub const WAITERS_MAX: usize = 1 << 20;

const BACKOFF_DEFAULT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
const CEILING_DEFAULT: usize = 1024;
const WAIT_DEFAULT: Duration = Duration::from_secs(10);
const CONNECT_DEFAULT: Duration = Duration::from_secs(4);
const IDLE_DEFAULT: Duration = Duration::from_secs(55);
const AGE_DEFAULT: Duration = Duration::from_secs(30 * 60);
const WARM_UP_DEFAULT: Duration = Duration::from_secs(1);
const SWEEP_DEFAULT: Duration = Duration::from_secs(1);
const PING_DEFAULT: Duration = Duration::from_secs(20);
const CHECK_DEFAULT: Duration = Duration::from_secs(2);
const FAIL_FAST_DEFAULT: Duration = Duration::from_secs(2);
const LEAK_DEFAULT: Duration = Duration::from_secs(60);
const LEAP_DEFAULT: Duration = Duration::from_secs(10);
const MOVE_DEFAULT: Duration = Duration::from_secs(1);
const CONNECTING_DEFAULT: usize = 4;
const CHECKING_DEFAULT: usize = 4;
const WAITERS_DEFAULT: usize = 1024;

/// What a pool may do, and for how long.
///
/// Pools made of clones draw their jitter apart.
///
/// ```
/// # use std::time::Duration;
/// # use bowline_policy::lifetime;
/// # use bowline_pool::Settings;
/// # fn settings(seed: u64) -> Result<Settings, Box<dyn std::error::Error>> {
/// let minute = Duration::from_secs(60);
/// let settings = Settings::new(16, seed)?
///     .min(4)?
///     .wait(Duration::from_secs(2))?
///     .lifetime(lifetime::Settings::new(minute, 10 * minute)?);
/// # Ok(settings)
/// # }
/// # settings(1).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Settings {
    seed: u64,
    pub(crate) max: usize,
    pub(crate) min: usize,
    pub(crate) ceiling: usize,
    pub(crate) backoff: backoff::Maker,
    pub(crate) lifetime: lifetime::Maker,
    pub(crate) breaker: Option<breaker::Maker>,
    pub(crate) endpoints: endpoints::Maker,
    pub(crate) wait: Duration,
    pub(crate) fail_fast_after: Duration,
    pub(crate) connect_limit: Duration,
    pub(crate) max_connecting: usize,
    pub(crate) max_waiters: usize,
    pub(crate) warm_up: Duration,
    pub(crate) sweep_every: Duration,
    pub(crate) ping_every: Duration,
    pub(crate) check_limit: Duration,
    pub(crate) max_checking: usize,
    pub(crate) bypass: Option<Duration>,
    pub(crate) leak_after: Duration,
    pub(crate) leap_limit: Duration,
    pub(crate) move_gap: Duration,
}

// === impl Settings ===

impl Settings {
    /// Allows at most `max` connections, open and opening together, and draws
    /// all jitter from `seed`.
    ///
    /// Both are asked for because neither has a value that is safe for
    /// everybody: two processes that share a seed return in step.
    ///
    /// # Errors
    ///
    /// `max` is zero or over [`CONNECTIONS_MAX`].
    pub fn new(max: usize, seed: u64) -> Result<Self, InvalidSettings> {
        number("max", max, CONNECTIONS_MAX)?;
        let schedule = Schedule::exponential(BACKOFF_DEFAULT.0, BACKOFF_DEFAULT.1);
        let schedule = schedule.expect("the default base is below the default cap");
        let lifetime = lifetime::Settings::new(IDLE_DEFAULT, AGE_DEFAULT);
        let lifetime = lifetime.expect("the default idle limit is below the default age");
        Ok(Self {
            seed,
            max,
            min: 0,
            ceiling: CEILING_DEFAULT.max(max),
            backoff: backoff::Maker::new(schedule, seed),
            lifetime: lifetime::Maker::new(lifetime, seed),
            breaker: None,
            endpoints: endpoints::Maker::new(endpoints::Settings::new(Choice::Ordered), seed),
            wait: WAIT_DEFAULT,
            fail_fast_after: FAIL_FAST_DEFAULT,
            connect_limit: CONNECT_DEFAULT,
            max_connecting: CONNECTING_DEFAULT.min(max),
            max_waiters: WAITERS_DEFAULT,
            warm_up: WARM_UP_DEFAULT,
            sweep_every: SWEEP_DEFAULT,
            ping_every: PING_DEFAULT,
            check_limit: CHECK_DEFAULT,
            max_checking: CHECKING_DEFAULT,
            bypass: None,
            leak_after: LEAK_DEFAULT,
            leap_limit: LEAP_DEFAULT,
            move_gap: MOVE_DEFAULT,
        })
    }

    /// How many connections are kept open whether anybody asks or not, lent ones
    /// among them. The default is 0.
    ///
    /// # Errors
    ///
    /// `min` is over the pool's `max`.
    pub fn min(mut self, min: usize) -> Result<Self, InvalidSettings> {
        not_over("min", min, "max", self.max)?;
        self.min = min;
        Ok(self)
    }

    /// How far the pool may later be resized. Room is reserved for so many, 8
    /// bytes each. The default is 1024, or `max` if that is more.
    ///
    /// # Errors
    ///
    /// `ceiling` is below the pool's `max`, or over [`CONNECTIONS_MAX`].
    pub fn ceiling(mut self, ceiling: usize) -> Result<Self, InvalidSettings> {
        number("ceiling", ceiling, CONNECTIONS_MAX)?;
        not_over("max", self.max, "ceiling", ceiling)?;
        self.ceiling = ceiling;
        Ok(self)
    }

    /// Holds dials to an endpoint back after one has failed. The default grows
    /// from 100 ms to 5 s, half of each jitter.
    ///
    /// A schedule that ends starts over: as long as callers wait, somebody has
    /// to try, and each of them has a deadline of its own.
    #[must_use]
    pub fn backoff(mut self, schedule: Schedule) -> Self {
        self.backoff = backoff::Maker::new(schedule, self.seed);
        self
    }

    /// How long connections may lie idle, counted from their return, and how
    /// long they may live. The defaults are 55 s, just before the minute after
    /// which many balancers forget a silent connection, and half an hour; the
    /// last quarter of each is jitter.
    ///
    /// Where there is room, a successor is opened before an old one goes.
    #[must_use]
    pub fn lifetime(mut self, settings: lifetime::Settings) -> Self {
        self.lifetime = lifetime::Maker::new(settings, self.seed);
        self
    }

    /// Guards each endpoint by a breaker. By default there is none: the backoff
    /// alone holds dials back.
    ///
    /// Here a connect is a success once the connection has served somebody or
    /// answered a ping, and a failure if it ends before.
    #[must_use]
    pub fn breaker(mut self, settings: breaker::Settings) -> Self {
        self.breaker = Some(breaker::Maker::new(settings, self.seed));
        self
    }

    /// How to choose among several endpoints. By default they are tried in
    /// order.
    #[must_use]
    pub fn endpoints(mut self, settings: endpoints::Settings) -> Self {
        self.endpoints = endpoints::Maker::new(settings, self.seed);
        self
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

    /// How long callers wait in patience while every dial fails and no
    /// connection is left. After it, those in line and those who come are told
    /// the last connect error at once, until a dial succeeds. Each time the
    /// backoff is over, the first who comes waits for the next dial and its
    /// outcome. The default is 2 s, within
    /// which most servers restart. Zero fails at the first failed dial,
    /// [`TIME_MAX`] never.
    ///
    /// # Errors
    ///
    /// `down` is over [`TIME_MAX`].
    pub fn fail_fast_after(mut self, down: Duration) -> Result<Self, InvalidSettings> {
        if !down.is_zero() {
            time("fail_fast_after", down)?;
        }
        self.fail_fast_after = down;
        Ok(self)
    }

    /// How long one whole connect may take: name lookup, handshakes and the
    /// hook on connect included. The default is 4 s: a lost first packet and
    /// its first two repetitions.
    ///
    /// # Errors
    ///
    /// `limit` is zero or over [`TIME_MAX`].
    pub fn connect_limit(mut self, limit: Duration) -> Result<Self, InvalidSettings> {
        self.connect_limit = time("connect_limit", limit)?;
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

    /// Spreads the dials that bring the pool up to `min` over this time, at
    /// random, so that a fleet that starts together does not call together. The
    /// default is 1 s. Callers who wait are dialed for at once all the same.
    ///
    /// # Errors
    ///
    /// `spread` is zero or over [`TIME_MAX`].
    pub fn warm_up(mut self, spread: Duration) -> Result<Self, InvalidSettings> {
        self.warm_up = time("warm_up", spread)?;
        Ok(self)
    }

    /// How often all that is parked is looked at. The default is 1 s. Ends and
    /// resets mostly wake the pool sooner.
    ///
    /// # Errors
    ///
    /// `interval` is zero or over [`TIME_MAX`].
    pub fn sweep_every(mut self, interval: Duration) -> Result<Self, InvalidSettings> {
        self.sweep_every = time("sweep_every", interval)?;
        Ok(self)
    }

    /// How long a parked connection may go without proof before it is pinged,
    /// where its type has a ping. The default is 20 s; the last quarter is
    /// jitter, drawn once for each connection. It is no shorter than the
    /// interval of sweeps, which find out whose turn it is.
    ///
    /// # Errors
    ///
    /// `interval` is over [`TIME_MAX`], or below the limit of one check.
    pub fn ping_every(mut self, interval: Duration) -> Result<Self, InvalidSettings> {
        self.ping_every = time("ping_every", interval)?;
        self.checked()
    }

    /// How long one check may take: a ping, or the hook on return. The default
    /// is 2 s.
    ///
    /// # Errors
    ///
    /// `limit` is zero, or over the interval of pings.
    pub fn check_limit(mut self, limit: Duration) -> Result<Self, InvalidSettings> {
        self.check_limit = time("check_limit", limit)?;
        self.checked()
    }

    /// How many pings may be under way at once. The default is 4.
    ///
    /// # Errors
    ///
    /// `checks` is zero or over [`CONNECTIONS_MAX`].
    pub fn max_checking(mut self, checks: usize) -> Result<Self, InvalidSettings> {
        number("max_checking", checks, CONNECTIONS_MAX)?;
        self.max_checking = checks;
        Ok(self)
    }

    /// Hands out without a ping only what has proved itself within this time:
    /// by an exchange, or by a ping. The caller waits in line meanwhile, for
    /// this connection or another. The default is as long as pings and their
    /// limits take, so that only a pool that fell behind asks again.
    ///
    /// # Errors
    ///
    /// `window` is zero or over [`TIME_MAX`].
    pub fn bypass_window(mut self, window: Duration) -> Result<Self, InvalidSettings> {
        self.bypass = Some(time("bypass_window", window)?);
        Ok(self)
    }

    /// How long a connection may be lent before it is told as a suspected leak,
    /// with the place that borrowed it. The default is a minute;
    /// [`TIME_MAX`] for never.
    ///
    /// # Errors
    ///
    /// `lent` is zero or over [`TIME_MAX`].
    pub fn leak_after(mut self, lent: Duration) -> Result<Self, InvalidSettings> {
        self.leak_after = time("leak_after", lent)?;
        Ok(self)
    }

    /// How far the time of day may leap ahead of our own, or our own timer come
    /// late, before everything parked is checked again. The default is 10 s: a
    /// machine that slept for less has kept its connections.
    ///
    /// # Errors
    ///
    /// `leap` is zero or over [`TIME_MAX`].
    pub fn leap_limit(mut self, leap: Duration) -> Result<Self, InvalidSettings> {
        self.leap_limit = time("leap_limit", leap)?;
        Ok(self)
    }

    /// How far apart connections move from one endpoint to another: back to a
    /// preferred one, or to where a weight says. The default is 1 s, half of it
    /// jitter.
    ///
    /// # Errors
    ///
    /// `gap` is zero or over [`TIME_MAX`].
    pub fn move_gap(mut self, gap: Duration) -> Result<Self, InvalidSettings> {
        self.move_gap = time("move_gap", gap)?;
        Ok(self)
    }
}

#[cfg(test)]
mod tests;
