//! Who listens where, and what a listening kernel holds: dials that it has answered and
//! whose callers have not heard of it, and streams that nobody has accepted yet.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use turmoil::net::TcpStream;

use super::{Addresses, Down, Path, Port, State, WireId};
use crate::net::BACKLOG;
use crate::net::place::Place;
use crate::net::wire::{Fate, Side, Silence, note};

/// One listening port of a host.
#[derive(Debug)]
pub(super) struct Listening {
    at: Place,
    /// Answered dials, by the address of the dialing end; one for each dial under way.
    embryos: BTreeMap<SocketAddr, Embryo>,
    /// Sockets for the kernel to close, by the same.
    forgotten: BTreeMap<SocketAddr, TcpStream>,
    kernel: Arc<Notify>,
    /// What the software may accept, at most [`BACKLOG`].
    backlog: VecDeque<Arrival>,
    acceptor: Option<Waker>,
}

#[derive(Debug)]
struct Embryo {
    /// The dialing host.
    from: Arc<str>,
    socket: TcpStream,
}

/// A stream for a listener to accept.
#[derive(Debug)]
pub(in crate::net) struct Arrival {
    pub(in crate::net) wire: WireId,
    pub(in crate::net) peer: SocketAddr,
    pub(in crate::net) socket: TcpStream,
}

// === impl State ===

impl State {
    /// What a dial meets now.
    pub(in crate::net) fn path(&self, from: &Place, to: &Place, port: &Port) -> Path {
        if !self.struck.is_empty() && self.swallows_dials(from, to) {
            return Path::Hangs;
        }
        // A firewall stands in front of the machine and needs none of its power.
        if self.rejects_dials(to) {
            return Path::Rejected;
        }
        match self.down.get(to.host()) {
            Some(Down::Dark) => return Path::Dark,
            Some(Down::Crashed) => return Path::Rejected,
            None => {}
        }
        match self.listening.get(port) {
            Some(listening) if listening.is_full() => Path::Hangs,
            Some(_) => Path::Open,
            None => Path::Refused,
        }
    }

    // --- the listening side ---

    /// Somebody listens from now on; `kernel` is told when there are sockets to close.
    pub(in crate::net) fn listen(&mut self, at: Place, port: Port, kernel: Arc<Notify>) {
        let listening = Listening {
            at,
            embryos: BTreeMap::new(),
            forgotten: BTreeMap::new(),
            kernel,
            backlog: VecDeque::new(),
            acceptor: None,
        };
        self.listening.insert(port, listening);
    }

    /// Nobody listens any more. Streams that nobody accepted are reset; their sockets, and
    /// those of streams that never were, are for the caller to close.
    pub(in crate::net) fn stop_listening(&mut self, port: &Port, now: Duration) -> Vec<TcpStream> {
        // A dead process does not get here: see `stop_all_listening`.
        let Some(listening) = self.listening.remove(port) else {
            return Vec::new();
        };
        self.closing.insert(port.clone());
        let (orphans, sockets) = self.dissolve(listening);
        for id in orphans {
            self.doom(id, Side::Dialing, now, Fate::Reset);
        }
        sockets.into_values().collect()
    }

    /// Whether a port is still taken although nobody listens.
    pub(in crate::net) fn is_closing(&self, port: &Port) -> bool {
        self.closing.contains(port)
    }

    /// The simulator knows that nobody listens on a port.
    pub(in crate::net) fn closed(&mut self, port: &Port) {
        self.closing.remove(port);
    }

    /// The kernel has answered a dial from the host `from`. Gives the socket back where
    /// nobody listens.
    pub(in crate::net) fn answered(
        &mut self,
        port: &Port,
        from: Arc<str>,
        peer: SocketAddr,
        socket: TcpStream,
    ) -> Option<TcpStream> {
        match self.listening.get_mut(port) {
            Some(listening) => {
                listening.embryos.insert(peer, Embryo { from, socket });
                None
            }
            None => Some(socket),
        }
    }

    /// What the kernel has to close.
    pub(in crate::net) fn forgotten(&mut self, port: &Port) -> BTreeMap<SocketAddr, TcpStream> {
        let listening = self.listening.get_mut(port);
        listening.map_or_else(BTreeMap::new, |listening| {
            std::mem::take(&mut listening.forgotten)
        })
    }

    /// The next stream for the software, and whether there was no room for another.
    pub(in crate::net) fn accept(
        &mut self,
        port: &Port,
        cx: &Context<'_>,
    ) -> Poll<(Arrival, bool)> {
        let hidden = self
            .listening
            .get(port)
            .is_none_or(|listening| self.hides_arrivals(&listening.at));
        let Some(listening) = self.listening.get_mut(port) else {
            return Poll::Pending;
        };
        let full = listening.is_full();
        let first = (!hidden).then(|| listening.backlog.pop_front()).flatten();
        let Some(arrival) = first else {
            note(&mut listening.acceptor, cx);
            return Poll::Pending;
        };
        Poll::Ready((arrival, full))
    }

