//! Several peers, each at an endpoint of its own, and a clock on the wall.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bowline_link::discovery::{Target, Targets};
use bowline_link::{BoxError, Connect, Endpoint, WallClock};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_policy::endpoints::{self, Choice, Settings};
use bowline_reconnect::{Builder, Established, Reconnect};
use tokio::time::Instant;
use tower::service_fn;

use crate::fake::{Dial, Peer, Wire};

/// Peers by the names of their hosts.
#[derive(Clone)]
pub(crate) struct Net(Arc<BTreeMap<&'static str, Peer>>);

/// A wall clock that can leap.
pub(crate) struct Wall {
    began: Instant,
    leapt: Mutex<Duration>,
}

pub(crate) fn at(name: &'static str) -> Endpoint {
    Endpoint::new(name, 7400)
}

pub(crate) fn targets(names: &[&'static str]) -> Targets {
    Targets::new(names.iter().map(|name| Target::new(at(name)))).unwrap()
}

pub(crate) fn ordered(seed: u64) -> endpoints::Maker {
    endpoints::Maker::new(Settings::new(Choice::Ordered), seed)
}

pub(crate) fn weighted(seed: u64) -> endpoints::Maker {
    endpoints::Maker::new(Settings::new(Choice::Weighted), seed)
}

impl Net {
    pub(crate) fn new(names: &[&'static str]) -> Self {
        let peers = names.iter().map(|name| (*name, Peer::new(Dial::Accept)));
        Self(Arc::new(peers.collect()))
    }

    pub(crate) fn with(peers: impl IntoIterator<Item = (&'static str, Peer)>) -> Self {
        Self(Arc::new(peers.into_iter().collect()))
    }

    pub(crate) fn peer(&self, name: &str) -> &Peer {
        &self.0[name]
    }

    pub(crate) fn connector(&self) -> impl Connect<Connection = Established<Wire>> + use<> {
        let net = self.clone();
        service_fn(move |to: Endpoint| {
            let peer = net.0.get(to.host()).cloned();
            async move {
                match peer {
                    Some(peer) => peer.dial().await,
                    None => Err(BoxError::from("no such peer")),
                }
            }
        })
    }

    /// A link to these, in order.
    pub(crate) fn link(&self, names: &[&'static str], schedule: Schedule) -> Builder<Wire> {
        self.link_seeded(names, schedule, 7)
    }

    pub(crate) fn link_seeded(
        &self,
        names: &[&'static str],
        schedule: Schedule,
        seed: u64,
    ) -> Builder<Wire> {
        let maker = Maker::new(schedule, seed);
        Reconnect::builder(self.connector(), at(names[0]), &maker)
            .endpoints(&targets(names), &ordered(seed))
            .unwrap()
    }
}

impl Wall {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            leapt: Mutex::default(),
        })
    }

    /// The machine sleeps for so long, and only this clock goes on.
    pub(crate) fn leap(&self, by: Duration) {
        *self.leapt.lock().unwrap() += by;
    }
}

impl WallClock for Wall {
    fn now(&self) -> SystemTime {
        let passed = Instant::now() - self.began;
        SystemTime::UNIX_EPOCH + passed + *self.leapt.lock().unwrap()
    }
}
