//! Bytes that no client should send, with the codes that they are to be answered with.

use bytes::BytesMut;

use super::harness::*;
use crate::protocol::{CloseCode, Hello, Join, JoinFrom, Request, VERSION, Wire};

/// What it is, how it is written, the bytes, the code that they end a connection with.
type Nonsense = (&'static str, Wire, Vec<u8>, CloseCode);

pub(super) fn fatal() -> Vec<Nonsense> {
    let mut table = frames();
    table.extend(lines());
    table.extend(untimely(Wire::Binary));
    table.extend(untimely(Wire::Json));
    table
}

/// Frames that are none.
fn frames() -> Vec<Nonsense> {
    vec![
        (
            "a header that claims 4 GiB",
            Wire::Binary,
            frame(1, u32::MAX, b""),
            CloseCode::TOO_LARGE,
        ),
        (
            "a stranger's frame over 8 KiB",
            Wire::Binary,
            frame(1, 8193, b""),
            CloseCode::TOO_LARGE,
        ),
        (
            "a guest's frame over 64 KiB",
            Wire::Binary,
            [greeting(Wire::Binary), frame(3, 65_537, b"")].concat(),
            CloseCode::TOO_LARGE,
        ),
        (
            "half a magic number",
            Wire::Binary,
            b"\xB0\x00\x00".to_vec(),
            CloseCode::BAD_FRAME,
        ),
        (
            "a HELLO without its fields",
            Wire::Binary,
            frame(1, 1, b"\x01"),
            CloseCode::BAD_FRAME,
        ),
        (
            "garbage where a frame should begin",
            Wire::Binary,
            [greeting(Wire::Binary), b"GET / HTTP/1.1".to_vec()].concat(),
            CloseCode::BAD_FRAME,
        ),
        (
            "an unknown command before HELLO",
            Wire::Binary,
            frame(0x0FFF, 0, b""),
            CloseCode::UNKNOWN_COMMAND,
        ),
        (
            "an unknown command",
            Wire::Binary,
            [greeting(Wire::Binary), frame(0x0FFF, 0, b"")].concat(),
            CloseCode::UNKNOWN_COMMAND,
        ),
        (
            "what only a server says",
            Wire::Binary,
            [greeting(Wire::Binary), frame(4, 0, b"")].concat(),
            CloseCode::UNKNOWN_COMMAND,
        ),
    ]
}

/// Lines that are none.
fn lines() -> Vec<Nonsense> {
    vec![
        (
            "a stranger's line over 8 KiB",
            Wire::Json,
            [b"{".to_vec(), vec![b'x'; 8192]].concat(),
            CloseCode::TOO_LARGE,
        ),
        (
            "a guest's line over 64 KiB",
            Wire::Json,
            [greeting(Wire::Json), vec![b'{'; 65_537]].concat(),
            CloseCode::TOO_LARGE,
        ),
        (
            "a line that is no object",
            Wire::Json,
            b"{nonsense}\n".to_vec(),
            CloseCode::BAD_FRAME,
        ),
        (
            "a line that is not text",
            Wire::Json,
            b"{\"op\":\"hello\",\"nick\":\"\xff\xfe\"}\n".to_vec(),
            CloseCode::BAD_FRAME,
        ),
        (
            "a HELLO without a nick",
            Wire::Json,
            b"{\"op\":\"hello\"}\n".to_vec(),
            CloseCode::BAD_FRAME,
        ),
        (
            "an unknown op before HELLO",
            Wire::Json,
            b"{\"op\":\"sing\"}\n".to_vec(),
            CloseCode::HELLO_FIRST,
        ),
        (
            "depth without end",
            Wire::Json,
            [b"{\"op\":".to_vec(), vec![b'['; 8000], b"\n".to_vec()].concat(),
            CloseCode::BAD_FRAME,
        ),
    ]
}

/// Good requests at a bad time.
fn untimely(wire: Wire) -> Vec<Nonsense> {
    let twice = [hello("mallory", None), hello("mallory", None)];
    vec![
        (
            "JOIN before HELLO",
            wire,
            bytes_of(wire, &[join()]),
            CloseCode::HELLO_FIRST,
        ),
        (
            "PUBLISH before HELLO",
            wire,
            bytes_of(wire, &[publish(1)]),
            CloseCode::HELLO_FIRST,
        ),
        (
            "HELLO twice",
            wire,
            bytes_of(wire, &twice),
            CloseCode::HELLO_TWICE,
        ),
        (
            "an unknown version",
            wire,
            bytes_of(wire, &[from_the_future()]),
            CloseCode::VERSION,
        ),
    ]
}

pub(super) fn bytes_of(wire: Wire, requests: &[Request]) -> Vec<u8> {
    let mut out = BytesMut::new();
    for request in requests {
        wire.put_request(request, &mut out);
    }
    out.to_vec()
}

/// A frame with this header, its length as claimed and its payload as it is.
pub(super) fn frame(cmd: u16, claimed: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xB0, 0x1E];
    frame.extend(cmd.to_be_bytes());
    frame.extend(claimed.to_be_bytes());
    frame.extend(payload);
    frame
}

pub(super) fn greeting(wire: Wire) -> Vec<u8> {
    bytes_of(wire, &[hello("mallory", None)])
}

fn join() -> Request {
    Request::Join(Join {
        seq: 3,
        room: LOBBY.into(),
        from: Some(JoinFrom::Live),
    })
}

fn from_the_future() -> Request {
    Request::Hello(Hello {
        seq: 1,
        proto_min: VERSION + 1,
        proto_max: VERSION + 8,
        nick: "zoe".into(),
        client: String::new(),
        ping_ms: None,
    })
}
