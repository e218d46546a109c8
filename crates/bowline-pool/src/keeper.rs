//! The one task of a pool that dials, so that no caller ever does: whoever
//! stops waiting cannot take a dial down with it. It hands nothing out; what
//! lands is parked, and the line decides.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use bowline_link::{BoxError, Connect, Endpoint};
use bowline_policy::backoff::Session;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::budget::Seat;
use crate::conn::Conn;
use crate::shared::Shared;
use crate::{DialError, Event, Reuse};

pub(crate) struct Keeper<D: Connect> {
    shared: Arc<Shared<D::Connection>>,
    connect: D,
    dials: JoinSet<Landed<D::Connection>>,
    backoff: Session,
    /// No dial starts before this.
    retry_at: Option<Instant>,
}

/// How a dial ended. The seat outlives a failure, so that it comes free only
/// once the keeper knows of the failure.
struct Landed<C> {
    link: Result<C, DialError>,
    seat: Seat,
    took: Duration,
}

// === impl Keeper ===

impl<D: Connect<Connection: Reuse>> Keeper<D> {
    pub(crate) fn new(shared: Arc<Shared<D::Connection>>, connect: D) -> Self {
        Self {
            backoff: shared.settings.backoff.session(),
            shared,
            connect,
            dials: JoinSet::new(),
            retry_at: None,
        }
    }

    /// Dials while callers wait, until the pool is closed. Dials under way end
    /// with it.
    pub(crate) async fn run(mut self) {
        while !self.shared.gate.is_closed() {
            self.learn();
            self.start_dials();
            let retry_at = self.retry_at;
            tokio::select! {
                biased;
                Some(landed) = self.dials.join_next() => self.land(landed),
                () = self.shared.nudge.notified() => {}
                () = self.shared.budget.freed() => {}
                () = until(retry_at), if retry_at.is_some() => self.retry_at = None,
            }
        }
    }

    /// Takes over what callers found out about the peer.
    fn learn(&mut self) {
        if self.shared.stable.swap(false, Ordering::SeqCst) {
            self.backoff.reset();
        }
        if self.shared.stillborn.swap(false, Ordering::SeqCst) {
            self.fail(DialError::Stillborn {
                endpoint: self.shared.endpoint.clone(),
            });
        }
    }

    fn start_dials(&mut self) {
        let wanted = self.wanted();
        for _ in 0..wanted {
            let Some(seat) = self.shared.budget.claim() else {
                break;
            };
            let dial = dial(
                self.connect.clone(),
                self.shared.endpoint.clone(),
                self.shared.settings.connect_limit,
                seat,
            );
            self.dials.spawn(dial);
        }
        self.note_dialing();
    }

    /// How many dials to start now, seats allowing.
    fn wanted(&self) -> usize {
        if self.retry_at.is_some() {
            return 0;
        }
        let waiting = self.shared.gate.in_line();
        // Whoever takes from the rack past a caller we just counted either took
        // before this look at the rack, or sees that caller and wakes us again.
        fence(Ordering::SeqCst);
        // What hangs on the line is promised, though its caller may not have
        // been polled yet: else every landed dial would start another.
        let coming = self.shared.rack.on_line() + self.dials.len();
        let room = self.shared.settings.max_connecting - self.dials.len();
        waiting.saturating_sub(coming).min(room)
    }

    fn land(&mut self, landed: Result<Landed<D::Connection>, JoinError>) {
        self.note_dialing();
        let shared = &self.shared;
        let endpoint = shared.endpoint.clone();
        match landed {
            Ok(Landed {
                link: Ok(link),
                seat,
                took,
            }) => {
                shared.note_dial(None);
                shared.observer.observe(&Event::Opened { endpoint, took });
                let stable_after = self.backoff.schedule().up_min();
                shared.park(Box::new(Conn::new(
                    link,
                    seat,
                    Instant::now(),
                    shared.settings.idle_limit,
                    stable_after,
                )));
            }
            Ok(Landed {
                link: Err(error),
                seat,
                ..
            }) => {
                self.fail(error);
                drop(seat);
            }
            // Nobody aborts a single dial, so it panicked.
            Err(_) => self.fail(DialError::Panicked { endpoint }),
        }
    }

    fn fail(&mut self, error: DialError) {
        let now = Instant::now();
        // Several dials that fail together are one failure: they were started
        // by one decision, and the next must not be punished for its breadth.
        let retry_at = match self.retry_at {
            Some(at) if at > now => at,
            Some(_) | None => now + self.next_delay(now),
        };
        self.retry_at = Some(retry_at);
        self.shared.note_dial(Some(error.clone()));
        self.shared.observer.observe(&Event::DialFailed {
            error,
            retry_in: retry_at - now,
        });
    }

    fn next_delay(&mut self, now: Instant) -> Duration {
        let now = now.into_std();
        self.backoff.next_delay(now).unwrap_or_else(|| {
            self.backoff.reset();
            // A schedule that allows no attempt at all still must not spin.
            let limit = self.shared.settings.connect_limit;
            self.backoff.next_delay(now).unwrap_or(limit)
        })
    }

    fn note_dialing(&self) {
        let dialing = self.dials.len();
        self.shared.dialing.store(dialing, Ordering::Relaxed);
    }
}

async fn until(at: Option<Instant>) {
    if let Some(at) = at {
        sleep_until(at).await;
    }
}

async fn dial<D: Connect>(
    mut connect: D,
    endpoint: Endpoint,
    limit: Duration,
    seat: Seat,
) -> Landed<D::Connection> {
    let begun = Instant::now();
    let connecting = async {
        poll_fn(|context| connect.poll_ready(context))
            .await
            .map_err(Into::<BoxError>::into)?;
        let connected = connect.call(endpoint.clone()).await;
        connected.map_err(Into::<BoxError>::into)
    };
    let link = match timeout_at(begun + limit, connecting).await {
        Ok(Ok(link)) => Ok(link),
        Ok(Err(error)) => Err(DialError::refused(endpoint, error)),
        Err(_) => Err(DialError::TimedOut { endpoint, limit }),
    };
    Landed {
        link,
        seat,
        took: Instant::now() - begun,
    }
}
