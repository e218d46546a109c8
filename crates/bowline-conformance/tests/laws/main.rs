//! That each law can be kept, and is seen to be broken by what breaks it.
//!
//! Bowline's own service is judged elsewhere: this crate knows none.
#![expect(clippy::unwrap_used, reason = "a test ends where a promise does")]

mod schedules;
mod services;
mod small;
