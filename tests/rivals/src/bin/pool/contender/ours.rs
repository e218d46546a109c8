//! Ours, with everything on: what it costs is what its users pay.

use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::{breaker, lifetime};
use bowline_pool::{Budget, Pool, Pooled, Raw, Settings, Streams};
use tower::service_fn;

use super::{Contender, Dial, Lend, Limits, Link};

#[derive(Debug)]
pub(crate) struct Ours;

/// Every setting that costs a checkout something or decides about dials; events are written.
fn everything_on(limits: Limits) -> Result<Settings, BoxError> {
    let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3_600));
    let settings = Settings::new(limits.max, limits.seed)?
        .min(limits.min)?
        .wait(limits.wait)?
        .fail_fast_after(Duration::ZERO)?
        .connect_limit(limits.connect)?
        .lifetime(lifetime::Settings::new(minute, hour)?)
        .breaker(breaker::Settings::new(5)?)
        .bypass_window(minute)?
        .leak_after(minute)?
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
        // Nobody answers a ping here: only what it costs to have one is measured.
        let budget = Budget::new(limits.max)?;
        let pool = Pool::builder(
            Streams::new(connect).pinged_by(|_| Box::pin(async { Ok(()) })),
            settings,
        )
        .endpoints([endpoint])?
        .budget(&budget)
        .build()?;
        Ok(pool)
    }
}

impl<L: Link> Lend for Pool<Raw<L>> {
    type Lent<'a> = Pooled<Raw<L>>;

    async fn checkout(&self) -> Result<Pooled<Raw<L>>, BoxError> {
        Ok(Self::checkout(self).await?)
    }
}
