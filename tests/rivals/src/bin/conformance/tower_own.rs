//! tower's own `Reconnect`, and the backoff of its retry layer.

use std::iter;
use std::time::Duration;

use bowline_conformance::{Backoff, DialError, Law, Pace, Peer, Subject, Wire};
use tokio::time::Instant;
use tower::reconnect::Reconnect;
use tower::retry::backoff::{Backoff as _, ExponentialBackoffMaker, MakeBackoff};
use tower::service_fn;
use tower::util::BoxService;
use tower::util::rng::HasherRng;

/// tower's `Reconnect`.
#[derive(Debug)]
pub(crate) struct OverTower;

/// The exponential backoff of `tower::retry`.
#[derive(Debug)]
pub(crate) struct TowerBackoff;

/// A maker of connections, as tower and those who build on it ask for.
pub(crate) type Make = BoxService<(), Wire, DialError>;

// === impl OverTower ===

impl Subject for OverTower {
    type Service = Reconnect<Make, ()>;

    fn service(&self, peer: &Peer, _: Pace) -> Self::Service {
        Reconnect::new(make(peer), ())
    }

    fn exempt(&self, law: Law) -> Option<&'static str> {
        match law {
            Law::JitterIndependence | Law::JitterAtTheCap => {
                Some("it has no delays: the pace is its caller's")
            }
            _ => None,
        }
    }
}

/// A maker that dials `peer`.
pub(crate) fn make(peer: &Peer) -> Make {
    let peer = peer.clone();
    BoxService::new(service_fn(move |(): ()| peer.dial()))
}

// === impl TowerBackoff ===

impl Backoff for TowerBackoff {
    type Delays = Box<dyn Iterator<Item = Duration>>;

    fn sessions(&self, pace: Pace, count: usize) -> Vec<Self::Delays> {
        let maker = ExponentialBackoffMaker::new(pace.base, pace.cap, 0.99, HasherRng::default());
        let mut maker = maker.expect("the laws ask for a base below the cap");
        let sessions = (0..count).map(|_| {
            let mut session = maker.make_backoff();
            // It yields timers: a delay is how far ahead one is set.
            let next = move || Some(session.next_backoff().deadline() - Instant::now());
            Box::new(iter::from_fn(next)) as Self::Delays
        });
        sessions.collect()
    }
}
