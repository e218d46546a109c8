//! bowline-reconnect, alone and under a dial budget.

use std::future::pending;
use std::io;
use std::time::Duration;

use bowline_link::dial_budget::{DialBudget, DialBudgetLayer, Settings};
use bowline_link::{BoxError, Connect};
use bowline_policy::backoff::{Invalid, Maker, Schedule};
use bowline_policy::budget::DialSettings;
use bowline_reconnect::{Established, Reconnect};
use tower::{Layer, service_fn};

use super::{Keep, Keeping};
use crate::client::Client;
use crate::{BASE, CAP};

/// What a process may do to the server.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) per_second: u32,
    /// How many dials may start at once after a rest.
    pub(crate) burst: u32,
    /// How many may be under way, handshakes included.
    pub(crate) in_flight: usize,
}

/// Over how long the first dials of a splayed fleet spread.
const SPLAY: Duration = Duration::from_secs(3);

/// For a quarter of a thousand clients: everybody dials once within eight seconds.
pub(crate) const BUDGET: Budget = Budget {
    per_second: 30,
    burst: 5,
    in_flight: 8,
};

pub(super) fn plain(seed: u64) -> Result<Keep, BoxError> {
    let maker = Maker::new(schedule()?, seed);
    Ok(Box::new(move |client| keep(connector(client), &maker)))
}

pub(super) fn splayed(seed: u64) -> Result<Keep, BoxError> {
    let maker = Maker::new(schedule()?.splay(SPLAY)?, seed);
    Ok(Box::new(move |client| keep(connector(client), &maker)))
}

pub(super) fn budgeted(seed: u64) -> Result<Keep, BoxError> {
    let maker = Maker::new(schedule()?, seed);
    let rate = DialSettings::per_second(BUDGET.per_second, BUDGET.burst)?;
    let settings = Settings::new(rate, BUDGET.in_flight)?;
    let layer = DialBudgetLayer::new(DialBudget::new(settings));
    Ok(Box::new(move |client| {
        keep(layer.layer(connector(client)), &maker)
    }))
}

fn schedule() -> Result<Schedule, Invalid> {
    Schedule::exponential(BASE, CAP)
}

/// Connects, handshake included; nobody calls, so the connection itself is no service.
fn connector(client: Client) -> impl Connect<Connection = Established<()>> {
    service_fn(move |_| {
        let client = client.clone();
        async move {
            let session = client.connect().await?;
            Ok::<_, io::Error>(Established::new(()).closed(session.end()))
        }
    })
}

fn keep(connect: impl Connect<Connection = Established<()>>, maker: &Maker) -> Keeping {
    let link = Reconnect::builder(connect, Client::server(), maker);
    Box::pin(async move {
        let _link = link.build();
        pending().await
    })
}
