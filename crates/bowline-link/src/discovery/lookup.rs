//! One question to a source: what a refreshing one repeats. It decides nothing about when.

use std::time::Duration;

use super::{InvalidTargets, Target, Targets};
use crate::{Endpoint, Resolve};

/// Finds a list, once per call.
///
/// The future it returns may be dropped at any await; then nothing was asked.
pub trait Lookup: Send + 'static {
    /// Why nothing was found.
    type Error: Send + 'static;

    /// Asks.
    fn look_up(&mut self) -> impl Future<Output = Result<Answer, Self::Error>> + Send + 'static;
}

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The whole list.
    pub targets: Targets,
    /// How long it is good, where the source says so.
    pub ttl: Option<Duration>,
}

/// Asks a resolver for the addresses of a name, all alike. Resolvers say no time to live:
/// it is asked again at the cap of its [`Refresh`](super::Refresh).
#[derive(Debug, Clone)]
pub struct Resolved<R> {
    resolver: R,
    endpoint: Endpoint,
}

/// Why a name has no list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolvedError<E> {
    /// The resolver found nothing.
    #[error("could not resolve {endpoint}")]
    Resolve {
        /// Whose name.
        endpoint: Endpoint,
        /// What it answered.
        source: E,
    },
    /// Its answer makes no list.
    #[error("the addresses of {endpoint} cannot be used")]
    Unusable {
        /// Whose.
        endpoint: Endpoint,
        /// Why not.
        source: InvalidTargets,
    },
}

// === impl Resolved ===

impl<R: Resolve> Resolved<R> {
    /// Asks `resolver` for `endpoint`, whose port all targets have.
    pub fn new(resolver: R, endpoint: Endpoint) -> Self {
        Self { resolver, endpoint }
    }
}

impl<R: Resolve> Lookup for Resolved<R> {
    type Error = ResolvedError<R::Error>;

    fn look_up(&mut self) -> impl Future<Output = Result<Answer, Self::Error>> + Send + 'static {
        let Self { resolver, endpoint } = self.clone();
        async move {
            let addresses = match resolver.resolve(endpoint.clone()).await {
                Ok(addresses) => addresses,
                Err(source) => return Err(ResolvedError::Resolve { endpoint, source }),
            };
            let targets = addresses.into_iter().map(|it| Target::new(it.into()));
            match Targets::new(targets) {
                Ok(targets) => Ok(Answer { targets, ttl: None }),
                Err(source) => Err(ResolvedError::Unusable { endpoint, source }),
            }
        }
    }
}
