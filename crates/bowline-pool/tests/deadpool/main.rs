//! What deadpool 0.13.1 does to its callers, shown on deadpool, and what this
//! pool does in the same place. Both meet the same server, on one clock.
//!
//! One defect is not shown on deadpool, for it needs two threads and luck:
//! `unmanaged::Pool::close` clears the queue between a getter's permit and its
//! `pop().unwrap()`, which panics. `src/rack.rs`, the only file that knows
//! deadpool, never closes its line: it wakes those in it one after another by a
//! call that lies in the queue like a connection. `clippy.toml` refuses the
//! method everywhere. See `books::closing_races_nobody_into_a_panic`.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod books;
mod checking;
mod waiting;
mod world;
