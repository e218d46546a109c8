//! Both wire formats say the same, in the bytes the specification prints.

use bowline_link::codec::Limits;
use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;
use crate::log::{Epoch, Message, MsgId, Offset, Position};

const WIRES: [Wire; 2] = [Wire::Binary, Wire::Json];

fn limits() -> Limits {
    Limits::new(8 << 10, 64 << 10).unwrap()
}

fn position(offset: u64) -> Position {
    Position {
        epoch: Epoch(0x0123_4567_89ab_cdef),
        offset: Offset(offset),
    }
}

fn beat() -> Beat {
    Beat {
        node_id: 7,
        timestamp: 1_700_000_000_000_000,
        status: Status::Ok,
        sequence: 3,
    }
}

fn message(body: impl Into<Bytes>) -> RoomMessage {
    RoomMessage {
        room: RoomRef::Name("lobby".into()),
        epoch: Epoch(0x0123_4567_89ab_cdef),
        message: Message {
            offset: Offset(300),
            prev: Offset(299),
            msg_id: MsgId([0xa5; 16]),
            from: "ann".into(),
            guest: true,
            ts: 1_700_000_000_000,
            body: body.into(),
        },
    }
}

fn requests() -> Vec<Request> {
    let publish = |msg_id, body: &'static [u8]| {
        Request::Publish(Publish {
            seq: 9,
            room: RoomRef::Name("lobby".into()),
            msg_id,
            body: Bytes::from_static(body),
        })
    };
    let join = |from| {
        Request::Join(Join {
            seq: 2,
            room: "lobby".into(),
            from: Some(from),
        })
    };
    vec![
        Request::Hello(Hello {
            seq: 1,
            proto_min: 1,
            proto_max: 4,
            nick: "ann".into(),
            client: "bowline/0.1.0".into(),
            ping_ms: Some(3_600_000),
        }),
        join(JoinFrom::Live),
        join(JoinFrom::Since(position(300))),
        join(JoinFrom::History(20)),
        publish(Some(MsgId([1; 16])), b"hello"),
        publish(None, b"\xff\x00not text"),
        Request::Pong(beat()),
        Request::Close(Close::new(CloseCode::GOODBYE)),
    ]
}

fn replies() -> Vec<Reply> {
    let joined = |recovered| {
        Reply::Joined(Joined {
            seq: 2,
            room: "lobby".into(),
            number: 3,
            position: position(300),
            recovered,
            count: 17,
        })
    };
    vec![
        Reply::Welcome(Welcome {
            seq: 1,
            proto: 1,
            server: "bowline/0.1.0".into(),
            node_id: 7,
            conn_id: 1,
            user: "ann".into(),
            guest: true,
            ping_ms: 15_000,
            timeout_ms: 5_000,
            misses: 2,
            frame_bytes_max: 65_536,
            rooms_max: 64,
            inflight_max: 64,
            durable: true,
            server_time: 1_700_000_000_000,
        }),
        joined(None),
        joined(Some(false)),
        joined(Some(true)),
        Reply::Published(Published {
            seq: 9,
            position: position(301),
            duplicate: true,
            msg_id: None,
        }),
        Reply::Published(Published {
            seq: 9,
            position: position(301),
            duplicate: false,
            msg_id: Some(MsgId([2; 16])),
        }),
        Reply::Message(message("hello")),
        Reply::Message(message(&b"\xfe\xff"[..])),
        Reply::Error(Failure {
            seq: Some(2),
            code: ErrorCode::ROOMS_FULL,
            temporary: false,
            message: "no more rooms".into(),
        }),
        Reply::Ping(Ping {
            beat: beat(),
            interval_ms: 15_000,
        }),
        Reply::Close(Close::because(CloseCode::SHUTDOWN, "see you")),
    ]
}

#[test]
fn both_formats_read_what_they_write() {
    for wire in WIRES {
        let mut codec = WireCodec::new(wire, limits());
        codec.authenticated();
        let mut bytes = BytesMut::new();
        for request in requests() {
            wire.put_request(&request, &mut bytes);
        }
        for request in requests() {
            assert_eq!(codec.next_request(&mut bytes).unwrap(), Some(request));
        }
        for reply in replies() {
            wire.put_reply(&reply, &mut bytes);
        }
        for reply in replies() {
            assert_eq!(codec.next_reply(&mut bytes).unwrap(), Some(reply));
        }
        assert!(bytes.is_empty());
    }
}

#[test]
fn the_bytes_are_those_of_the_specification() {
    let publish = Request::Publish(Publish {
        seq: 9,
        room: RoomRef::Number(3),
        msg_id: Some(MsgId([0x11; 16])),
        body: Bytes::from_static(b"hi"),
    });
    let mut bytes = BytesMut::new();
    Wire::Binary.put_request(&publish, &mut bytes);
    assert_eq!(
        data_encoding::HEXLOWER.encode(&bytes),
        concat!(
            "b01e",
            "0003",
            "00000016", // header: magic, PUBLISH, 22 bytes
            "09",       // seq
            "0003",     // room by number, 3
            "01",       // flags: msg_id follows
            "11111111111111111111111111111111",
            "6869" // body
        )
    );
    let pong = Request::Pong(beat());
    bytes.clear();
    Wire::Binary.put_request(&pong, &mut bytes);
    assert_eq!(
        data_encoding::HEXLOWER.encode(&bytes),
        "b01e8006000000110000000700060a24181e40000000000003"
    );
    assert_eq!(bytes.len(), 8 + 17);
}

