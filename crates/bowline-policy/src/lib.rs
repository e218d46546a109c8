//! Decisions for long-lived connections, and nothing but decisions.
//!
//! Time enters as an argument, randomness as a generator, and the answer leaves
//! as a value: nothing here reads a clock, opens a socket or knows of tokio, so
//! every rule can be tested with a table and replayed from a seed.

pub mod backoff;
pub mod heartbeat;

mod observe;

pub use observe::{FromFn, Observe, from_fn};
