//! Requests to whichever connection is free. A request that failed is never
//! made again here: only its owner knows whether it may be.

use std::future::poll_fn;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bowline_link::BoxError;
use tokio::time::timeout;
use tower_service::Service;

use crate::{Error, Pool, Pooled, Reuse};

/// A service that runs each request on a connection of its own: borrows it,
/// waits until it is ready, and gives it back when the response is there.
///
/// For a session that answers one request at a time, or whose requests must not
/// meet. Whoever needs several requests on one connection borrows it by
/// [`Pool::checkout`].
///
/// # Readiness
///
/// That of the [`Pool`]: always, until it is closed. A balancer learns how busy
/// it is from its load (feature `balance`).
///
/// # Cancellation
///
/// A response that is dropped gives up its place in line, or else its request:
/// the connection comes back unsettled, and is kept only if it says itself that
/// it is fit.
///
/// ```
/// # use std::task::{Context, Poll};
/// use bowline_link::BoxError;
/// use bowline_pool::{PerRequest, Pool, Settings};
/// use tower::{ServiceExt, service_fn};
/// # struct Session;
/// # impl bowline_pool::Reuse for Session {
/// #     fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<bowline_pool::Death> {
/// #         Poll::Pending
/// #     }
/// #     fn is_settled(&self) -> bool {
/// #         true
/// #     }
/// # }
/// # impl tower::Service<&'static str> for Session {
/// #     type Response = usize;
/// #     type Error = BoxError;
/// #     type Future = std::future::Ready<Result<usize, BoxError>>;
/// #     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
/// #         Poll::Ready(Ok(()))
/// #     }
/// #     fn call(&mut self, line: &'static str) -> Self::Future {
/// #         std::future::ready(Ok(line.len()))
/// #     }
/// # }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// // `Session` is a `Reuse` and a service that answers with the length of a line.
/// let connect = service_fn(|_| async { Ok::<_, BoxError>(Session) });
/// let pool = Pool::new(connect, "chat.example:7400".parse()?, Settings::new(2, 0x5eed)?);
/// let lengths = PerRequest::new(pool);
/// assert_eq!(lengths.oneshot("hello").await?, 5);
/// # Ok(())
/// # }
/// ```
pub struct PerRequest<C: Reuse> {
    pool: Pool<C>,
}

/// Why a request has no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// There was no connection for it. The request was not begun.
    #[error(transparent)]
    NoConnection(#[from] Error),
    /// The connection said that it will never be ready, and was closed. The
    /// request was not begun.
    #[error("the connection cannot take requests any more")]
    NeverReady {
        /// Why.
        source: BoxError,
    },
    /// The connection was not ready in time, and was closed. The request was not
    /// begun.
    #[error("the connection was not ready within {limit:?}")]
    NotReady {
        /// The limit of one check: see
        /// [`Settings::check_limit`](crate::Settings::check_limit).
        limit: Duration,
    },
    /// The request failed. What it did on the other side is for its owner to
    /// find out.
    #[error("the request failed")]
    Failed {
        /// How.
        source: BoxError,
    },
    /// The connection was called back while the request was under way: see
    /// [`Pool::clear`].
    #[error("the connection was called back during the request")]
    CalledBack,
}

// === impl PerRequest ===

impl<C: Reuse> PerRequest<C> {
    /// Runs requests on connections of `pool`.
    pub fn new(pool: Pool<C>) -> Self {
        Self { pool }
    }

    /// Where the connections come from.
    pub fn pool(&self) -> &Pool<C> {
        &self.pool
    }
}

impl<C, R> Service<R> for PerRequest<C>
where
    C: Reuse + Service<R, Error: Into<BoxError>, Future: Send>,
    R: Send + 'static,
{
    type Response = C::Response;
    type Error = RequestError;
    type Future = Pin<Box<dyn Future<Output = Result<C::Response, RequestError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), RequestError>> {
        Poll::Ready(self.pool.is_open().map_err(RequestError::NoConnection))
    }

    #[track_caller]
    fn call(&mut self, request: R) -> Self::Future {
        let place = Location::caller();
        let pool = self.pool.clone();
        Box::pin(async move {
            let limit = pool.settings().check_limit;
            let mut lent = pool.into_checkout(place).await?;
            let called_back = lent.called_back();
            tokio::select! {
                biased;
                done = run(&mut lent, request, limit) => done,
                () = called_back => Err(RequestError::CalledBack),
            }
        })
    }
}

async fn run<C, R>(
    lent: &mut Pooled<C>,
    request: R,
    limit: Duration,
) -> Result<C::Response, RequestError>
where
    C: Reuse + Service<R, Error: Into<BoxError>>,
{
    match timeout(limit, poll_fn(|context| lent.poll_ready(context))).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            let source = error.into();
            return Err(RequestError::NeverReady { source });
        }
        Err(_) => {
            lent.poison();
            return Err(RequestError::NotReady { limit });
        }
    }
    let response = lent.call(request).await;
    response.map_err(|error| RequestError::Failed {
        source: error.into(),
    })
}

impl<C: Reuse> Clone for PerRequest<C> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
        }
    }
}

impl<C: Reuse> std::fmt::Debug for PerRequest<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PerRequest")
            .field("pool", &self.pool)
            .finish()
    }
}

// === impl RequestError ===

impl RequestError {
    /// Whether the request may have had an effect. One that was not begun can be
    /// made again by anybody, anywhere.
    pub fn was_begun(&self) -> bool {
        match self {
            Self::NoConnection(_) | Self::NeverReady { .. } | Self::NotReady { .. } => false,
            Self::Failed { .. } | Self::CalledBack => true,
        }
    }
}
