//! What each fault does to a network's state.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use super::{Down, State, WireId};
use crate::net::chance::Chance;
use crate::net::lane::Conditions;
use crate::net::place::Place;
use crate::net::wire::{End, Fate, Side, Silence, Wire};
use crate::{Answers, Direction, Fault};

/// The generators of dials and datagrams have numbers above all that ends of streams have.
pub(super) const DIALS: u64 = 1 << 63;

/// A fault that lasts.
#[derive(Debug)]
pub(super) struct Struck {
    target: Arc<str>,
    fault: Fault,
    began: Duration,
    /// Whether the link is gone at the moment, for one that comes and goes.
    down: bool,
}

// === impl State ===

impl State {
    pub(in crate::net) fn strike(
        &mut self,
        step: usize,
        target: &str,
        fault: Fault,
        now: Duration,
        wake: &mut Vec<Waker>,
    ) {
        match fault {
            Fault::Reset => return self.reset(target, wake),
            Fault::HalfClose { direction } => return self.half_close(target, direction, now, wake),
            Fault::Truncate {
                direction,
                after_bytes,
            } => self.limit(step, target, direction, after_bytes),
            Fault::Stall { .. }
            | Fault::Flap { .. }
            | Fault::Latency { .. }
            | Fault::Bandwidth { .. }
            | Fault::Slice { .. }
            | Fault::Corrupt { .. }
            | Fault::Refuse
            | Fault::BlackHole
            | Fault::AcceptStall
            | Fault::Freeze
            | Fault::DnsAnswers { .. } => {}
            Fault::ClockJump { .. } | Fault::DiskFull | Fault::Crash | Fault::PowerLoss => {
                unreachable!("{fault} is none of a network's faults")
            }
        }
        let struck = Struck {
            target: target.into(),
            fault,
            began: now,
            down: true,
        };
        self.struck.insert(step, struck);
        self.reckon(target, now);
    }

    pub(in crate::net) fn lift(&mut self, step: usize, now: Duration, wake: &mut Vec<Waker>) {
        let struck = self.struck.remove(&step);
        let Struck { target, .. } = struck.expect("a fault is lifted once, after it began");
        self.reckon(&target, now);
        for wire in self.wires.values_mut().filter(|w| strikes(w, &target)) {
            for side in Side::BOTH {
                let end = wire.end_mut(side);
                end.lane.spare(step);
                end.wake_reader(wake);
            }
        }
        self.wake_acceptors(&target, wake);
    }

    /// What holds bytes to `side` at the moment.
    pub(super) fn conditions_to(&self, id: WireId, side: Side) -> Conditions {
        if self.struck.is_empty() {
            return Conditions::default();
        }
        let (from, to) = self.wire(id).way_to(side);
        self.conditions(from, to)
    }

    pub(super) fn conditions(&self, from: &Place, to: &Place) -> Conditions {
        let mut all = Conditions::default();
        for struck in self.struck.values() {
            struck.add_to(&mut all, from, to);
        }
        all
    }

    /// Whether the way of a dial is barred, in either direction.
    pub(super) fn swallows_dials(&self, from: &Place, to: &Place) -> bool {
        self.conditions(from, to).stalled
            || self.conditions(to, from).stalled
            || self.has_black_hole(from, to)
    }

    /// Whether a firewall lets no datagram pass.
    pub(super) fn bars_datagrams(&self, from: &Place, to: &Place) -> bool {
        self.has_black_hole(from, to) || self.rejects_dials(to)
    }

    fn has_black_hole(&self, from: &Place, to: &Place) -> bool {
        let black_hole =
            |struck: &Struck| matches!(struck.fault, Fault::BlackHole) && struck.either(from, to);
        self.struck.values().any(black_hole)
    }

    pub(super) fn rejects_dials(&self, to: &Place) -> bool {
        self.holds_of(to, |fault| matches!(fault, Fault::Refuse))
    }

    pub(super) fn hides_arrivals(&self, at: &Place) -> bool {
        self.holds_of(at, |fault| matches!(fault, Fault::AcceptStall))
    }

    pub(in crate::net) fn freezes(&self, place: &Place) -> bool {
        self.holds_of(place, |fault| matches!(fault, Fault::Freeze))
    }

