//! Sessions over HTTP, against hyper's server and h2's in memory: what is sent,
//! what is known of it when it fails, and what happens to calls in flight.
#![expect(clippy::unwrap_used, reason = "a test may fail")]

#[cfg(feature = "tonic")]
mod grpc;
mod http1;
mod http2;
mod peer;
mod uri;
