//! bb8. It keeps a minimum by itself, and has no pool without a limit to the wait.

use std::io;
use std::time::Duration;

use bb8::{ManageConnection, Pool, PooledConnection};
use bowline_link::BoxError;

use super::{Contender, Dial, Lend, Limits, Link, alive, dial_within};

#[derive(Debug)]
pub(crate) struct Bb8;

#[derive(Debug)]
pub(crate) struct Manager<D> {
    dial: D,
    connect: Duration,
}

// === impl Bb8 ===

impl Contender for Bb8 {
    const NAME: &'static str = "bb8";

    type Pool<D: Dial> = Pool<Manager<D>>;

    fn pool<D: Dial>(dial: D, limits: Limits) -> Result<Self::Pool<D>, BoxError> {
        let connect = limits.connect;
        let pool = Pool::builder()
            .max_size(u32::try_from(limits.max)?)
            .min_idle(u32::try_from(limits.min)?)
            .connection_timeout(limits.wait)
            // It waits for the minimum in a task of its own.
            .build_unchecked(Manager { dial, connect });
        Ok(pool)
    }
}

// === impl Manager ===

impl<D: Dial> ManageConnection for Manager<D> {
    type Connection = D::Link;
    type Error = io::Error;

    async fn connect(&self) -> io::Result<D::Link> {
        dial_within(&self.dial, self.connect).await
    }

    async fn is_valid(&self, link: &mut D::Link) -> io::Result<()> {
        alive(link)
    }

    fn has_broken(&self, link: &mut D::Link) -> bool {
        link.is_dead()
    }
}

impl<D: Dial> Lend for Pool<Manager<D>> {
    type Lent<'a> = PooledConnection<'a, Manager<D>>;

    async fn checkout(&self) -> Result<PooledConnection<'_, Manager<D>>, BoxError> {
        Ok(self.get().await?)
    }
}
