//! Two tables that talk, and what strangers say to one. Time is an argument.

use std::time::Duration;

use bowline_policy::heartbeat::{Adaptive, Death, Fixed, Policy};
use proptest::prelude::*;

use super::super::event::State;
use super::super::keys::Key;
use super::super::packet::{PACKET_BYTES, PACKET_BYTES_MAX};
use super::super::settings::{Address, Session};
use super::*;
use crate::beat::Beat;

const WALL: u64 = 1_700_000_000_000_000;
const S: fn(u64) -> Duration = Duration::from_secs;

fn at(node: u32) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 7000 + u16::try_from(node).unwrap()))
}

fn key(id: u8) -> Key {
    Key::new(id, &[id; 32]).unwrap()
}

/// Every 10 s, and dead after 14.
fn policy() -> Fixed {
    Fixed::new(S(10), S(2), 2).unwrap()
}

/// Two tables, nodes 1 and 2, and the time between them.
struct Two {
    start: Instant,
    passed: Duration,
    /// By how much the clock of node 2 is ahead, in microseconds.
    ahead: u64,
    /// By how many parts per million it is faster.
    ppm: u64,
    policy: Policy,
    tables: [Table; 2],
}

impl Two {
    fn new(addresses: [Address; 2]) -> Self {
        Self::by(policy(), addresses)
    }

    fn by(policy: impl Into<Policy>, addresses: [Address; 2]) -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant will do as the first"
        )]
        let start = Instant::now();
        let mut two = Self {
            start,
            passed: Duration::ZERO,
            ahead: 0,
            ppm: 0,
            policy: policy.into(),
            tables: [1, 2].map(|node| Self::table(node, u64::from(node) * 100)),
        };
        let [of_two, of_one] = addresses;
        two.meet(1, of_two);
        two.meet(2, of_one);
        two
    }

    fn fixed() -> Self {
        Self::new([Address::Fixed(at(2)), Address::Fixed(at(1))])
    }

    fn table(node: u32, session: u64) -> Table {
        Table::new(Settings::new(node, Session(session.try_into().unwrap())))
    }

    fn meet(&mut self, node: u32, other_is: Address) {
        let now = self.now(node);
        let keys = Keys::new(key(7));
        let peer = PeerSettings::new(3 - node, other_is, keys, self.policy);
        self.of(node).add(now, peer).unwrap();
    }

    fn of(&mut self, node: u32) -> &mut Table {
        &mut self.tables[node as usize - 1]
    }

    fn now(&self, node: u32) -> Present {
        let micros = u64::try_from(self.passed.as_micros()).unwrap();
        let ahead = self.ahead + micros * self.ppm / 1_000_000;
        Present {
            at: self.start + self.passed,
            wall: WALL + micros + if node == 2 { ahead } else { 0 },
        }
    }

    /// What is due at `node` now.
    fn due(&mut self, node: u32) -> Vec<Outgoing> {
        let (now, mut out) = (self.now(node), Vec::new());
        self.of(node).poll(now, &mut out);
        out
    }

    /// `node` receives this from the other one, where it usually is.
    fn deliver(&mut self, node: u32, datagram: &[u8]) -> Option<Vec<u8>> {
        self.deliver_from(node, at(3 - node), datagram)
    }

    fn deliver_from(&mut self, node: u32, from: SocketAddr, datagram: &[u8]) -> Option<Vec<u8>> {
        let now = self.now(node);
        let answer = self.of(node).received(now, from, datagram);
        answer.map(|(to, bytes)| {
            assert_eq!(to, from);
            bytes.to_vec()
        })
    }

    /// Lets time pass in steps of 100 ms, losing what `lost` says of a sender;
    /// returns
    /// every packet with who said it.
    fn pass(&mut self, time: Duration, lost: impl Fn(u32) -> bool) -> Vec<(u32, Vec<u8>)> {
        let until = self.passed + time;
        let mut said = Vec::new();
        while self.passed < until {
            self.passed += Duration::from_millis(100);
            for node in [1, 2] {
                for (_, probe) in self.due(node) {
                    said.push((node, probe.to_vec()));
                    if lost(node) {
                        continue;
                    }
                    let Some(answer) = self.deliver(3 - node, &probe) else {
                        continue;
                    };
                    said.push((3 - node, answer.clone()));
                    if !lost(3 - node) {
                        self.deliver(node, &answer);
                    }
                }
            }
        }
        said
    }

    fn events(&mut self, node: u32) -> Vec<Event> {
        std::mem::take(&mut self.of(node).events)
    }

    fn last_refusal(&mut self, node: u32) -> Option<Refusal> {
        match self.events(node).pop() {
            Some(Event::Refused { why, .. }) => Some(why),
            _ => None,
        }
    }

    fn seen_by(&mut self, node: u32) -> Snapshot {
        let now = self.now(node);
        self.of(node).snapshot(now).remove(0)
    }
}

