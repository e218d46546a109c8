//! The pool against a network that is not there: streams in memory, time paused,
//! faults on demand. Hand-overs are raced on real threads besides.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod age;
mod backoff;
mod closing;
mod collisions;
mod doubt;
mod down;
mod draining;
mod fitness;
mod gale;
mod hooks;
mod limits;
mod line;
mod live;
mod loans;
mod looking;
mod min;
mod pings;
mod race;
mod session;
mod sharing;
mod storm;
mod sweep;
mod switches;
mod world;
