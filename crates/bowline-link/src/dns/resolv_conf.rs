//! The name servers of a text like that of `/etc/resolv.conf`. It opens no file, and search
//! lists and options count for nothing here.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use super::{PORT, SERVERS_MAX};

/// How many lines that could not be used are told: more say nothing new.
pub const SKIPPED_MAX: usize = 16;

/// What a text like that of `/etc/resolv.conf` says of name servers. It is a list of servers
/// for [`Settings::new`](super::Settings::new).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameServers {
    /// Whom to ask, in this order: from 1 to [`SERVERS_MAX`].
    pub servers: Vec<SocketAddr>,
    /// The lines up to the last of those servers that could not be used, the first
    /// [`SKIPPED_MAX`] of them: worth a word in a log.
    pub skipped: Vec<Skipped>,
}

/// A line of resolv.conf(5) names a server that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text:?} is no address of a name server")]
#[non_exhaustive]
pub struct Skipped {
    /// Which, counted from one.
    pub line: usize,
    /// What stands there for an address.
    pub text: String,
}

/// A text like that of `/etc/resolv.conf` names no server that could be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no name server that could be asked{}", told(.skipped))]
#[non_exhaustive]
pub struct InvalidResolvConf {
    /// The lines that name one that cannot be used, the first [`SKIPPED_MAX`]; none where no
    /// line names any.
    pub skipped: Vec<Skipped>,
}

/// The name servers in a text like that of `/etc/resolv.conf`: the first [`SERVERS_MAX`] that
/// can be used, as its readers take them. Everything else in it counts for nothing here.
///
/// A line that cannot be used is passed over, as the others are good all the same, and is
/// told. That is a `nameserver` line without an address, and one whose scope has a name, such
/// as `fe80::1%eth0`: only the machine knows what its interfaces are called. With the
/// interface's number, such as `fe80::1%2`, it is used. Addresses that are not link-local have
/// no scope (RFC 4007, section 11), and their answers come from an address without one.
///
/// # Errors
///
/// Where no server can be used, with the lines; also where no line names one: resolv.conf(5)
/// would ask this machine then, which mostly has no name server and keeps silent.
pub fn name_servers(text: &str) -> Result<NameServers, InvalidResolvConf> {
    let (mut servers, mut skipped) = (Vec::new(), Vec::new());
    for (line, words) in (1..).zip(text.lines()) {
        if servers.len() == SERVERS_MAX {
            break;
        }
        let mut words = words.split_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        let text = words.next().unwrap_or_default();
        match server(text) {
            Some(server) => servers.push(server),
            None if skipped.len() < SKIPPED_MAX => {
                let text = text.to_owned();
                skipped.push(Skipped { line, text });
            }
            None => {}
        }
    }
    if servers.is_empty() {
        return Err(InvalidResolvConf { skipped });
    }
    Ok(NameServers { servers, skipped })
}

fn server(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(SocketAddr::new(address, PORT));
    }
    let scoped: SocketAddrV6 = format!("[{text}]:{PORT}").parse().ok()?;
    scoped.ip().is_unicast_link_local().then_some(scoped.into())
}

fn told(skipped: &[Skipped]) -> String {
    let mut told = String::new();
    for (nth, line) in skipped.iter().enumerate() {
        let before = if nth == 0 { ": " } else { "; " };
        write!(told, "{before}{line}").expect("a text takes everything");
    }
    told
}

// === impl NameServers ===

impl IntoIterator for NameServers {
    type Item = SocketAddr;
    type IntoIter = std::vec::IntoIter<SocketAddr>;

    fn into_iter(self) -> Self::IntoIter {
        self.servers.into_iter()
    }
}
