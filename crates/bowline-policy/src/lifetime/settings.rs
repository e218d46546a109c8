//! The limits of a lifetime. Past these constructors nobody checks again.

use std::time::Duration;

use crate::setting::{InvalidSetting, Share, not_over, time};

/// The share of a limit that is jitter, unless told otherwise: a quarter, which
/// takes a fleet that was born together apart within its first generation.
pub const SPREAD_DEFAULT: Share = Share::QUARTER;

/// How many retirements fit between the shortest and the longest age with the
/// default gap.
const GAPS_DEFAULT: u32 = 64;

/// How long connections may live, and lie idle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    idle: Duration,
    age: Duration,
    spread: Share,
    gap: Option<Duration>,
}

// === impl Settings ===

impl Settings {
    /// Retires connections `age` after birth at the latest, and those that were
    /// returned and then not used for `idle`.
    ///
    /// A quarter of either is jitter ([`SPREAD_DEFAULT`]). Neither limit has a
    /// default: both follow from what lies on the way. For none, say
    /// [`TIME_MAX`](crate::TIME_MAX).
    ///
    /// # Errors
    ///
    /// A limit outside [`TIME_MIN`](crate::TIME_MIN) and
    /// [`TIME_MAX`](crate::TIME_MAX), or `idle` over `age`, which could never
    /// be reached.
    pub fn new(idle: Duration, age: Duration) -> Result<Self, InvalidSetting> {
        time("idle", idle)?;
        time("age", age)?;
        not_over("idle", idle, "age", age)?;
        Ok(Self {
            idle,
            age,
            spread: SPREAD_DEFAULT,
            gap: None,
        })
    }

    /// Draws each deadline evenly from the last `spread` of its limit, so never
    /// later than the limit says. [`Share::NONE`] draws nothing: for tests.
    ///
    /// # Errors
    ///
    /// A gap was set that no longer fits into this share of the age.
    pub fn spread(mut self, spread: Share) -> Result<Self, InvalidSetting> {
        self.spread = spread;
        self.checked()
    }

    /// Keeps planned ends of age at least `gap` apart, as far as they fit: see
    /// [`Planner::born`](super::Planner::born). Zero asks for none.
    ///
    /// The default is a 64th of the time that jitter spreads ages over.
    ///
    /// # Errors
    ///
    /// A gap over the time that jitter spreads ages over: not even two fit.
    pub fn gap(mut self, gap: Duration) -> Result<Self, InvalidSetting> {
        self.gap = Some(gap);
        self.checked()
    }

    /// The longest a connection lies idle, counted from its return.
    pub fn idle_max(&self) -> Duration {
        self.idle
    }

    /// The shortest idle limit that jitter draws.
    pub fn idle_min(&self) -> Duration {
        self.idle - self.spread.of_time(self.idle)
    }

    /// The longest a connection lives.
    pub fn age_max(&self) -> Duration {
        self.age
    }

    /// The shortest age that jitter draws.
    pub fn age_min(&self) -> Duration {
        self.age - self.age_spread()
    }

    /// How far apart ends of age are planned, as far as they fit.
    pub fn gap_min(&self) -> Duration {
        self.gap.unwrap_or(self.age_spread() / GAPS_DEFAULT)
    }

    fn age_spread(&self) -> Duration {
        self.spread.of_time(self.age)
    }

    fn checked(self) -> Result<Self, InvalidSetting> {
        if let Some(gap) = self.gap {
            not_over("gap", gap, "spread of age", self.age_spread())?;
        }
        Ok(self)
    }
}
