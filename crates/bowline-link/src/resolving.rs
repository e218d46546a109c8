//! Any dialer for addresses, made a dialer for names: resolve, then race. It caches nothing.

use std::future::Future;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::dialing::{Dialing, connect};
use crate::race::{Failures, Race};
use crate::resolve::addresses;
use crate::{BoxError, Dial, DialStep, Endpoint, Resolve};

/// Resolves an endpoint and races its addresses over an inner dialer.
///
/// The inner dialer is called with [`Endpoint::from`] an address, several times at once
/// and on clones of its own. It has no limit for the whole: put a
/// [`ConnectTimeout`](crate::ConnectTimeout) round it. An endpoint that names a Unix
/// socket goes to the inner dialer as it is.
///
/// [`tcp::Dialer`](crate::tcp::Dialer) does this by itself; this is for dialers that only
/// know addresses: a simulated network, a proxy that must not see names.
#[derive(Debug, Clone)]
pub struct Resolving<R, D> {
    resolver: R,
    inner: D,
    race: Race,
}

/// Why no address of an endpoint was reached.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResolvingError {
    /// The name has no answer. A misspelt name stays so; a resolver that is down
    /// may come back.
    #[error("could not resolve {endpoint}")]
    Resolve {
        /// Who was called.
        endpoint: Endpoint,
        /// What the resolver answered.
        source: BoxError,
    },
    /// The name exists and has no address.
    #[error("{endpoint} has no address")]
    NoAddress {
        /// Who was called.
        endpoint: Endpoint,
    },
    /// No address took the connection. Trying again may help.
    #[error("could not connect to {endpoint}{}", neither(address, others))]
    Connect {
        /// Who was called.
        endpoint: Endpoint,
        /// The address that failed last.
        address: SocketAddr,
        /// What the inner dialer answered there.
        source: BoxError,
        /// The addresses that failed before it.
        others: Failures<BoxError>,
    },
    /// The inner dialer failed on an endpoint that is not resolved.
    #[error(transparent)]
    Unresolved(BoxError),
}

/// Why no address was reached, before it is one dialer's error.
pub(crate) enum Missed<E> {
    Resolve(BoxError),
    NoAddress,
    Connect {
        address: SocketAddr,
        source: E,
        others: Failures<E>,
    },
}

/// Resolves `endpoint` and races its addresses, telling each step.
pub(crate) async fn reach<R, F, C, E>(
    resolver: &R,
    race: Race,
    endpoint: &Endpoint,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> Result<C, Missed<E>>
where
    R: Resolve,
    F: Future<Output = Result<C, E>>,
{
    let found = DialStep::Resolving
        .during(addresses(resolver, endpoint))
        .await
        .map_err(|error| Missed::Resolve(error.into()))?;
    let told = |address| DialStep::Connecting(address).during(attempt(address));
    let mut others = match race.run(&found, told).await {
        Ok(connection) => return Ok(connection),
        Err(failures) => failures,
    };
    Err(match others.pop() {
        None => Missed::NoAddress,
        Some((address, source)) => Missed::Connect {
            address,
            source,
            others,
        },
    })
}

/// Names every address that failed, where there were several.
pub(crate) fn neither<E: std::fmt::Display>(last: &SocketAddr, others: &Failures<E>) -> String {
    match (others.tried(), others.untried()) {
        (0, _) => String::new(),
        (_, 0) => format!(" at {last}, nor at {others}"),
        (_, untried) => format!(" at {last}, nor at {others}; {untried} more not tried"),
    }
}

// === impl Resolving ===

impl<R: Resolve, D: Dial> Resolving<R, D> {
    /// Asks `resolver`, and races what it answers over `inner` as [`Race::new`] says.
    pub fn new(resolver: R, inner: D) -> Self {
        Self {
            resolver,
            inner,
            race: Race::new(),
        }
    }

    /// Races as `race` says.
    pub fn race(mut self, race: Race) -> Self {
        self.race = race;
        self
    }

    async fn dial(self, endpoint: Endpoint) -> Result<D::Io, ResolvingError> {
        if endpoint.path().is_some() {
            let stream = connect(self.inner, endpoint).await;
            return stream.map_err(|error| ResolvingError::Unresolved(error.into()));
        }
        let attempt = |address: SocketAddr| {
            let inner = connect(self.inner.clone(), address.into());
            async { inner.await.map_err(Into::into) }
        };
        match reach(&self.resolver, self.race, &endpoint, attempt).await {
            Ok(stream) => Ok(stream),
            Err(Missed::Resolve(source)) => Err(ResolvingError::Resolve { endpoint, source }),
            Err(Missed::NoAddress) => Err(ResolvingError::NoAddress { endpoint }),
            Err(Missed::Connect {
                address,
                source,
                others,
            }) => Err(ResolvingError::Connect {
                endpoint,
                address,
                source,
                others,
            }),
        }
    }
}

impl<R: Resolve, D: Dial> Service<Endpoint> for Resolving<R, D> {
    type Response = D::Io;
    type Error = ResolvingError;
    type Future = Dialing<D::Io, ResolvingError>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ResolvingError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        Dialing::new(self.clone().dial(endpoint))
    }
}

#[cfg(test)]
mod tests;