#[test]
fn a_person_may_leave_out_what_has_a_default() {
    let mut codec = WireCodec::new(Wire::Json, limits());
    let mut bytes = BytesMut::from(
        "\n{\"op\":\"hello\",\"nick\":\"zoe\",\"later\":true}\r\n{\"op\":\"join\",\"room\":\"lobby\"}\n\
         {\"op\":\"publish\",\"room\":\"lobby\",\"body\":\"hi\"}\n{\"op\":\"dance\",\"seq\":4}\n",
    );
    let mut next = || codec.next_request(&mut bytes).unwrap().unwrap();
    assert!(
        matches!(next(), Request::Hello(hello) if &*hello.nick == "zoe" && hello.proto_max == 1)
    );
    assert!(matches!(next(), Request::Join(join) if join.from == Some(JoinFrom::Live)));
    assert!(matches!(next(), Request::Publish(publish) if publish.msg_id.is_none()));
    assert_eq!(
        next(),
        Request::Unknown {
            seq: Some(4),
            op: "dance".into()
        }
    );
}

#[test]
fn since_and_history_together_reach_the_server_to_be_refused() {
    let mut codec = WireCodec::new(Wire::Json, limits());
    let line = "{\"op\":\"join\",\"room\":\"r\",\"history\":1,\
                \"since\":{\"epoch\":\"0000000000000001\",\"offset\":2}}\n";
    let join = codec.next_request(&mut BytesMut::from(line)).unwrap();
    assert!(matches!(join, Some(Request::Join(Join { from: None, .. }))));
}

#[test]
fn an_unknown_command_is_skipped_only_if_it_says_so() {
    for (command, skipped) in [(0x4abc_u16, true), (0x0abc, false)] {
        let mut codec = WireCodec::new(Wire::Binary, limits());
        let mut bytes = BytesMut::new();
        bytes.extend_from_slice(&bowline_link::codec::MAGIC.to_be_bytes());
        bytes.extend_from_slice(&command.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 1, 9]);
        match codec.next_request(&mut bytes) {
            Ok(Some(Request::Unknown { .. })) => assert!(skipped),
            Err(fault) => {
                assert!(!skipped);
                assert_eq!(Close::from(&fault).code, CloseCode::UNKNOWN_COMMAND);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn bytes_after_the_known_fields_are_ignored() {
    let mut bytes = BytesMut::new();
    Wire::Binary.put_request(&Request::Pong(beat()), &mut bytes);
    bytes.extend_from_slice(b"later");
    bytes[7] += 5;
    let mut codec = WireCodec::new(Wire::Binary, limits());
    let read = codec.next_request(&mut bytes).unwrap();
    assert_eq!(read, Some(Request::Pong(beat())));
}

#[test]
fn the_binary_form_is_as_much_smaller_as_it_is_meant_to_be() {
    for (body, smaller) in [(1, 60), (32, 60), (128, 35)] {
        let text = Reply::Message(message("x".repeat(body)));
        let mut numbered = message("x".repeat(body));
        numbered.room = RoomRef::Number(3);
        let (mut json, mut binary) = (BytesMut::new(), BytesMut::new());
        Wire::Json.put_reply(&text, &mut json);
        Wire::Binary.put_reply(&Reply::Message(numbered), &mut binary);
        let saved = 100 - 100 * binary.len() / json.len();
        assert!(
            saved >= smaller,
            "{body} bytes: {} against {}",
            binary.len(),
            json.len()
        );
    }
}

// contract: chat-8
proptest! {
    #[test]
    fn whatever_arrives_is_a_message_a_fault_or_not_enough(bytes: Vec<u8>, framed: bool) {
        for wire in WIRES {
            let mut codec = WireCodec::new(wire, limits());
            let mut input = BytesMut::new();
            if framed && wire == Wire::Binary {
                let command = bytes.first().copied().unwrap_or(0) & 7;
                input.extend_from_slice(&[0xb0, 0x1e, 0, command, 0, 0, 0]);
                input.extend_from_slice(&[bytes.len().min(255) as u8]);
            }
            input.extend_from_slice(&bytes);
            while let Ok(Some(_)) = codec.next_request(&mut input) {}
            let mut input = BytesMut::from(&bytes[..]);
            while let Ok(Some(_)) = codec.next_reply(&mut input) {}
        }
    }
}

#[test]
fn the_first_byte_says_which_format_is_spoken() {
    assert_eq!(Wire::sniff(0xb0), Some(Wire::Binary));
    assert_eq!(Wire::sniff(b'{'), Some(Wire::Json));
    for other in [0x16, b'G', 0x80, 0x00, 0xff, b'h'] {
        assert_eq!(Wire::sniff(other), None, "{other:#x}");
    }
}

#[test]
fn a_name_is_short_and_printable() {
    for good in ["lobby", "a", "été 2026", &"x".repeat(NAME_BYTES_MAX)] {
        assert!(is_name(good), "{good:?}");
    }
    for bad in [
        "",
        " lobby",
        "lobby ",
        "a\nb",
        "a\u{0}",
        &"x".repeat(NAME_BYTES_MAX + 1),
    ] {
        assert!(!is_name(bad), "{bad:?}");
    }
}
