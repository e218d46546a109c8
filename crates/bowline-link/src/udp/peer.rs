//! One peer: what it said, whether it lives, what to say to it. It sees only
//! packets whose tag was verified, and trusts none to be new.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bowline_policy::heartbeat::{Death, Next, Policy, Prober};

use super::event::{Counts, Event, Refusal, Snapshot, State};
use super::keys::{Key, Keys};
use super::packet::{Kind, PACKET_BYTES, Packet};
use super::peer_clock::PeerClock;
use super::rtt::Rtt;
use super::settings::{Address, PeerSettings, Settings};
use crate::beat::{Beat, Status};

mod exchange;

pub use exchange::WAITING_MAX;
use exchange::{Answered, Exchange, Probed};

/// The present, on both of our clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Present {
    pub(super) at: Instant,
    /// The time of day, in microseconds since 1970.
    pub(super) wall: u64,
}

/// A datagram ready to be sent.
pub(super) type Outgoing = (SocketAddr, [u8; PACKET_BYTES]);

#[derive(Debug)]
pub(super) struct Peer {
    node: u32,
    we: Settings,
    keys: Keys,
    roams: bool,
    policy: Policy,
    /// Where it is, as far as that is proved.
    address: Option<SocketAddr>,
    /// Where it claims to be, in a session we do not know.
    claimed: Option<SocketAddr>,
    life: Life,
    /// Probed first then, to learn its session; each node at its own moment.
    first_probe_at: Option<Instant>,
    exchange: Exchange,
    heard_at: Option<Instant>,
    status: Option<Status>,
    rtt: Option<Rtt>,
    clock: PeerClock,
    drifting: bool,
    pub(super) counts: Counts,
}

#[derive(Debug)]
enum Life {
    Living { prober: Box<Prober>, heard: bool },
    Dead { death: Death, probe_at: Instant },
}

// === impl Peer ===

impl Peer {
    pub(super) fn new(we: Settings, settings: PeerSettings, now: Instant) -> Self {
        let PeerSettings {
            node,
            address,
            keys,
            policy,
        } = settings;
        let (roams, address) = match address {
            Address::Fixed(at) => (false, Some(at)),
            Address::Roaming(at) => (true, at),
        };
        Self {
            node,
            we,
            keys,
            roams,
            address,
            claimed: None,
            life: Life::Living {
                prober: Box::new(Prober::new(policy, now)),
                heard: false,
            },
            first_probe_at: Some(now + spread(we.node, node, policy.timeout())),
            policy,
            exchange: Exchange::new(we.session),
            heard_at: None,
            status: None,
            rtt: None,
            clock: PeerClock::default(),
            drifting: false,
            counts: Counts::default(),
        }
    }

    pub(super) fn key(&self, id: u8) -> Option<&Key> {
        self.keys.find(id)
    }

    pub(super) fn set_keys(&mut self, keys: Keys) {
        self.keys = keys;
    }

    pub(super) fn is_dead(&self) -> bool {
        matches!(self.life, Life::Dead { .. })
    }

    pub(super) fn may_be_at(&self, from: SocketAddr) -> bool {
        self.roams || self.address == Some(from)
    }

    /// A probe whose tag is right. The answer to it, unless it is a repetition.
    pub(super) fn probed(
        &mut self,
        now: Present,
        from: SocketAddr,
        packet: &Packet,
        status: Status,
        events: &mut Vec<Event>,
    ) -> Result<Outgoing, Refusal> {
        match self.exchange.probed(packet)? {
            Probed::New { newest } => {
                let age = self.clock.age(now.at, packet.beat.timestamp);
                if age.is_some_and(|age| age > self.policy.silence_max()) {
                    self.refused(from, Refusal::Late, events);
                } else {
                    self.proved(now, from, newest, packet.beat.status, events);
                    self.sent(now);
                }
            }
            Probed::Stranger if self.roams && self.address != Some(from) => {
                self.claimed = Some(from);
            }
            Probed::Stranger => {}
        }
        self.counts.answers += 1;
        let answered_at = now.wall;
        let answer = Packet {
            beat: Beat {
                status,
                ..packet.beat.answer(self.we.node)
            },
            kind: Kind::Answer { answered_at },
            to: self.node,
            session: self.exchange.session(),
            their_session: packet.session,
            ..*packet
        };
        let key = self.keys.find(packet.key_id);
        let key = key.unwrap_or(self.keys.sending());
        Ok((from, answer.write(key)))
    }

    /// An answer whose tag is right.
    pub(super) fn answered(
        &mut self,
        now: Present,
        from: SocketAddr,
        packet: &Packet,
        answered_at: u64,
        events: &mut Vec<Event>,
    ) -> Result<(), Refusal> {
        let answered = self.exchange.answered(now.at, packet)?;
        if answered.restarted {
            events.push(Event::Restarted { node: self.node });
        }
        let Answered { rtt, newest, .. } = answered;
        self.rtt = Some(self.rtt.map_or(Rtt::first(rtt), |known| known.then(rtt)));
        self.compare_clocks(now, rtt, answered_at, events);
        self.proved(now, from, newest, packet.beat.status, events);
        Ok(())
    }

