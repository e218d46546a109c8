//! Our schedules where other libraries ask for theirs, and the other way round.
//! What a delay is, it leaves to `bowline_policy`.

#[cfg(feature = "backoff")]
mod foreign;
#[cfg(all(feature = "backoff", feature = "retry"))]
mod foreign_pauses;
#[cfg(feature = "retry")]
mod pauses;

#[cfg(feature = "backoff")]
pub use foreign::{AsBackoff, permanent_is_fatal, schedule_from, to_backoff};
#[cfg(all(feature = "backoff", feature = "retry"))]
pub use foreign_pauses::{ForeignPauses, ForeignPausing};
#[cfg(feature = "retry")]
pub use pauses::{Pauses, Pausing};
