//! Looking at everything parked, in one pass and without waiting.

use std::sync::Arc;
use std::task::Context;

use bowline_link::Connect;
use tokio::time::Instant;

use super::Keeper;
use super::custody::Custody;
use crate::conn::Verdict;
use crate::shared::is_contagious;
use crate::{CloseReason, Doubt, Event, Reuse, Settings};

impl<D: Connect<Connection: Reuse>> Keeper<D> {
    /// Looks at what was left to us, and at everything parked if it is time or
    /// one of those called. What is parked afterwards rouses us when it ends.
    pub(super) fn look(
        &mut self,
        settings: &Arc<Settings>,
        roused: bool,
        context: &mut Context<'_>,
    ) {
        let now = Instant::now();
        let left = self.shared.inbox();
        let shared = &self.shared;
        let left = left.into_iter().map(|conn| Custody::adopt(shared, conn));
        self.fresh.extend(left);
        if now >= self.sweep_at || roused || self.shared.quota.is_over() || self.has_to_yield() {
            self.sweep(settings, now);
        }
        let fresh = std::mem::take(&mut self.fresh);
        for conn in fresh {
            self.place(conn, settings, now, context);
        }
        if let Some(death) = self.death.take() {
            self.shared.doubt(Doubt::Death(death));
        }
    }

    /// Takes everything off the rack, to be looked at.
    fn sweep(&mut self, settings: &Settings, now: Instant) {
        let late = now.saturating_duration_since(self.sweep_at);
        if let Some(leap) = self.watch.leapt(now, late, settings.leap_limit) {
            self.shared.doubt(Doubt::Leap(leap));
        }
        self.sweep_at = now + settings.sweep_every;

        // Those that wait for a ping too: some must go whatever they answer.
        self.fresh.extend(self.due.drain(..));
        let shared = &self.shared;
        // The warmest goes back last, to where the next caller looks first.
        let parked = shared.rack.strip().into_iter().rev();
        let parked = parked.chain(shared.take_aside());
        let parked = parked.map(|conn| Custody::take(shared, conn));
        self.fresh.extend(parked);

        for lent in shared.ledger.newly_lent_for(now, settings.leak_after) {
            shared.observer.observe(&Event::LeakSuspected(lent));
        }
        shared.ledger.note_retiring(now + settings.lead());
        self.rebalance(settings, now);
    }

    /// Parks a connection, or finds out what else should become of it.
    fn place(
        &mut self,
        mut conn: Custody<D::Connection>,
        settings: &Settings,
        now: Instant,
        context: &mut Context<'_>,
    ) {
        self.shared.replan(&mut conn);
        let marks = self.shared.marks();
        if conn.needs_reset {
            return match conn.outlived(now, marks) {
                Some(reason) => conn.discard(reason),
                None => self.start_reset(conn, settings),
            };
        }
        let verdict = conn.judge(now, marks, context);
        let quota = &self.shared.quota;
        match verdict {
            Verdict::Fit | Verdict::Check if quota.is_over() => conn.discard(CloseReason::OverMax),
            Verdict::Check if conn.is_suspect(marks) => self.due.push_back(conn),
            Verdict::Close(CloseReason::Idle) if self.shared.spares(&conn) => {
                self.due.push_back(conn);
            }
            Verdict::Close(reason) => {
                if conn.was_trusted(marks) {
                    self.death = self.death.or(is_contagious(reason));
                }
                conn.discard(reason);
            }
            Verdict::Fit | Verdict::Check if conn.entry.origin.leaves() => {
                conn.discard(CloseReason::Moved);
            }
            Verdict::Fit | Verdict::Check if self.shared.yields() => {
                conn.discard(CloseReason::Yielded);
            }
            Verdict::Fit | Verdict::Check
                if conn.is_due(now + settings.sweep_every) && self.has_time(settings) =>
            {
                self.due.push_back(conn);
            }
            Verdict::Fit | Verdict::Check => conn.park(),
        }
    }

    /// Whether something lies here that somebody else should have.
    fn has_to_yield(&self) -> bool {
        self.shared.yields() && self.shared.rack.parked() + self.shared.aside() > 0
    }

    /// Whether another ping can begin at once, and nobody would rather have the
    /// connection.
    fn has_time(&mut self, settings: &Settings) -> bool {
        // While nothing is lent, those in line get nothing by our waiting.
        if self.in_demand() && !self.shared.gate.is_held() {
            return false;
        }
        let has_time = self.pinging + self.due.len() < settings.max_checking;
        self.behind |= !has_time;
        has_time
    }

    pub(super) fn in_demand(&self) -> bool {
        self.shared.gate.in_line() > 0
    }
}