fn silence(events: &[Event]) -> bool {
    let dead = |event: &Event| {
        matches!(
            event,
            Event::Dead {
                death: Death::Silence { .. },
                ..
            }
        )
    };
    events.iter().any(dead)
}

#[test]
fn an_idle_pair_pays_for_one_probe_and_one_answer_per_interval() {
    let mut two = Two::fixed();
    two.pass(S(10), |_| false);
    let said = two.pass(S(100), |_| false);
    assert!((18..=22).contains(&said.len()), "{}", said.len());
    for node in [1, 2] {
        assert_eq!(two.seen_by(node).state, State::Up);
        assert!(!silence(&two.events(node)));
    }
}

// contract: heart-1
#[test]
fn neither_replayed_nor_forged_packets_nor_our_own_sending_keep_a_peer_alive() {
    let mut two = Two::fixed();
    let recorded = two.pass(S(60), |_| false);
    two.events(1);
    // Node 2 falls silent; whoever recorded all it ever said repeats it.
    let silent_since = two.passed;
    let mut died_after = None;
    while died_after.is_none() && two.passed < silent_since + S(30) {
        two.passed += Duration::from_millis(100);
        two.due(1);
        for (from, packet) in &recorded {
            two.deliver(1, packet);
            let mut forged = packet.clone();
            forged[4 + *from as usize] ^= 1;
            two.deliver(1, &forged);
        }
        if silence(&two.events(1)) {
            died_after = Some(two.passed - silent_since);
        }
    }
    let died_after = died_after.expect("nothing new was heard");
    assert!(
        died_after <= S(14) + Duration::from_millis(600),
        "{died_after:?}"
    );
    let refused = two.seen_by(1).counts.refused;
    assert!(refused[&Refusal::Replayed] > 100, "{refused:?}");
    assert!(refused[&Refusal::Forged] > 100, "{refused:?}");
}

#[test]
fn a_dead_peer_that_is_heard_again_is_up_again() {
    let mut two = Two::fixed();
    two.pass(S(20), |_| false);
    two.pass(S(30), |node| node == 2);
    assert!(silence(&two.events(1)));
    assert!(matches!(two.seen_by(1).state, State::Dead(_)));
    two.pass(S(11), |_| false);
    assert_eq!(two.events(1), [Event::Up { node: 2 }]);
    assert_eq!(two.seen_by(1).state, State::Up);
}

#[test]
fn a_recorded_claim_sends_one_probe_to_whom_it_names() {
    let mut two = Two::new([Address::Roaming(None), Address::Fixed(at(1))]);
    two.pass(S(30), |_| false);
    // Said by an earlier process of node 2, and repeated from elsewhere while it is silent.
    let claim = Packet {
        beat: Beat {
            node_id: 2,
            timestamp: WALL,
            status: Status::Ok,
            sequence: 1,
        },
        kind: Kind::Probe,
        key_id: 7,
        to: 1,
        session: 999,
        their_session: 0,
    };
    two.deliver_from(1, at(66), &claim.write(&key(7)));
    let mut probes = 0;
    for _ in 0..600 {
        two.passed += S(1);
        probes += two.due(1).iter().filter(|(to, _)| *to == at(66)).count();
    }
    assert_eq!(probes, 1);
}

