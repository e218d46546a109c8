//! How busy a pool is, for a balancer over several of them. It balances nothing.

use tower::load::Load;

use crate::{PerRequest, Pool, Reuse, State};

/// How much is asked of a pool; less is better.
///
/// Callers served and callers in line count alike, whatever the pool's size: so
/// pools of one size are filled evenly, and a longer line counts against a pool
/// before its connections come free. A pool that turns callers away at once
/// stands behind every one that does not, or the speed of its errors would draw
/// all requests to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Demand {
    turns_away: bool,
    callers: usize,
}

// === impl Demand ===

impl Demand {
    /// Callers with a connection and callers in line.
    pub fn callers(self) -> usize {
        self.callers
    }

    /// Whether the pool is down, suspended or closed.
    pub fn turns_away(self) -> bool {
        self.turns_away
    }
}

/// For `tower::balance`, over one pool for each replica.
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
/// use tower::load::Load;
/// use tower::service_fn;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let connect = service_fn(|_| async { Ok::<_, BoxError>(Session) });
/// let pool = Pool::new(connect, "chat.example:7400".parse()?, Settings::new(2, 0x5eed)?);
/// let lent = pool.checkout().await?;
/// assert_eq!(pool.load().callers(), 1);
/// drop(lent);
/// assert_eq!(pool.load().callers(), 0);
/// # Ok(())
/// # }
/// ```
impl<C: Reuse> Load for Pool<C> {
    type Metric = Demand;

    fn load(&self) -> Demand {
        let now = self.snapshot();
        Demand {
            turns_away: now.state != State::Open,
            callers: now.in_use + now.waiting,
        }
    }
}

impl<C: Reuse> Load for PerRequest<C> {
    type Metric = Demand;

    fn load(&self) -> Demand {
        self.pool().load()
    }
}
