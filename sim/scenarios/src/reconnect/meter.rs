//! The dials of those who share a budget, as the network sees them. It believes nothing that
//! the budget says of itself.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bowline_link::{BoxError, Endpoint};
use bowline_sim::history::{Name, What};
use bowline_sim::net::Stream;
use bowline_sim::scenario::Node;
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::gauge::{self, Breach};
use super::{BUDGET, DIAL_TIMEOUT, Shared};

/// Counts dials. Clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Read>>);

#[derive(Debug, Default)]
struct Read {
    /// When they began, oldest first.
    began: VecDeque<Instant>,
    in_flight: usize,
}

/// Dials from one node, and writes down whom.
#[derive(Debug, Clone)]
pub(super) struct Metered {
    node: Node<Shared>,
    /// Where they count, if they do.
    meter: Option<Meter>,
}

/// One dial under way.
struct UnderWay(Meter);

type Dialing = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

// === impl Meter ===

impl Meter {
    fn begin(&self, node: &Node<Shared>) -> UnderWay {
        let now = Instant::now();
        let mut read = self.read();
        read.in_flight += 1;
        read.began.push_back(now);
        if read.in_flight > BUDGET.in_flight {
            gauge::breach(node, Breach::TooManyDials);
        }
        // Every span that ends now, the shortest first.
        let spans = (1..).zip(read.began.iter().rev());
        for (count, since) in spans {
            let span = (now - *since).as_nanos();
            let per_second = u128::from(BUDGET.per_second);
            // A dial costs a second's nanoseconds, and each of those brings `per_second`.
            let brought = u128::from(BUDGET.burst) * NANOS + span * per_second;
            if count * NANOS > brought {
                gauge::breach(node, Breach::DialsTooFast);
            }
        }
        UnderWay(self.clone())
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        // A count and a list make sense in any combination.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const NANOS: u128 = 1_000_000_000;

// === impl Metered ===

impl Metered {
    pub(super) fn new(node: &Node<Shared>, meter: Option<Meter>) -> Self {
        let node = node.clone();
        Self { node, meter }
    }
}

impl Service<Endpoint> for Metered {
    type Response = Stream;
    type Error = BoxError;
    type Future = Dialing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Endpoint) -> Dialing {
        let Self { node, meter } = self.clone();
        Box::pin(async move {
            let _under_way = meter.map(|meter| meter.begin(&node));
            let whom = Name::from(to.host());
            node.record(What::Dialed { to: whom });
            match timeout(DIAL_TIMEOUT, node.dialer().call(to)).await {
                Ok(dialed) => Ok(dialed?),
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

// === impl UnderWay ===

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.read().in_flight -= 1;
    }
}
