//! When to ask a source again while it answers, as validated settings.

use std::time::Duration;

use rand_core::Rng;
use rand_pcg::Pcg64;

/// The shortest wait between two questions: a name server that says a time to live of zero
/// must not be asked without a pause.
pub const WAIT_MIN: Duration = Duration::from_millis(100);

/// The longest wait between two questions.
pub const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How often a file is read, and whatever else says no time to live, unless told otherwise:
/// a person who edits it still waits.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(5);

/// How old a list may become while its source fails, unless told otherwise: the shortest that
/// RFC 8767, section 5, suggests for DNS.
pub const MAX_STALE_DEFAULT: Duration = Duration::from_secs(24 * 60 * 60);

/// How long one question may take, unless told otherwise.
pub const PATIENCE_DEFAULT: Duration = Duration::from_secs(30);

/// The part of a wait that is drawn: a tenth, so that a fleet started together spreads out
/// and no answer is used past its time to live.
const JITTER_PART: u32 = 10;

/// How long to wait between answers, how long for one, and how old the last may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refresh {
    floor: Duration,
    cap: Duration,
    patience: Duration,
    max_stale: Duration,
}

/// Settings that contradict each other or would ask without a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRefresh {
    /// The least is above the most.
    #[error("the floor of {floor:?} is above the cap of {cap:?}")]
    FloorOverCap {
        /// The shortest wait.
        floor: Duration,
        /// The longest wait.
        cap: Duration,
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
    /// A list would expire before its source is asked again.
    #[error("max_stale of {max_stale:?} is below the cap of {cap:?}")]
    StaleBelowCap {
        /// How old a list may become.
        max_stale: Duration,
        /// The longest wait.
        cap: Duration,
    },
}

// === impl Refresh ===

impl Refresh {
    /// Asks again when an answer's time to live is over, but no sooner than after `floor` and
    /// no later than after `cap`; an answer without one is good for `cap`.
    ///
    /// Each wait is shortened by up to a tenth, so that many who began together do not ask
    /// together. Nine tenths of `floor` is the shortest there is.
    ///
    /// # Errors
    ///
    /// A floor above the cap, either outside of [`WAIT_MIN`] to [`WAIT_MAX`], or a cap above
    /// [`MAX_STALE_DEFAULT`].
    pub fn by_ttl(floor: Duration, cap: Duration) -> Result<Self, InvalidRefresh> {
        for (setting, value) in [("floor", floor), ("cap", cap)] {
            within(setting, value, WAIT_MIN)?;
        }
        if floor > cap {
            return Err(InvalidRefresh::FloorOverCap { floor, cap });
        }
        Ok(Self {
            floor,
            cap,
            patience: PATIENCE_DEFAULT,
            max_stale: MAX_STALE_DEFAULT,
        })
    }

    /// Asks again each `interval`, less up to a tenth, whatever an answer says.
    ///
    /// # Errors
    ///
    /// An interval outside of [`WAIT_MIN`] to [`WAIT_MAX`].
    pub fn every(interval: Duration) -> Result<Self, InvalidRefresh> {
        within("interval", interval, WAIT_MIN)?;
        Self::by_ttl(interval, interval)
    }

    /// Gives each question up after `limit`; [`PATIENCE_DEFAULT`] unless told.
    ///
    /// # Errors
    ///
    /// A limit outside of [`WAIT_MIN`] to [`WAIT_MAX`].
    pub fn patience(mut self, limit: Duration) -> Result<Self, InvalidRefresh> {
        within("patience", limit, WAIT_MIN)?;
        self.patience = limit;
        Ok(self)
    }

    /// Lets the last list be in force for so long after its source last confirmed it;
    /// [`MAX_STALE_DEFAULT`] unless told.
    ///
    /// # Errors
    ///
    /// A time below the cap, with which a list would expire while all is well, or above
    /// 7 days, the longest that RFC 8767 speaks of.
    pub fn max_stale(mut self, limit: Duration) -> Result<Self, InvalidRefresh> {
        const MOST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
        if limit < self.cap {
            return Err(InvalidRefresh::StaleBelowCap {
                max_stale: limit,
                cap: self.cap,
            });
        }
        if limit > MOST {
            return Err(InvalidRefresh::OutOfRange {
                setting: "max_stale",
                value: limit,
                least: self.cap,
                most: MOST,
            });
        }
        self.max_stale = limit;
        Ok(self)
    }

    /// The longest there may be between two answers of a source that answers at once.
    pub fn cap(&self) -> Duration {
        self.cap
    }

    pub(super) fn limit_of_question(&self) -> Duration {
        self.patience
    }

    pub(super) fn limit_of_age(&self) -> Duration {
        self.max_stale
    }

    /// How long to wait after an answer that is good for `ttl`.
    pub(super) fn wait(&self, ttl: Option<Duration>, random: &mut Pcg64) -> Duration {
        let whole = ttl.unwrap_or(self.cap).clamp(self.floor, self.cap);
        let spread =
            u64::try_from((whole / JITTER_PART).as_nanos()).expect("a wait is held below WAIT_MAX");
        let drawn = (u128::from(random.next_u64()) * (u128::from(spread) + 1)) >> 64;
        let drawn = u64::try_from(drawn).expect("it is at most the spread");
        whole - Duration::from_nanos(drawn)
    }
}

fn within(setting: &'static str, value: Duration, least: Duration) -> Result<(), InvalidRefresh> {
    if (least..=WAIT_MAX).contains(&value) {
        return Ok(());
    }
    Err(InvalidRefresh::OutOfRange {
        setting,
        value,
        least,
        most: WAIT_MAX,
    })
}
