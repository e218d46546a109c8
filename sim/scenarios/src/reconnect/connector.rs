//! How a client connects, for one of its links. It keeps no connection itself.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_link::dial_budget::{Budgeted, DialBudgetLayer};
use bowline_link::{BoxError, Endpoint};
use bowline_reconnect::Established;
use bowline_sim::net::Stream;
use bowline_sim::scenario::Node;
use rand_core::Rng;
use rand_pcg::Pcg64;
use tower::{Layer as _, ServiceExt as _};
use tower_service::Service;

use super::caller::{Caller, Manner, hint};
use super::gauge::Gauge;
use super::ledger::Ledger;
use super::meter::Metered;
use super::mutant::Mutation;
use super::terms::{Pace, Terms};
use super::{CONNECTIONS_MAX, Shared, gauge};
use crate::calls;

/// How many calls may be in flight on one connection: enough that large ones fill what the
/// network takes, few enough that handles wait for each other.
const IN_FLIGHT_MAX: usize = 64;

/// Opens connections for one link.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    node: Node<Shared>,
    terms: Terms,
    manner: Manner,
    /// Whether a suspect connection is asked before it is replaced.
    checks: bool,
    mutation: Option<Mutation>,
    dialer: Dialer,
    ledger: Arc<Ledger>,
    pub(super) gauges: Gauges,
}

/// What a client holds, whichever of its links it is for.
#[derive(Debug, Clone)]
pub(super) struct Gauges {
    pub(super) connections: Gauge,
    pub(super) dialing: Gauge,
}

/// Under the budget, or not.
#[derive(Debug, Clone)]
enum Dialer {
    Free(Metered),
    Budgeted(Budgeted<Metered>),
}

type Connecting = Pin<Box<dyn Future<Output = Result<Established<Caller>, BoxError>> + Send>>;

// === impl Gauges ===

impl Gauges {
    pub(super) fn new(node: &Node<Shared>) -> Self {
        Self {
            connections: Gauge::new(node, gauge::CONNECTIONS, CONNECTIONS_MAX),
            dialing: Gauge::new(node, gauge::DIALING, 1),
        }
    }
}

// === impl Connector ===

impl Connector {
    pub(super) fn new(
        node: &Node<Shared>,
        terms: Terms,
        ledger: Arc<Ledger>,
        gauges: Gauges,
        chance: &mut Pcg64,
        mutation: Option<Mutation>,
    ) -> Result<Self, BoxError> {
        let shared = node.shared();
        let meter = terms.budgeted.then(|| shared.meter.clone());
        let metered = Metered::new(node, meter);
        let dialer = match terms.budgeted && mutation != Some(Mutation::DialBeside) {
            true => Dialer::Budgeted(DialBudgetLayer::new(shared.budget()?).layer(metered)),
            false => Dialer::Free(metered),
        };
        Ok(Self {
            node: node.clone(),
            terms,
            manner: match chance.next_u64() % 2 {
                0 => Manner::Tells,
                _ => Manner::Silent,
            },
            checks: chance.next_u64().is_multiple_of(2),
            mutation,
            dialer,
            ledger,
            gauges,
        })
    }

    async fn connect(self, to: Endpoint) -> Result<Established<Caller>, BoxError> {
        let _dialing = self.gauges.dialing.take();
        let mut io = self.dial(&to).await?;
        let mut held = vec![self.gauges.connections.take()];
        if self.mutation == Some(Mutation::DialTwice) {
            io = self.dial(&to).await?;
            held.push(self.gauges.connections.take());
        }
        let wall = Arc::new(self.node.wall_clock());
        let (calls, connection) = calls::open(io, self.terms.heartbeat(), IN_FLIGHT_MAX);
        let mut connection = connection.with_wall_clock(wall);
        let stamp = connection.stamp();
        let (notice, ledger) = (connection.going(), Arc::clone(&self.ledger));
        let going = async move {
            let wish = notice.await;
            ledger.asked(wish);
            hint(wish)
        };
        let caller = Caller::new(calls, stamp.clone(), self.manner, self.mutation);
        let closed = caller.closed(connection);
        let closed = async move {
            let _held = held;
            closed.await
        };
        let checked = caller.clone();
        let mut established = Established::new(caller).closed(closed).going(going);
        if self.checks {
            established = established.check(move || checked.check());
        }
        Ok(match self.terms.pace {
            Pace::Brisk => established.heard(move || stamp.heard()),
            Pace::Slow => established,
        })
    }

    async fn dial(&self, to: &Endpoint) -> Result<Stream, BoxError> {
        match self.dialer.clone() {
            Dialer::Free(dialer) => dialer.oneshot(to.clone()).await,
            Dialer::Budgeted(dialer) => dialer.oneshot(to.clone()).await,
        }
    }
}

impl Service<Endpoint> for Connector {
    type Response = Established<Caller>;
    type Error = BoxError;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Endpoint) -> Connecting {
        Box::pin(self.clone().connect(to))
    }
}