    /// How much longer than usual a dial takes, there and back.
    pub(in crate::net) fn slowdown_of_dial(&mut self, from: &Place, to: &Place) -> Duration {
        if self.struck.is_empty() {
            return Duration::ZERO;
        }
        let mut chance = Chance::new(self.streams, DIALS | self.dials);
        self.dials += 1;
        let mut slowdown = |from, to| self.conditions(from, to).slowdown(&mut chance);
        slowdown(from, to).saturating_add(slowdown(to, from))
    }

    /// How the name server answers for the host `name`, where it does not tell the truth.
    pub(in crate::net) fn answers_for(&self, name: &str) -> Option<Answers> {
        self.struck.values().find_map(|struck| match struck.fault {
            Fault::DnsAnswers { answers } if *struck.target == *name => Some(answers),
            _ => None,
        })
    }

    fn holds_of(&self, place: &Place, is: impl Fn(Fault) -> bool) -> bool {
        let mut struck = self.struck.values();
        struck.any(|struck| is(struck.fault) && place.is_struck_with(&struck.target))
    }

    // --- links that come and go ---

    /// Lets links come and go, and says whether one did.
    pub(super) fn flap(&mut self, now: Duration, wake: &mut Vec<Waker>) -> bool {
        let mut flapped = false;
        for struck in self.struck.values_mut() {
            let Fault::Flap { down_ms, up_ms } = struck.fault else {
                continue;
            };
            let age_ms = (now - struck.began).as_millis();
            let period_ms = u128::from(down_ms) + u128::from(up_ms);
            let down = age_ms % period_ms.max(1) < u128::from(down_ms);
            if std::mem::replace(&mut struck.down, down) == down {
                continue;
            }
            flapped = true;
            let wires = self.wires.values_mut();
            for wire in wires.filter(|wire| strikes(wire, &struck.target)) {
                for side in Side::BOTH {
                    wire.end_mut(side).wake_reader(wake);
                }
            }
        }
        flapped
    }

    // --- slow links ---

    /// Tells the lanes of `target` how fast their links are now.
    fn reckon(&mut self, target: &str, now: Duration) {
        for (id, side) in self.lanes_of(target, Direction::Both) {
            let rate = self.conditions_to(id, side).rate;
            self.wire_mut(id).end_mut(side).lane.set_rate(now, rate);
        }
    }

    // --- cuts ---

    fn limit(&mut self, step: usize, target: &str, direction: Direction, bytes: u64) {
        for (id, side) in self.lanes_of(target, direction) {
            self.wire_mut(id).end_mut(side).lane.cut_after(step, bytes);
        }
    }

    /// Lets a new stream meet the limits there are.
    pub(super) fn limit_new(&mut self, id: WireId) {
        let Self { struck, wires, .. } = self;
        let wire = wires.get_mut(&id).expect("it was just opened");
        for (step, struck) in struck {
            let Fault::Truncate {
                direction,
                after_bytes,
            } = struck.fault
            else {
                continue;
            };
            for side in Side::BOTH {
                let (from, to) = wire.way_to(side);
                if holds(&struck.target, direction, from, to) {
                    wire.end_mut(side).lane.cut_after(*step, after_bytes);
                }
            }
        }
    }

    /// Cuts a stream both ways, behind what `writer` has sent.
    pub(super) fn sever(&mut self, id: WireId, writer: Side, now: Duration, wake: &mut Vec<Waker>) {
        let conditions = self.conditions_to(id, writer.other());
        let round_trip = self.round_trip;
        let wire = self.wire_mut(id);
        wire.severed = true;
        let End { lane, chance, .. } = wire.end_mut(writer.other());
        lane.stop(now, conditions.slowdown(chance));
        wire.end_mut(writer).lane.stop(now, round_trip);
        for side in Side::BOTH {
            wire.end_mut(side).wake_reader(wake);
            wire.end_mut(side).wake_writer(wake);
        }
        self.doom(id, writer, now, Fate::Unheard);
    }

    fn half_close(
        &mut self,
        target: &str,
        direction: Direction,
        now: Duration,
        wake: &mut Vec<Waker>,
    ) {
        for (id, side) in self.lanes_of(target, direction) {
            let wire = self.wire_mut(id);
            let end = wire.end_mut(side);
            end.lane.stop(now, Duration::ZERO);
            end.wake_reader(wake);
            wire.end_mut(side.other()).wake_writer(wake);
        }
    }

    fn reset(&mut self, target: &str, wake: &mut Vec<Waker>) {
        for wire in self.wires.values_mut().filter(|w| strikes(w, target)) {
            for side in Side::BOTH {
                wire.end_mut(side).meet(Fate::Reset, wake);
            }
        }
    }

