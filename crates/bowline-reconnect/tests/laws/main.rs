//! The laws of a reconnecting service, on a paused clock against a peer that does
//! as it is told.

#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]

mod balance;
mod driving;
mod fake;
mod parking;
mod readiness;
mod session;
mod storm;
