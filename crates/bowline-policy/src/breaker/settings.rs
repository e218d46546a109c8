//! What trips a breaker, and for how long. Past these constructors nobody
//! checks again.

use std::time::Duration;

use super::window::BUCKETS;
use crate::setting::{InvalidSetting, Share, TIME_MIN, not_over, number, time, time_from};

/// The most probes that may be in flight, or may be asked for as proof.
pub const PROBES_MAX: u32 = 1024;

/// The most calls that may be asked for before anything trips.
pub const CALLS_MAX: u32 = 1 << 20;

/// How long a breaker is open the first time, unless told otherwise: about as
/// long as a process needs to restart.
pub const OPEN_DEFAULT: Duration = Duration::from_secs(5);

/// How long a breaker is open at most, unless told otherwise: what a person
/// who has just repaired the peer is willing to wait.
pub const OPEN_MAX_DEFAULT: Duration = Duration::from_secs(60);

/// How long a breaker must stay closed for the next opening to be short again,
/// unless told otherwise.
pub const HEALTHY_AFTER_DEFAULT: Duration = Duration::from_secs(30);

/// When a breaker opens, how long it stays so, and what closes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub(super) consecutive: u32,
    pub(super) rate: Option<Rate>,
    pub(super) open: Duration,
    pub(super) open_max: Duration,
    pub(super) spread: Share,
    pub(super) healthy_after: Duration,
    pub(super) probes: u32,
    pub(super) proofs: u32,
}

/// A share of failures among recent calls that opens a breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub(super) share: Share,
    pub(super) calls: u32,
    pub(super) window: Duration,
}

// === impl Settings ===

impl Settings {
    /// Opens after `consecutive` failures in a row.
    ///
    /// It opens for [`OPEN_DEFAULT`], twice as long each time it was not healthy
    /// in between, up to [`OPEN_MAX_DEFAULT`]; half-open lets one probe go at a
    /// time, and one success closes it.
    ///
    /// # Errors
    ///
    /// `consecutive` is zero or over [`CALLS_MAX`].
    pub fn new(consecutive: u32) -> Result<Self, InvalidSetting> {
        number("consecutive", consecutive.into(), 1, CALLS_MAX.into())?;
        Ok(Self {
            consecutive,
            rate: None,
            open: OPEN_DEFAULT,
            open_max: OPEN_MAX_DEFAULT,
            spread: Share::QUARTER,
            healthy_after: HEALTHY_AFTER_DEFAULT,
            probes: 1,
            proofs: 1,
        })
    }

    /// Opens also when failures reach `rate`. Off unless called.
    pub fn rate(mut self, rate: Rate) -> Self {
        self.rate = Some(rate);
        self
    }

    /// Stays open for `first`, and for at most `longest` however often it had to
    /// open again.
    ///
    /// # Errors
    ///
    /// A time outside [`TIME_MIN`] and [`TIME_MAX`](crate::TIME_MAX), or `first`
    /// over `longest`.
    pub fn open_for(mut self, first: Duration, longest: Duration) -> Result<Self, InvalidSetting> {
        self.open = time("open", first)?;
        self.open_max = time("open_max", longest)?;
        not_over("open", first, "open_max", longest)?;
        Ok(self)
    }

    /// Draws each time open evenly from its last `spread`, so that a fleet does
    /// not probe in one moment. A quarter unless told; [`Share::NONE`] is for
    /// tests.
    pub fn spread(mut self, spread: Share) -> Self {
        self.spread = spread;
        self
    }

    /// Calls a breaker healthy once it stayed closed this long; what opens it
    /// then opens it for the first, short time.
    ///
    /// # Errors
    ///
    /// A time outside [`TIME_MIN`] and [`TIME_MAX`](crate::TIME_MAX).
    pub fn healthy_after(mut self, closed: Duration) -> Result<Self, InvalidSetting> {
        self.healthy_after = time("healthy_after", closed)?;
        Ok(self)
    }

    /// Lets at most `in_flight` probes go at once, and closes after `proofs`
    /// successes in one half-open cycle. One and one unless told.
    ///
    /// # Errors
    ///
    /// Either is zero or over [`PROBES_MAX`].
    pub fn probes(mut self, in_flight: u32, proofs: u32) -> Result<Self, InvalidSetting> {
        number("probes in flight", in_flight.into(), 1, PROBES_MAX.into())?;
        number("proofs", proofs.into(), 1, PROBES_MAX.into())?;
        self.probes = in_flight;
        self.proofs = proofs;
        Ok(self)
    }

    /// How many probes may be in flight.
    pub fn probes_max(&self) -> u32 {
        self.probes
    }

    /// The longest a breaker stays open.
    pub fn open_max(&self) -> Duration {
        self.open_max
    }
}

// === impl Rate ===

impl Rate {
    /// Trips when at least `share` of the calls of the last `window` failed, and
    /// there were at least `calls` of them: of two calls, one failure is no rate.
    ///
    /// The window is counted in [`BUCKETS`] parts, the last of them under way,
    /// so it reaches back over nine tenths of `window` at least. Only a failure
    /// trips; a success that completes the number of calls does not.
    ///
    /// # Errors
    ///
    /// A share of nothing, which every call reaches; `calls` of zero or over
    /// [`CALLS_MAX`]; a window outside [`BUCKETS`] milliseconds and
    /// [`TIME_MAX`](crate::TIME_MAX).
    pub fn new(share: Share, calls: u32, window: Duration) -> Result<Self, InvalidSetting> {
        let all = Share::ALL.thousandths().into();
        number("failure rate", share.thousandths().into(), 1, all)?;
        number("calls", calls.into(), 1, CALLS_MAX.into())?;
        time_from("window", window, TIME_MIN * BUCKETS)?;
        Ok(Self {
            share,
            calls,
            window,
        })
    }
}