    /// The lanes whose bytes go to or from `target`, each named by its reading end.
    fn lanes_of(&self, target: &str, direction: Direction) -> Vec<(WireId, Side)> {
        let mut lanes = Vec::new();
        for (id, wire) in &self.wires {
            for side in Side::BOTH {
                let (from, to) = wire.way_to(side);
                if holds(target, direction, from, to) {
                    lanes.push((*id, side));
                }
            }
        }
        lanes
    }

    // --- dead processes and machines ---

    pub(in crate::net) fn crash(&mut self, host: &str, now: Duration) {
        self.down.insert(host.into(), Down::Crashed);
        self.dying.insert(host.into());
        for id in self.stop_all_listening(host) {
            self.doom(id, Side::Dialing, now, Fate::Reset);
        }
    }

    pub(in crate::net) fn darken(&mut self, host: &str) {
        self.down.insert(host.into(), Down::Dark);
        self.dying.insert(host.into());
        self.stop_all_listening(host);
        for wire in self.wires.values_mut().filter(|w| strikes(w, host)) {
            wire.silence = Silence::Dark;
        }
    }

    pub(in crate::net) fn restore(&mut self, host: &str, now: Duration) {
        self.down.remove(host);
        let mut retransmitting = Vec::new();
        for (id, wire) in &mut self.wires {
            if wire.silence != Silence::Dark || !strikes(wire, host) {
                continue;
            }
            wire.silence = Silence::Forgotten;
            for side in Side::BOTH {
                let unacknowledged = wire.end(side.other()).lane.unread() > 0;
                if unacknowledged && !wire.end(side).gone {
                    retransmitting.push((*id, side));
                }
            }
        }
        for (id, side) in retransmitting {
            self.doom(id, side, now, Fate::Reset);
        }
    }
}

// === impl Struck ===

impl Struck {
    /// Adds what this does to bytes between two places.
    fn add_to(&self, all: &mut Conditions, from: &Place, to: &Place) {
        let holds = |direction| holds(&self.target, direction, from, to);
        match self.fault {
            Fault::Stall { direction } => all.stalled |= holds(direction),
            Fault::Flap { .. } => all.stalled |= self.down && self.either(from, to),
            Fault::Freeze => all.stalled |= self.either(from, to),
            Fault::Latency {
                direction,
                ms,
                jitter_ms,
            } if holds(direction) => {
                all.latency = all.latency.saturating_add(Duration::from_millis(ms));
                all.jitter_ms = all.jitter_ms.saturating_add(jitter_ms);
            }
            Fault::Bandwidth {
                direction,
                bytes_per_s,
            } if holds(direction) => {
                all.rate = Some(all.rate.map_or(bytes_per_s, |rate| rate.min(bytes_per_s)));
            }
            Fault::Slice {
                direction,
                bytes_max,
            } if holds(direction) => {
                let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX).max(1);
                all.slice = Some(all.piece().min(bytes_max));
            }
            Fault::Corrupt { direction, one_in } if holds(direction) => {
                all.one_in = Some(all.one_in.map_or(one_in, |other| other.min(one_in)));
            }
            Fault::Latency { .. }
            | Fault::Bandwidth { .. }
            | Fault::Slice { .. }
            | Fault::Corrupt { .. } => {}
            // Lanes know where they are cut, dials and listeners ask for theirs.
            Fault::Truncate { .. } | Fault::Refuse | Fault::BlackHole | Fault::AcceptStall => {}
            // So does the name server.
            Fault::DnsAnswers { .. } => {}
            Fault::Reset
            | Fault::HalfClose { .. }
            | Fault::ClockJump { .. }
            | Fault::DiskFull
            | Fault::Crash
            | Fault::PowerLoss => unreachable!("{} does not last here", self.fault),
        }
    }

    fn either(&self, from: &Place, to: &Place) -> bool {
        holds(&self.target, Direction::Both, from, to)
    }
}

/// Whether bytes between two places go in the `direction` that a fault of `target` means.
fn holds(target: &str, direction: Direction, from: &Place, to: &Place) -> bool {
    (direction.is_outbound() && from.is_struck_with(target))
        || (direction.is_inbound() && to.is_struck_with(target))
}

fn strikes(wire: &Wire, target: &str) -> bool {
    let (one, other) = wire.way_to(Side::Accepting);
    holds(target, Direction::Both, one, other)
}
