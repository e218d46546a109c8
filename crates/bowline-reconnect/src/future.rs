//! A call in flight.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_link::BoxError;
use pin_project_lite::pin_project;
use tokio::sync::futures::OwnedNotified;

use crate::connection::InUse;
use crate::link::Lease;
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
            // Made when the answer does not come at once.
            #[pin]
            end: Option<OwnedNotified>,
            in_use: InUse,
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

    pub(crate) fn called(inner: F, in_use: InUse, lease: Arc<Lease>) -> Self {
        Self {
            stage: Stage::Called {
                inner,
                end: None,
                in_use,
                _lease: lease,
            },
        }
    }

    /// The number of the connection the call is on; `None` if it is on none and
    /// fails for that. Its answer comes from that connection or not at all.
    pub fn epoch(&self) -> Option<u64> {
        match &self.stage {
            Stage::Failed { error } => error.as_ref()?.epoch,
            Stage::Called { in_use, .. } => Some(in_use.connection().epoch),
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
                mut inner,
                mut end,
                in_use,
                _lease,
            } => {
                let connection = in_use.connection();
                let mut answer = inner.as_mut().poll(cx);
                if answer.is_pending() {
                    if end.is_none() {
                        end.set(Some(connection.ends()));
                    }
                    let end = end.as_pin_mut().expect("it was just made");
                    if end.poll(cx).is_ready() || connection.is_over() {
                        // An answer that came before the end counts.
                        answer = inner.poll(cx);
                        if answer.is_pending() {
                            return Poll::Ready(Err(connection.lost(Sent::Maybe)));
                        }
                    }
                }
                answer.map_err(|error| Error::inner(connection, error.into()))
            }
        }
    }
}

impl<F> std::fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
