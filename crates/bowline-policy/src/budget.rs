//! How much trouble may be made for a peer: [`Retries`] in proportion to the
//! calls that are made anyway, [`Dials`] by the clock. It keeps accounts and
//! holds nobody back itself.
//!
//! Both count in whole numbers, without rounding, so that a budget of 60 % is
//! one of 60 % after a million calls too. A share that is turned into "one
//! credit per so many calls" is not: 60 % becomes one for one, which is 100 %
//! (tower, issue 857).
//!
//! ```
//! use std::time::Duration;
//! use bowline_policy::budget::{Retries, RetrySettings};
//!
//! # let now = std::time::Instant::now();
//! let settings = RetrySettings::new(600, 0, Duration::from_secs(10))?;
//! let mut budget = Retries::new(settings, now);
//! for _ in 0..100 {
//!     budget.deposit(now);
//! }
//! let retries = (0..100).filter(|_| budget.withdraw(now).is_ok());
//! assert_eq!(retries.count(), 60);
//! # Ok::<_, bowline_policy::InvalidSetting>(())
//! ```

mod dials;
mod retries;

pub use dials::{BURST_MAX, DIALS_MAX, DialSettings, Dials, Take};
pub use retries::{
    Exhausted, PER_SECOND_MAX, RATIO_MAX, Retries, RetrySettings, SLOTS, TTL_DEFAULT,
};

#[cfg(test)]
mod tests;
