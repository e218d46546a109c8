//! The laws of a reconnecting service and of a backoff, as a test suite for any of them.
//!
//! Ten [laws](Law), each of which some published library breaks. A service is
//! judged as a [`Subject`]: a factory that builds it over a scripted [`Peer`],
//! which refuses, hangs up, falls silent and writes down every dial and every
//! request. A schedule of delays is judged as a [`Backoff`]. Each law answers
//! with a [`Verdict`] and the numbers behind it, never with a panic; where a
//! subject lacks what a law is about, the verdict says so and why.
//!
//! The suite judges what can be seen from outside, and mends nothing.
//!
//! ```
//! use std::time::Duration;
//! use bowline_conformance::{
//!     Answer, BoxError, Law, Outcome, Pace, Peer, Request, Subject, Wire, assert_holds, laws,
//! };
//! use tower::util::BoxCloneService;
//! use tower::{ServiceExt, service_fn};
//!
//! /// Dials for every request, and again after a fixed delay.
//! struct Naive;
//!
//! impl Subject for Naive {
//!     type Service = BoxCloneService<Request, Answer, BoxError>;
//!
//!     fn service(&self, peer: &Peer, pace: Pace) -> Self::Service {
//!         let peer = peer.clone();
//!         BoxCloneService::new(service_fn(move |request: Request| {
//!             let peer = peer.clone();
//!             async move {
//!                 let wire: Wire = loop {
//!                     match peer.dial().await {
//!                         Ok(wire) => break wire,
//!                         Err(_) => tokio::time::sleep(pace.base).await,
//!                     }
//!                 };
//!                 Ok(wire.oneshot(request).await?)
//!             }
//!         }))
//!     }
//!
//!     fn handle(&self, service: &Self::Service) -> Result<Self::Service, bowline_conformance::Lacks> {
//!         Ok(service.clone())
//!     }
//! }
//!
//! // In a `#[test]`: what it keeps today must not be lost tomorrow.
//! assert_holds([laws::lost_wake_ups(&Naive), laws::in_flight_honesty(&Naive)]);
//!
//! // It never slows down for a peer that accepts and hangs up.
//! let verdict = laws::flapping(&Naive);
//! assert_eq!((verdict.law, verdict.outcome), (Law::Flapping, Outcome::Broken));
//! println!("{verdict}");
//! ```
//!
//! Every law builds a tokio runtime of its own, with the clock paused: call
//! them from a plain `#[test]`, never from inside a runtime, which tokio answers
//! with a panic. One takes well under a second, [`laws::million_attempts`] a few.

mod backoff;
mod drive;
mod law;
mod peer;
mod policy;
mod subject;

pub mod laws;

pub use backoff::Backoff;
pub use law::{Law, Outcome, Verdict, assert_holds};
pub use peer::{Answer, DialError, Peer, Request, Wire, WireError};
pub use policy::{PolicyBackoff, PolicyDelays};
pub use subject::{BoxError, Lacks, Pace, Sent, Standing, Subject};
