//! Ours, with everything on: what it costs is what its users pay.

use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_pool::{Pool, Pooled, Raw, Settings, Streams};
use tower::service_fn;

use super::{Contender, Dial, Lend, Limits, Link};

#[derive(Debug)]
pub(crate) struct Ours;

/// Every setting that costs a checkout something or decides about dials; events are written.
fn everything_on(limits: Limits) -> Result<Settings, BoxError> {
    let schedule = Schedule::exponential(Duration::from_millis(100), Duration::from_secs(5))?;
    let settings = Settings::new(limits.max, Maker::new(schedule, limits.seed))?
        .wait(limits.wait)?
        .connect_limit(limits.connect)?
        .idle_limit(Duration::from_secs(55))?
        .max_waiters(1024)?;
    Ok(settings)
}

// === impl Ours ===

impl Contender for Ours {
    const NAME: &'static str = "bowline-pool, everything on";

    type Pool<D: Dial> = Pool<Raw<D::Link>>;

    fn pool<D: Dial>(dial: D, limits: Limits) -> Result<Self::Pool<D>, BoxError> {
        let connect = service_fn(move |_: Endpoint| {
            let dial = dial.clone();
            async move { dial.dial().await }
        });
        let endpoint = Endpoint::new("peer.example", 7400);
        let settings = everything_on(limits)?;
        Ok(Pool::new(Streams::new(connect), endpoint, settings))
    }
}

impl<L: Link> Lend for Pool<Raw<L>> {
    type Lent<'a> = Pooled<Raw<L>>;

    async fn checkout(&self) -> Result<Pooled<Raw<L>>, BoxError> {
        Ok(Self::checkout(self).await?)
    }
}
