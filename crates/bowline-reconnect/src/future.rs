//! A call in flight.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_link::BoxError;
use pin_project_lite::pin_project;
use tokio_util::sync::WaitForCancellationFutureOwned;

use crate::link::{Connection, Lease};
use crate::{Error, Sent};

pin_project! {
    /// A call of [`Reconnect`](crate::Reconnect), in flight on one connection.
    ///
    /// It ends with the inner service's answer or, at the latest, with its
    /// connection. It keeps the link open, even when all handles are gone.
    ///
    /// # Cancellation
    ///
    /// Dropping it drops the inner call and disturbs no other.
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F> {
        #[pin]
        stage: Stage<F>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<F> {
        Failed {
            error: Option<Error>,
        },
        Called {
            #[pin]
            inner: F,
            #[pin]
            over: WaitForCancellationFutureOwned,
            connection: Arc<Connection>,
            _lease: Arc<Lease>,
        },
    }
}

// === impl ResponseFuture ===

impl<F> ResponseFuture<F> {
    pub(crate) fn failed(error: Error) -> Self {
        Self {
            stage: Stage::Failed { error: Some(error) },
        }
    }

    pub(crate) fn called(inner: F, connection: Arc<Connection>, lease: Arc<Lease>) -> Self {
        Self {
            stage: Stage::Called {
                inner,
                over: connection.over(),
                connection,
                _lease: lease,
            },
        }
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError>,
{
    type Output = Result<T, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().stage.project() {
            StageProj::Failed { error } => {
                Poll::Ready(Err(error.take().expect("polled after it was ready")))
            }
            StageProj::Called {
                inner,
                over,
                connection,
                _lease,
            } => {
                // The end is looked at first, so that an answer which came
                // before it is found by the look that follows.
                let over = over.poll(cx);
                match inner.poll(cx) {
                    Poll::Ready(result) => Poll::Ready(result.map_err(|error| {
                        Error::inner(&connection.endpoint, connection.attempt, error.into())
                    })),
                    Poll::Pending if over.is_ready() => {
                        Poll::Ready(Err(connection.lost(Sent::Maybe)))
                    }
                    Poll::Pending => Poll::Pending,
                }
            }
        }
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
