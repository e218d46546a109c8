//! What follows from several settings together.

use std::time::Duration;

use super::Settings;
use super::invalid::{InvalidSettings, not_over, number};

impl Settings {
    /// For how long a proof lets a connection be handed out.
    pub(crate) fn trust(&self) -> Duration {
        let default = self.ping_every + self.sweep_every + 2 * self.check_limit;
        self.bypass.unwrap_or(default)
    }

    /// How long before the end of an age its successor is dialed.
    pub(crate) fn lead(&self) -> Duration {
        let shortest = self.lifetime.settings().age_min();
        self.connect_limit.min(shortest / 4)
    }

    /// These settings for `max` connections at most.
    pub(crate) fn resized(&self, max: usize) -> Result<Self, InvalidSettings> {
        number("max", max, self.ceiling)?;
        not_over("min", self.min, "max", max)?;
        // `max_connecting` stays, for when there is room for so many again.
        Ok(Self {
            max,
            ..self.clone()
        })
    }

    /// These settings in a pool whose ceiling is fixed.
    pub(crate) fn with_ceiling(mut self, ceiling: usize) -> Self {
        self.ceiling = ceiling;
        self
    }

    pub(super) fn checked(self) -> Result<Self, InvalidSettings> {
        let (limit, interval) = (self.check_limit, self.ping_every);
        if limit > interval {
            return Err(InvalidSettings::TimeOver {
                setting: "check_limit",
                value: limit,
                other: "ping_every",
                limit: interval,
            });
        }
        Ok(self)
    }
}
