//! The pool under tower: as a service that lends connections, as one that takes
//! requests, and what a balancer asks it. It keeps no line of its own and sends
//! nothing twice.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_service::Service;

use crate::{Error, Pool, Pooled, Reuse};

mod exchange;
#[cfg(feature = "balance")]
mod load;
mod per_request;

pub use exchange::Exchange;
pub(crate) use exchange::{Exchanges, Left};
#[cfg(feature = "balance")]
pub use load::Demand;
pub use per_request::{PerRequest, RequestError};

/// Lends a connection for each call, as [`Pool::checkout`] does; where `C` is a
/// service itself, this makes services.
///
/// # Readiness
///
/// Always ready, until the pool is closed, and never again after that. Callers
/// stand in the pool's own line, which is bounded and in order, so a call may
/// wait and fail where readiness did not: readiness granted reserves nothing, and
/// is not lost by being left unused. A pool that is closed in between answers
/// the call with [`Error::Closed`].
///
/// # Cancellation
///
/// As for [`Pool::checkout`]. The future holds a clone of the pool, which stays
/// open meanwhile.
///
/// ```
/// # use std::task::{Context, Poll};
/// # struct Session;
/// # impl bowline_pool::Reuse for Session {
/// #     fn poll_closed(&mut self, _: &mut Context<'_>) -> Poll<bowline_pool::Death> {
/// #         Poll::Pending
/// #     }
/// #     fn is_settled(&self) -> bool {
/// #         true
/// #     }
/// # }
/// use bowline_link::BoxError;
/// use bowline_pool::{Pool, Settings};
/// use tower::{ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let connect = service_fn(|_| async { Ok::<_, BoxError>(Session) });
/// let pool = Pool::new(connect, "chat.example:7400".parse()?, Settings::new(2, 0x5eed)?);
///
/// let lent = pool.clone().oneshot(()).await?;
/// assert_eq!(lent.endpoint().to_string(), "chat.example:7400");
/// # Ok(())
/// # }
/// ```
impl<C: Reuse> Service<()> for Pool<C> {
    type Response = Pooled<C>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Pooled<C>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(self.is_open())
    }

    #[track_caller]
    fn call(&mut self, (): ()) -> Self::Future {
        Box::pin(self.clone().into_checkout(Location::caller()))
    }
}
