//! Whatever bytes arrive: a close code or a close, counted; and nobody else notices.

use serde_json::Value;

use Answer::{Binary, Json, Nothing};

use super::look_until;
use super::raw::Raw;
use super::server::Server;
use super::talker::{Talker, notices};
use super::transcript::Transcript;

/// How often the whole series is sent.
const ROUNDS: usize = 50;

/// By how much resident memory may rise over all rounds.
const RISE_KIB_MAX: u64 = 8 * 1024;

/// A line no buffer should ever hold.
const HUGE_BYTES: usize = 10 << 20;

const HELLO: &[u8] = b"{\"op\":\"hello\",\"nick\":\"eve\"}\n";

/// Something no well-meaning client sends.
#[derive(Debug, Clone)]
struct Attack {
    what: &'static str,
    bytes: Vec<u8>,
    answer: Answer,
    /// What `/metrics` calls it.
    kind: &'static str,
}

/// What the attacker reads last before the connection ends.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Nothing,
    /// A CLOSE as a line of JSON.
    Json(u64),
    /// A CLOSE as a binary frame.
    Binary(u64),
}

// contract: chat-8
#[test]
fn hostile_bytes_get_their_code_are_counted_and_cost_nobody_anything() {
    let data = tempfile::tempdir().unwrap();
    let transcript = Transcript::default();
    let server = Server::start(&transcript, &["--data", data.path().to_str().unwrap()]);
    let mut ann = Talker::joined(&transcript, server.chat, "ann");
    let before = resident_kib(server.process.id());
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let mut kinds = Vec::new();
    for round in 0..ROUNDS {
        for attack in series(&mut noise) {
            meets_its_answer(&server, &attack);
            kinds.push(attack.kind);
        }
        ann.say(&round.to_string());
        ann.wait_for_notices("acked", round + 1);
    }
    let series = |kind: &str| format!("bowline_chat_bad_input_total{{kind={kind:?}}}");
    let metrics = look_until("everybody but ann to be gone", || {
        let metrics = server.metrics();
        (metrics.value("bowline_server_connections") == 1).then_some(metrics)
    });
    if let (Some(before), Some(after)) = (before, resident_kib(server.process.id())) {
        let rise = after.saturating_sub(before);
        assert!(rise < RISE_KIB_MAX, "{rise} KiB over {ROUNDS} rounds");
    }
    for kind in &kinds {
        let sent = kinds.iter().filter(|other| *other == kind).count();
        assert_eq!(metrics.value(&series(kind)), sent as u64, "{kind}");
    }
    assert_eq!(
        metrics.value("bowline_server_connections_opened_total"),
        kinds.len() as u64 + 1
    );

    let shown = ann.wait_for_messages(ROUNDS);
    assert!(
        shown
            .into_iter()
            .eq((0..ROUNDS).map(|round| format!("ann: {round}")))
    );
    ann.leaves_content();
    let entries = transcript.entries();
    assert_eq!(notices(&entries, "ann", "connected").count(), 1);
    assert_eq!(notices(&entries, "ann", "lost").count(), 0);
}

