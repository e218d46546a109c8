//! When to stop calling a peer that fails, and when to try it again. It calls
//! nobody; whoever calls asks first and reports what came of it.
//!
//! *Closed* lets all calls through, *open* none until a time that grows while
//! the peer stays down, *half-open* a few probes. Each permit belongs to the
//! cycle in which it was given, and only that cycle hears its result: a call
//! that was begun before the breaker opened and succeeds an hour later says
//! nothing about now.
//!
//! [`Settings`] is what trips and for how long, a [`Maker`] hands out one
//! [`Breaker`] per peer, each with a jitter of its own.
//!
//! ```
//! use std::time::Duration;
//! use bowline_policy::breaker::{Maker, Settings, State};
//!
//! # let now = std::time::Instant::now();
//! let second = Duration::from_secs(1);
//! let settings = Settings::new(3)?.open_for(5 * second, 60 * second)?;
//! let mut breaker = Maker::new(settings, 0x5eed).breaker();
//!
//! for _ in 0..3 {
//!     let permit = breaker.ask(now).expect("closed");
//!     breaker.failed(permit, now);
//! }
//! assert!(breaker.ask(now + second).is_err());
//!
//! let later = now + 5 * second;
//! let probe = breaker.ask(later).expect("a probe may go");
//! breaker.succeeded(probe, later);
//! assert_eq!(breaker.state(), State::Closed);
//! # Ok::<_, bowline_policy::InvalidSetting>(())
//! ```

mod machine;
mod settings;
mod window;

pub use machine::{Breaker, Maker, Permit, Refused, State};
pub use settings::{
    CALLS_MAX, HEALTHY_AFTER_DEFAULT, OPEN_DEFAULT, OPEN_MAX_DEFAULT, PROBES_MAX, Rate, Settings,
};
pub use window::BUCKETS;

#[cfg(test)]
mod tests;
