//! Who is measured, each set up as its documentation says, over the same service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_reconnect::Established;
use tower::buffer::Buffer;
use tower::{Layer, Service, service_fn};
use tower_resilience_reconnect::{ReconnectConfig, ReconnectLayer, ReconnectPolicy};

use crate::answer::Echo;

const BASE: Duration = Duration::from_secs(1);
const CAP: Duration = Duration::from_secs(10);

/// How many calls tower's buffer holds.
const BUFFER: usize = 16;

/// A way to call an [`Echo`].
pub(crate) trait Contender {
    const NAME: &'static str;

    /// Its service, on the current runtime.
    fn over(
        echo: Echo,
    ) -> Result<impl Service<u64, Response = u64, Error: Into<BoxError>>, BoxError>;
}

/// Nothing between.
#[derive(Debug)]
pub(crate) struct Bare;

/// tower's `Reconnect`, which one caller owns.
#[derive(Debug)]
pub(crate) struct Tower;

/// The same for several callers, as tower has it.
#[derive(Debug)]
pub(crate) struct TowerShared;

/// tower-resilience-reconnect, which sends requests again unless told not to.
#[derive(Debug)]
pub(crate) struct Resilience;

/// Ours, of which every caller has a handle.
#[derive(Debug)]
pub(crate) struct Ours;

/// Makes a connection without any delay.
fn made(echo: Echo) -> Ready<Result<Echo, Infallible>> {
    ready(Ok(echo))
}

// === impl Bare ===

impl Contender for Bare {
    const NAME: &'static str = "the bare service";

    fn over(
        echo: Echo,
    ) -> Result<impl Service<u64, Response = u64, Error: Into<BoxError>>, BoxError> {
        Ok(echo)
    }
}

// === impl Tower ===

impl Contender for Tower {
    const NAME: &'static str = "tower Reconnect, of one caller";

    fn over(
        echo: Echo,
    ) -> Result<impl Service<u64, Response = u64, Error: Into<BoxError>>, BoxError> {
        Ok(tower::reconnect::Reconnect::new(
            service_fn(move |(): ()| made(echo)),
            (),
        ))
    }
}

// === impl TowerShared ===

impl Contender for TowerShared {
    const NAME: &'static str = "tower Reconnect behind Buffer";

    fn over(
        echo: Echo,
    ) -> Result<impl Service<u64, Response = u64, Error: Into<BoxError>>, BoxError> {
        let link = tower::reconnect::Reconnect::new(service_fn(move |(): ()| made(echo)), ());
        Ok(Buffer::new(link, BUFFER))
    }
}

// === impl Resilience ===

impl Contender for Resilience {
    const NAME: &'static str = "tower-resilience-reconnect";

    fn over(
        echo: Echo,
    ) -> Result<impl Service<u64, Response = u64, Error: Into<BoxError>>, BoxError> {
        let settings = ReconnectConfig::builder()
            .policy(ReconnectPolicy::exponential_random(BASE, CAP, 0.5)?)
            .unlimited_attempts()
            .build();
        Ok(ReconnectLayer::new(settings).layer(service_fn(move |(): ()| made(echo))))
    }
}

// === impl Ours ===

impl Contender for Ours {
    const NAME: &'static str = "bowline-reconnect";

    fn over(
        echo: Echo,
    ) -> Result<impl Service<u64, Response = u64, Error: Into<BoxError>>, BoxError> {
        let connect =
            service_fn(move |_: Endpoint| async move { Ok::<_, BoxError>(Established::new(echo)) });
        let maker = Maker::new(Schedule::exponential(BASE, CAP)?, 1);
        let endpoint = Endpoint::new("echo.example", 7);
        Ok(bowline_reconnect::Reconnect::builder(connect, endpoint, &maker).build())
    }
}
