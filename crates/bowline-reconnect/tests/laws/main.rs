//! The laws of a reconnecting service, on a paused clock against a peer that does
//! as it is told.

#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]

mod bad_input;
mod balance;
mod closing;
mod driving;
mod failover;
mod fake;
mod herd;
mod hints;
mod leaps;
mod moving;
mod net;
mod panics;
mod parking;
mod readiness;
mod resuming;
mod session;
mod spans;
mod starting;
mod storm;
mod successors;
mod threads;
mod together;
mod verdicts;
