//! How our `Reconnect` is put before the laws: as its own documentation shows it.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::sync::Mutex;
use std::time::Duration;

use bowline_conformance::{
    Answer, BoxError, Lacks, Pace, Peer, Request, Sent, Standing, Subject, Wire, WireError,
};
use bowline_link::Endpoint;
use bowline_policy::backoff::{Maker, Schedule};
use bowline_reconnect::{Error, Established, NotSent, Reconnect, State};
use tower::util::BoxCloneSyncService;
use tower::{ServiceExt, service_fn};

/// Arbitrary, and fixed so that a verdict can be repeated.
const SEED: u64 = 0x0b0b;

/// `bowline_reconnect::Reconnect`, with its defaults.
#[derive(Debug, Default)]
pub(crate) struct Ours {
    /// One for each pace, so that sessions are those of one maker.
    makers: Mutex<BTreeMap<(Duration, Duration), Maker>>,
}

/// What calls go to while a connection is up.
type Inner = BoxCloneSyncService<Request, Answer, BoxError>;

// === impl Ours ===

impl Subject for Ours {
    type Service = Reconnect<Inner>;

    fn service(&self, peer: &Peer, pace: Pace) -> Self::Service {
        let mut makers = self.makers.lock().expect("nothing panics with the lock");
        let maker = makers
            .entry((pace.base, pace.cap))
            .or_insert_with(|| Maker::new(schedule(pace), SEED));
        link(peer, maker)
    }

    fn limited(&self, peer: &Peer, pace: Pace, attempts: u32) -> Result<Self::Service, Lacks> {
        let schedule = schedule(pace).take(attempts);
        Ok(link(peer, &Maker::new(schedule, SEED)))
    }

    fn handle(&self, service: &Self::Service) -> Result<Self::Service, Lacks> {
        Ok(service.clone())
    }

    fn sent(&self, error: &(dyn StdError + 'static)) -> Option<Sent> {
        let error = error.downcast_ref::<Error>()?;
        Some(match error.sent {
            bowline_reconnect::Sent::No => Sent::No,
            bowline_reconnect::Sent::Maybe => Sent::Maybe,
        })
    }

    fn standing(&self, service: &Self::Service) -> Option<Standing> {
        Some(match *service.state().borrow() {
            State::Ready { .. } => Standing::Up,
            State::Parked { .. } => Standing::Parked,
            State::Closed => Standing::Closed,
            _ => Standing::Trying,
        })
    }

    fn revive(&self, service: &Self::Service) -> bool {
        service.reconnect_now();
        true
    }

    fn close(&self, service: &Self::Service) -> bool {
        service.close();
        true
    }
}

fn schedule(pace: Pace) -> Schedule {
    let schedule = Schedule::exponential(pace.base, pace.cap);
    schedule.expect("the laws ask for a base below the cap, both sane")
}

fn link(peer: &Peer, maker: &Maker) -> Reconnect<Inner> {
    let peer = peer.clone();
    let connect = service_fn(move |_: Endpoint| {
        let dial = peer.dial();
        async move { Ok::<_, BoxError>(established(dial.await?)) }
    });
    Reconnect::builder(connect, Endpoint::new("peer.example", 7400), maker).build()
}

fn established(wire: Wire) -> Established<Inner> {
    let closed = wire.closed();
    let inner = wire.map_err(|error| match error {
        WireError::NotSent => NotSent(error.into()).into(),
        WireError::Lost => BoxError::from(error),
    });
    Established::new(Inner::new(inner)).closed(async move {
        closed.await;
        "the peer hung up"
    })
}
