//! What is wrong with a network at the moment, and the streams it concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use turmoil::net::TcpStream;

use super::place::Place;
use super::wire::{Fate, Side, Silence, Wire};
use crate::Fault;

mod faults;

/// Names an established stream for as long as the world lasts.
pub(super) type WireId = u64;

/// The dialing and the accepting end's address.
pub(super) type Addresses = (SocketAddr, SocketAddr);

#[derive(Debug, Default)]
pub(super) struct State {
    /// The faults that last, by their step, and whom they strike.
    struck: BTreeMap<usize, (Arc<str>, Fault)>,
    down: BTreeMap<Arc<str>, Down>,
    /// Hosts whose software is being dropped, and the ends of streams that it let go of.
    dying: BTreeSet<Arc<str>>,
    dead: BTreeMap<(WireId, Side), TcpStream>,
    /// Hosts and the ports on which their software listens.
    listening: BTreeSet<(Arc<str>, u16)>,
    wires: BTreeMap<WireId, Wire>,
    wires_opened: WireId,
    /// Streams whose dialing end has not said who it is. One that dies first never does;
    /// turmoil does not use its port again.
    unclaimed: BTreeMap<Addresses, WireId>,
    /// Answers of kernels on their way, at most one for each end of a stream.
    due: BTreeMap<(Duration, WireId, Side), Fate>,
}

/// How a host is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Down {
    Crashed,
    Dark,
}

/// What a dial meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Path {
    /// Somebody listens.
    Open,
    /// Nothing gets through, which can change.
    Hangs,
    /// The target has no power.
    Dark,
    /// The target's process is dead, and its kernel says so.
    Crashed,
    /// Nobody listens, and the kernel says so.
    Refused,
}

// === impl State ===

impl State {
    pub(super) fn path(&self, from: &Place, to: &Place, port: u16) -> Path {
        if self.is_stalled(from, to) || self.is_stalled(to, from) {
            return Path::Hangs;
        }
        match self.down.get(to.host()) {
            Some(Down::Dark) => Path::Dark,
            Some(Down::Crashed) => Path::Crashed,
            None if self.listening.contains(&(Arc::clone(to.host()), port)) => Path::Open,
            None => Path::Refused,
        }
    }

    pub(super) fn listen(&mut self, host: Arc<str>, port: u16) {
        self.listening.insert((host, port));
    }

    pub(super) fn stop_listening(&mut self, host: Arc<str>, port: u16) {
        self.listening.remove(&(host, port));
    }

    pub(super) fn accepted(&mut self, at: Addresses, from: Place, to: Place) -> WireId {
        let id = self.wires_opened;
        self.wires_opened += 1;
        self.wires.insert(id, Wire::new(from, to));
        self.unclaimed.insert(at, id);
        id
    }

    /// The dialing end of the stream between these addresses says who it is.
    pub(super) fn claim(&mut self, at: Addresses, who: &Place) -> WireId {
        let id = self.unclaimed.remove(&at);
        let id = id.expect("a dial returns only after the peer has accepted it");
        self.wire_mut(id).end_mut(Side::Dialing).place = who.clone();
        id
    }

    pub(super) fn close(&mut self, id: WireId, side: Side, due: Duration) {
        let wire = self.wire_mut(id);
        let end = wire.end_mut(side);
        end.gone = true;
        let abortive = end.unread > 0;
        let silent = wire.silence != Silence::Never;
        let peer_gone = wire.end(side.other()).gone;
        if wire.both_gone() {
            self.wires.remove(&id);
            self.due.retain(|(_, other, _), _| *other != id);
        } else if abortive && !silent && !peer_gone {
            // A peer that waits for room that nobody will make now is woken by this.
            self.doom(id, side.other(), due, Fate::Unheard);
        }
    }

    /// Keeps the socket of a stream whose software is being dropped, and gives it back
    /// where that is not so.
    ///
    /// A runtime drops its tasks in an order that depends on how many tasks this process
    /// ever had. What others see of it must not: see [`bury`](Self::bury).
    pub(super) fn lay_out(
        &mut self,
        id: WireId,
        side: Side,
        at: &Place,
        socket: TcpStream,
    ) -> Option<TcpStream> {
        if !self.dying.contains(at.host()) {
            return Some(socket);
        }
        self.dead.insert((id, side), socket);
        None
    }

    /// The sockets of the dead, in the order in which their streams were opened.
    pub(super) fn bury(&mut self, host: &str) -> BTreeMap<(WireId, Side), TcpStream> {
        if self.dying.remove(host) {
            std::mem::take(&mut self.dead)
        } else {
            BTreeMap::new()
        }
    }

    pub(super) fn wire(&self, id: WireId) -> &Wire {
        self.wires
            .get(&id)
            .expect("a wire lasts as long as its ends")
    }

    pub(super) fn wire_mut(&mut self, id: WireId) -> &mut Wire {
        let wire = self.wires.get_mut(&id);
        wire.expect("a wire lasts as long as its ends")
    }

    /// Whether bytes to `side` are stalled.
    pub(super) fn is_wire_stalled(&self, id: WireId, side: Side) -> bool {
        let wire = self.wire(id);
        self.is_stalled(&wire.end(side.other()).place, &wire.end(side).place)
    }

    /// Lets `side` meet `fate` at `due`, unless something is already on its way.
    pub(super) fn doom(&mut self, id: WireId, side: Side, due: Duration, fate: Fate) {
        let end = self.wire_mut(id).end_mut(side);
        if !end.doomed {
            end.doomed = true;
            self.due.insert((due, id, side), fate);
        }
    }

    /// What the kernel at the other end answers to a write that nobody there expects.
    pub(super) fn wrote_in_vain(&mut self, id: WireId, side: Side, due: Duration) {
        match self.wire(id).silence {
            Silence::Never => self.doom(id, side, due, Fate::Unheard),
            Silence::Forgotten => self.doom(id, side, due, Fate::Reset),
            Silence::Dark => {}
        }
    }

    pub(super) fn tick(&mut self, now: Duration, wake: &mut Vec<Waker>) {
        let arrived: Vec<_> = self
            .due
            .range(..=(now, WireId::MAX, Side::Accepting))
            .map(|(key, fate)| (*key, *fate))
            .filter(|((_, id, _), _)| {
                // It answers what went one way, and comes the other way.
                let mut sides = Side::BOTH.into_iter();
                !sides.any(|side| self.is_wire_stalled(*id, side))
            })
            .collect();
        for (key @ (_, id, side), fate) in arrived {
            self.due.remove(&key);
            let end = self.wire_mut(id).end_mut(side);
            end.doomed = false;
            end.meet(fate, wake);
        }
    }
}
