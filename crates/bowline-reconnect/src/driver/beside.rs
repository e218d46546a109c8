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
use super::living::Current;
use crate::session::BoxFuture;
use crate::{Event, LostReason, Reason, SharedError};

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
                [age.map(Into::into), better].into_iter().flatten().min()
            }
            Beside::Trying { .. } | Beside::Probing { .. } | Beside::Checking(_) => None,
        };
        [due, self.leaps.look_at()].into_iter().flatten().min()
    }

    /// When to look for an endpoint that is better than that of `current`.
    fn better_at(&self, current: &Current) -> Option<Instant> {
        let endpoint = &current.connection.endpoint;
        let set = &self.link().listing().set;
        // Where a server sent us we stay.
        let comparable = !current.redirected && set.contains(endpoint);
        let due = comparable.then(|| set.due_at(endpoint, Instant::now().into_std()))??;
        let spared = self.spared.as_ref().map(|(_, until)| *until);
        spared.max(Some(due.into()))
    }

    /// Does what is due.
    pub(super) fn due(&mut self, current: &Current, beside: Beside<S>) -> Beside<S> {
        let now = Instant::now();
        if let Some(leap) = self.leaps.look(now) {
            self.link().tell(Event::Leapt { by: leap.by });
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
            Beside::Idle if self.better_at(current).is_some_and(|at| at <= now) => {
                self.look_for_better(current)
            }
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
        if reason == Reason::Drain {
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
                self.at_leisure(current)
            }
            Worked::Checked(Ok(())) => self.at_leisure(current),
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
                self.at_leisure(current)
            }
            Err(failed) => {
                let verdict = self.judge(&failed);
                if reason == Reason::Better {
                    self.content(&verdict, &failed.endpoint);
                    return self.at_leisure(current);
                }
                let pause = self.pause(verdict, &failed.endpoint);
                self.try_later(&pause, reason, tries)
            }
        }
    }
}
