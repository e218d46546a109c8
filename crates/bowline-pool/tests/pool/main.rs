//! The pool against a network that is not there: streams in memory, time paused,
//! faults on demand. Hand-overs are raced on real threads besides.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod backoff;
mod closing;
mod collisions;
mod down;
mod draining;
mod fitness;
mod gale;
mod limits;
mod line;
mod live;
mod race;
mod sharing;
mod storm;
mod switches;
mod world;
