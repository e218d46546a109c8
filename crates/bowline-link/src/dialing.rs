//! A dial under way, by a name that fits into a user's struct. It waits for nothing on its own.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{Connect, Endpoint};

/// A dial under way, as the dialers of this crate return it.
///
/// # Cancellation
///
/// Dropping it closes whatever it had opened, half-shaken hands and every attempt of a
/// race included.
#[must_use = "nothing is dialled until it is polled"]
pub struct Dialing<C, E> {
    inner: Pin<Box<dyn Future<Output = Result<C, E>> + Send>>,
}

/// Waits for `service` to be ready, then for its connection. Both belong to the caller's
/// deadline.
pub(crate) async fn connect<S: Connect>(
    mut service: S,
    endpoint: Endpoint,
) -> Result<S::Connection, S::Error> {
    poll_fn(|cx| service.poll_ready(cx)).await?;
    service.call(endpoint).await
}

// === impl Dialing ===

impl<C, E> Dialing<C, E> {
    pub(crate) fn new(dial: impl Future<Output = Result<C, E>> + Send + 'static) -> Self {
        Self {
            inner: Box::pin(dial),
        }
    }
}

impl<C, E> Future for Dialing<C, E> {
    type Output = Result<C, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.inner.as_mut().poll(cx)
    }
}

impl<C, E> fmt::Debug for Dialing<C, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialing").finish_non_exhaustive()
    }
}
