//! Why settings were refused, and the checks that refuse them.

use std::time::Duration;

use super::TIME_MAX;

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
    /// Two numbers contradict each other.
    #[error("{setting} {value} is over {other} {limit}")]
    NumberOver {
        /// Which setting.
        setting: &'static str,
        /// What was asked for.
        value: usize,
        /// The setting that it contradicts.
        other: &'static str,
        /// That one's value.
        limit: usize,
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
}

pub(crate) fn number(
    setting: &'static str,
    value: usize,
    most: usize,
) -> Result<(), InvalidSettings> {
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

pub(super) fn not_over(
    setting: &'static str,
    value: usize,
    other: &'static str,
    limit: usize,
) -> Result<(), InvalidSettings> {
    if value > limit {
        return Err(InvalidSettings::NumberOver {
            setting,
            value,
            other,
            limit,
        });
    }
    Ok(())
}

pub(super) fn time(setting: &'static str, value: Duration) -> Result<Duration, InvalidSettings> {
    if value.is_zero() || value > TIME_MAX {
        return Err(InvalidSettings::Time {
            setting,
            value,
            most: TIME_MAX,
        });
    }
    Ok(value)
}
