//! Pings, and the hook on return: each in a job of its own, under a limit.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::{BoxError, Connect};
use futures_util::FutureExt;
use std::task::{Context, Waker};
use tokio::time::{Instant, timeout};

use super::custody::Custody;
use super::{Done, Keeper};
use crate::{CheckError, CloseReason, Death, Event, Reuse, Settings};

/// How a check ended.
pub(super) struct Checked<C: Reuse> {
    conn: Custody<C>,
    outcome: Result<(), CheckError>,
    /// The pool's count of doubts when it began.
    doubts: u64,
    took: Duration,
}

impl<D: Connect<Connection: Reuse>> Keeper<D> {
    /// Pings those that wait for it, as many at once as may be.
    pub(super) fn start_pings(&mut self, settings: &Settings) {
        while self.pinging < settings.max_checking {
            let Some(mut conn) = self.due.pop_front() else {
                return;
            };
            let doubts = self.shared.marks().doubts;
            let limit = settings.check_limit;
            self.pinging += 1;
            self.jobs.spawn(async move {
                let begun = Instant::now();
                let ping = async {
                    match conn.link.ping() {
                        Some(ping) => ping.await,
                        None => Ok(()),
                    }
                };
                let outcome = within(limit, ping).await;
                Done::Pinged(Checked {
                    outcome: outcome.and_then(|()| left_fit(&mut conn)),
                    conn,
                    doubts,
                    took: Instant::now() - begun,
                })
            });
        }
    }

    pub(super) fn judge_ping(&mut self, checked: Checked<D::Connection>) {
        let mut conn = checked.conn;
        let now = Instant::now();
        if let Err(error) = checked.outcome {
            // One that was trusted until now says something about the others.
            if conn.was_trusted(self.shared.marks()) {
                self.death = Some(Death::Silent);
            }
            return self.unproved(conn, error);
        }
        self.shared.observer.observe(&Event::Pinged {
            id: conn.entry.id,
            endpoint: conn.entry.origin.endpoint.clone(),
            took: checked.took,
        });
        if self.shared.spares(&conn) {
            conn.renew(now);
        }
        if let Some(stable) = conn.proved(now, checked.doubts) {
            conn.entry.origin.note_served(stable);
            self.shared
                .news
                .store(true, std::sync::atomic::Ordering::SeqCst);
        }
        self.fresh.push(conn);
    }

    /// Runs the hook on return.
    pub(super) fn start_reset(&mut self, mut conn: Custody<D::Connection>, settings: &Settings) {
        conn.needs_reset = false;
        let Some(hook) = self.hooks.on_return.clone() else {
            return self.fresh.push(conn);
        };
        let limit = settings.check_limit;
        let doubts = self.shared.marks().doubts;
        self.jobs.spawn(async move {
            let begun = Instant::now();
            // Called inside: what panics may do so before its future is there.
            let outcome = within(limit, async { hook(&mut conn.link).await }).await;
            if outcome.is_ok() {
                conn.link.settle();
            }
            Done::Reset(Checked {
                outcome: outcome.and_then(|()| left_fit(&mut conn)),
                conn,
                doubts,
                took: Instant::now() - begun,
            })
        });
    }

    pub(super) fn judge_reset(&mut self, checked: Checked<D::Connection>) {
        match checked.outcome {
            Ok(()) => self.fresh.push(checked.conn),
            Err(error) => self.unproved(checked.conn, error),
        }
    }

    fn unproved(&self, conn: Custody<D::Connection>, error: CheckError) {
        self.shared.observer.observe(&Event::CheckFailed {
            id: conn.entry.id,
            endpoint: conn.entry.origin.endpoint.clone(),
            error,
        });
        conn.discard(CloseReason::Unproved);
    }
}

async fn within<F>(limit: Duration, check: F) -> Result<(), CheckError>
where
    F: Future<Output = Result<(), BoxError>>,
{
    match timeout(limit, AssertUnwindSafe(check).catch_unwind()).await {
        Ok(Ok(Ok(()))) => Ok(()),
        Ok(Ok(Err(error))) => Err(CheckError::Failed {
            source: Arc::from(error),
        }),
        Ok(Err(_)) => Err(CheckError::Panicked),
        Err(_) => Err(CheckError::TimedOut { limit }),
    }
}

/// A peer that says more than it was asked would have its next answer taken for
/// another.
fn left_fit<C: Reuse>(conn: &mut Custody<C>) -> Result<(), CheckError> {
    let looked = conn.look(&mut Context::from_waker(Waker::noop()));
    if conn.link.is_settled() && looked.is_none() {
        Ok(())
    } else {
        Err(CheckError::LeftUnfit)
    }
}
