//! The repository's documents and this crate's examples, so that what they show
//! is run as it stands. Nothing is here for a program.

#[cfg(all(feature = "pool", feature = "reconnect"))]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(feature = "pool")]
#[doc = include_str!("../../../docs/guide/pooling.md")]
mod pooling {}

#[cfg(feature = "reconnect")]
#[doc = include_str!("../../../docs/guide/reconnecting.md")]
mod reconnecting {}

#[cfg(all(feature = "hyper", feature = "retry", feature = "tls"))]
#[doc = include_str!("../../../docs/guide/stack.md")]
mod stack {}

/// ```
#[cfg(all(feature = "tonic", feature = "retry"))]
#[doc = include_str!("../examples/grpc_health.rs")]
/// ```
mod grpc_health {}

/// ```
#[cfg(feature = "hyper")]
#[doc = include_str!("../examples/http_failover.rs")]
/// ```
mod http_failover {}

/// ```
#[cfg(feature = "reconnect")]
#[doc = include_str!("../examples/line_protocol.rs")]
/// ```
mod line_protocol {}
