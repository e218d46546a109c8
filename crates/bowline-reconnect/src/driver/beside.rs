//! What is done beside a connection that is up: its successor is made before it
//! is left, its peer is checked, a better endpoint is asked how it is. One thing
//! at a time, so that a link never makes two connects at once.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::Endpoint;
use tokio::time::{Instant, timeout};

use super::Driver;
use super::choosing::Next;
use super::connecting::{Attempt, Outcome};
use super::judging::Pause;
use super::leaps::LEAP_SPLAY;
use super::living::Current;
use super::retiring::Retiree;
use crate::builder::PROBE_PARKED_DEFAULT;
use crate::session::BoxFuture;
use crate::{Event, Hint, LostReason, Reason, SharedError};

/// What is done beside a connection.
pub(super) enum Beside<S> {
    Idle,
    /// Until the time to do something about `reason`.
    Waiting {
        until: Instant,
        reason: Reason,
        /// How often it was tried.
        tries: u32,
    },
    Trying {
        attempt: Attempt<S>,
        to: Endpoint,
        tries: u32,
    },
    Probing {
        endpoint: Endpoint,
        began: Instant,
        probe: BoxFuture<Result<(), SharedError>>,
    },
    Checking(BoxFuture<Result<(), SharedError>>),
}

/// What came of it.
pub(super) enum Worked<S> {
    Tried(Outcome<S>),
    Probed {
        endpoint: Endpoint,
        took: Duration,
        error: Option<SharedError>,
    },
    Checked(Result<(), SharedError>),
}

// === impl Beside ===

impl<S> Beside<S> {
    /// Goes on with what is under way; for ever, if nothing is.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the work where it is.
    pub(super) async fn work(&mut self) -> Worked<S> {
        match self {
            Self::Idle | Self::Waiting { .. } => std::future::pending().await,
            Self::Trying { attempt, .. } => Worked::Tried(attempt.await),
            Self::Probing {
                endpoint,
                began,
                probe,
            } => {
                let error = probe.await.err();
                Worked::Probed {
                    endpoint: endpoint.clone(),
                    took: Instant::now() - *began,
                    error,
                }
            }
            Self::Checking(check) => Worked::Checked(check.await),
        }
    }
}

// === impl Driver ===

