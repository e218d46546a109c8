//! Requests on a connection that is lent: which of them are under way, and
//! whether all of them ended well. It knows nothing of what they say.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower_service::Service;

use crate::{Pooled, Reuse};

/// The requests of one loan.
#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    under_way: AtomicUsize,
    broken: AtomicBool,
}

/// How the requests of one loan stand at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// Each was answered.
    Whole,
    /// One failed or was given up.
    Broken,
    /// One may still be answered, to whom it does not concern.
    UnderWay,
}

pin_project! {
    /// The response to a request on a [`Pooled`] connection.
    ///
    /// # Cancellation
    ///
    /// The request counts as given up: what was lent is not settled when it
    /// comes back.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct Exchange<F> {
        #[pin]
        response: F,
        pending: Option<Pending>,
    }
}

/// A request without its answer; given up when dropped.
#[derive(Debug)]
struct Pending {
    exchanges: Arc<Exchanges>,
    answered: bool,
}

/// Runs requests on a connection that is lent.
///
/// When it is given back it is settled if each request was answered. If one
/// failed or was given up, nothing is settled, and what the connection says of
/// itself decides; if one is still under way, it is closed. So a stream that is
/// lent back is between two exchanges, whatever became of those who asked.
///
/// # Readiness
///
/// That of the connection. One that says that it will never be ready is closed
/// when it comes back.
///
/// ```
/// use std::task::{Context, Poll};
/// use bowline_link::BoxError;
/// use bowline_pool::{Death, Pool, Reuse, Settings};
/// use tower::{Service, ServiceExt, service_fn};
///
/// /// A session whose answers are lengths of lines.
/// struct Session {
///     touched: bool,
/// }
///
/// impl Reuse for Session {
///     fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<Death> {
///         Poll::Pending
///     }
///
///     fn is_settled(&self) -> bool {
///         !self.touched
///     }
///
///     fn settle(&mut self) {
///         self.touched = false;
///     }
/// }
///
/// impl Service<&'static str> for Session {
///     type Response = usize;
///     type Error = BoxError;
///     type Future = std::future::Ready<Result<usize, BoxError>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, line: &'static str) -> Self::Future {
///         self.touched = true;
///         std::future::ready(Ok(line.len()))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let connect = service_fn(|_| async { Ok::<_, BoxError>(Session { touched: false }) });
/// let pool = Pool::new(connect, "chat.example:7400".parse()?, Settings::new(2, 0x5eed)?);
///
/// let mut lent = pool.checkout().await?;
/// assert_eq!(lent.ready().await?.call("hello").await?, 5);
/// drop(lent);
/// assert_eq!(pool.snapshot().parked, 1, "each request was answered");
///
/// let mut lent = pool.checkout().await?;
/// drop(lent.ready().await?.call("never mind"));
/// drop(lent);
/// assert_eq!(pool.snapshot().parked, 0, "one was given up");
/// # Ok(())
/// # }
/// ```
impl<C, R> Service<R> for Pooled<C>
where
    C: Reuse + Service<R>,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = Exchange<C::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        let ready = ready!((**self).poll_ready(context));
        if ready.is_err() {
            self.poison();
        }
        Poll::Ready(ready)
    }

    fn call(&mut self, request: R) -> Self::Future {
        // Counted first: a call that panics leaves a request behind as well.
        let pending = Pending::new(Arc::clone(self.exchanges()));
        Exchange {
            response: (**self).call(request),
            pending: Some(pending),
        }
    }
}

// === impl Exchanges ===

impl Exchanges {
    pub(crate) fn left(&self) -> Left {
        if self.under_way.load(Ordering::SeqCst) > 0 {
            Left::UnderWay
        } else if self.broken.load(Ordering::SeqCst) {
            Left::Broken
        } else {
            Left::Whole
        }
    }
}

// === impl Exchange ===

impl<F, T, E> Future for Exchange<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.response.poll(context));
        if let Some(mut pending) = this.pending.take() {
            pending.answered = answer.is_ok();
        }
        Poll::Ready(answer)
    }
}

// === impl Pending ===

impl Pending {
    fn new(exchanges: Arc<Exchanges>) -> Self {
        exchanges.under_way.fetch_add(1, Ordering::SeqCst);
        Self {
            exchanges,
            answered: false,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // Before it is off the count: else it could be taken for answered.
        if !self.answered {
            self.exchanges.broken.store(true, Ordering::SeqCst);
        }
        self.exchanges.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}
