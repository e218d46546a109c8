//! Why a connection that is up is to be left for another. A reason that something else
//! kept us from is found again as soon as there is leisure.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::Endpoint;
use tokio::time::Instant;

use super::Driver;
use super::beside::Beside;
use super::judging::Pause;
use super::leaps::LEAP_SPLAY;
use super::living::Current;
use super::retiring::Retiree;
use crate::builder::PROBE_PARKED_DEFAULT;
use crate::{Event, Hint, Reason, Verdict};

/// A server's word that it will go.
pub(super) struct Notice {
    pub(super) heard_at: Instant,
    hint: Hint,
}

/// How often in a row, since the link was last stable, a server that goes is left as soon
/// as it asks; from then on the backoff counts too.
const SENT_AWAY_MAX: u32 = 3;

// === impl Driver ===

impl<S: Clone + Send + 'static> Driver<S> {
    /// The server of `current` will go.
    pub(super) fn leave(
        &mut self,
        current: &mut Current,
        hint: Hint,
        beside: Beside<S>,
    ) -> Beside<S> {
        let endpoint = &current.connection.endpoint;
        let heard_at = Instant::now();
        self.hinted(&hint, endpoint);
        // Or it would be preferred again as soon as we have left.
        let now = heard_at.into_std();
        self.link().listing().set.failed(endpoint, now);
        current.notice = Some(Notice { heard_at, hint });
        match beside {
            // Where that leads is as good.
            Beside::Trying { .. } => beside,
            Beside::Idle
            | Beside::Waiting { .. }
            | Beside::Probing { .. }
            | Beside::Checking(_) => self.at_leisure(current),
        }
    }

    /// The list of endpoints has changed.
    pub(super) fn listed(&mut self, current: &Current, beside: Beside<S>) -> Beside<S> {
        let moves = matches!(
            beside,
            Beside::Waiting {
                reason: Reason::Moved,
                ..
            }
        );
        match (self.is_unlisted(current), beside) {
            (true, Beside::Idle | Beside::Probing { .. }) => self.at_leisure(current),
            (false, Beside::Waiting { .. }) if moves => self.at_leisure(current),
            (_, other) => other,
        }
    }

    /// Time passed unseen, in which the connection may have died.
    pub(super) fn suspect(&mut self, beside: Beside<S>) -> Beside<S> {
        match beside {
            Beside::Trying { .. }
            | Beside::Checking(_)
            | Beside::Waiting {
                reason: Reason::Drain,
                ..
            } => beside,
            Beside::Idle | Beside::Probing { .. } | Beside::Waiting { .. } => {
                let wait = self.backoff.spread(Duration::ZERO, LEAP_SPLAY);
                wait_for(wait, Reason::Leap, 0)
            }
        }
    }

    /// What there is to do beside `current` once nothing else is.
    pub(super) fn at_leisure(&mut self, current: &Current) -> Beside<S> {
        if let Some(notice) = &current.notice {
            let wait = self.until_left(current, &notice.hint);
            return wait_for(wait, Reason::Drain, 0);
        }
        if self.is_unlisted(current) {
            let splay = self.tuning.move_splay;
            let wait = self.backoff.spread(Duration::ZERO, splay);
            return wait_for(wait, Reason::Moved, 0);
        }
        Beside::Idle
    }

    /// How long to stay with a server that will go.
    fn until_left(&mut self, current: &Current, hint: &Hint) -> Duration {
        self.follow(hint.redirect.clone());
        let hints = self.tuning.hints;
        let (from, to) = hint.leave_within(self.tuning.move_splay);
        let mut wait = self.backoff.hinted(from, to, hints);
        if let Some(last) = hint.deadline.filter(|last| *last < wait) {
            // Even our shortest wait is longer than the server has; but it told all.
            wait = self.backoff.spread(Duration::ZERO, last.max(hints.floor()));
        }
        if !self.is_stable(current) {
            self.sent_away = self.sent_away.saturating_add(1);
            // Servers that restart one after the other may send us on. But to be let in only
            // to be sent away, again and again, is no better than not to be let in.
            let pause = self.backoff.next_delay(Instant::now().into_std());
            if self.sent_away > SENT_AWAY_MAX {
                wait = wait.max(pause.unwrap_or_else(|| self.patience()));
            }
        }
        wait
    }

    /// How long to wait, beside a connection that is up, where without it the link
    /// would be parked: nobody gives up what is up.
    fn patience(&self) -> Duration {
        let every = self.tuning.probe_parked_every;
        every.unwrap_or(PROBE_PARKED_DEFAULT)
    }

    /// The wait after a failed try to get a successor.
    pub(super) fn try_later(&self, pause: &Pause, reason: Reason, tries: u32) -> Beside<S> {
        let wait = match pause {
            Pause::For { wait, .. } => *wait,
            Pause::Park { .. } => self.patience(),
        };
        wait_for(wait, reason, tries)
    }

    /// The best there is does not want us, though it may seem well to who only connects:
    /// leaves it alone for a while.
    pub(super) fn content(&mut self, verdict: &Verdict, with: &Endpoint) {
        let wait = match verdict {
            // The set knows, and says when it is worth another look.
            Verdict::Retry | Verdict::Soon | Verdict::Failover | Verdict::Unproven => return,
            Verdict::Obey(hint) => {
                self.hinted(hint, with);
                let (from, to) = hint.window.unwrap_or_default();
                self.backoff.hinted(from, to, self.tuning.hints)
            }
            Verdict::Fatal | Verdict::Unauthorized => self.patience(),
        };
        self.spared = Some((with.clone(), Instant::now() + wait));
    }

    /// Begins the backoff of a successor again, if there is one.
    pub(super) fn reset_beside(&mut self, beside: Beside<S>) -> Beside<S> {
        self.start_over();
        match beside {
            Beside::Waiting {
                until,
                reason,
                tries,
            } if tries > 0 => {
                let now = Instant::now();
                let first = self.backoff.next_delay_soon(now.into_std());
                Beside::Waiting {
                    until: first.map_or(until, |first| until.min(now + first)),
                    reason,
                    tries: 0,
                }
            }
            other => other,
        }
    }

    /// Lets a connection that has a successor end with the calls it has.
    pub(super) fn retire(&self, old: Current, reason: Reason) {
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

    fn is_unlisted(&self, current: &Current) -> bool {
        // Where a server sent us we stay.
        !current.redirected
            && !self
                .link()
                .listing()
                .set
                .contains(&current.connection.endpoint)
    }
}

fn wait_for<S>(wait: Duration, reason: Reason, tries: u32) -> Beside<S> {
    Beside::Waiting {
        until: Instant::now() + wait,
        reason,
        tries,
    }
}
