//! Dials by the clock: a bucket that fills evenly and holds a burst.

use std::time::{Duration, Instant};

use crate::setting::{InvalidSetting, number, time};

/// The most dials that may be allowed per period.
pub const DIALS_MAX: u32 = 1_000_000;

/// The most dials that may be allowed at once.
pub const BURST_MAX: u32 = 1_000_000;

/// How many dials may start, and how many of them at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialSettings {
    dials: u32,
    per: Duration,
    burst: u32,
}

/// Says when the next dial may start.
///
/// Within any span of time there start no more than `burst`, and `dials` for
/// each `per` of it. A bucket that is full runs over: with a burst of 1, up to
/// a nanosecond of each wait is lost to that, with 2 none is while there is a
/// line.
#[derive(Debug, Clone)]
pub struct Dials {
    settings: DialSettings,
    /// What is in the bucket: a dial costs `per` in nanoseconds, and each
    /// nanosecond brings `dials`. So nothing is ever rounded.
    level: u128,
    filled_at: Instant,
}

/// Whether a dial may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a dial that may start has been paid for"]
pub enum Take {
    /// It starts now, and was paid for.
    Now,
    /// Not before this instant. Nothing was taken and nothing is reserved: the
    /// first in line asks again then, and a caller who leaves owes nothing.
    At(Instant),
}

// === impl DialSettings ===

impl DialSettings {
    /// Allows `dials` in each `per`, evenly, and `burst` at once after a rest.
    ///
    /// # Errors
    ///
    /// `dials` is zero or over [`DIALS_MAX`], `burst` is zero or over
    /// [`BURST_MAX`], or `per` is outside [`TIME_MIN`](crate::TIME_MIN) and
    /// [`TIME_MAX`](crate::TIME_MAX).
    pub fn new(dials: u32, per: Duration, burst: u32) -> Result<Self, InvalidSetting> {
        number("dials", dials.into(), 1, DIALS_MAX.into())?;
        time("per", per)?;
        number("burst", burst.into(), 1, BURST_MAX.into())?;
        Ok(Self { dials, per, burst })
    }

    /// Allows `dials` a second, and `burst` at once after a rest.
    ///
    /// # Errors
    ///
    /// Those of [`DialSettings::new`].
    pub fn per_second(dials: u32, burst: u32) -> Result<Self, InvalidSetting> {
        Self::new(dials, Duration::from_secs(1), burst)
    }

    fn cost(&self) -> u128 {
        self.per.as_nanos()
    }

    fn full(&self) -> u128 {
        self.cost() * u128::from(self.burst)
    }
}

// === impl Dials ===

impl Dials {
    /// Begins with a full burst.
    pub fn new(settings: DialSettings, now: Instant) -> Self {
        Self {
            settings,
            level: settings.full(),
            filled_at: now,
        }
    }

    /// Asks to start a dial now, for the first in line.
    ///
    /// At the instant it names, and not a nanosecond before, the same question
    /// is answered with [`Take::Now`].
    pub fn take(&mut self, now: Instant) -> Take {
        self.fill(now);
        let cost = self.settings.cost();
        if let Some(left) = self.level.checked_sub(cost) {
            self.level = left;
            return Take::Now;
        }
        let missing = (cost - self.level).div_ceil(self.settings.dials.into());
        let wait = u64::try_from(missing).expect("no dial costs more than a year");
        Take::At(self.filled_at + Duration::from_nanos(wait))
    }

    /// What it follows.
    pub fn settings(&self) -> &DialSettings {
        &self.settings
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.filled_at).as_nanos();
        let brought = passed.saturating_mul(self.settings.dials.into());
        self.level = self.level.saturating_add(brought).min(self.settings.full());
        self.filled_at = self.filled_at.max(now);
    }
}
