//! A connection and what is remembered of it. It has no state of its own: where
//! the box lies (on the rack, with a caller, with the keeper) is its state.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::task::coop::{has_budget_remaining, unconstrained};
use tokio::time::Instant;

use crate::budget::Seat;
use crate::ledger::Entry;
use crate::origin::Berth;
use crate::{CloseReason, Reuse};

// The fields drop in this order: the connection is closed before its seat is
// free, or its successor would be one too many.
#[derive(Debug)]
pub(crate) struct Conn<C> {
    pub(crate) link: C,
    pub(crate) entry: Arc<Entry>,
    _berth: Berth,
    _seat: Seat,
    pub(crate) plan: Plan,
    idle_at: Instant,
    proved_at: Instant,
    /// Until then neither age nor idleness nor want of proof speaks against it.
    fresh_until: Instant,
    /// The pool's count of doubts when it last proved itself.
    proved_in: u64,
    record: Record,
    pings: bool,
    pub(crate) poisoned: bool,
    /// A caller would have had it, had it proved itself of late.
    pub(crate) wanted: bool,
    /// It came back, and the hook on return has not run since.
    pub(crate) needs_reset: bool,
}

/// The limits drawn for one connection, once for each set of settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// The count of the settings from which it was drawn.
    pub(crate) revision: u64,
    pub(crate) age: bowline_policy::lifetime::Age,
    pub(crate) idle_limit: Duration,
    pub(crate) ping_every: Duration,
    /// For how long a proof lets it be handed out.
    pub(crate) trust: Duration,
    pub(crate) stable_after: Duration,
}

/// What the pool as a whole says of its connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks {
    /// What was opened in an earlier generation is not handed out.
    pub(crate) generation: u64,
    /// What proved itself before the last doubt has to do so again.
    pub(crate) doubts: u64,
}

/// What the connection has proved about its peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Record {
    /// Nothing yet but that it could be opened.
    Untried,
    /// It came back settled from a caller, or answered a ping.
    Served,
    /// It did so after it had been up for the backoff's stable time.
    Stable,
}

/// Whether a connection may be handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Fit,
    /// Not before it has answered a ping.
    Check,
    Close(CloseReason),
}

// === impl Conn ===

impl<C: Reuse> Conn<C> {
    pub(crate) fn new(
        link: C,
        entry: Arc<Entry>,
        seat: Seat,
        plan: Plan,
        (pings, doubts): (bool, u64),
        now: Instant,
    ) -> Self {
        entry.retires_at(plan.age.at().into());
        let mut conn = Self {
            link,
            _berth: entry.origin.berth(),
            _seat: seat,
            idle_at: now + plan.idle_limit,
            plan,
            proved_at: now,
            fresh_until: now,
            proved_in: doubts,
            record: Record::Untried,
            entry,
            pings,
            poisoned: false,
            wanted: false,
            needs_reset: false,
        };
        conn.freshen();
        conn
    }

    /// Whether it may be handed out; `context` is woken when a look would find
    /// something else.
    pub(crate) fn judge(
        &mut self,
        now: Instant,
        marks: Marks,
        context: &mut Context<'_>,
    ) -> Verdict {
        // What follows is what nearly every checkout finds.
        let fresh = now < self.fresh_until;
        if !fresh || self.entry.origin.is_gone() || self.entry.generation < marks.generation {
            if let Some(reason) = self.outlived(now, marks) {
                return Verdict::Close(reason);
            }
            if self.idle_at <= now {
                return Verdict::Close(CloseReason::Idle);
            }
        }
        // Before any doubt: what is known to have ended needs no ping.
        if let Some(death) = self.look(context) {
            return Verdict::Close(CloseReason::Dead(death));
        }
        if self.pings && (self.proved_in < marks.doubts || !fresh && self.is_stale(now)) {
            return Verdict::Check;
        }
        Verdict::Fit
    }

    /// [`judge`](Self::judge), by somebody who will not look again.
    pub(crate) fn judge_once(&mut self, now: Instant, marks: Marks) -> Verdict {
        self.judge(now, marks, &mut Context::from_waker(Waker::noop()))
    }

