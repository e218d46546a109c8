//! Vectors, made apart from this code, and bytes of all kinds.

use data_encoding::HEXLOWER;
use proptest::prelude::*;

use super::*;
use crate::beat::Status;

const PROBE_HEX: [&str; 11] = [
    "00000001",                         // node_id
    "00060a24181e4000",                 // timestamp
    "00",                               // status
    "00000003",                         // sequence
    "01",                               // kind
    "07",                               // key_id
    "00000002",                         // to
    "0000000000000064",                 // session
    "00000000000000c8",                 // their_session
    "0000000000000000",                 // answered_at
    "9cc8ae24299a8c9d6c57cc7daf2cc189", // tag
];

const ANSWER_HEX: [&str; 11] = [
    "00000002",                         // node_id
    "00060a24181e4000",                 // timestamp
    "00",                               // status
    "00000003",                         // sequence
    "02",                               // kind
    "07",                               // key_id
    "00000001",                         // to
    "00000000000000c8",                 // session
    "0000000000000064",                 // their_session
    "00060a24181e40fa",                 // answered_at
    "4eef5b280854e17811c43ab8bdfa141d", // tag
];

/// Node 1 in session 100 probes node 2 in session 200, under 32 bytes of 7.
fn probe() -> Packet {
    Packet {
        beat: Beat {
            node_id: 1,
            timestamp: 1_700_000_000_000_000,
            status: Status::Ok,
            sequence: 3,
        },
        kind: Kind::Probe,
        key_id: 7,
        to: 2,
        session: 100,
        their_session: 200,
    }
}

fn answer() -> Packet {
    Packet {
        beat: probe().beat.answer(2),
        kind: Kind::Answer {
            answered_at: 1_700_000_000_000_250,
        },
        key_id: 7,
        to: 1,
        session: 200,
        their_session: 100,
    }
}

fn key() -> Key {
    Key::new(7, &[7; 32]).unwrap()
}

#[test]
fn a_probe_and_its_answer_are_laid_out_as_documented() {
    for (packet, hex) in [(probe(), PROBE_HEX), (answer(), ANSWER_HEX)] {
        let written = packet.write(&key());
        assert_eq!(HEXLOWER.encode(&written), hex.concat());
        assert!(key().verifies(&written));
        assert_eq!(Packet::read(&written), Ok(packet));
    }
    assert_eq!(PACKET_BYTES, 63);
}

#[test]
fn what_is_no_packet_is_refused_with_what_it_is() {
    let mut bytes = probe().write(&key());
    let short = Packet::read(&bytes[..62]).unwrap_err();
    assert_eq!(short.to_string(), "62 bytes are less than 63");
    bytes[17] = 9;
    assert_eq!(Packet::read(&bytes), Err(Malformed::Kind { kind: 9 }));
    let stateless = Packet {
        session: 0,
        ..probe()
    };
    let bytes = stateless.write(&key());
    assert_eq!(Packet::read(&bytes), Err(Malformed::NoSession));
}

proptest! {
    #[test]
    fn any_bytes_are_a_packet_or_not_and_say_again_what_they_said(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Some(kind) = bytes.get_mut(KIND_AT) {
            *kind %= 4;
        }
        if let Ok(packet) = Packet::read(&bytes) {
            let again = Key::new(packet.key_id, &[7; 32]).unwrap();
            let again = packet.write(&again);
            let answered = matches!(packet.kind, Kind::Answer { .. });
            let known = if answered { BODY_BYTES } else { ANSWERED_AT };
            prop_assert_eq!(&again[..12], &bytes[..12]);
            prop_assert_eq!(&again[13..known], &bytes[13..known]);
        }
    }
}
