//! Moving connections to where they should be, one at a time, the new one first
//! where there is room.

use std::sync::Arc;

use bowline_link::{Connect, Endpoint};
use tokio::time::Instant;

use super::Keeper;
use super::peers::{Chosen, Move};
use crate::origin::Origin;
use crate::{Cause, Event, Reuse, Settings};

/// The one move that is under way, and when the next may begin.
pub(super) struct Moving {
    errand: Option<Errand>,
    next_at: Instant,
}

struct Errand {
    from: Arc<Origin>,
    to: Arc<Origin>,
    probe: bool,
    dialing: bool,
    told: bool,
    /// Who has been asked to give a connection up, since there was no room.
    asked: Option<Arc<Origin>>,
}

// === impl Moving ===

impl Moving {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            errand: None,
            next_at: now,
        }
    }

    /// A dial has ended; who has one too many now, if it was for a move.
    pub(super) fn ended(&mut self, endpoint: &Endpoint, cause: Cause) -> Option<Arc<Origin>> {
        if cause != Cause::Move {
            return None;
        }
        let errand = self
            .errand
            .take_if(|errand| errand.dialing && errand.to.endpoint == *endpoint)?;
        let extra = errand.probe && errand.to.open() == 0;
        (errand.asked.is_none() && !extra).then(|| Arc::clone(errand.leaver()))
    }

    /// Gives up the move that has not begun.
    fn call_off(&mut self) {
        // Whoever was asked would else close a connection for nothing.
        if let Some(asked) = self.errand.take().and_then(|errand| errand.asked) {
            asked.ask_none_to_leave();
        }
    }
}

// === impl Errand ===

impl Errand {
    /// Who gives a connection up for it. The next probe replaces the last one:
    /// while an endpoint has to prove its health, one connection is risked there
    /// and not one more with each probe.
    fn leaver(&self) -> &Arc<Origin> {
        if self.probe && self.to.open() > 0 {
            &self.to
        } else {
            &self.from
        }
    }
}

impl<D: Connect<Connection: Reuse>> Keeper<D> {
    /// Looks whether a connection should be elsewhere.
    pub(super) fn rebalance(&mut self, settings: &Settings, now: Instant) {
        if self.moving.errand.is_some() || now < self.moving.next_at {
            return;
        }
        let Some(Move { from, to, probe }) = self.peers.next_move(now) else {
            return;
        };
        let half = settings.move_gap / 2;
        self.moving.next_at = now + half + self.shared.splay(half);
        self.moving.errand = Some(Errand {
            from,
            to,
            probe,
            dialing: false,
            told: probe,
            asked: None,
        });
    }

    /// Dials for the move that is under way.
    pub(super) fn start_move(&mut self, settings: &Settings, now: Instant) {
        let Some(errand) = self.moving.errand.as_mut().filter(|errand| !errand.dialing) else {
            return;
        };
        let Ok(chosen) = self.peers.ask(&errand.to.endpoint, now) else {
            return self.moving.call_off();
        };
        if !std::mem::replace(&mut errand.told, true) {
            self.shared.observer.observe(&Event::Moving {
                from: errand.from.endpoint.clone(),
                to: errand.to.endpoint.clone(),
            });
        }
        let Some(seat) = self.shared.quota.claim() else {
            self.peers.give_up(chosen);
            if errand.asked.is_none() {
                let leaver = Arc::clone(errand.leaver());
                leaver.ask_one_to_leave();
                errand.asked = Some(leaver);
                // What is parked is asked at the next sweep.
                self.sweep_at = now;
            }
            return;
        };
        errand.dialing = true;
        let Chosen { origin, pass } = chosen;
        self.dial(origin, pass, seat, Cause::Move, settings);
    }
}
