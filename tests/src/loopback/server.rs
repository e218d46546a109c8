//! `bowline serve` on a port of its own, killed and started again at will.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

use super::bowline;
use super::process::Process;
use super::raw;
use super::transcript::Transcript;

/// A server that listens.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) process: Process,
    /// Where clients connect.
    pub(super) chat: SocketAddr,
    /// Where the metrics are.
    metrics: SocketAddr,
    transcript: Transcript,
    arguments: Vec<String>,
    starts: u32,
}

// === impl Server ===

impl Server {
    /// Starts a server with `arguments` besides the addresses, and waits until it listens.
    pub(super) fn start(transcript: &Transcript, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let command = serve(unused_address(), &arguments);
        Self::listening(transcript, "server", command, arguments)
    }

    /// Starts `command`, which serves, and waits until it listens.
    pub(super) fn listening(
        transcript: &Transcript,
        name: &str,
        command: Command,
        arguments: Vec<String>,
    ) -> Self {
        let process = Process::start(transcript, name, command);
        let told = |start: &str, end: &str| -> SocketAddr {
            let address = transcript.wait_for(&format!("{name} to tell {start:?}"), |entries| {
                let lines = entries.iter().filter(|entry| entry.who == name);
                let mut lines = lines.filter_map(|entry| entry.line.as_deref());
                lines.find_map(|line| Some(line.strip_prefix(start)?.trim().to_owned()))
            });
            address.trim_end_matches(end).parse().unwrap()
        };
        Self {
            chat: told("chat ", ""),
            metrics: told("metrics  http://", "/metrics"),
            process,
            transcript: transcript.clone(),
            arguments,
            starts: 1,
        }
    }

    /// Starts it again after its end, with the same arguments on the same port.
    pub(super) fn start_again(&mut self) {
        let starts = self.starts + 1;
        let command = serve(self.chat, &self.arguments);
        let (name, arguments) = (format!("server, start {starts}"), self.arguments.clone());
        *self = Self {
            starts,
            ..Self::listening(&self.transcript, &name, command, arguments)
        };
    }

    /// All metrics as they are now.
    pub(super) fn metrics(&self) -> Metrics {
        Metrics(raw::get(self.metrics, "/metrics"))
    }
}

/// `bowline serve` at `address`, its metrics on some free port.
pub(super) fn serve(address: SocketAddr, arguments: &[String]) -> Command {
    let mut command = bowline();
    command
        .args(["serve", "--metrics", "127.0.0.1:0", "--listen"])
        .arg(address.to_string())
        .args(arguments);
    command
}

/// Some free port of a loopback address that no other test listens on: nobody else is
/// given the port of a server that is down.
pub(super) fn unused_address() -> SocketAddr {
    static TAKEN: AtomicU16 = AtomicU16::new(1);
    // Elsewhere than on Linux there is but one loopback address.
    if !cfg!(target_os = "linux") {
        return (Ipv4Addr::LOCALHOST, 0).into();
    }
    let [high, low] = TAKEN.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    (Ipv4Addr::new(127, 74, high, low), 0).into()
}

/// A page of metrics.
#[derive(Debug)]
pub(super) struct Metrics(String);

// === impl Metrics ===

impl Metrics {
    /// The value of `series`, a name with its labels as they stand on the page.
    #[track_caller]
    pub(super) fn value(&self, series: &str) -> u64 {
        let mut lines = self.0.lines();
        let value = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let value = value.unwrap_or_else(|| panic!("no {series} in\n{}", self.0));
        value.parse().unwrap()
    }
}
