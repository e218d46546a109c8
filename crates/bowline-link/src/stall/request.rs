//! A limit for whole requests that says so when it passes. It does not limit the wait for a service
//! to be ready, which is a queue's to limit, and never sends a request again.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower_layer::Layer;
use tower_service::Service;

use super::{Limits, Stalled, Step};
use crate::BoxError;

/// Limits each request of a service, from the call to the response.
///
/// What fails is a [`Stalled`] of [`Step::Request`]; all else is the service's own error, in the
/// same box. The request may have been sent, and may have had its effect.
///
/// ```
/// use std::convert::Infallible;
/// use bowline_link::stall::{Limits, RequestLayer, stalled};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let silent = service_fn(|_ahoy: &str| std::future::pending::<Result<String, Infallible>>());
/// let service = ServiceBuilder::new()
///     .layer(RequestLayer::new(&Limits::default()))
///     .service(silent);
///
/// let error = service.oneshot("ahoy").await.unwrap_err();
/// assert_eq!(stalled(&*error).unwrap().to_string(), "request limit of 120s passed");
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct RequestLayer {
    limit: Option<Duration>,
}

/// A service whose requests have a limit.
#[derive(Debug, Clone)]
pub struct Request<S> {
    service: S,
    limit: Option<Duration>,
}

pin_project! {
    /// A request under way, and the time it has.
    ///
    /// # Cancellation
    ///
    /// Dropping it drops the request, which may have been sent.
    #[derive(Debug)]
    #[must_use = "no response comes unless it is polled"]
    pub struct Requesting<F> {
        #[pin]
        response: F,
        #[pin]
        limit: Option<Sleep>,
        after: Duration,
    }
}

// === impl RequestLayer ===

impl RequestLayer {
    /// Takes the limit for requests; without one, requests last as long as they do.
    pub fn new(limits: &Limits) -> Self {
        Self {
            limit: limits.of(Step::Request),
        }
    }
}

impl<S> Layer<S> for RequestLayer {
    type Service = Request<S>;

    fn layer(&self, service: S) -> Request<S> {
        Request {
            service,
            limit: self.limit,
        }
    }
}

// === impl Request ===

impl<S, R> Service<R> for Request<S>
where
    S: Service<R, Error: Into<BoxError>>,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = Requesting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.service.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: R) -> Self::Future {
        Requesting {
            response: self.service.call(request),
            limit: self.limit.map(tokio::time::sleep),
            after: self.limit.unwrap_or_default(),
        }
    }
}

// === impl Requesting ===

impl<F, T, E> Future for Requesting<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(response) = this.response.poll(cx) {
            return Poll::Ready(response.map_err(Into::into));
        }
        let Some(limit) = this.limit.as_pin_mut() else {
            return Poll::Pending;
        };
        limit.poll(cx).map(|()| {
            Err(BoxError::from(Stalled {
                which: Step::Request,
                after: *this.after,
                progressed: None,
            }))
        })
    }
}

#[cfg(test)]
mod tests;
