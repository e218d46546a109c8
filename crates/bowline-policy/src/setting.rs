//! What every settings type checks, and what it answers when it refuses. It
//! knows no setting by name.

use std::time::Duration;

/// The longest time any setting accepts: a year. Longer ones overflow clocks.
pub const TIME_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The shortest time any setting accepts: what timers resolve.
pub const TIME_MIN: Duration = Duration::from_millis(1);

/// Why a setting was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSetting {
    /// A number is outside its bounds.
    #[error("{setting} {value} is not within {least} and {most}")]
    Number {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: u64,
        /// The least that is accepted.
        least: u64,
        /// The most that is accepted.
        most: u64,
    },
    /// A time is outside its bounds.
    #[error("{setting} {value:?} is not within {least:?} and {most:?}")]
    Time {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: Duration,
        /// The least that is accepted.
        least: Duration,
        /// The most that is accepted.
        most: Duration,
    },
    /// Two times contradict each other.
    #[error("{setting} {value:?} is over {other} {limit:?}")]
    TimeOver {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: Duration,
        /// The setting that it contradicts.
        other: &'static str,
        /// That one's value.
        limit: Duration,
    },
    /// A time cannot be counted in the unit that keeps the arithmetic exact.
    #[error("{setting} {value:?} is no multiple of {unit:?}")]
    NotWhole {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: Duration,
        /// What it has to be a multiple of.
        unit: Duration,
    },
}

/// A share of a whole, in thousandths: exact, unlike a fraction in floating
/// point.
///
/// ```
/// use bowline_policy::Share;
///
/// assert_eq!(Share::percent(60)?, Share::per_mille(600)?);
/// # Ok::<_, bowline_policy::InvalidSetting>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

// === impl Share ===

impl Share {
    /// None of it.
    pub const NONE: Self = Self(0);
    /// A quarter of it.
    pub const QUARTER: Self = Self(250);
    /// Half of it.
    pub const HALF: Self = Self(500);
    /// All of it.
    pub const ALL: Self = Self(1000);

    /// So many thousandths.
    ///
    /// # Errors
    ///
    /// More than 1000.
    pub fn per_mille(thousandths: u16) -> Result<Self, InvalidSetting> {
        let most = Self::ALL.0;
        number("share in thousandths", thousandths.into(), 0, most.into())?;
        Ok(Self(thousandths))
    }

    /// So many hundredths.
    ///
    /// # Errors
    ///
    /// More than 100.
    pub fn percent(hundredths: u16) -> Result<Self, InvalidSetting> {
        number("share in hundredths", hundredths.into(), 0, 100)?;
        Ok(Self(hundredths * 10))
    }

    /// This share in thousandths.
    pub fn thousandths(self) -> u16 {
        self.0
    }

    /// This share of a time, rounded down to a nanosecond.
    pub(crate) fn of_time(self, whole: Duration) -> Duration {
        let part = whole.as_nanos() * u128::from(self.0) / u128::from(Self::ALL.0);
        Duration::from_nanos(u64::try_from(part).expect("times are held below a year"))
    }

    /// This share of a count, rounded down.
    pub(crate) fn of_count(self, whole: usize) -> usize {
        whole * usize::from(self.0) / usize::from(Self::ALL.0)
    }

    /// Whether `part` is at least this share of `whole`.
    pub(crate) fn is_reached(self, part: u64, whole: u64) -> bool {
        u128::from(part) * u128::from(Self::ALL.0) >= u128::from(whole) * u128::from(self.0)
    }
}

/// `value`, if it is within its bounds.
pub(crate) fn number(
    setting: &'static str,
    value: u64,
    least: u64,
    most: u64,
) -> Result<(), InvalidSetting> {
    check(value, least, most, |value, least, most| {
        InvalidSetting::Number {
            setting,
            value,
            least,
            most,
        }
    })
}

/// `value`, if it lies within [`TIME_MIN`] and [`TIME_MAX`].
pub(crate) fn time(setting: &'static str, value: Duration) -> Result<Duration, InvalidSetting> {
    time_from(setting, value, TIME_MIN)
}

/// `value`, if it lies within `least` and [`TIME_MAX`].
pub(crate) fn time_from(
    setting: &'static str,
    value: Duration,
    least: Duration,
) -> Result<Duration, InvalidSetting> {
    check(value, least, TIME_MAX, |value, least, most| {
        InvalidSetting::Time {
            setting,
            value,
            least,
            most,
        }
    })?;
    Ok(value)
}

/// Refuses `value` over the other setting's `limit`.
pub(crate) fn not_over(
    setting: &'static str,
    value: Duration,
    other: &'static str,
    limit: Duration,
) -> Result<(), InvalidSetting> {
    if value > limit {
        return Err(InvalidSetting::TimeOver {
            setting,
            value,
            other,
            limit,
        });
    }
    Ok(())
}

fn check<T: PartialOrd, E>(
    value: T,
    least: T,
    most: T,
    refuse: impl FnOnce(T, T, T) -> E,
) -> Result<(), E> {
    if value < least || value > most {
        return Err(refuse(value, least, most));
    }
    Ok(())
}
