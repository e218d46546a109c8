//! How many connections there should be, and dialing for them.

use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use bowline_link::Connect;
use tokio::time::Instant;

use super::Keeper;
use super::peers::HeldBack;
use crate::{Cause, CloseReason, Event, Reuse, Settings};

/// Why a dial did not begin.
enum NoDial {
    HeldBack(HeldBack),
    NoSeat,
}

impl<D: Connect<Connection: Reuse>> Keeper<D> {
    /// Dials for callers who wait, and then for what should be open anyway.
    pub(super) fn start_dials(&mut self, settings: &Arc<Settings>) {
        let now = Instant::now();
        self.retry_at = None;
        self.warm_due = None;
        self.tell_warm(settings);
        if self.shared.gate.is_held() {
            return self.shared.quota.unpinch();
        }
        if self.dialing < settings.max_connecting {
            self.start_move(settings, now);
        }
        let (mut pinched, mut begun) = (false, false);
        for _ in 0..self.wanted(settings) {
            match self.start_dial(Cause::Demand, settings, now) {
                Ok(()) => begun = true,
                Err(NoDial::HeldBack(HeldBack(at))) => {
                    self.retry_at = at;
                    break;
                }
                Err(NoDial::NoSeat) => {
                    pinched = !self.shared.quota.is_full();
                    break;
                }
            }
        }
        if pinched {
            self.shared.quota.pinch(begun);
            // Published; now look: whoever waited may have left, and a seat may
            // have come free.
            if !self.in_demand() {
                self.shared.quota.unpinch();
            } else if self.start_dial(Cause::Demand, settings, now).is_ok() {
                self.shared.quota.nudge();
            }
        } else {
            self.shared.quota.unpinch();
        }
        self.warm_up(settings, now);
    }

    /// How many dials callers wait for, as far as they may begin.
    fn wanted(&self, settings: &Settings) -> usize {
        let waiting = self.shared.gate.in_line();
        // Whoever takes from the rack past a caller we just counted either took
        // before this look at the rack, or sees that caller and wakes us again.
        fence(Ordering::SeqCst);
        // What hangs on the line is promised, though its caller may not have
        // been polled yet: else every landed dial would start another.
        let coming = self.shared.rack.on_line() + self.dialing;
        let room = settings.max_connecting.saturating_sub(self.dialing);
        waiting.saturating_sub(coming).min(room)
    }

    /// How many connections are missing that should be open whether anybody
    /// waits or not: up to `min`, or as many as are in use where some of them
    /// will soon be too old.
    pub(super) fn missing(&self, settings: &Settings) -> usize {
        let open = self.shared.quota.open();
        let retiring = self.shared.ledger.retiring();
        let keep = if retiring > 0 {
            let parked = self.shared.rack.parked() + self.shared.checking.load(Ordering::SeqCst);
            let used = open.saturating_sub(self.dialing + parked) + self.shared.gate.in_line();
            settings.min.max(used.min(open))
        } else {
            settings.min
        };
        keep.saturating_sub(open.saturating_sub(retiring))
    }

    /// Dials for those, a pause apart.
    fn warm_up(&mut self, settings: &Settings, now: Instant) {
        if self.missing(settings) == 0 {
            self.warm_at = None;
            return;
        }
        while self.missing(settings) > 0 && self.dialing < settings.max_connecting {
            // The first pause too: a peer that restarts ends everybody's
            // connections in one moment. Ends of age lie apart by themselves.
            let (cause, pause) = if self.shared.quota.open() < settings.min {
                (Cause::Min, self.warm_pause(settings))
            } else {
                (Cause::Succession, Duration::ZERO)
            };
            let warm_at = *self.warm_at.get_or_insert(now + pause);
            if now < warm_at {
                self.warm_due = Some(warm_at);
                return;
            }
            match self.start_dial(cause, settings, now) {
                Ok(()) => self.warm_at = Some(now + self.warm_pause(settings)),
                Err(NoDial::HeldBack(HeldBack(at))) => {
                    self.retry_at = self.retry_at.or(at);
                    return;
                }
                // No successor without room for both.
                Err(NoDial::NoSeat) => {
                    self.warm_at = Some(now + settings.sweep_every);
                    return;
                }
            }
        }
    }

    /// Between nothing and an even share of the time for all of them.
    fn warm_pause(&self, settings: &Settings) -> Duration {
        let dials = u32::try_from(settings.min.max(1)).expect("fewer than the most there may be");
        self.shared.splay(settings.warm_up / dials)
    }

    fn start_dial(
        &mut self,
        cause: Cause,
        settings: &Settings,
        now: Instant,
    ) -> Result<(), NoDial> {
        let chosen = self.peers.choose(now).map_err(NoDial::HeldBack)?;
        let mut seat = self.shared.quota.claim();
        if seat.is_none() && cause == Cause::Demand {
            // One whose turn to be checked has not come yields its place.
            if let Some(doubtful) = self.due.pop_back() {
                doubtful.discard(CloseReason::Doubtful);
                seat = self.shared.quota.claim();
            }
        }
        let Some(seat) = seat else {
            self.peers.give_up(chosen);
            return Err(NoDial::NoSeat);
        };
        self.dial(chosen.origin, chosen.pass, seat, cause, settings);
        Ok(())
    }

    fn tell_warm(&mut self, settings: &Settings) {
        let open = self.shared.quota.open().saturating_sub(self.dialing);
        if open < settings.min {
            return;
        }
        if !std::mem::replace(&mut self.warmed_up, true) {
            self.shared.observer.observe(&Event::WarmedUp { open });
        }
        self.shared.warm.notify_waiters();
    }
}