    /// Why it has to go whoever has it, and however well it is.
    pub(crate) fn outlived(&self, now: Instant, marks: Marks) -> Option<CloseReason> {
        if self.entry.origin.is_gone() {
            Some(CloseReason::EndpointGone)
        } else if self.entry.generation < marks.generation {
            Some(CloseReason::Cleared)
        } else if self.plan.age.is_over(now.into_std()) {
            Some(CloseReason::Age)
        } else {
            None
        }
    }

    /// How it died, if it did.
    pub(crate) fn look(&mut self, context: &mut Context<'_>) -> Option<crate::Death> {
        if has_budget_remaining() {
            return match self.link.poll_closed(context) {
                Poll::Ready(death) => Some(death),
                Poll::Pending => None,
            };
        }
        // Outside the task's budget of turns: a task that has spent its own
        // would see `Pending`, that is health, in every dead connection.
        let look = pin!(unconstrained(std::future::poll_fn(|context| {
            self.link.poll_closed(context)
        })));
        match look.poll(context) {
            Poll::Ready(death) => Some(death),
            Poll::Pending => None,
        }
    }

    /// Notes a settled return, from which idleness counts. True if it proved
    /// something new about the peer, and then whether that it is stable.
    pub(crate) fn came_back(&mut self, now: Instant, doubts: u64) -> Option<bool> {
        self.idle_at = now + self.plan.idle_limit;
        self.proved(now, doubts)
    }

    /// Notes an exchange, or a ping that was answered.
    pub(crate) fn proved(&mut self, now: Instant, doubts: u64) -> Option<bool> {
        self.proved_at = now;
        self.proved_in = doubts;
        self.wanted = false;
        self.freshen();
        let was = self.record;
        if was == Record::Stable {
            return None;
        }
        let stable_at = self.entry.opened_at + self.plan.stable_after;
        self.record = if now < stable_at {
            Record::Served
        } else {
            Record::Stable
        };
        (was != self.record).then_some(self.record == Record::Stable)
    }

    /// Lets it lie idle for as long again.
    pub(crate) fn renew(&mut self, now: Instant) {
        self.idle_at = now + self.plan.idle_limit;
        self.freshen();
    }

    fn freshen(&mut self) {
        let until = self.idle_at.min(self.plan.age.at().into());
        self.fresh_until = if self.pings {
            until.min(self.proved_at + self.plan.trust)
        } else {
            until
        };
    }

    /// Takes limits drawn anew.
    pub(crate) fn replan(&mut self, plan: Plan, now: Instant) {
        let returned_at = self.idle_at - self.plan.idle_limit;
        // Not sooner after the change than a return would allow: all that is
        // parked would go at once.
        let idle_at = self.idle_at.min(now + plan.idle_limit);
        self.idle_at = idle_at.max(returned_at + plan.idle_limit);
        self.plan = plan;
        self.entry.retires_at(plan.age.at().into());
        self.freshen();
    }

    /// Whether its type can be pinged.
    pub(crate) fn pings(&self) -> bool {
        self.pings
    }

    /// Whether its last proof is too long ago.
    fn is_stale(&self, now: Instant) -> bool {
        self.proved_at + self.plan.trust <= now
    }

    /// Whether it has to be pinged though it is not yet time for that.
    pub(crate) fn is_suspect(&self, marks: Marks) -> bool {
        self.pings && (self.wanted || self.proved_in < marks.doubts)
    }

    /// Whether it will be time for a ping before `next_look`.
    pub(crate) fn is_due(&self, next_look: Instant) -> bool {
        self.pings && self.proved_at + self.plan.ping_every < next_look
    }

    /// Whether its end would be news: nothing had been said against it, or it
    /// can never prove itself.
    pub(crate) fn was_trusted(&self, marks: Marks) -> bool {
        !self.pings || self.proved_in >= marks.doubts
    }

    pub(crate) fn has_served(&self) -> bool {
        self.record != Record::Untried
    }
}

#[cfg(test)]
mod tests;
