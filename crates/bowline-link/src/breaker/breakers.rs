//! The handle: asking, switching by hand, telling what changed.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_policy::breaker::{Maker, Refused as Reason, State};
use bowline_policy::{InvalidSetting, Observe};
use tokio::time::Instant;

use super::Event;
use super::counts::Counts;
use super::shelf::{Shelf, Watched, lock};
use super::ticket::Ticket;
use crate::{Endpoint, Log};

/// The breakers of all who hold a clone of it.
#[derive(Clone)]
pub struct Breakers {
    shelf: Arc<Shelf>,
    observer: Arc<dyn Observe<Event>>,
}

/// Why a call was not made. The peer was not asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// It failed too often.
    #[error("not calling {endpoint} for another {left:?}{}", after(last_failure))]
    Open {
        /// Who was to be called.
        endpoint: Endpoint,
        /// When it may be called again.
        until: Instant,
        /// How long that is from when the call was refused.
        left: Duration,
        /// What came of the last call that failed.
        last_failure: Option<Arc<str>>,
    },
    /// It failed too often, and is being tried at this moment.
    #[error(
        "not calling {endpoint} while {probing} of {probes_max} probes try it{}",
        after(last_failure)
    )]
    Probing {
        /// Who was to be called.
        endpoint: Endpoint,
        /// Probes in flight.
        probing: u32,
        /// How many may be.
        probes_max: u32,
        /// What came of the last call that failed.
        last_failure: Option<Arc<str>>,
    },
    /// Somebody switched calls to it off.
    #[error("not calling {endpoint}: calls to it were switched off")]
    Forced {
        /// Who was to be called.
        endpoint: Endpoint,
    },
}

fn after(last_failure: &Option<Arc<str>>) -> String {
    last_failure
        .as_ref()
        .map_or_else(String::new, |failure| format!(", last failure: {failure}"))
}

// === impl Breakers ===

impl Breakers {
    /// Guards each endpoint by itself, and at most `endpoints` of them.
    ///
    /// For one more, the one asked for least recently is forgotten: of those
    /// closed, or where none is, of those not switched by hand, or of all.
    /// Calls under way on a forgotten one end unheard.
    ///
    /// # Errors
    ///
    /// `endpoints` is zero or over [`ENDPOINTS_MAX`](super::ENDPOINTS_MAX).
    pub fn per_endpoint(maker: Maker, endpoints: usize) -> Result<Self, InvalidSetting> {
        Ok(Self::kept_on(Shelf::each(maker, endpoints)?))
    }

    /// Guards all endpoints together: where they are names of one thing.
    pub fn for_all(maker: &Maker) -> Self {
        Self::kept_on(Shelf::one(maker))
    }

    /// Tells `observer`, instead of [`Log`], what happens through this handle
    /// and the clones made of it from now on.
    #[must_use]
    pub fn observed_by(mut self, observer: impl Observe<Event> + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// What the breaker of `endpoint` does; `None` if it has none yet.
    pub fn state(&self, endpoint: &Endpoint) -> Option<State> {
        let guarded = self.shelf.known(endpoint)?;
        let state = lock(&guarded).breaker.state();
        Some(state)
    }

    /// How many breakers there are.
    pub fn kept(&self) -> usize {
        self.shelf.len()
    }

    /// Has `endpoint` not be called until somebody says otherwise.
    pub fn force_open(&self, endpoint: &Endpoint) {
        self.change(&self.shelf.of(endpoint), endpoint, |guarded| {
            guarded.breaker.force_open();
        });
    }

    /// Has `endpoint` be called whatever comes of it, until somebody says
    /// otherwise.
    pub fn force_closed(&self, endpoint: &Endpoint) {
        self.change(&self.shelf.of(endpoint), endpoint, |guarded| {
            guarded.breaker.force_closed();
        });
    }

    /// Has the breaker of `endpoint` start over, closed.
    pub fn reset(&self, endpoint: &Endpoint) {
        self.change(&self.shelf.of(endpoint), endpoint, |guarded| {
            guarded.breaker.reset();
            guarded.last_failure = None;
        });
    }

    /// Asks to call `endpoint` now; `counts` says which failures of the call count.
    pub(super) fn ask(&self, endpoint: &Endpoint, counts: &Counts) -> Result<Ticket, Refused> {
        let now = Instant::now();
        let guarded = self.shelf.of(endpoint);
        let asked = self.change(&guarded, endpoint, |guarded| {
            let last_failure = guarded.last_failure.clone();
            let asked = guarded.breaker.ask(now.into_std());
            asked.map_err(|reason| (reason, last_failure))
        });
        match asked {
            Ok(permit) => Ok(Ticket::new(
                self.clone(),
                guarded,
                permit,
                endpoint.clone(),
                Counts::clone(counts),
            )),
            Err((reason, last_failure)) => {
                let refused = refused(endpoint.clone(), reason, last_failure, now);
                self.observer.observe(&Event::Refused(refused.clone()));
                Err(refused)
            }
        }
    }

    /// Does something to a breaker, and tells if that changed its state: after
    /// the lock is open again, so that an observer may ask about it.
    pub(super) fn change<T>(
        &self,
        guarded: &Mutex<Watched>,
        endpoint: &Endpoint,
        act: impl FnOnce(&mut Watched) -> T,
    ) -> T {
        let mut guarded = lock(guarded);
        let from = guarded.breaker.state();
        let done = act(&mut guarded);
        let (to, cycle) = (guarded.breaker.state(), guarded.breaker.cycle());
        drop(guarded);
        if from != to {
            self.observer.observe(&Event::Changed {
                endpoint: endpoint.clone(),
                from,
                to,
                cycle,
            });
        }
        done
    }

    fn kept_on(shelf: Shelf) -> Self {
        Self {
            shelf: Arc::new(shelf),
            observer: Arc::new(Log),
        }
    }
}

impl fmt::Debug for Breakers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breakers")
            .field("shelf", &self.shelf)
            .finish_non_exhaustive()
    }
}

fn refused(
    endpoint: Endpoint,
    reason: Reason,
    last_failure: Option<Arc<str>>,
    now: Instant,
) -> Refused {
    match reason {
        Reason::Open { until } => {
            let until = Instant::from_std(until);
            Refused::Open {
                endpoint,
                until,
                left: until.saturating_duration_since(now),
                last_failure,
            }
        }
        Reason::Probing {
            probing,
            probes_max,
        } => Refused::Probing {
            endpoint,
            probing,
            probes_max,
            last_failure,
        },
        // Forced, and whatever else says no more.
        _ => Refused::Forced { endpoint },
    }
}
