//! Calling a peer through TLS, over whatever dialer there is. It tries once, and has no deadline
//! of its own.

use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::{Connector, Error, MaybeTls};
use crate::{BoxError, Dial, DialStep, Dialing, Endpoint};

/// Opens TLS connections over those of `D`: TCP, a proxy, a simulated network.
///
/// The server is asked for the endpoint's host, unless the client's settings name another. One
/// deadline round the whole connect is the caller's to set.
#[derive(Debug, Clone)]
pub struct Dialer<D> {
    inner: D,
    connector: Connector,
}

/// Puts a [`Dialer`] over any dialer, in tower's way.
#[derive(Debug, Clone)]
pub struct DialLayer {
    connector: Connector,
}

/// Why no connection was opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DialError {
    /// The dialer below failed; this says what it said.
    #[error(transparent)]
    Dial(BoxError),
    /// Somebody answered, and hands were not shaken.
    #[error("no TLS with {endpoint}")]
    Handshake {
        /// Who was called.
        endpoint: Endpoint,
        /// Why.
        source: Error,
    },
}

// === impl Dialer ===

impl<D> Dialer<D> {
    /// Dials with `inner`, then shakes hands as `connector` says.
    pub fn new(inner: D, connector: Connector) -> Self {
        Self { inner, connector }
    }
}

impl<D: Dial> Service<Endpoint> for Dialer<D> {
    type Response = MaybeTls<<D as Dial>::Io>;
    type Error = DialError;
    type Future = Dialing<Self::Response, DialError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), DialError>> {
        let ready = self.inner.poll_ready(cx);
        ready.map_err(|error| DialError::Dial(error.into()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let dialing = self.inner.call(endpoint.clone());
        let connector = self.connector.clone();
        Dialing::new(async move {
            let io = dialing
                .await
                .map_err(|error| DialError::Dial(error.into()))?;
            let shaking = connector.connect(endpoint.host(), io);
            let stream = DialStep::Handshake("TLS").during(shaking).await;
            stream.map_err(|source| DialError::Handshake { endpoint, source })
        })
    }
}

// === impl DialLayer ===

impl DialLayer {
    /// Shakes hands as `connector` says.
    pub fn new(connector: Connector) -> Self {
        Self { connector }
    }
}

impl<D> Layer<D> for DialLayer {
    type Service = Dialer<D>;

    fn layer(&self, inner: D) -> Dialer<D> {
        Dialer::new(inner, self.connector.clone())
    }
}
