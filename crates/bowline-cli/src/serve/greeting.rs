//! What a person reads when the server is up: where everything is, and what to type
//! next. Pure: it writes nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// Where `bowline chat` looks for a server unless told.
const CHAT_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7400);

/// What is where.
#[derive(Debug, Clone)]
pub(super) struct Greeting {
    /// Where clients connect, with the port really bound.
    pub(super) chat: SocketAddr,
    /// Where the metrics are.
    pub(super) metrics: SocketAddr,
    /// Where history is.
    pub(super) history: History,
    /// How this program was called, for the line that starts a client.
    pub(super) program: String,
}

/// Where history is.
#[derive(Debug, Clone)]
pub(super) enum History {
    /// In this file, on the disk before it is acknowledged.
    Durable(PathBuf),
    /// Gone with the process.
    Memory,
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            chat,
            metrics,
            program,
            ..
        } = self;
        let near = nearby(*chat);
        let server = match near == CHAT_DEFAULT {
            true => String::new(),
            false => format!(" --server {near}"),
        };
        let (host, port) = (near.ip(), near.port());
        write!(
            f,
            "\
bowline is serving; Ctrl-C stops it

chat     {chat}
metrics  http://{}/metrics
data     {}

Talk from a second terminal, and as somebody else from a third:

  {program} chat{server} --nick ann

Or speak JSON lines by hand:

  (echo '{{\"op\":\"hello\",\"nick\":\"bob\",\"ping_ms\":3600000}}'; echo '{{\"op\":\"join\",\"room\":\"lobby\"}}'; cat) | nc {host} {port}

and then type: {{\"op\":\"publish\",\"room\":\"lobby\",\"body\":\"ahoy\"}}
",
            nearby(*metrics),
            self.history
        )
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Durable(file) => write!(
                f,
                "{} (durable: what is acknowledged survives a power loss)",
                file.display()
            ),
            Self::Memory => f.write_str("memory (not durable: history ends with this process)"),
        }
    }
}

/// The address as this machine can reach it: every address means the loopback one.
fn nearby(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(chat: &str) -> String {
        Greeting {
            chat: chat.parse().unwrap(),
            metrics: "127.0.0.1:7401".parse().unwrap(),
            history: History::Memory,
            program: "bowline".to_owned(),
        }
        .to_string()
    }

    #[test]
    fn a_program_finds_each_address_on_a_line_of_its_own() {
        let text = greeting("127.0.0.1:40123");
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.contains(&"chat     127.0.0.1:40123"), "{text}");
        assert!(
            lines.contains(&"metrics  http://127.0.0.1:7401/metrics"),
            "{text}"
        );
    }

    #[test]
    fn the_line_to_type_names_the_server_only_where_it_must() {
        assert!(greeting("127.0.0.1:7400").contains("  bowline chat --nick ann\n"));
        let text = greeting("127.0.0.1:1");
        assert!(text.contains("  bowline chat --server 127.0.0.1:1 --nick ann\n"));
    }

    #[test]
    fn nobody_is_told_to_connect_to_every_address() {
        let text = greeting("[::]:7400");
        assert!(text.contains("chat     [::]:7400\n"), "{text}");
        assert!(text.contains("--server [::1]:7400"), "{text}");
        assert!(text.contains("nc ::1 7400"), "{text}");
    }
}
