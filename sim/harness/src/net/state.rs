//! What is wrong with a network at the moment, and the streams it concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use turmoil::net::TcpStream;

use self::faults::Struck;
use self::listening::Listening;
use super::chance::Chance;
use super::place::Place;
use super::wire::{End, Fate, Reading, Side, Silence, Wire, Writing};
use crate::Streams;
use crate::clock::SimClock;

mod datagrams;
mod faults;
mod listening;

pub(super) use self::listening::Arrival;

/// Names an established stream for as long as the world lasts.
pub(super) type WireId = u64;

/// Where somebody listens: a host and one of its ports.
pub(super) type Port = (Arc<str>, u16);

/// A socket's own and its peer's address.
pub(super) type Addresses = (SocketAddr, SocketAddr);

#[derive(Debug)]
pub(super) struct State {
    streams: Streams,
    /// What an answer takes that no software is needed for.
    round_trip: Duration,
    /// The faults that last, by their step.
    struck: BTreeMap<usize, Struck>,
    down: BTreeMap<Arc<str>, Down>,
    /// Hosts whose software is being dropped, and the ends of streams that it let go of.
    dying: BTreeSet<Arc<str>>,
    dead: Dead,
    listening: BTreeMap<Port, Listening>,
    /// Where nobody listens any more, and the simulator has yet to be told.
    closing: BTreeSet<Port>,
    /// How many dials asked how slow the network is.
    dials: u64,
    wires: BTreeMap<WireId, Wire>,
    wires_opened: WireId,
    /// When readers that wait for a lane want to be woken.
    awaited: BTreeSet<(Duration, WireId, Side)>,
    /// Writers into lanes that were cut.
    losing: BTreeSet<(WireId, Side)>,
    /// Answers of kernels on their way, at most one for each end of a stream.
    due: BTreeMap<(Duration, WireId, Side), Fate>,
}

/// Sockets that their software let go of, in an order of their own.
#[derive(Debug, Default)]
pub(super) struct Dead {
    /// Those of streams, in the order in which the streams were opened.
    pub(super) ends: BTreeMap<(WireId, Side), TcpStream>,
    /// Those of streams that never were anybody's.
    pub(super) unnamed: BTreeMap<Addresses, TcpStream>,
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
    /// The target's process is dead, and its kernel says so; or something in between
    /// answers for it.
    Rejected,
    /// Nobody listens, and the kernel says so.
    Refused,
}

// === impl State ===

impl State {
    pub(super) fn new(streams: Streams, round_trip: Duration) -> Self {
        Self {
            streams,
            round_trip,
            struck: BTreeMap::new(),
            down: BTreeMap::new(),
            dying: BTreeSet::new(),
            dead: Dead::default(),
            listening: BTreeMap::new(),
            closing: BTreeSet::new(),
            dials: 0,
            wires: BTreeMap::new(),
            wires_opened: 0,
            awaited: BTreeSet::new(),
            losing: BTreeSet::new(),
            due: BTreeMap::new(),
        }
    }

    // --- what ends of streams do ---

    /// What a read at `side` meets.
    pub(super) fn reading(
        &mut self,
        id: WireId,
        side: Side,
        clock: &SimClock,
        cx: &Context<'_>,
    ) -> Reading {
        let conditions = self.conditions_to(id, side);
        let wire = self.wire_mut(id);
        // Asking for the time is not free.
        let now = if wire.end(side).lane.holds_back() {
            clock.elapsed()
        } else {
            Duration::ZERO
        };
        let reading = wire.before_read(side, &conditions, now, cx);
        if let Reading::WaitUntil(at) = reading {
            self.awaited.insert((at, id, side));
        }
        reading
    }

    /// `side` has read `bytes`, some of which may be made false here. Names both ends.
    pub(super) fn took(
        &mut self,
        id: WireId,
        side: Side,
        bytes: &mut [u8],
        wake: &mut Vec<Waker>,
    ) -> (Arc<str>, Arc<str>) {
        let one_in = self.conditions_to(id, side).one_in;
        let wire = self.wire_mut(id);
        let end = wire.end_mut(side);
        end.lane.corrupt(bytes, one_in, &mut end.chance);
        end.lane.take(bytes.len());
        wire.end_mut(side.other()).wake_writer(wake);
        self.names(id, side)
    }

    /// What a write of `len` bytes at `side` meets.
    pub(super) fn writing(
        &mut self,
        id: WireId,
        side: Side,
        len: usize,
        clock: &SimClock,
        wake: &mut Vec<Waker>,
        cx: &Context<'_>,
    ) -> Writing {
        let conditions = self.conditions_to(id, side.other());
        let wire = self.wire_mut(id);
        let writing = wire.before_write(side, len, &conditions, cx);
        match writing {
            Writing::Pass(_) | Writing::Wait | Writing::Fail(_) => {}
            Writing::Lose(_) => drop(self.losing.insert((id, side))),
            Writing::Swallow(_) => {
                self.losing.insert((id, side));
                self.wrote_in_vain(id, side, clock.elapsed());
            }
            Writing::Cut(_) => self.sever(id, side, clock.elapsed(), wake),
        }
        writing
    }