    /// What is due; the datagrams are appended to `out`. Returns when to ask
    /// again.
    pub(super) fn poll(
        &mut self,
        now: Present,
        status: Status,
        out: &mut Vec<Outgoing>,
        events: &mut Vec<Event>,
    ) -> Instant {
        if self.first_probe_at.is_some_and(|at| at <= now.at) {
            self.first_probe_at = None;
            self.sent(now);
            self.probe(now, status, out);
        }
        loop {
            match &mut self.life {
                Life::Living { prober, .. } => match prober.poll(now.at) {
                    Next::Wait(at) => return self.first_probe_at.map_or(at, |first| first.min(at)),
                    Next::Probe { .. } => self.probe(now, status, out),
                    Next::Dead(death) => {
                        let node = self.node;
                        events.push(Event::Dead { node, death });
                        let probe_at = now.at + self.policy.ladder().max;
                        self.life = Life::Dead { death, probe_at };
                    }
                },
                Life::Dead { probe_at, .. } => {
                    if *probe_at > now.at {
                        return *probe_at;
                    }
                    *probe_at = now.at + self.policy.ladder().max;
                    self.probe(now, status, out);
                }
            }
        }
    }

    /// Our own clock jumped: ask [`poll`](Self::poll) again.
    pub(super) fn clock_jumped(&mut self, now: Present) {
        if let Life::Living { prober, .. } = &mut self.life {
            prober.clock_jumped(now.at);
        }
    }

    pub(super) fn refused(&mut self, from: SocketAddr, why: Refusal, events: &mut Vec<Event>) {
        self.counts.refuse(why);
        let node = Some(self.node);
        events.push(Event::Refused { from, node, why });
    }

    pub(super) fn snapshot(&self, now: Present) -> Snapshot {
        Snapshot {
            node: self.node,
            state: match self.life {
                Life::Living { heard: false, .. } => State::Starting,
                Life::Living { heard: true, .. } => State::Up,
                Life::Dead { death, .. } => State::Dead(death),
            },
            address: self.address,
            status: self.status,
            heard_at: self.heard_at.map(tokio::time::Instant::from_std),
            rtt: self.rtt,
            offset: self.clock.offset(now.at, now.wall),
            drift: self.clock.drift(),
            counts: self.counts.clone(),
        }
    }

    /// The peer lives: what it said is authentic and new.
    fn proved(
        &mut self,
        now: Present,
        from: SocketAddr,
        newest: bool,
        status: Status,
        events: &mut Vec<Event>,
    ) {
        let node = self.node;
        self.counts.proofs += 1;
        self.heard_at = Some(now.at);
        let up = match &mut self.life {
            Life::Living { prober, heard } => {
                prober.received(now.at);
                !std::mem::replace(heard, true)
            }
            Life::Dead { .. } => {
                let prober = Box::new(Prober::new(self.policy, now.at));
                let heard = true;
                self.life = Life::Living { prober, heard };
                true
            }
        };
        if up {
            events.push(Event::Up { node });
        }
        // What was overtaken on the way tells neither mood nor place.
        if !newest {
            return;
        }
        let felt = self.status.replace(status);
        if felt != Some(status) {
            events.push(Event::StatusChanged {
                node,
                from: felt,
                to: status,
            });
        }
        if self.roams {
            self.claimed = None;
            if let Some(was) = self.address.replace(from).filter(|was| *was != from) {
                let (from, to) = (was, from);
                events.push(Event::Moved { node, from, to });
            }
        }
    }

    fn sent(&mut self, now: Present) {
        if let Life::Living { prober, .. } = &mut self.life {
            prober.sent(now.at);
        }
    }

    fn compare_clocks(
        &mut self,
        now: Present,
        rtt: Duration,
        answered_at: u64,
        events: &mut Vec<Event>,
    ) {
        let node = self.node;
        if let Some(micros) = self.clock.sample(now.at, rtt, answered_at) {
            events.push(Event::ClockJumped { node, micros });
        }
        let Some(drift) = self.clock.drift() else {
            return;
        };
        let tolerated = f64::from(self.we.drift_ppm_max);
        let drifting = drift.ppm.abs() - drift.error_ppm > tolerated;
        if drifting && !self.drifting {
            events.push(Event::Drifting { node, drift });
        }
        self.drifting = drifting;
    }

    /// Probes the peer where it is, and where it claims to be.
    fn probe(&mut self, now: Present, status: Status, out: &mut Vec<Outgoing>) {
        if self.address.is_none() && self.claimed.is_none() {
            return;
        }
        let beat = Beat {
            node_id: self.we.node,
            timestamp: now.wall,
            status,
            sequence: self.exchange.probe(now.at, now.wall),
        };
        let key = self.keys.sending();
        let packet = Packet {
            beat,
            kind: Kind::Probe,
            key_id: key.id(),
            to: self.node,
            session: self.exchange.session(),
            their_session: self.exchange.their_session(),
        };
        let bytes = packet.write(key);
        // A claim costs one probe. Whoever made it in earnest makes it again, and
        // a recorded one must not have us probe a stranger for ever.
        let places = [self.address, self.claimed.take()];
        for to in places.into_iter().flatten() {
            self.counts.probes += 1;
            out.push((to, bytes));
        }
    }
}

/// When within `limit` the first probe between two nodes is due, so that who
/// starts with many peers, or with whom many start, is not run over. A fixed
/// mix of both numbers (that of splitmix64), which nobody needs to guess wrong.
fn spread(we: u32, they: u32, limit: Duration) -> Duration {
    let mut mixed = u64::from(we) << 32 | u64::from(they);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let share = (mixed ^ (mixed >> 31)) >> 40;
    limit.mul_f64(share as f64 / f64::from(1_u32 << 24))
}
