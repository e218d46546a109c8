//! The line: who may dial next, and when. It dials nothing.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowline_policy::Observe;
use bowline_policy::budget::{Dials, Take};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

use super::{Event, Settings};
use crate::{Endpoint, Log};

/// Bounds the dials of all who hold a clone of it.
#[derive(Clone)]
pub struct DialBudget {
    shared: Arc<Shared>,
    observer: Arc<dyn Observe<Event>>,
}

struct Shared {
    /// The line itself: its one permit is given in the order in which it was
    /// asked for, and whoever holds it is first.
    first: Semaphore,
    places: Arc<Semaphore>,
    dials: Mutex<Dials>,
    waiting: AtomicUsize,
    settings: Settings,
}

/// The right to one dial, kept until that has ended.
#[derive(Debug)]
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// Why a dial was not started. Nobody was called; trying again, later, may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The line is full.
    #[error("did not dial {endpoint}: the line is full, with {waiting} waiting")]
    Overloaded {
        /// Who was to be called.
        endpoint: Endpoint,
        /// How many wait, which is as many as may.
        waiting: usize,
    },
    /// The turn did not come in time.
    #[error("did not dial {endpoint}: no turn came within {allowed:?}")]
    TimedOut {
        /// Who was to be called.
        endpoint: Endpoint,
        /// The longest wait in line.
        allowed: Duration,
    },
}

/// Somebody in line, counted and told of whatever becomes of it.
struct Waiting<'a> {
    budget: &'a DialBudget,
    endpoint: &'a Endpoint,
    since: Instant,
    told: bool,
}

// === impl DialBudget ===

impl DialBudget {
    /// Begins with a full burst and nobody in line.
    pub fn new(settings: Settings) -> Self {
        let now = Instant::now().into_std();
        Self {
            shared: Arc::new(Shared {
                first: Semaphore::new(1),
                places: Arc::new(Semaphore::new(settings.in_flight)),
                dials: Mutex::new(Dials::new(settings.rate, now)),
                waiting: AtomicUsize::new(0),
                settings,
            }),
            observer: Arc::new(Log),
        }
    }

    /// Tells `observer`, instead of [`Log`], what happens to dials that go
    /// through this handle and the clones made of it from now on.
    #[must_use]
    pub fn observed_by(mut self, observer: impl Observe<Event> + 'static) -> Self {
        self.observer = Arc::new(observer);
        self
    }

    /// How many dials are under way, a moment ago.
    pub fn in_flight(&self) -> usize {
        let free = self.shared.places.available_permits();
        self.shared.settings.in_flight - free
    }

    /// How many stand in line, a moment ago.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::SeqCst)
    }

    /// What it allows.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Waits until a dial may start; it is to start at once.
    ///
    /// # Cancellation
    ///
    /// Whoever is dropped in line leaves it, and the next moves up; nothing was
    /// spent.
    pub(super) async fn admit(&self, endpoint: &Endpoint) -> Result<Place, Refused> {
        if let Some(place) = self.shared.at_once() {
            return Ok(place);
        }
        let waiting = self.stand_in_line(endpoint)?;
        let allowed = self.shared.settings.wait;
        if let Ok(place) = timeout(allowed, self.shared.turn()).await {
            waiting.released();
            Ok(place)
        } else {
            waiting.timed_out();
            Err(Refused::TimedOut {
                endpoint: endpoint.clone(),
                allowed,
            })
        }
    }

    fn stand_in_line<'a>(&'a self, endpoint: &'a Endpoint) -> Result<Waiting<'a>, Refused> {
        let most = self.shared.settings.waiters;
        let claim = |waiting| (waiting < most).then_some(waiting + 1);
        let waiting = &self.shared.waiting;
        match waiting.fetch_update(Ordering::SeqCst, Ordering::SeqCst, claim) {
            Ok(before) => {
                let waiting = Waiting {
                    budget: self,
                    endpoint,
                    since: Instant::now(),
                    told: false,
                };
                self.observer.observe(&Event::Held {
                    endpoint: endpoint.clone(),
                    waiting: before + 1,
                });
                Ok(waiting)
            }
            Err(waiting) => {
                let endpoint = endpoint.clone();
                self.observer.observe(&Event::Overloaded {
                    endpoint: endpoint.clone(),
                    waiting,
                });
                Err(Refused::Overloaded { endpoint, waiting })
            }
        }
    }
}

impl fmt::Debug for DialBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialBudget")
            .field("in_flight", &self.in_flight())
            .field("waiting", &self.waiting())
            .field("settings", self.settings())
            .finish_non_exhaustive()
    }
}

// === impl Shared ===

impl Shared {
    /// A place, if nobody waits and nothing needs to be waited for.
    fn at_once(&self) -> Option<Place> {
        // Whoever stands in line is not overtaken. That somebody else is served
        // at this moment is no reason to stand in line behind nobody.
        if self.waiting.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let permit = Arc::clone(&self.places).try_acquire_owned().ok()?;
        match self.take() {
            Take::Now => Some(Place { _permit: permit }),
            Take::At(_) => None,
        }
    }

    /// Waits to be first, then for a place, then for the clock. In this order:
    /// a dial paid for before it had a place would start whenever it gets one,
    /// and many of them together.
    async fn turn(&self) -> Place {
        let first = self.first.acquire().await;
        let _first = first.expect("nobody closes the semaphore");
        let permit = Arc::clone(&self.places).acquire_owned().await;
        let permit = permit.expect("nobody closes the semaphore");
        loop {
            match self.take() {
                Take::Now => return Place { _permit: permit },
                Take::At(at) => sleep_until(at.into()).await,
            }
        }
    }

    fn take(&self) -> Take {
        // Whole between any two calls, so a panic elsewhere spoils nothing.
        let mut dials = self.dials.lock().unwrap_or_else(PoisonError::into_inner);
        dials.take(Instant::now().into_std())
    }
}

// === impl Waiting ===

impl Waiting<'_> {
    fn released(mut self) {
        let (endpoint, waited) = self.ended();
        let observer = &self.budget.observer;
        observer.observe(&Event::Released { endpoint, waited });
    }

    fn timed_out(mut self) {
        let (endpoint, waited) = self.ended();
        let observer = &self.budget.observer;
        observer.observe(&Event::TimedOut { endpoint, waited });
    }

    fn ended(&mut self) -> (Endpoint, Duration) {
        self.told = true;
        (self.endpoint.clone(), Instant::now() - self.since)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.budget.shared.waiting.fetch_sub(1, Ordering::SeqCst);
        if !self.told {
            let (endpoint, waited) = self.ended();
            let observer = &self.budget.observer;
            observer.observe(&Event::GivenUp { endpoint, waited });
        }
    }
}
