//! All peers of one socket: from a datagram to what it proves, from the present
//! to what is due. It has neither a socket nor a clock.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Instant;

use super::event::{Counts, Event, Refusal, Snapshot};
use super::keys::Keys;
use super::packet::{Kind, Packet};
use super::peer::{Outgoing, Peer, Present};
use super::settings::{InvalidPeer, PEERS_MAX, PeerSettings, Settings, canonical};
use crate::beat::Status;

#[derive(Debug)]
pub(super) struct Table {
    we: Settings,
    status: Status,
    peers: BTreeMap<u32, Peer>,
    /// When to ask which peer next. What happens to a living peer only puts it
    /// off, so an entry may come too early, never too late; one that comes back
    /// from the dead is asked at once.
    due: BTreeSet<(Instant, u32)>,
    /// Of datagrams that name no peer.
    strangers: Counts,
    /// What happened and was not told yet.
    pub(super) events: Vec<Event>,
}

// === impl Table ===

impl Table {
    pub(super) fn new(we: Settings) -> Self {
        Self {
            we,
            status: Status::Ok,
            peers: BTreeMap::new(),
            due: BTreeSet::new(),
            strangers: Counts::default(),
            events: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, now: Present, peer: PeerSettings) -> Result<(), InvalidPeer> {
        let node = peer.node;
        if node == self.we.node {
            return Err(InvalidPeer::Ourselves { node });
        }
        if self.peers.contains_key(&node) {
            return Err(InvalidPeer::Known { node });
        }
        if self.peers.len() == PEERS_MAX {
            return Err(InvalidPeer::TooMany {
                node,
                peers: PEERS_MAX + 1,
                most: PEERS_MAX,
            });
        }
        self.peers.insert(node, Peer::new(self.we, peer, now.at));
        self.due.insert((now.at, node));
        Ok(())
    }

    pub(super) fn remove(&mut self, now: Present, node: u32) -> Option<Snapshot> {
        self.due.retain(|(_, due)| *due != node);
        let peer = self.peers.remove(&node)?;
        Some(peer.snapshot(now))
    }

    pub(super) fn set_keys(&mut self, node: u32, keys: Keys) -> bool {
        let peer = self.peers.get_mut(&node);
        peer.map(|peer| peer.set_keys(keys)).is_some()
    }

    pub(super) fn set_status(&mut self, status: Status) {
        self.status = status;
    }

    /// Takes a datagram in. The answer, if there is one, is never longer.
    pub(super) fn received(
        &mut self,
        now: Present,
        from: SocketAddr,
        datagram: &[u8],
    ) -> Option<Outgoing> {
        let from = canonical(from);
        let Ok(packet) = Packet::read(datagram) else {
            return self.refuse_stranger(from, Refusal::Malformed);
        };
        let node = packet.beat.node_id;
        let Some(peer) = self.peers.get_mut(&node) else {
            return self.refuse_stranger(from, Refusal::UnknownNode);
        };
        let was_dead = peer.is_dead();
        let events = &mut self.events;
        let believed = match peer.key(packet.key_id) {
            None => Err(Refusal::UnknownKey),
            Some(key) if !key.verifies(datagram) => Err(Refusal::Forged),
            Some(_) if packet.to != self.we.node => Err(Refusal::NotForUs),
            Some(_) if !peer.may_be_at(from) => Err(Refusal::WrongAddress),
            Some(_) => Ok(()),
        };
        let answer = believed.and_then(|()| match packet.kind {
            Kind::Probe => peer
                .probed(now, from, &packet, self.status, events)
                .map(Some),
            Kind::Answer { answered_at } => peer
                .answered(now, from, &packet, answered_at, events)
                .map(|()| None),
        });
        let answer = answer.unwrap_or_else(|why| {
            peer.refused(from, why, events);
            None
        });
        if was_dead && !peer.is_dead() {
            self.due.retain(|(_, due)| *due != node);
            self.due.insert((now.at, node));
        }
        answer
    }

    /// What is due, appended to `out`: at most two datagrams per peer.
    pub(super) fn poll(&mut self, now: Present, out: &mut Vec<Outgoing>) {
        while let Some((at, node)) = self.due.first().copied() {
            if at > now.at {
                return;
            }
            self.due.pop_first();
            if let Some(peer) = self.peers.get_mut(&node) {
                let next = peer.poll(now, self.status, out, &mut self.events);
                self.due.insert((next, node));
            }
        }
    }

    /// When to [`poll`](Self::poll) again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Notes that our time of day jumped.
    pub(super) fn clock_jumped(&mut self, now: Present) {
        self.events.push(Event::OwnClockJumped);
        self.due.clear();
        for (node, peer) in &mut self.peers {
            peer.clock_jumped(now);
            self.due.insert((now.at, *node));
        }
    }

    pub(super) fn snapshot(&self, now: Present) -> Vec<Snapshot> {
        let peers = self.peers.values();
        peers.map(|peer| peer.snapshot(now)).collect()
    }

    pub(super) fn strangers(&self) -> Counts {
        self.strangers.clone()
    }

    fn refuse_stranger(&mut self, from: SocketAddr, why: Refusal) -> Option<Outgoing> {
        self.strangers.refuse(why);
        let node = None;
        self.events.push(Event::Refused { from, node, why });
        None
    }
}

#[cfg(test)]
mod tests;
