//! The start of a link: what its driver and its handles share is put together here.

use std::sync::{Arc, Mutex, OnceLock};

use tokio::sync::watch;
use tokio::time::Instant;

use super::{Builder, InitialConnect};
use crate::driver::{Driver, Leaps, Opener, Parts};
use crate::events::Hub;
use crate::link::{Lease, Link, Orders};
use crate::signal::Signal;
use crate::slot::Slot;
use crate::{Error, Reconnect, State};

// === impl Builder ===

impl<S: Clone + Send + 'static> Builder<S> {
    /// Starts the link: it connects, at once unless told
    /// [otherwise](Self::initial), and again whenever it must, until the last
    /// handle is dropped.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn build(self) -> Reconnect<S> {
        let tuning = self.tuning;
        let now = Instant::now().into_std();
        let mut listing = self.listing;
        // So that the state says from the start who is called.
        let first = match tuning.initial {
            InitialConnect::Lazy => None,
            InitialConnect::Background | InitialConnect::Eager => listing.set.choose(now),
        };
        let first = first.map(|chosen| chosen.key);
        let orders = Orders::new();
        if tuning.initial != InitialConnect::Lazy {
            orders.wanted.set();
        }
        let link = Arc::new(Link {
            endpoint: self.endpoint,
            failfast_after: tuning.failfast_after,
            observer: self.observer,
            hub: Hub::new(tuning.events_max),
            state: watch::Sender::new(match first.clone() {
                None => State::Idle,
                Some(endpoint) => State::Connecting {
                    attempt: 1,
                    endpoint,
                },
            }),
            slot: Slot::new(),
            listing: Mutex::new(listing),
            open: Mutex::default(),
            latest: Mutex::default(),
            ended_by: OnceLock::new(),
            orders,
            closing: Signal::default(),
        });
        let parts = Parts {
            opener: Opener::new(self.connect, self.hook, tuning.connect_timeout),
            classify: self.classify,
            backoff: self.backoff,
            lifetime: self.lifetime,
            leaps: Leaps::new(self.wall),
            tuning,
            first,
            redirects_to: self.redirects_to,
            discovery: self.discovery.map(|begin| begin(Arc::clone(&link))),
        };
        let lease = Lease::start(Driver::new(Arc::clone(&link), parts).run());
        Reconnect::new(link, Arc::new(lease))
    }

    /// The same, and with [`InitialConnect::Eager`] waits until it is connected.
    ///
    /// # Errors
    ///
    /// [`Kind::Closed`](crate::Kind::Closed) with the reason as its source, if no
    /// endpoint could be connected to; never, where it is not eager.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    ///
    /// # Cancellation
    ///
    /// Dropping it closes the link.
    pub async fn start(self) -> Result<Reconnect<S>, Error> {
        let eager = self.tuning.initial == InitialConnect::Eager;
        let link = self.build();
        if eager {
            let decided = |state: &State| matches!(state, State::Ready { .. } | State::Closed);
            let mut state = link.state();
            let state = state.wait_for(decided).await;
            if !state.is_ok_and(|state| state.is_ready()) {
                return Err(link.why_closed());
            }
        }
        Ok(link)
    }
}
