//! Decisions for long-lived connections, and nothing but decisions.
//!
//! Time enters as an argument, randomness as a generator, and the answer leaves
//! as a value: nothing here reads a clock, opens a socket or knows of tokio, so
//! every rule can be tested with a table and replayed from a seed.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod endpoints;
pub mod heartbeat;
pub mod lifetime;

mod observe;
mod random;
mod setting;

pub use observe::{FromFn, Observe, from_fn};
pub use setting::{InvalidSetting, Share, TIME_MAX, TIME_MIN};
