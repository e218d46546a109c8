//! Long-lived connections that come back, in one dependency.
//!
//! The parts are crates of their own and appear here under short names. What
//! is behind a feature is there to be left out; `pool` and `reconnect` are on
//! unless told.
//!
//! | module | feature | what for |
//! |---|---|---|
//! | [`policy`] | | backoff, heartbeat, lifetime, breaker, budget, choice of endpoint: decisions, without a clock or a socket |
//! | [`link`] | | dialers and listeners, codecs, liveness, layers over any dialer; with `tls` and `dns` those too |
#![cfg_attr(
    feature = "pool",
    doc = "| [`pool`] | `pool` | connections that are kept for the next caller |"
)]
#![cfg_attr(
    feature = "reconnect",
    doc = "| [`reconnect`] | `reconnect` | a tower service that comes back by itself; `retry`, `hyper`, `tonic` and `backoff` connect it to those |"
)]
#![cfg_attr(
    feature = "metrics",
    doc = "| [`metrics`] | `metrics` | what happened, for Prometheus |"
)]
//!
//! A client that reconnects, in the words of this crate:
//!
//! ```
//! # #[cfg(feature = "reconnect")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), bowline::link::BoxError> {
//! use std::time::Duration;
//!
//! use bowline::link::{BoxError, Endpoint, Listen, tcp};
//! use bowline::policy::backoff::{Maker, Schedule};
//! use bowline::reconnect::{Established, Reconnect};
//! use tower::{ServiceExt, service_fn};
//!
//! let listener = tcp::Listener::bind("127.0.0.1:0".parse()?)?;
//! let server: Endpoint = listener.local_addr()?.into();
//!
//! let schedule = Schedule::exponential(Duration::from_millis(100), Duration::from_secs(10))?;
//! let connect = service_fn(|to: Endpoint| async {
//!     let stream = tcp::Dialer::new().oneshot(to).await?;
//!     let peer = stream.peer_addr()?;
//!     // Stands for a protocol that sends requests on the stream.
//!     Ok::<_, BoxError>(Established::new(service_fn(move |()| async move {
//!         Ok::<_, BoxError>(peer)
//!     })))
//! });
//! let link = Reconnect::builder(connect, server.clone(), &Maker::new(schedule, 1)).build();
//! assert_eq!(Endpoint::from(link.oneshot(()).await?), server);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "reconnect"))]
//! # fn main() {}
//! ```
//!
//! `balance` gives pools and links tower's `Load`, which a balancer compares.
//!
//! The examples meet peers that are not ours: `grpc_health` tonic, through
//! restarts; `http_failover` hyper, from one server to another; `line_protocol`
//! publishes and subscribes by lines, and subscribes again. Each starts its
//! servers itself: `cargo run -p bowline --all-features --example grpc_health`.

pub use bowline_link as link;
pub use bowline_policy as policy;
#[cfg(feature = "pool")]
pub use bowline_pool as pool;
#[cfg(feature = "reconnect")]
pub use bowline_reconnect as reconnect;
#[cfg(feature = "metrics")]
pub use bowline_telemetry as metrics;

#[cfg(doctest)]
mod documents;
