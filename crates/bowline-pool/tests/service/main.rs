//! The pool under tower, against sessions that answer as each request asks for.
#![expect(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

#[cfg(feature = "balance")]
mod balance;
mod exchange;
mod lending;
mod per_request;
mod world;
