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
    /// One has been asked to leave, since there was no room.
    asked: bool,
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
        (!errand.probe && !errand.asked).then_some(errand.from)
    }
}

impl<D: Connect<Connection: Reuse>> Keeper<D> {
    /// Looks whether a connection should be elsewhere.
    pub(super) fn rebalance(&mut self, settings: &Settings, now: Instant) {
        if self.moving.errand.is_some() || now < self.moving.next_at {
            return;
        }
        let Some(Move { from, to, probe }) = self.peers.move_wanted(now) else {
            return;
        };
        let half = settings.move_gap / 2;
        self.moving.next_at = now + half + self.shared.splay(half);
        if !probe {
            self.shared.observer.observe(&Event::Moving {
                from: from.endpoint.clone(),
                to: to.endpoint.clone(),
            });
        }
        self.moving.errand = Some(Errand {
            from,
            to,
            probe,
            dialing: false,
            asked: false,
        });
    }

    /// Dials for the move that is under way.
    pub(super) fn start_move(&mut self, settings: &Settings, now: Instant) {
        let Some(errand) = self.moving.errand.as_mut().filter(|errand| !errand.dialing) else {
            return;
        };
        let Ok(chosen) = self.peers.ask(&errand.to.endpoint, now) else {
            self.moving.errand = None;
            return;
        };
        let Some(seat) = self.shared.quota.claim() else {
            self.peers.give_up(chosen);
            if !errand.asked {
                errand.asked = true;
                errand.from.ask_one_to_leave();
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
