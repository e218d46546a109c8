//! The pool against a network that is not there: streams in memory, time paused,
//! faults on demand. Hand-overs are raced on real threads besides.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod age;
mod backoff;
mod closing;
mod doubt;
mod fitness;
mod hooks;
mod line;
mod loans;
mod looking;
mod min;
mod pings;
mod race;
mod session;
mod storm;
mod sweep;
mod world;
