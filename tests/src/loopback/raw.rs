//! A client in the fewest lines: a socket, and what docs/protocol.md says.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::{Value, json};

use super::DEADLINE;

/// A connection that speaks lines of JSON, or whatever bytes it is given.
#[derive(Debug)]
pub(super) struct Raw(BufReader<TcpStream>);

// === impl Raw ===

impl Raw {
    /// Connects and says nothing yet.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the other side: a program that knows the protocol and not our code"
    )]
    pub(super) fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self(BufReader::new(stream))
    }

    /// Connects, and is welcomed as `nick`.
    pub(super) fn welcomed(to: SocketAddr, nick: &str) -> Self {
        let mut raw = Self::connect(to);
        // A person answers no probes.
        raw.say(&json!({"op": "hello", "nick": nick, "ping_ms": 3_600_000}));
        assert_eq!(raw.hear()["op"], "welcome");
        raw
    }

    /// Says one line.
    pub(super) fn say(&mut self, what: &Value) {
        self.throw(format!("{what}\n").as_bytes()).unwrap();
    }

    /// Hears one line.
    #[track_caller]
    pub(super) fn hear(&mut self) -> Value {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}"))
    }

    /// Joins `room` and returns what is answered.
    pub(super) fn join(&mut self, room: &str, more: &Value) -> Value {
        let mut join = json!({"op": "join", "seq": 1, "room": room});
        let more = more.as_object().unwrap().clone();
        join.as_object_mut().unwrap().extend(more);
        self.say(&join);
        let joined = self.hear();
        assert_eq!(joined["op"], "joined", "{joined}");
        joined
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    ///
    /// The other side may have had enough of them.
    pub(super) fn throw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.get_mut().write_all(bytes)
    }

    /// All that comes until the other side ends the connection, however it does that.
    #[track_caller]
    pub(super) fn rest(mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the connection was not ended: {error}"),
        }
        rest
    }
}

/// The body of an HTTP page.
pub(super) fn get(from: SocketAddr, path: &str) -> String {
    let mut raw = Raw::connect(from);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {from}\r\n\r\n");
    raw.throw(request.as_bytes()).unwrap();
    let page = String::from_utf8(raw.rest()).unwrap();
    let (head, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body.to_owned()
}
