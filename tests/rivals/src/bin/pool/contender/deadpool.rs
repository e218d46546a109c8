//! deadpool as it comes, and with a limit to how long a caller waits.

use std::io;
use std::time::Duration;

use bowline_link::BoxError;
use deadpool::Runtime;
use deadpool::managed::{self, Metrics, Object, Pool, PoolBuilder, RecycleResult};

use super::{Contender, Dial, Lend, Limits, alive, dial_within};

/// Without a limit to the wait.
#[derive(Debug)]
pub(crate) struct Bare;

/// With one.
#[derive(Debug)]
pub(crate) struct Waiting;

#[derive(Debug)]
pub(crate) struct Manager<D> {
    dial: D,
    connect: Duration,
}

fn builder<D: Dial>(dial: D, limits: Limits) -> PoolBuilder<Manager<D>> {
    let connect = limits.connect;
    Pool::builder(Manager { dial, connect }).max_size(limits.max)
}

// === impl Bare ===

impl Contender for Bare {
    const NAME: &'static str = "deadpool";

    type Pool<D: Dial> = Pool<Manager<D>>;

    fn pool<D: Dial>(dial: D, limits: Limits) -> Result<Self::Pool<D>, BoxError> {
        Ok(builder(dial, limits).build()?)
    }
}

// === impl Waiting ===

impl Contender for Waiting {
    const NAME: &'static str = "deadpool, wait timeout";

    type Pool<D: Dial> = Pool<Manager<D>>;

    fn pool<D: Dial>(dial: D, limits: Limits) -> Result<Self::Pool<D>, BoxError> {
        let pool = builder(dial, limits)
            .wait_timeout(Some(limits.wait))
            .runtime(Runtime::Tokio1);
        Ok(pool.build()?)
    }
}

// === impl Manager ===

impl<D: Dial> managed::Manager for Manager<D> {
    type Type = D::Link;
    type Error = io::Error;

    async fn create(&self) -> io::Result<D::Link> {
        dial_within(&self.dial, self.connect).await
    }

    async fn recycle(&self, link: &mut D::Link, _: &Metrics) -> RecycleResult<io::Error> {
        Ok(alive(link)?)
    }
}

impl<D: Dial> Lend for Pool<Manager<D>> {
    type Lent<'a> = Object<Manager<D>>;

    async fn checkout(&self) -> Result<Object<Manager<D>>, BoxError> {
        Ok(self.get().await?)
    }
}
