//! What each fault does to a network's state.

use std::task::Waker;
use std::time::Duration;

use super::{Down, State, WireId};
use crate::Fault;
use crate::net::place::Place;
use crate::net::wire::{Fate, Side, Silence, Wire};

impl State {
    pub(in crate::net) fn strike(
        &mut self,
        step: usize,
        target: &str,
        fault: Fault,
        wake: &mut Vec<Waker>,
    ) {
        match fault {
            Fault::Reset => self.reset(target, wake),
            fault => drop(self.struck.insert(step, (target.into(), fault))),
        }
    }

    pub(in crate::net) fn lift(&mut self, step: usize, wake: &mut Vec<Waker>) {
        let struck = self.struck.remove(&step);
        let (target, _) = struck.expect("a fault is lifted once, after it began");
        for wire in self.wires.values_mut().filter(|w| strikes(w, &target)) {
            for side in Side::BOTH {
                wire.end_mut(side).wake_reader(wake);
            }
        }
    }

    pub(super) fn is_stalled(&self, from: &Place, to: &Place) -> bool {
        self.struck.values().any(|(target, fault)| match fault {
            Fault::Stall { direction } => {
                (direction.is_outbound() && from.is_struck_with(target))
                    || (direction.is_inbound() && to.is_struck_with(target))
            }
            _ => false,
        })
    }

    fn reset(&mut self, target: &str, wake: &mut Vec<Waker>) {
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
