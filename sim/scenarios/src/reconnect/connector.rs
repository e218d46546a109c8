//! How a client connects, and what of that it writes down.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bowline_link::{BoxError, Endpoint};
use bowline_policy::Observe;
use bowline_policy::heartbeat::{Death, Fixed};
use bowline_reconnect::{Established, Event, LostReason};
use bowline_sim::history::{Name, What};
use bowline_sim::scenario::Node;
use tokio::time::timeout;
use tower::ServiceExt as _;
use tower_service::Service;

use super::caller::{Caller, Manner};
use super::gauge::{self, Gauge};
use super::mutant::Mutation;
use super::{DIAL_TIMEOUT, SERVER, Shared};
use crate::calls;

/// How many calls may be in flight on one connection: enough that large ones fill what the
/// network takes, few enough that handles wait for each other.
const IN_FLIGHT_MAX: usize = 64;

/// Opens connections for one link.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    node: Node<Shared>,
    heartbeat: Fixed,
    manner: Manner,
    mutation: Option<Mutation>,
    pub(super) connections: Gauge,
    pub(super) dialing: Gauge,
}

/// Writes down what a link says of itself.
#[derive(Debug)]
pub(super) struct Witness {
    node: Node<Shared>,
}

type Connecting = Pin<Box<dyn Future<Output = Result<Established<Caller>, BoxError>> + Send>>;

// === impl Connector ===

impl Connector {
    pub(super) fn new(
        node: &Node<Shared>,
        heartbeat: Fixed,
        manner: Manner,
        mutation: Option<Mutation>,
    ) -> Self {
        Self {
            node: node.clone(),
            heartbeat,
            manner,
            mutation,
            connections: Gauge::new(node, gauge::CONNECTIONS, 1),
            dialing: Gauge::new(node, gauge::DIALING, 1),
        }
    }

    async fn connect(self, to: Endpoint) -> Result<Established<Caller>, BoxError> {
        let _dialing = self.dialing.take();
        let mut io = self.dial(&to).await?;
        let mut held = vec![self.connections.take()];
        if self.mutation == Some(Mutation::DialTwice) {
            io = self.dial(&to).await?;
            held.push(self.connections.take());
        }
        let wall = Arc::new(self.node.wall_clock());
        let (calls, connection) = calls::open(io, self.heartbeat, IN_FLIGHT_MAX);
        let connection = connection.with_wall_clock(wall);
        let stamp = connection.stamp();
        let caller = Caller::new(calls, self.manner, self.mutation);
        let closed = caller.closed(connection);
        let closed = async move {
            let _held = held;
            closed.await
        };
        let heard = move || stamp.heard();
        Ok(Established::new(caller).closed(closed).heard(heard))
    }

    async fn dial(&self, to: &Endpoint) -> Result<bowline_sim::net::Stream, BoxError> {
        self.node.record(What::Dialed { to: SERVER.into() });
        Ok(timeout(DIAL_TIMEOUT, self.node.dialer().oneshot(to.clone())).await??)
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

// === impl Witness ===

impl Witness {
    pub(super) fn new(node: &Node<Shared>) -> Self {
        let node = node.clone();
        Self { node }
    }
}

impl Observe<Event> for Witness {
    fn observe(&self, event: &Event) {
        let server = || Name::from(SERVER);
        match event {
            Event::Connected { .. } => self.node.record(What::Connected { to: server() }),
            // Told too when a world is taken down, in no order: who leaves says it himself.
            Event::Lost {
                reason: LostReason::LinkClosed,
                ..
            } => {}
            Event::Lost { error, .. } => {
                if let Some(Death::Silence { silent, .. }) = error.downcast_ref::<Death>() {
                    let silent_us = u64::try_from(silent.as_micros()).unwrap_or(u64::MAX);
                    let on = server();
                    self.node.record(What::GaveUp { on, silent_us });
                }
                self.node.record(What::Lost);
            }
            Event::Failed { error, .. } => self.node.note(format!("no connection: {error}")),
            Event::BackingOff { delay, .. } => self.node.note(format!("rests for {delay:?}")),
            Event::Revived { .. } => self.node.note("is told to connect now"),
            _ => {}
        }
    }
}
