//! A pool over several endpoints: hosts in memory that refuse, keep silent,
//! hang up and come back, on a paused clock.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod apart;
mod lists;
mod order;
mod weights;
mod world;