    pub(super) fn wake_acceptors(&mut self, target: &str, wake: &mut Vec<Waker>) {
        let listening = self.listening.values_mut();
        for listening in listening.filter(|it| it.at.is_struck_with(target)) {
            wake.extend(listening.acceptor.take());
        }
    }

    /// Nobody on `host` listens any more. Names the streams that nobody accepted and that
    /// somebody dialed and holds.
    pub(super) fn stop_all_listening(&mut self, host: &str) -> Vec<WireId> {
        let mut orphans = Vec::new();
        let here = |(at, _): &&Port| **at == *host;
        let ports: Vec<_> = self.listening.keys().filter(here).cloned().collect();
        for port in ports {
            let listening = self.listening.remove(&port);
            let (ids, sockets) = self.dissolve(listening.expect("it was just there"));
            orphans.extend(ids);
            self.dead.unnamed.extend(sockets);
        }
        for listening in self.listening.values_mut() {
            listening.forget(|_, embryo| *embryo.from == *host);
        }
        orphans
    }

    /// The accepting ends of streams that nobody accepted are gone. Names those of which
    /// the other end is left, and hands out the sockets.
    fn dissolve(&mut self, listening: Listening) -> (Vec<WireId>, BTreeMap<Addresses, TcpStream>) {
        let mut sockets = BTreeMap::new();
        let mut keep = |socket: TcpStream| {
            let addresses = (socket.local_addr(), socket.peer_addr());
            if let (Ok(local), Ok(peer)) = addresses {
                sockets.insert((local, peer), socket);
            }
        };
        let embryos = listening.embryos.into_values();
        embryos.map(|embryo| embryo.socket).for_each(&mut keep);
        listening.forgotten.into_values().for_each(&mut keep);
        let mut orphans = Vec::new();
        for arrival in listening.backlog {
            keep(arrival.socket);
            let wire = self.wire_mut(arrival.wire);
            wire.end_mut(Side::Accepting).gone = true;
            if wire.both_gone() {
                self.remove(arrival.wire);
            } else if wire.silence == Silence::Never {
                orphans.push(arrival.wire);
            }
        }
        (orphans, sockets)
    }

    // --- the dialing side ---

    /// The answer has reached `from`, dialing from the address `local`: a stream begins,
    /// unless who answered is gone or has no room.
    pub(in crate::net) fn claim(
        &mut self,
        port: &Port,
        local: SocketAddr,
        from: &Place,
        wake: &mut Vec<Waker>,
    ) -> Option<WireId> {
        let listening = self.listening.get_mut(port)?;
        let embryo = listening.embryos.remove(&local)?;
        let to = listening.at.clone();
        let wire = self.open(from.clone(), to);
        let listening = self.listening.get_mut(port)?;
        listening.backlog.push_back(Arrival {
            wire,
            peer: local,
            socket: embryo.socket,
        });
        wake.extend(listening.acceptor.take());
        Some(wire)
    }

    /// Nobody waits for the answer to a dial any more. Gives the dialing socket back, or
    /// keeps it where its software is being dropped.
    pub(in crate::net) fn give_up(
        &mut self,
        port: &Port,
        addresses: Addresses,
        from: &Place,
        socket: TcpStream,
    ) -> Option<TcpStream> {
        let (local, _) = addresses;
        if let Some(listening) = self.listening.get_mut(port) {
            listening.forget(|peer, _| *peer == local);
        }
        if !self.dying.contains(from.host()) {
            return Some(socket);
        }
        self.dead.unnamed.insert(addresses, socket);
        None
    }
}

// === impl Listening ===

impl Listening {
    fn is_full(&self) -> bool {
        self.backlog.len() >= BACKLOG
    }

    /// Lets the kernel close the sockets of answered dials that nobody will hear of.
    fn forget(&mut self, which: impl Fn(&SocketAddr, &Embryo) -> bool) {
        let embryos = std::mem::take(&mut self.embryos).into_iter();
        let (gone, left) = embryos.partition(|(peer, embryo)| which(peer, embryo));
        self.embryos = left;
        let gone: BTreeMap<SocketAddr, Embryo> = gone;
        if !gone.is_empty() {
            let sockets = gone.into_iter().map(|(peer, it)| (peer, it.socket));
            self.forgotten.extend(sockets);
            self.kernel.notify_one();
        }
    }
}
