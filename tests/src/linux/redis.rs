//! A redis-server of the test's own, and our side of a link to it: lines, and PING as probe.

use std::io::{BufRead, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Duration;

use bowline_link::codec::{Limits, LineCodec};
use bowline_link::probing::{Probe, Probing, Sorted};
use bowline_link::{Stamp, Stamped};
use bowline_policy::heartbeat::Fixed;
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

use crate::services::{self, Running};

/// Where redis is, if the tests run with it.
pub(super) fn program() -> Option<String> {
    let found = services::program("redis-server", "redis-server")?;
    Some(found.to_str().unwrap().to_owned())
}

/// Starts `prefix` followed by redis on `ip`, and waits until it serves.
pub(super) fn start(prefix: &[String], program: &str, ip: IpAddr) -> (Running, SocketAddr) {
    let address = SocketAddr::new(ip, free_port(ip));
    let (port, ip) = (address.port().to_string(), ip.to_string());
    let mut words: Vec<&str> = prefix.iter().map(String::as_str).collect();
    words.extend([program, "--port", &port, "--bind", &ip]);
    words.extend(["--save", "", "--appendonly", "no", "--protected-mode", "no"]);
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdout(Stdio::piped());
    let mut redis = Running::start(&mut command);
    let stdout = redis.child().stdout.take().unwrap();
    let ready = BufReader::new(stdout)
        .lines()
        .any(|line| line.unwrap().contains("Ready to accept connections"));
    assert!(ready, "redis ended before it served on {address}");
    (redis, address)
}

/// A port of `ip` that was free a moment ago. An address that is not ours, as one in another
/// network namespace, has all of them free.
fn free_port(ip: IpAddr) -> u16 {
    #[expect(
        clippy::disallowed_methods,
        reason = "asks the kernel for a number; the socket is closed at once"
    )]
    let probe = std::net::TcpListener::bind((ip, 0));
    probe.map_or(6379, |socket| socket.local_addr().unwrap().port())
}

/// What redis understands as a probe.
#[derive(Debug)]
pub(super) struct Ping;

impl Probe for Ping {
    type Frame = Bytes;

    fn ping(&mut self, _next_interval: Duration) -> Bytes {
        Bytes::from_static(b"PING")
    }

    fn sort(&mut self, line: Bytes) -> Sorted<Bytes> {
        match line.as_ref() {
            b"+PONG" => Sorted::Answer,
            _ => Sorted::Item(line),
        }
    }
}

/// A probed link to redis.
pub(super) type Link = Probing<Framed<Stamped<TcpStream>, LineCodec>, Ping>;

/// Probes over `stream`; the stamp tells when the last byte came.
pub(super) fn probed(stream: TcpStream, policy: Fixed) -> (Link, Stamp) {
    let stamped = Stamped::new(stream);
    let stamp = stamped.stamp();
    let frames = Framed::new(stamped, LineCodec::new(Limits::default()));
    (Probing::new(frames, stamp.clone(), policy, Ping), stamp)
}