impl<S: Clone + Send + 'static> Driver<S> {
    /// When there is something to do beside `current` that nobody asked for.
    pub(super) fn due_at(&self, current: &Current, beside: &Beside<S>) -> Option<Instant> {
        let due = match beside {
            Beside::Waiting { until, .. } => Some(*until),
            Beside::Idle => {
                let age = current.age.map(|age| age.at());
                let better = self.better_at(current);
                [age, better].into_iter().flatten().min().map(Into::into)
            }
            Beside::Trying { .. } | Beside::Probing { .. } | Beside::Checking(_) => None,
        };
        [due, self.leaps.look_at()].into_iter().flatten().min()
    }

    /// When to look for an endpoint that is better than that of `current`.
    fn better_at(&self, current: &Current) -> Option<std::time::Instant> {
        let endpoint = &current.connection.endpoint;
        let set = &self.link().listing().set;
        // Where a server sent us we stay.
        let comparable = !current.redirected && set.contains(endpoint);
        comparable.then(|| set.due_at(endpoint, Instant::now().into_std()))?
    }

    /// Does what is due.
    pub(super) fn due(&mut self, current: &Current, beside: Beside<S>) -> Beside<S> {
        let now = Instant::now();
        if let Some(by) = self.leaps.look(now) {
            self.link().tell(Event::Leapt { by });
            return self.suspect(beside);
        }
        match beside {
            Beside::Waiting {
                until,
                reason,
                tries,
            } if until <= now => match (reason, &current.check) {
                (Reason::Leap, Some(check)) => {
                    let checked = timeout(self.opener.limit, check());
                    Beside::Checking(Box::pin(async {
                        match checked.await {
                            Ok(checked) => checked.map_err(Into::into),
                            Err(late) => Err(Arc::new(late) as SharedError),
                        }
                    }))
                }
                (reason, _) => self.begin_beside(current, reason, tries),
            },
            Beside::Idle if current.age.is_some_and(|age| age.is_over(now.into_std())) => {
                self.begin_beside(current, Reason::Age, 0)
            }
            Beside::Idle if self.better_at(current).is_some() => self.look_for_better(current),
            other => other,
        }
    }

    fn look_for_better(&mut self, current: &Current) -> Beside<S> {
        let (now, here) = (Instant::now(), &current.connection.endpoint);
        let mut listing = self.closing.link.listing();
        if let Some(better) = listing.set.prefer(here, now.into_std()) {
            drop(listing);
            self.next = Some(Next::listed(better));
            return self.begin_beside(current, Reason::Better, 0);
        }
        let Some(endpoint) = listing.set.probe(here, now.into_std()) else {
            return Beside::Idle;
        };
        Beside::Probing {
            probe: Box::pin(Arc::clone(&self.opener).probe(endpoint.clone())),
            began: now,
            endpoint,
        }
    }

    /// Starts to make a successor of `current`.
    fn begin_beside(&mut self, current: &Current, reason: Reason, tries: u32) -> Beside<S> {
        let here = &current.connection.endpoint;
        let next = self.next_beside(here, reason);
        if matches!(reason, Reason::Drain | Reason::Moved) {
            // Failing over to where we are would be no move.
            self.tried.insert(here.clone());
        }
        self.tried.insert(next.endpoint.clone());
        let (link, tries) = (Arc::clone(self.link()), tries.saturating_add(1));
        Beside::Trying {
            to: next.endpoint.clone(),
            attempt: self.opener.attempt(link, next, tries, reason),
            tries,
        }
    }

    /// The server of `current` will go.
    pub(super) fn leave(&mut self, current: &Current, hint: &Hint, beside: Beside<S>) -> Beside<S> {
        let here = &current.connection.endpoint;
        self.link().tell(Event::Hinted {
            endpoint: here.clone(),
            hint: hint.clone(),
        });
        // Or it would be preferred again as soon as we have left.
        let now = Instant::now().into_std();
        self.link().listing().set.failed(here, now);
        if let Beside::Trying { .. } = beside {
            return beside;
        }
        self.follow(hint.redirect.clone());
        let (from, to) = hint.leave_within(self.tuning.move_splay);
        let wait = self.backoff.hinted(from, to, self.tuning.hints);
        // Even our shortest wait may be longer than the server has.
        let wait = hint.deadline.map_or(wait, |last| wait.min(last));
        self.wait_for(wait, Reason::Drain)
    }

    /// The list of endpoints has changed.
    pub(super) fn listed(&mut self, current: &Current, beside: Beside<S>) -> Beside<S> {
        let here = &current.connection.endpoint;
        let gone = !current.redirected && !self.link().listing().set.contains(here);
        match beside {
            Beside::Idle | Beside::Probing { .. } if gone => {
                let splay = self.tuning.move_splay;
                let wait = self.backoff.spread(Duration::ZERO, splay);
                self.wait_for(wait, Reason::Moved)
            }
            Beside::Waiting {
                reason: Reason::Moved,
                ..
            } if !gone => Beside::Idle,
            other => other,
        }
    }

    /// Time passed unseen, in which the connection may have died.
    fn suspect(&mut self, beside: Beside<S>) -> Beside<S> {
        match beside {
            Beside::Trying { .. }
            | Beside::Checking(_)
            | Beside::Waiting {
                reason: Reason::Drain,
                ..
            } => beside,
            Beside::Idle | Beside::Probing { .. } | Beside::Waiting { .. } => {
                let wait = self.backoff.spread(Duration::ZERO, LEAP_SPLAY);
                self.wait_for(wait, Reason::Leap)
            }
        }
    }

    /// Takes what came of it.
    pub(super) fn worked(&mut self, current: &mut Current, worked: Worked<S>) -> Beside<S> {
        match worked {
            Worked::Tried(outcome) => self.tried(current, outcome),
            Worked::Probed {
                endpoint,
                took,
                error,
            } => {
                let now = Instant::now().into_std();
                match &error {
                    Some(_) => self.charge(&endpoint),
                    None => {
                        let set = &mut self.link().listing().set;
                        set.succeeded(&endpoint, took, now);
                    }
                }
                self.link().tell(Event::Probed {
                    endpoint,
                    took,
                    error,
                });
                Beside::Idle
            }
            // What changed in the meantime has been put off.
            Worked::Checked(Ok(())) => self.listed(current, Beside::Idle),
            Worked::Checked(Err(error)) => {
                current.connection.finish(LostReason::CheckFailed, error);
                Beside::Idle
            }
        }
    }

    fn tried(&mut self, current: &mut Current, outcome: Outcome<S>) -> Beside<S> {
        let (reason, tries) = (outcome.reason, outcome.attempt);
        match self.settle(outcome) {
            Ok(made) => {
                self.ended(current);
                self.attempt = self.attempt.max(tries);
                let successor = self.install(made);
                let old = std::mem::replace(current, successor);
                self.retire(old, reason);
                // The list may have changed again meanwhile.
                self.listed(current, Beside::Idle)
            }
            Err(failed) => {
                let verdict = self.judge(&failed);
                let pause = self.pause(verdict, &failed.endpoint);
                if reason == Reason::Better {
                    self.next = None;
                    // What was heard or listed in the meantime has been put off.
                    return match current.is_to_be_left() {
                        true => {
                            let floor = self.tuning.hints.floor();
                            let wait = self.backoff.spread(Duration::ZERO, floor);
                            self.wait_for(wait, Reason::Drain)
                        }
                        false => self.listed(current, Beside::Idle),
                    };
                }
                let wait = match pause {
                    Pause::For(wait) => wait,
                    // Nobody gives up what is up.
                    Pause::Park { .. } => {
                        let every = self.tuning.probe_parked_every;
                        every.unwrap_or(PROBE_PARKED_DEFAULT)
                    }
                };
                Beside::Waiting {
                    until: Instant::now() + wait,
                    reason,
                    tries,
                }
            }
        }
    }

    /// Lets a connection that has a successor end with the calls it has.
    fn retire(&self, old: Current, reason: Reason) {
        let link = self.link();
        link.tell(Event::Retiring {
            endpoint: old.connection.endpoint.clone(),
            epoch: old.connection.epoch,
            reason,
        });
        let retiree = Retiree {
            link: Arc::clone(link),
            connection: old.connection,
            closed: old.closed,
            grace: self.tuning.retire_within,
        };
        if let Err(refused) = self.retired.try_send(retiree) {
            refused.into_inner().cut();
        }
    }

    fn wait_for(&self, wait: Duration, reason: Reason) -> Beside<S> {
        Beside::Waiting {
            until: Instant::now() + wait,
            reason,
            tries: 0,
        }
    }
}
