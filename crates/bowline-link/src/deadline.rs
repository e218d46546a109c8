//! One deadline round a whole connect, whatever it is made of. It never tries again.

use std::task::{Context, Poll};
use std::time::Duration;

use tower_layer::Layer;
use tower_service::Service;

use crate::dialing::{Dialing, connect};
use crate::{BoxError, Connect, DialStep, Endpoint, step};

/// Gives up a connect that takes longer than its limit.
///
/// Put it outermost: names, every address, proxies, TLS and the session's own handshake
/// then share one limit, and nothing inside can add to it. Where the layers below tell
/// (all of this crate do; see [`DialStep::during`]), the error names the step that was
/// still under way.
///
/// ```
/// use std::time::Duration;
/// use bowline_link::{ConnectTimeoutLayer, Endpoint, tcp};
/// use tower::{Layer, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() {
/// let never = tower::service_fn(|_: Endpoint| std::future::pending::<std::io::Result<tokio::io::Empty>>());
/// let dialer = ConnectTimeoutLayer::new(Duration::from_secs(5)).layer(never);
/// let error = dialer.oneshot(Endpoint::new("chat.example", 7400)).await.unwrap_err();
/// assert_eq!(error.to_string(), "no connection to chat.example:7400 within 5s");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ConnectTimeout<S> {
    inner: S,
    limit: Duration,
}

/// Wraps a connector in a [`ConnectTimeout`].
#[derive(Debug, Clone, Copy)]
pub struct ConnectTimeoutLayer {
    limit: Duration,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectTimeoutError {
    /// The time was up, wherever it went. Trying again may help.
    #[error("no connection to {endpoint} within {after:?}{}", still(*step))]
    Elapsed {
        /// Who was called.
        endpoint: Endpoint,
        /// The whole allowance.
        after: Duration,
        /// What was begun last and not over; none where the layers below do not tell.
        step: Option<DialStep>,
    },
    /// The connector failed in time.
    #[error(transparent)]
    Connect(BoxError),
}

fn still(step: Option<DialStep>) -> String {
    step.map_or_else(String::new, |step| format!(": still {step}"))
}

// === impl ConnectTimeout ===

impl<S> ConnectTimeout<S> {
    /// Gives `inner` at most `limit` per connect. Zero refuses what is not done at once.
    pub fn new(inner: S, limit: Duration) -> Self {
        Self { inner, limit }
    }
}

impl<S: Connect> Service<Endpoint> for ConnectTimeout<S> {
    type Response = S::Connection;
    type Error = ConnectTimeoutError;
    type Future = Dialing<S::Connection, ConnectTimeoutError>;

    // Ready at once: waiting for the connector to be ready is part of the connect, so it
    // happens within the deadline.
    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), ConnectTimeoutError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let (inner, limit) = (self.inner.clone(), self.limit);
        Dialing::new(async move {
            match step::within(limit, connect(inner, endpoint.clone())).await {
                Ok(Ok(connection)) => Ok(connection),
                Ok(Err(error)) => Err(ConnectTimeoutError::Connect(error.into())),
                Err(step) => Err(ConnectTimeoutError::Elapsed {
                    endpoint,
                    after: limit,
                    step,
                }),
            }
        })
    }
}

// === impl ConnectTimeoutLayer ===

impl ConnectTimeoutLayer {
    /// Gives each connect at most `limit`. Zero refuses what is not done at once.
    pub fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for ConnectTimeoutLayer {
    type Service = ConnectTimeout<S>;

    fn layer(&self, inner: S) -> ConnectTimeout<S> {
        ConnectTimeout::new(inner, self.limit)
    }
}
