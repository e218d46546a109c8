//! mobc. Its own limit to the wait is of another timer than tokio's, which a paused clock does not
//! move and a thread of its own drives; so the limit is tokio's, put round its `get`: looked at
//! first, or callers whose time is up together would each dial once more.

use std::io;
use std::time::Duration;

use bowline_link::BoxError;
use mobc::{Connection, Pool, async_trait};
use tokio::time::sleep;

use super::{Contender, Dial, Lend, Limits, Link, alive, dial_within};

#[derive(Debug)]
pub(crate) struct Mobc;

#[derive(Debug)]
pub(crate) struct Manager<D> {
    dial: D,
    connect: Duration,
}

/// A pool, and how long its callers wait.
pub(crate) struct Limited<D: Dial> {
    pool: Pool<Manager<D>>,
    wait: Duration,
}

// === impl Mobc ===

impl Contender for Mobc {
    const NAME: &'static str = "mobc";

    type Pool<D: Dial> = Limited<D>;

    fn pool<D: Dial>(dial: D, limits: Limits) -> Result<Self::Pool<D>, BoxError> {
        let connect = limits.connect;
        let max = u64::try_from(limits.max)?;
        let pool = Pool::builder()
            .max_open(max)
            // It keeps two otherwise, and dials for every other checkout.
            .max_idle(max)
            .get_timeout(None)
            .build(Manager { dial, connect });
        let wait = limits.wait;
        Ok(Limited { pool, wait })
    }
}

// === impl Manager ===

#[async_trait]
impl<D: Dial> mobc::Manager for Manager<D> {
    type Connection = D::Link;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<D::Link> {
        dial_within(&self.dial, self.connect).await
    }

    async fn check(&self, mut link: D::Link) -> io::Result<D::Link> {
        alive(&mut link).map(|()| link)
    }

    fn validate(&self, link: &mut D::Link) -> bool {
        !link.is_dead()
    }
}

// === impl Limited ===

impl<D: Dial> Lend for Limited<D> {
    type Lent<'a> = Connection<Manager<D>>;

    async fn checkout(&self) -> Result<Connection<Manager<D>>, BoxError> {
        tokio::select! {
            biased;
            () = sleep(self.wait) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            lent = self.pool.get() => Ok(lent?),
        }
    }
}

impl<D: Dial> Clone for Limited<D> {
    fn clone(&self) -> Self {
        Self {
            pool: self.pool.clone(),
            wait: self.wait,
        }
    }
}