// contract: heart-2
#[test]
fn a_peer_that_came_back_is_watched_from_then_on() {
    let policy = Adaptive::default();
    let mut two = Two::by(policy, [Address::Fixed(at(2)), Address::Fixed(at(1))]);
    two.pass(S(10), |_| false);
    two.pass(S(40), |node| node == 2);
    assert!(silence(&two.events(1)));
    // Heard once more, just after the probe that the dead are sent: and silent again.
    while matches!(two.seen_by(1).state, State::Dead(_)) {
        two.pass(Duration::from_millis(100), |_| false);
    }
    two.events(1);
    let back_at = two.passed;
    while !silence(&two.events(1)) {
        two.pass(Duration::from_millis(100), |node| node == 2);
        let bound = policy.ladder().start + policy.timeout() * policy.misses() + policy.tick();
        let silent = two.passed - back_at;
        assert!(silent <= bound, "{silent:?} is over {bound:?}");
    }
}

#[test]
fn a_restart_is_noticed_within_an_interval_and_is_no_death() {
    let mut two = Two::fixed();
    let recorded = two.pass(S(60), |_| false);
    two.events(1);
    *two.of(2) = Two::table(2, 555);
    two.meet(2, Address::Fixed(at(1)));
    let before = two.seen_by(1).counts.proofs;
    for (_, packet) in recorded.iter().filter(|(from, _)| *from == 2) {
        two.deliver(1, packet);
    }
    assert_eq!(two.seen_by(1).counts.proofs, before);
    two.pass(S(11), |_| false);
    let events = two.events(1);
    assert!(events.contains(&Event::Restarted { node: 2 }), "{events:?}");
    two.pass(S(60), |_| false);
    assert!(!silence(&two.events(1)) && !silence(&two.events(2)));
    // And what the first process said proves nothing to us, nor to the second.
    let before = two.seen_by(1).counts.proofs;
    for (from, packet) in &recorded {
        two.deliver(3 - from, packet);
    }
    assert_eq!(two.seen_by(1).counts.proofs, before);
}

#[test]
fn what_is_wrong_with_a_datagram_is_counted_by_name_and_not_answered() {
    let mut two = Two::fixed();
    two.pass(S(5), |_| false);
    let probe = Packet {
        beat: Beat {
            node_id: 2,
            timestamp: WALL,
            status: Status::Ok,
            sequence: 900,
        },
        kind: Kind::Probe,
        key_id: 7,
        to: 1,
        session: 200,
        their_session: 100,
    };
    let named = |packet: Packet| packet.write(&key(7));
    let mut forged = named(probe);
    forged[50] ^= 1;
    let mut unknown_kind = named(probe);
    unknown_kind[17] = 3;
    let mut stranger = probe;
    stranger.beat.node_id = 3;
    let answer = Kind::Answer { answered_at: WALL };
    for (datagram, why) in [
        (&named(probe)[..62], Refusal::Malformed),
        (&unknown_kind, Refusal::Malformed),
        (
            &named(Packet {
                session: 0,
                ..probe
            }),
            Refusal::Malformed,
        ),
        (&named(stranger), Refusal::UnknownNode),
        (&probe.write(&key(8)), Refusal::UnknownKey),
        (&forged, Refusal::Forged),
        (&named(Packet { to: 2, ..probe }), Refusal::NotForUs),
        (
            &named(Packet {
                kind: answer,
                ..probe
            }),
            Refusal::Unasked,
        ),
    ] {
        assert_eq!(two.deliver(1, datagram), None, "{why}");
        assert_eq!(two.last_refusal(1), Some(why));
    }
    assert_eq!(two.deliver_from(1, at(9), &named(probe)), None);
    assert_eq!(two.last_refusal(1), Some(Refusal::WrongAddress));

    assert!(two.deliver(1, &named(probe)).is_some());
    assert_eq!(two.deliver(1, &named(probe)), None);
    assert_eq!(two.last_refusal(1), Some(Refusal::Replayed));
    assert_eq!(two.of(1).strangers().refused.values().sum::<u64>(), 4);
}

#[test]
fn a_packet_sent_back_to_its_sender_proves_nothing() {
    let mut two = Two::fixed();
    two.pass(S(5), |_| false);
    two.passed += S(10);
    for (_, probe) in two.due(1) {
        assert_eq!(two.deliver(1, &probe), None);
        assert_eq!(two.last_refusal(1), Some(Refusal::UnknownNode));
    }
}

