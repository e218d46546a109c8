//! A chat that loses nothing when it reconnects: protocol, server and client.
//!
//! Generic over the seam of bowline-link: what runs on real sockets and what is
//! simulated is the same code. Built on the heartbeat, reconnect and link crates
//! alone, so that it proves them.

#[cfg(any(feature = "client", feature = "server"))]
mod chain;
#[cfg(feature = "client")]
pub mod client;
pub mod log;
#[cfg(feature = "server")]
pub mod metrics;
pub mod protocol;
#[cfg(any(feature = "client", feature = "server"))]
mod pump;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod store;
