//! Dialers whose streams come wrapped in an adaptor of ours, or of anybody's. It adds nothing to
//! the dial itself: neither a limit nor another try.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{Dial, Endpoint};

/// Puts an adaptor round each stream, as a layer over a dialer does.
///
/// [`AliveLayer`](crate::alive::AliveLayer), [`StallLayer`](crate::stall::StallLayer) and
/// [`IdleTimeoutLayer`](crate::idle::IdleTimeoutLayer) are such, and stack in any order. What
/// they make is a stream again, so that the dialer stays a [`Dial`]; over
/// [`ProbingLayer`](crate::probing::ProbingLayer), which makes frames of it, it is a
/// [`Connect`](crate::Connect).
pub trait Wrap<I>: Clone + Send + Sync + 'static {
    /// What the stream becomes.
    type Wrapped: Send + 'static;

    /// Wraps one stream, when it has just been opened.
    fn wrap(&self, io: I) -> Self::Wrapped;
}

/// A dialer whose streams are wrapped.
#[derive(Debug, Clone)]
pub struct WrapDialer<D, W> {
    dialer: D,
    wrap: W,
}

pin_project! {
    /// A dial under way, whose stream will be wrapped.
    ///
    /// # Cancellation
    ///
    /// Dropping it gives the dial up.
    #[derive(Debug)]
    #[must_use = "nothing is dialled until it is polled"]
    pub struct Wrapping<F, W> {
        #[pin]
        dial: F,
        wrap: W,
    }
}

// === impl WrapDialer ===

impl<D, W> WrapDialer<D, W> {
    /// Wraps each stream that `dialer` opens.
    pub fn new(dialer: D, wrap: W) -> Self {
        Self { dialer, wrap }
    }

    /// The dialer below.
    pub fn get_ref(&self) -> &D {
        &self.dialer
    }
}

impl<D: Dial, W: Wrap<<D as Dial>::Io>> Service<Endpoint> for WrapDialer<D, W> {
    type Response = W::Wrapped;
    type Error = D::Error;
    type Future = Wrapping<D::Future, W>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), D::Error>> {
        self.dialer.poll_ready(cx)
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        Wrapping {
            dial: self.dialer.call(endpoint),
            wrap: self.wrap.clone(),
        }
    }
}

// === impl Wrapping ===

impl<F, W, I, E> Future for Wrapping<F, W>
where
    F: Future<Output = Result<I, E>>,
    W: Wrap<I>,
{
    type Output = Result<W::Wrapped, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let io = ready!(this.dial.poll(cx))?;
        Poll::Ready(Ok(this.wrap.wrap(io)))
    }
}

#[cfg(test)]
mod tests;