#[test]
fn a_later_version_may_say_more_and_is_answered_as_short_as_ever() {
    let mut two = Two::fixed();
    two.pass(S(5), |_| false);
    let probe = Packet {
        beat: Beat {
            node_id: 2,
            timestamp: WALL,
            status: Status::Busy,
            sequence: 900,
        },
        kind: Kind::Probe,
        key_id: 7,
        to: 1,
        session: 200,
        their_session: 100,
    };
    let mut longer = probe.write(&key(7))[..PACKET_BYTES - 16].to_vec();
    longer.extend([0xab; 300]);
    let tag = key(7).tag(&longer);
    longer.extend(tag);
    assert!(longer.len() < PACKET_BYTES_MAX);
    let answer = two.deliver(1, &longer).unwrap();
    assert_eq!(answer.len(), PACKET_BYTES);
    assert_eq!(two.seen_by(1).status, Some(Status::Busy));
}

#[test]
fn keys_change_without_a_gap() {
    let mut two = Two::fixed();
    let both = |sending, accepted| Keys::new(key(sending)).accepting(key(accepted)).unwrap();
    for (node, keys) in [
        (1, both(7, 8)),
        (2, both(7, 8)),
        (2, both(8, 7)),
        (1, both(8, 7)),
        (1, Keys::new(key(8))),
        (2, Keys::new(key(8))),
    ] {
        two.pass(S(25), |_| false);
        assert!(two.of(node).set_keys(3 - node, keys));
    }
    two.pass(S(25), |_| false);
    for node in [1, 2] {
        assert!(two.seen_by(node).counts.refused.is_empty());
        assert!(!silence(&two.events(node)));
    }
    assert!(!two.of(1).set_keys(9, Keys::new(key(8))));
}

#[test]
fn a_roaming_peer_is_found_where_it_speaks_and_not_where_a_replay_says() {
    let mut two = Two::new([Address::Roaming(None), Address::Fixed(at(1))]);
    assert_eq!(two.seen_by(1).address, None);
    let recorded = two.pass(S(30), |_| false);
    assert_eq!(two.seen_by(1).address, Some(at(2)));
    two.events(1);

    let (_, old) = recorded.iter().find(|(from, _)| *from == 2).unwrap();
    two.deliver_from(1, at(66), old);
    assert_eq!(two.seen_by(1).address, Some(at(2)));

    let probe = Packet {
        beat: Beat {
            node_id: 2,
            timestamp: WALL + 30_000_000,
            status: Status::Ok,
            sequence: 900,
        },
        kind: Kind::Probe,
        key_id: 7,
        to: 1,
        session: 200,
        their_session: 100,
    };
    two.deliver_from(1, at(3), &probe.write(&key(7)));
    let moved = Event::Moved {
        node: 2,
        from: at(2),
        to: at(3),
    };
    assert!(two.events(1).contains(&moved));
}

#[test]
fn a_probe_held_back_for_longer_than_a_silence_proves_nothing() {
    let mut two = Two::fixed();
    two.pass(S(60), |_| false);
    let held_back: Vec<_> = two
        .pass(S(12), |_| true)
        .into_iter()
        .filter(|(from, _)| *from == 2)
        .collect();
    assert!(!held_back.is_empty());
    two.pass(S(20), |_| true);
    two.events(1);
    let before = two.seen_by(1);
    assert!(matches!(before.state, State::Dead(_)));
    for (_, probe) in held_back {
        assert!(two.deliver(1, &probe).is_some(), "it is answered");
        assert_eq!(two.last_refusal(1), Some(Refusal::Late));
    }
    assert_eq!(two.seen_by(1).counts.proofs, before.counts.proofs);
}

#[test]
fn clocks_that_jump_are_told_and_kill_nobody() {
    let mut two = Two::fixed();
    two.pass(S(60), |_| false);
    for (jump, told) in [(7_200_000_000_u64, 7_200_000_000_i64), (0, -7_200_000_000)] {
        two.events(1);
        two.ahead = jump;
        two.pass(S(60), |_| false);
        let events = two.events(1);
        let jumps: Vec<_> = events
            .iter()
            .filter_map(|event| match event {
                Event::ClockJumped { micros, .. } => Some(*micros),
                _ => None,
            })
            .collect();
        assert_eq!(jumps, [told], "{events:?}");
        assert!(!silence(&events) && !silence(&two.events(2)));
        let offset = two.seen_by(1).offset.unwrap();
        assert!(offset.micros.abs_diff(i64::try_from(jump).unwrap()) < 100_000);
    }
    let now = two.now(1);
    two.of(1).clock_jumped(now);
    assert_eq!(two.due(1).len(), 1, "one fresh probe");
    two.pass(S(60), |_| false);
    assert!(!silence(&two.events(1)));
}

