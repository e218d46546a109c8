//! When a connection has lived long enough, and when it has lain idle for too
//! long. It closes nothing; whoever owns the connection compares and acts.
//!
//! Deadlines are drawn once, at birth ([`Age`]) and at each return ([`Idle`]),
//! and are values from then on: nothing can draw them again. A limit that is
//! jittered anew at each look is only the shortest of many draws.
//!
//! [`Settings`] is what is allowed, a [`Maker`] hands out one [`Planner`] per
//! pool, each with a jitter of its own.
//!
//! ```
//! use std::time::Duration;
//! use bowline_policy::lifetime::{Maker, Settings};
//!
//! # let now = std::time::Instant::now();
//! let minute = Duration::from_secs(60);
//! let settings = Settings::new(minute, 30 * minute)?.gap(Duration::from_secs(5))?;
//! let mut planner = Maker::new(settings, 0x5eed).planner();
//!
//! let (one, other) = (planner.born(now), planner.born(now));
//! assert!(one.at() <= now + 30 * minute, "jitter only ever shortens");
//! let apart = one.at().max(other.at()) - one.at().min(other.at());
//! assert!(apart >= Duration::from_secs(5), "and they do not retire together");
//!
//! let idle = planner.idle_until(now);
//! assert!(!idle.is_over(now + minute / 2) && idle.is_over(now + minute));
//! # Ok::<_, bowline_policy::InvalidSetting>(())
//! ```

mod calendar;
mod planner;
mod settings;

pub use calendar::PLANNED_MAX;
pub use planner::{Age, Idle, Maker, Planner};
pub use settings::{SPREAD_DEFAULT, Settings};

#[cfg(test)]
mod tests;
