//! A dialer that asks its breaker first, and tells it what came of the call.

use std::fmt;
use std::mem;
use std::sync::Arc;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use super::Breakers;
use super::counts::{self, Counts};
use crate::{BoxError, Dialing, Endpoint};

/// Puts breakers over a dialer.
#[derive(Clone)]
pub struct BreakerLayer {
    breakers: Breakers,
    counts: Counts,
}

/// A dialer behind breakers: see [`BreakerLayer`].
///
/// Its errors are those of the dialer, and [`Refused`](super::Refused) where
/// nobody was called.
///
/// Readiness is the dialer's alone, and nothing is asked of a breaker before
/// the first poll of a dial's future.
///
/// # Cancellation
///
/// A dial that is dropped says nothing about the peer; a probe that is dropped
/// gives its place to another. A dial that ends because a deadline of this crate
/// struck round it ([`ConnectTimeout`](crate::ConnectTimeout) or
/// [`DialStep::within`](crate::DialStep::within)) is a failure like any other. A
/// deadline of any other make is a drop like any other: put it under this layer.
#[derive(Clone)]
pub struct Guarded<C> {
    breakers: Breakers,
    counts: Counts,
    dialer: C,
}

// === impl BreakerLayer ===

impl BreakerLayer {
    /// Shares `breakers` with every dialer it is put over.
    ///
    /// Every error counts as a failure of the peer, except that a dial budget
    /// under it refused the call, or a deadline struck in the budget's line: that
    /// says nothing about the peer.
    pub fn new(breakers: Breakers) -> Self {
        Self {
            breakers,
            counts: counts::by_default(),
        }
    }

    /// Counts as failures only those errors for which `counts` holds, in place
    /// of the rule of [`BreakerLayer::new`]. Others count as neither failure nor
    /// success. A deadline that strikes round this layer is shown to it as
    /// [`ConnectTimeoutError::Elapsed`](crate::ConnectTimeoutError::Elapsed).
    #[must_use]
    pub fn count_if(mut self, counts: impl Fn(&BoxError) -> bool + Send + Sync + 'static) -> Self {
        self.counts = Arc::new(counts);
        self
    }
}

impl<C> Layer<C> for BreakerLayer {
    type Service = Guarded<C>;

    fn layer(&self, dialer: C) -> Guarded<C> {
        Guarded {
            breakers: self.breakers.clone(),
            counts: Arc::clone(&self.counts),
            dialer,
        }
    }
}

impl fmt::Debug for BreakerLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BreakerLayer")
            .field("breakers", &self.breakers)
            .finish_non_exhaustive()
    }
}

// === impl Guarded ===

impl<C> Service<Endpoint> for Guarded<C>
where
    C: Service<Endpoint, Error: Into<BoxError>, Future: Send> + Clone + Send + 'static,
{
    type Response = C::Response;
    type Error = BoxError;
    type Future = Dialing<C::Response, BoxError>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.dialer.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        // The clone was not asked whether it is ready; the one that was goes.
        let clone = self.dialer.clone();
        let mut ready = mem::replace(&mut self.dialer, clone);
        let (breakers, counts) = (self.breakers.clone(), Arc::clone(&self.counts));
        Dialing::new(async move {
            let ticket = breakers.ask(&endpoint, &counts)?;
            match ready.call(endpoint).await.map_err(Into::into) {
                Ok(connection) => {
                    ticket.succeeded();
                    Ok(connection)
                }
                Err(error) => {
                    ticket.failed(&error);
                    Err(error)
                }
            }
        })
    }
}

impl<C: fmt::Debug> fmt::Debug for Guarded<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("breakers", &self.breakers)
            .field("dialer", &self.dialer)
            .finish_non_exhaustive()
    }
}
