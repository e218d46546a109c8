//! What each fault does to a network's state.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::{Down, State, WireId};
use crate::Direction;
use crate::net::wire::{Fate, Side, Silence, Wire};

impl State {
    pub(in crate::net) fn stall(&mut self, target: &str, direction: Direction) {
        if direction.is_inbound() {
            *self.stalled_inbound.entry(target.into()).or_default() += 1;
        }
        if direction.is_outbound() {
            *self.stalled_outbound.entry(target.into()).or_default() += 1;
        }
    }

    pub(in crate::net) fn release(
        &mut self,
        target: &str,
        direction: Direction,
        wake: &mut Vec<Waker>,
    ) {
        if direction.is_inbound() {
            lift(&mut self.stalled_inbound, target);
        }
        if direction.is_outbound() {
            lift(&mut self.stalled_outbound, target);
        }
        for wire in self.wires.values_mut().filter(|w| strikes(w, target)) {
            for side in Side::BOTH {
                wire.end_mut(side).wake_reader(wake);
            }
        }
    }

    pub(in crate::net) fn reset(&mut self, target: &str, wake: &mut Vec<Waker>) {
        for wire in self.wires.values_mut().filter(|w| strikes(w, target)) {
            for side in Side::BOTH {
                wire.end_mut(side).meet(Fate::Reset, wake);
            }
        }
    }

    pub(in crate::net) fn crash(&mut self, host: &str, due: Duration) {
        self.down.insert(host.into(), Down::Crashed);
        self.dying.insert(host.into());
        for id in self.orphan(host) {
            self.doom(id, Side::Accepting, due, Fate::Reset);
        }
    }

    pub(in crate::net) fn darken(&mut self, host: &str) {
        self.down.insert(host.into(), Down::Dark);
        self.dying.insert(host.into());
        self.orphan(host);
        for wire in self.wires.values_mut().filter(|w| strikes(w, host)) {
            wire.silence = Silence::Dark;
        }
    }

    pub(in crate::net) fn restore(&mut self, host: &str, due: Duration) {
        self.down.remove(host);
        let mut retransmitting = Vec::new();
        for (id, wire) in &mut self.wires {
            if wire.silence != Silence::Dark || !strikes(wire, host) {
                continue;
            }
            wire.silence = Silence::Forgotten;
            for side in Side::BOTH {
                let unacknowledged = wire.end(side.other()).unread > 0;
                if unacknowledged && !wire.end(side).gone {
                    retransmitting.push((*id, side));
                }
            }
        }
        for (id, side) in retransmitting {
            self.doom(id, side, due, Fate::Reset);
        }
    }

    /// A dial that was accepted and has not returned dies with its process: its end is
    /// gone before anybody had it. Names the streams of which the other end is left.
    fn orphan(&mut self, host: &str) -> Vec<WireId> {
        let mut orphans = Vec::new();
        for (id, wire) in &mut self.wires {
            let dialing = wire.end_mut(Side::Dialing);
            if !dialing.place.is_claimed() && dialing.place.is_struck_with(host) {
                dialing.gone = true;
                orphans.push(*id);
            }
        }
        self.wires.retain(|_, wire| !wire.both_gone());
        self.due.retain(|(_, id, _), _| self.wires.contains_key(id));
        orphans.retain(|id| self.wires.contains_key(id));
        orphans
    }
}

fn strikes(wire: &Wire, target: &str) -> bool {
    let mut sides = Side::BOTH.into_iter();
    sides.any(|side| wire.end(side).place.is_struck_with(target))
}

fn lift(stalls: &mut BTreeMap<Arc<str>, u32>, target: &str) {
    let held = stalls.get_mut(target);
    let held = held.expect("a stall is lifted once, after it began");
    *held -= 1;
    if *held == 0 {
        stalls.remove(target);
    }
}
