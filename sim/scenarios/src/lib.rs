//! This project's worlds: what runs in the simulator, what its users do, and which
//! promises are looked for in what happened.
//!
//! The worlds wire real code to the simulated network, clock and disk; they hold no
//! logic of the system under test.

pub mod calls;
pub mod chat;
pub mod pool;
pub mod reconnect;