    /// The socket of `side` took `len` bytes. Names both ends.
    pub(super) fn wrote(
        &mut self,
        id: WireId,
        side: Side,
        len: usize,
        clock: &SimClock,
    ) -> (Arc<str>, Arc<str>) {
        let quiet = self.struck.is_empty();
        let lane = &mut self.wire_mut(id).end_mut(side.other()).lane;
        if quiet && !lane.holds_back() {
            lane.pass(len);
        } else {
            let conditions = self.conditions_to(id, side.other());
            let now = clock.elapsed();
            let End { lane, chance, .. } = self.wire_mut(id).end_mut(side.other());
            lane.send(now, len, &conditions, chance);
        }
        self.names(id, side)
    }

    /// `side` sends no more, and the socket brings the end.
    pub(super) fn shut(&mut self, id: WireId, side: Side, now: Duration) {
        let conditions = self.conditions_to(id, side.other());
        let End { lane, chance, .. } = self.wire_mut(id).end_mut(side.other());
        lane.end(now, &conditions, chance);
    }

    pub(super) fn close(&mut self, id: WireId, side: Side, now: Duration) {
        let wire = self.wire_mut(id);
        let end = wire.end_mut(side);
        end.gone = true;
        let abortive = end.lane.unread() > 0;
        let silent = wire.silence != Silence::Never;
        let peer_gone = wire.end(side.other()).gone;
        if wire.both_gone() {
            self.remove(id);
        } else if abortive && !silent && !peer_gone {
            // A peer that waits for room that nobody will make now is woken by this.
            self.doom(id, side.other(), now, Fate::Unheard);
        } else {
            self.shut(id, side, now);
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
        self.dead.ends.insert((id, side), socket);
        None
    }

    /// What died with the software of `host`.
    pub(super) fn bury(&mut self, host: &str) -> Dead {
        if self.dying.remove(host) {
            std::mem::take(&mut self.dead)
        } else {
            Dead::default()
        }
    }

    // --- time ---

    /// Lets happen what is due, and says whether dials should look again.
    pub(super) fn tick(&mut self, now: Duration, wake: &mut Vec<Waker>) -> bool {
        let flapped = self.flap(now, wake);
        for (id, side) in std::mem::take(&mut self.losing) {
            if let Some(wire) = self.wires.get_mut(&id) {
                let end = wire.end_mut(side);
                end.lost = 0;
                end.wake_writer(wake);
            }
        }
        let not_yet = self.awaited.split_off(&(now, WireId::MAX, Side::Accepting));
        for (_, id, side) in std::mem::replace(&mut self.awaited, not_yet) {
            if let Some(wire) = self.wires.get_mut(&id) {
                wire.end_mut(side).wake_reader(wake);
            }
        }
        let arrived: Vec<_> = self
            .due
            .range(..=(now, WireId::MAX, Side::Accepting))
            .map(|(key, fate)| (*key, *fate))
            .filter(|((_, id, _), _)| {
                // It answers what went one way, and comes the other way.
                let mut sides = Side::BOTH.into_iter();
                !sides.any(|side| self.conditions_to(*id, side).stalled)
            })
            .collect();
        for (key @ (_, id, side), fate) in arrived {
            self.due.remove(&key);
            let end = self.wire_mut(id).end_mut(side);
            end.doom = None;
            end.meet(fate, wake);
        }
        flapped
    }

    /// Lets `side` meet `fate` a round trip from now, unless something is already on its
    /// way.
    fn doom(&mut self, id: WireId, side: Side, now: Duration, fate: Fate) {
        let due = now + self.round_trip;
        let end = self.wire_mut(id).end_mut(side);
        if end.doom.is_none() {
            end.doom = Some(fate);
            self.due.insert((due, id, side), fate);
        }
    }

    /// What the kernel at the other end answers to a write that nobody there expects.
    fn wrote_in_vain(&mut self, id: WireId, side: Side, now: Duration) {
        match self.wire(id).silence {
            Silence::Never => self.doom(id, side, now, Fate::Unheard),
            Silence::Forgotten => self.doom(id, side, now, Fate::Reset),
            Silence::Dark => {}
        }
    }

    // --- wires ---

    pub(super) fn wire(&self, id: WireId) -> &Wire {
        self.wires
            .get(&id)
            .expect("a wire lasts as long as its ends")
    }

    pub(super) fn wire_mut(&mut self, id: WireId) -> &mut Wire {
        let wire = self.wires.get_mut(&id);
        wire.expect("a wire lasts as long as its ends")
    }

    /// The names of `side` and of its peer.
    pub(super) fn names(&self, id: WireId, side: Side) -> (Arc<str>, Arc<str>) {
        let wire = self.wire(id);
        let name = |side| wire.end(side).place.name();
        (name(side), name(side.other()))
    }

    fn open(&mut self, from: Place, to: Place) -> WireId {
        let id = self.wires_opened;
        self.wires_opened += 1;
        let chance = |side| {
            let index = id * 2 + u64::from(side == Side::Accepting);
            Chance::new(self.streams, index)
        };
        let wire = Wire::new(from, to, self.round_trip / 2, chance);
        self.wires.insert(id, wire);
        self.limit_new(id);
        id
    }

    fn remove(&mut self, id: WireId) {
        self.wires.remove(&id);
        self.due.retain(|(_, other, _), _| *other != id);
    }
}
