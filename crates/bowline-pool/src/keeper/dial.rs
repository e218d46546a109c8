//! Dials, each in a job of its own, and what becomes of them.

use std::future::poll_fn;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bowline_link::{BoxError, Connect, Endpoint};
use futures_util::FutureExt;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::guard::Pass;
use super::peers::Failed;
use super::{Done, Keeper};
use crate::budget::Seat;
use crate::conn::Conn;
use crate::hook::Hook;
use crate::origin::Origin;
use crate::{Cause, DialError, Event, Reuse, Settings};

/// How a dial ended. The seat outlives a failure, so that it comes free only
/// once the keeper knows of the failure.
pub(super) struct Landed<C> {
    /// And whether it can be pinged.
    link: Result<(C, bool), DialError>,
    seat: Seat,
    origin: Arc<Origin>,
    pass: Pass,
    cause: Cause,
    generation: u64,
    took: Duration,
}

impl<D: Connect<Connection: Reuse>> Keeper<D> {
    pub(super) fn dial(
        &mut self,
        origin: Arc<Origin>,
        pass: Pass,
        seat: Seat,
        cause: Cause,
        settings: &Settings,
    ) {
        self.dialing += 1;
        self.shared.dialing.store(self.dialing, Ordering::SeqCst);
        let generation = self.shared.marks().generation;
        let limit = settings.connect_limit;
        let endpoint = origin.endpoint.clone();
        let span = tracing::debug_span!("connect", %endpoint, %cause);
        let connect = self.connect.clone();
        let dialing = connect_to(connect, endpoint, limit, self.hooks.on_connect.clone());
        let job = async move {
            let begun = Instant::now();
            let link = dialing.await;
            Done::Dialed(Landed {
                link,
                seat,
                origin,
                pass,
                cause,
                generation,
                took: Instant::now() - begun,
            })
        };
        self.jobs.spawn(job.instrument(span));
    }

    pub(super) fn land(&mut self, landed: Landed<D::Connection>) {
        self.shared.dialing.store(self.dialing, Ordering::SeqCst);
        let now = Instant::now();
        let endpoint = landed.origin.endpoint.clone();
        let (link, pings) = match landed.link {
            Ok(link) => link,
            Err(error) => {
                self.moving.ended(&endpoint, landed.cause);
                let failed = self.peers.failed(error, Some(landed.pass), now);
                self.tell_failed(failed, now);
                return;
            }
        };
        self.peers
            .connected(&endpoint, landed.pass, landed.took, now);
        self.shared.note_dial(None);
        self.come_up(now);
        let entry = self
            .shared
            .ledger
            .enter(Arc::clone(&landed.origin), landed.generation, now);
        self.shared.observer.observe(&Event::Opened {
            id: entry.id,
            endpoint: endpoint.clone(),
            cause: landed.cause,
            took: landed.took,
        });
        if let Some(from) = self.moving.ended(&endpoint, landed.cause) {
            from.ask_one_to_leave();
        }
        let plan = self.shared.plan(now);
        let doubts = self.shared.marks().doubts;
        let conn = Conn::new(link, entry, landed.seat, plan, (pings, doubts), now);
        self.shared.park(Box::new(conn));
    }

    pub(super) fn tell_failed(&self, failed: Failed, now: Instant) {
        self.shared.note_dial(Some(failed.error.clone()));
        self.shared.observer.observe(&Event::DialFailed {
            error: failed.error,
            retry_in: failed.retry_at.saturating_duration_since(now),
        });
        if self.down_since.is_some() {
            self.turn_away();
        }
    }

    /// Tells callers at once from now on, if no connection is left and patience
    /// with the dials is over. The first who comes when the next dial may begin
    /// waits for what becomes of it.
    pub(super) fn judge_down(&mut self, settings: &Settings) {
        let now = Instant::now();
        if self.down_since.is_some() {
            let held_back = self.dialing > 0 || self.peers.held_back(now).is_some();
            self.shared.gate.set_down(held_back);
        }
        let Some(since) = self.peers.failing_since() else {
            return;
        };
        let left = self.shared.quota.open().saturating_sub(self.dialing);
        let patience_over = since + settings.fail_fast_after <= now;
        if self.down_since.is_some() || left > 0 || !(patience_over || self.peers.are_open()) {
            return;
        }
        self.down_since = Some(now);
        self.shared.observer.observe(&Event::WentDown {
            failing_for: now - since,
        });
        self.turn_away();
    }

    /// Tells those in line, and those who come.
    fn turn_away(&self) {
        self.shared.gate.set_down(true);
        self.shared.rack.call();
    }

    fn come_up(&mut self, now: Instant) {
        if let Some(since) = self.down_since.take() {
            self.shared.gate.set_down(false);
            self.shared.observer.observe(&Event::CameUp {
                down_for: now - since,
            });
        }
    }
}

async fn connect_to<D: Connect<Connection: Reuse>>(
    mut connect: D,
    endpoint: Endpoint,
    limit: Duration,
    hook: Option<Hook<D::Connection>>,
) -> Result<(D::Connection, bool), DialError> {
    let begun = Instant::now();
    let called = endpoint.clone();
    let connecting = async {
        let refused = |error: BoxError| DialError::refused(called.clone(), error);
        poll_fn(|context| connect.poll_ready(context))
            .await
            .map_err(|error| refused(error.into()))?;
        let connected = connect.call(called.clone()).await;
        let mut link = connected.map_err(|error| refused(error.into()))?;
        if let Some(hook) = hook {
            hook(&mut link)
                .await
                .map_err(|error| DialError::unfit(called.clone(), error))?;
            link.settle();
        }
        let pings = link.ping().is_some();
        Ok((link, pings))
    };
    let connecting = AssertUnwindSafe(connecting).catch_unwind();
    match timeout_at(begun + limit, connecting).await {
        Ok(Ok(connected)) => connected,
        Ok(Err(_)) => Err(DialError::Panicked { endpoint }),
        Err(_) => Err(DialError::TimedOut { endpoint, limit }),
    }
}
