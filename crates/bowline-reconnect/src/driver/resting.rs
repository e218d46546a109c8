//! Between two tries: waiting for the time of the next, or, parked, for somebody
//! who wants one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Driver;
use super::judging::{Failed, Pause};
use super::leaps::{LEAP_SPLAY, Leap};
use crate::{Event, Reason, Revival, SharedError, State, Verdict};

/// What ended a wait.
enum Woken {
    Revived,
    Reset,
    Listed,
    Timer,
}

// === impl Driver ===

impl<S: Clone + Send + 'static> Driver<S> {
    /// Waits until it is time for the next try, and says why it is.
    pub(super) async fn rest(&mut self, failed: Failed, verdict: Verdict) -> Reason {
        self.leaps.begin(Instant::now());
        match self.pause(verdict, &failed.endpoint) {
            Pause::For { wait, asked } => self.back_off(wait, asked, failed).await,
            Pause::Park { probe } => self.park(probe, failed).await,
        }
    }

    async fn back_off(&mut self, delay: Duration, asked: bool, failed: Failed) -> Reason {
        let link = Arc::clone(self.link());
        let error = failed.error;
        let mut until = Instant::now() + delay;
        if asked {
            self.spared = Some((failed.endpoint.clone(), until));
        }
        let attempt = self.attempt.saturating_add(1);
        // From before the state is seen, or who answers to it could be missed.
        let mut revived = std::pin::pin!(link.orders.revive.notified());
        link.tell(Event::BackingOff {
            endpoint: failed.endpoint.clone(),
            attempt,
            delay,
        });
        self.show_backoff(until, delay, &error);
        loop {
            let wake = self.leaps.look_at().map_or(until, |at| at.min(until));
            let woken = tokio::select! {
                biased;
                () = &mut revived => Woken::Revived,
                () = link.orders.reset.notified() => Woken::Reset,
                () = link.orders.listed.notified() => Woken::Listed,
                () = sleep_until(wake) => Woken::Timer,
            };
            let now = Instant::now();
            let sooner = match woken {
                Woken::Revived => return self.revived(Revival::Asked),
                Woken::Reset => {
                    self.start_over();
                    self.backoff.next_delay_soon(now.into_std())
                }
                Woken::Listed => self.relisted(asked),
                Woken::Timer if now >= until => return Reason::Again,
                Woken::Timer => self.leapt(now, if asked { until - now } else { Duration::ZERO }),
            };
            if let Some(delay) = sooner.filter(|delay| now + *delay < until) {
                until = now + delay;
                self.show_backoff(until, delay, &error);
            }
        }
    }

    async fn park(&mut self, probe: bool, failed: Failed) -> Reason {
        let link = Arc::clone(self.link());
        let Failed {
            endpoint, error, ..
        } = failed;
        let attempts = self.attempt;
        let mut revived = std::pin::pin!(link.orders.revive.notified());
        link.tell(Event::Parked {
            endpoint,
            attempts,
            error: Arc::clone(&error),
        });
        link.state.send_replace(State::Parked { attempts, error });
        let every = self.tuning.probe_parked_every.filter(|_| probe);
        let mut until = every.map(|every| {
            let after = self.backoff.spread(every - every / 4, every);
            (Instant::now() + after, Revival::SlowProbe)
        });
        let by = loop {
            tokio::select! {
                biased;
                () = &mut revived => break Revival::Asked,
                () = link.orders.reset.notified() => break Revival::Asked,
                () = link.orders.listed.notified() => {
                    // Everybody hears of a new list in the same moment.
                    let splay = self.backoff.spread(Duration::ZERO, self.tuning.move_splay);
                    let at = Instant::now() + splay;
                    until = match until {
                        Some((earlier, by)) if earlier <= at => Some((earlier, by)),
                        Some(_) | None => Some((at, Revival::NewList)),
                    };
                }
                () = at(until) => match until {
                    Some((_, by)) => break by,
                    None => unreachable!("what never comes has not come"),
                },
            }
        };
        if by != Revival::SlowProbe {
            self.start_over();
        }
        self.revived(by)
    }

    fn revived(&self, by: Revival) -> Reason {
        let link = self.link();
        link.tell(Event::Revived {
            endpoint: link.endpoint.clone(),
            by,
        });
        Reason::Revived
    }

    pub(super) fn start_over(&mut self) {
        self.backoff.reset();
        self.attempt = 0;
    }

    /// The list has changed, which is a reason to try sooner; but not with who asked us
    /// to wait.
    fn relisted(&mut self, asked: bool) -> Option<Duration> {
        // It may also have sent us somewhere, and said when.
        if asked && (self.next.is_some() || self.other_than(&BTreeSet::new()).is_none()) {
            return None;
        }
        Some(self.backoff.spread(Duration::ZERO, self.tuning.move_splay))
    }

    /// Looks whether time passed unseen: the outage may have passed with it, or some
    /// of the wait that a server asked for and `left` is of.
    fn leapt(&mut self, now: Instant, left: Duration) -> Option<Duration> {
        let Leap { by, slept } = self.leaps.look(now)?;
        self.link().tell(Event::Leapt { by });
        let splay = self.backoff.spread(Duration::ZERO, LEAP_SPLAY);
        Some(left.saturating_sub(slept).max(splay))
    }

    fn show_backoff(&self, until: Instant, delay: Duration, error: &SharedError) {
        self.link().state.send_replace(State::Backoff {
            until,
            delay,
            attempt: self.attempt.saturating_add(1),
            error: Arc::clone(error),
        });
    }
}

/// Completes when the time has come; never, if there is none.
async fn at(until: Option<(Instant, Revival)>) {
    match until {
        Some((at, _)) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
