//! Which of several endpoints to call. It calls none itself; whoever calls
//! asks, and reports what came of it.
//!
//! The set is generic over its key, which may be an address, a name, or a
//! tenant. It remembers for each how it has fared: failures in a row lead to
//! an ejection whose penalty grows while they go on and decays in health; how
//! long connects took, for [`Choice::Fastest`]; and, for [`Choice::Ordered`],
//! whether one that failed has proved its health for long enough to be
//! preferred again. The rules of ejection are Envoy's outlier detection; its
//! cap is what keeps one bad minute from turning all load on one endpoint.
//!
//! [`Settings`] is how to choose, a [`Maker`] hands out [`Set`]s, each with a
//! jitter of its own.
//!
//! ```
//! use std::time::Duration;
//! use bowline_policy::endpoints::{Choice, Endpoint, Maker, Settings};
//!
//! # let now = std::time::Instant::now();
//! let settings = Settings::new(Choice::Ordered);
//! let list = ["chat-a.example", "chat-b.example"].map(Endpoint::new);
//! let mut set = Maker::new(settings, 0x5eed).set(list, now)?;
//!
//! let first = set.choose(now).expect("two to choose from").key;
//! assert_eq!(first, "chat-a.example");
//! set.failed(&first, now);
//! assert_eq!(set.choose(now).expect("another").key, "chat-b.example");
//! # Ok::<_, bowline_policy::endpoints::InvalidList>(())
//! ```

mod choosing;
mod ejection;
mod latency;
mod list;
mod member;
mod set;
mod settings;

pub use list::{Endpoint, InvalidList, WEIGHT_MAX};
pub use set::{Chosen, Health, Maker, Set, Why};
pub use settings::{
    Choice, ENDPOINTS_MAX, FAILURES_MAX, Failback, LATENCY_GUESS, Penalty, Settings,
};

#[cfg(test)]
mod tests;