#[track_caller]
fn meets_its_answer(server: &Server, attack: &Attack) {
    let mut raw = Raw::connect(server.chat);
    // A server that has heard enough may hang up before it was all sent.
    let cut_short = raw.throw(&attack.bytes).is_err();
    let heard = raw.rest();
    let answer = Answer::last_of(&heard);
    // A reset may overtake the last word to somebody who goes on sending.
    let excused = (cut_short || attack.bytes.len() > HUGE_BYTES) && answer == Nothing;
    assert!(
        answer == attack.answer || excused,
        "{}: {answer:?}, {}",
        attack.what,
        shown(&heard)
    );
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// One of everything.
fn series(noise: &mut Noise) -> Vec<Attack> {
    [garbage(noise), too_much(), out_of_turn()].concat()
}

/// What is no frame and no line.
fn garbage(noise: &mut Noise) -> Vec<Attack> {
    let behind_hello = [HELLO, b"{"].concat();
    vec![
        attack("noise", noise.bytes(b"\xFF"), Nothing, "unknown_first_byte"),
        attack(
            "noise behind a magic byte",
            noise.bytes(b"\xB0\xFF"),
            Binary(3500),
            "bad_frame",
        ),
        attack("noise as a line", noise.line(b"{"), Json(3500), "bad_frame"),
        attack(
            "noise behind HELLO",
            noise.line(&behind_hello),
            Json(3500),
            "bad_frame",
        ),
    ]
}

/// What claims to be large, and what is.
fn too_much() -> Vec<Attack> {
    let claim = |cmd| header(cmd, u32::MAX);
    let huge = [&HELLO[..HELLO.len() - 3], &[b'e'; HUGE_BYTES]].concat();
    let behind_hello = [HELLO, &huge].concat();
    vec![
        attack(
            "a header that claims 4 GiB",
            claim(0x0001),
            Binary(3502),
            "too_large",
        ),
        attack(
            "the same behind HELLO",
            [binary_hello(1), claim(0x0003)].concat(),
            Binary(3502),
            "too_large",
        ),
        attack("a line of 10 MiB", huge, Json(3502), "too_large"),
        attack(
            "the same behind HELLO",
            behind_hello,
            Json(3502),
            "too_large",
        ),
    ]
}

/// What would be in order at another time.
fn out_of_turn() -> Vec<Attack> {
    let hello_to_come = b"{\"op\":\"hello\",\"proto_min\":9,\"proto_max\":12,\"nick\":\"eve\"}\n";
    let join = b"{\"op\":\"join\",\"room\":\"lobby\"}\n";
    vec![
        attack(
            "HELLO of a version to come",
            hello_to_come.to_vec(),
            Json(3503),
            "version",
        ),
        attack(
            "the same in binary",
            binary_hello(9),
            Binary(3503),
            "version",
        ),
        attack(
            "JOIN before HELLO",
            join.to_vec(),
            Json(3504),
            "hello_first",
        ),
        attack(
            "the same in binary",
            frame(0x0002, b"\x01\x05lobby\x00"),
            Binary(3504),
            "hello_first",
        ),
        attack("HELLO twice", HELLO.repeat(2), Json(3505), "hello_twice"),
        attack(
            "a command from nowhere",
            [binary_hello(1), header(0x0FFF, 0)].concat(),
            Binary(3501),
            "unknown_command",
        ),
    ]
}

fn attack(what: &'static str, bytes: Vec<u8>, answer: Answer, kind: &'static str) -> Attack {
    Attack {
        what,
        bytes,
        answer,
        kind,
    }
}

/// HELLO of somebody who speaks only this version of the protocol.
fn binary_hello(version: u8) -> Vec<u8> {
    let fields: [&[u8]; 3] = [&[1, version, version], b"\x03eve", b"\x00\x00"];
    frame(0x0001, &fields.concat())
}

fn header(cmd: u16, length: u32) -> Vec<u8> {
    [
        b"\xB0\x1E".as_slice(),
        &cmd.to_be_bytes(),
        &length.to_be_bytes(),
    ]
    .concat()
}

fn frame(cmd: u16, payload: &[u8]) -> Vec<u8> {
    [&*header(cmd, payload.len() as u32), payload].concat()
}

/// Bytes that mean nothing, the same in every run.
struct Noise(u64);

impl Noise {
    /// `start` and up to 4 KiB of noise, less than a stranger may send in one piece.
    fn bytes(&mut self, start: &[u8]) -> Vec<u8> {
        let length = self.next() % 4096;
        let noise = (0..length).map(|_| self.next() as u8);
        let noise: Vec<u8> = noise.collect();
        [start, &noise].concat()
    }

    /// The same as a line.
    fn line(&mut self, start: &[u8]) -> Vec<u8> {
        [&*self.bytes(start), b"\n"].concat()
    }

    // Marsaglia's xorshift: any sequence would do.
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 16
    }
}

impl Answer {
    fn last_of(heard: &[u8]) -> Self {
        if heard.is_empty() {
            return Self::Nothing;
        }
        if heard[0] == b'{' {
            let text = std::str::from_utf8(heard).unwrap();
            let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
            assert_eq!(last["op"], "close", "{text}");
            return Self::Json(last["code"].as_u64().unwrap());
        }
        let mut frames = heard;
        loop {
            let (head, rest) = frames.split_at(8);
            let length = u32::from_be_bytes(head[4..].try_into().unwrap()) as usize;
            let (payload, rest) = rest.split_at(length);
            if rest.is_empty() {
                assert_eq!(head[..4], *b"\xB0\x1E\x00\x07", "{}", shown(heard));
                return Self::Binary(varint(payload));
            }
            frames = rest;
        }
    }
}

fn varint(bytes: &[u8]) -> u64 {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        value |= u64::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            break;
        }
    }
    value
}

/// How much of a process is in memory, where the system tells it in this way.
fn resident_kib(process: u32) -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.unwrap().trim().trim_end_matches(" kB");
    Some(number.parse().unwrap())
}
