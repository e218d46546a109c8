//! The pool against a network that is not there: streams in memory, time paused,
//! faults on demand. Hand-overs are raced on real threads besides.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod backoff;
mod closing;
mod fitness;
mod line;
mod race;
mod storm;
mod world;
