//! How long to wait before trying again, so that a fleet of clients never
//! tries at once. It waits for nothing itself, and it does not judge which
//! errors deserve another try.
//!
//! A [`Schedule`] is the validated settings, a [`Maker`] hands out one
//! [`Session`] per connection, each with a jitter of its own.
//!
//! ```
//! use std::time::Duration;
//! use bowline_policy::backoff::{Maker, Proof, Schedule};
//!
//! # let lost_at = std::time::Instant::now();
//! let schedule = Schedule::exponential(Duration::from_secs(1), Duration::from_secs(30))?
//!     .splay(Duration::from_secs(3))?
//!     .take(10);
//! let mut session = Maker::new(schedule, 0x5eed).session();
//!
//! let delay = session.next_delay(lost_at).expect("ten tries are left");
//! assert!(delay <= Duration::from_secs(3));
//!
//! let up_at = lost_at + delay;
//! session.connected(up_at, Proof::Time);
//! session.lost(up_at + Duration::from_secs(1));
//! assert_eq!(session.attempts(), 1, "a second of service resets nothing");
//! # Ok::<_, bowline_policy::backoff::Invalid>(())
//! ```

mod curve;
mod hint;
mod plan;
mod schedule;
mod session;

pub use curve::Jitter;
pub use hint::{HINT_CAP_DEFAULT, HintLimits};
pub use schedule::{DELAY_MAX, DELAY_MIN, Invalid, STABLE_AFTER_DEFAULT, Schedule};
pub use session::{Maker, Proof, Session};

#[cfg(test)]
mod tests;