#[test]
fn a_drift_beyond_what_is_tolerated_is_told_once() {
    for (ppm, told) in [(400, 0), (900, 1)] {
        let mut two = Two::fixed();
        two.ppm = ppm;
        two.pass(S(300), |_| false);
        let prober = if two.seen_by(1).drift.is_some() { 1 } else { 2 };
        let drifts = |event: &&Event| matches!(event, Event::Drifting { .. });
        let events = two.events(prober);
        assert_eq!(events.iter().filter(drifts).count(), told, "{events:?}");
        let drift = two.seen_by(prober).drift.unwrap();
        assert!((drift.ppm.abs() - ppm as f64).abs() < 2.0, "{drift:?}");
        assert!(!silence(&events));
    }
}

#[test]
fn a_probe_that_was_overtaken_proves_life_and_tells_no_status() {
    let mut two = Two::fixed();
    two.pass(S(5), |_| false);
    for (sequence, status) in [(900, Status::Ok), (899, Status::Fault)] {
        let probe = Packet {
            beat: Beat {
                node_id: 2,
                timestamp: WALL + 5_000_000,
                status,
                sequence,
            },
            kind: Kind::Probe,
            key_id: 7,
            to: 1,
            session: 200,
            their_session: 100,
        };
        let proofs = two.seen_by(1).counts.proofs;
        two.deliver(1, &probe.write(&key(7)));
        assert_eq!(two.seen_by(1).counts.proofs, proofs + 1);
    }
    assert_eq!(two.seen_by(1).status, Some(Status::Ok));
}

#[test]
fn peers_are_refused_with_both_numbers() {
    let mut two = Two::fixed();
    let now = two.now(1);
    let peer = |node| PeerSettings::new(node, Address::Roaming(None), Keys::new(key(7)), policy());
    let refused = |table: &mut Table, node| table.add(now, peer(node)).unwrap_err().to_string();
    let table = two.of(1);
    assert_eq!(refused(table, 1), "node 1 is our own");
    assert_eq!(refused(table, 2), "node 2 is a peer already");
    for node in 3..=u32::try_from(PEERS_MAX).unwrap() + 1 {
        table.add(now, peer(node)).unwrap();
    }
    assert_eq!(
        refused(table, 5000),
        "node 5000 would be peer 1025, at most are 1024"
    );
    assert!(table.remove(now, 2).is_some());
    assert!(table.remove(now, 2).is_none());
    table.add(now, peer(5000)).unwrap();
}

#[test]
fn a_jump_of_our_own_clock_leaves_one_entry_per_peer() {
    let mut two = Two::fixed();
    two.pass(S(5), |_| false);
    for _ in 0..100 {
        let now = two.now(1);
        two.of(1).clock_jumped(now);
        two.due(1);
        assert_eq!(two.of(1).due.len(), 1);
        two.passed += Duration::from_millis(100);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic_or_say_more_than_was_said(
        datagrams in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..200), any::<bool>(), 0..2_u8, 0..4_u32, any::<bool>()),
            1..40,
        ),
    ) {
        let mut two = Two::new([Address::Roaming(None), Address::Fixed(at(1))]);
        two.pass(S(5), |_| false);
        for (mut bytes, sign, kind, node, known) in datagrams {
            // Most of them get past the first checks.
            if bytes.len() >= PACKET_BYTES && sign {
                bytes[..4].copy_from_slice(&node.to_be_bytes());
                bytes[17..23].copy_from_slice(&[kind + 1, 7, 0, 0, 0, 1]);
                if known {
                    bytes[23..31].copy_from_slice(&200_u64.to_be_bytes());
                    bytes[31..39].copy_from_slice(&100_u64.to_be_bytes());
                }
                bytes.truncate(bytes.len() - 16);
                let tag = key(7).tag(&bytes);
                bytes.extend(tag);
            }
            let answer = two.deliver_from(1, at(node), &bytes);
            prop_assert!(answer.is_none_or(|answer| answer.len() <= bytes.len()));
            two.passed += S(1);
            prop_assert!(two.due(1).len() <= 2);
        }
    }
}
