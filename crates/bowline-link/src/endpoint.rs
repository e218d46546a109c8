//! Who to call.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// Whom to call: a host, by name or by address, and a port; or a Unix socket.
///
/// It is the target of every dial and cheap to clone, so that failing over means
/// passing another one. It is not resolved: a dialer does that at each attempt.
///
/// ```
/// use bowline_link::Endpoint;
///
/// let near: Endpoint = "unix:/run/chat.sock".parse()?;
/// assert_eq!(near, Endpoint::unix("/run/chat.sock"));
/// let far: Endpoint = "[::1]:7400".parse()?;
/// assert_eq!((far.host(), far.port()), ("::1", 7400));
/// # Ok::<_, bowline_link::InvalidEndpoint>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint(Place);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Host {
        host: Arc<str>,
        port: u16,
    },
    /// As it is displayed, [`UNIX`] included.
    Unix(Arc<str>),
}

/// What the text of a Unix socket begins with.
const UNIX: &str = "unix:";

// === impl Endpoint ===

impl Endpoint {
    /// Names `host`, an address (IPv6 without brackets) or a name, and `port`.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self(Place::Host {
            host: host.into(),
            port,
        })
    }

    /// Names the Unix socket at `path`, displayed `unix:/run/chat.sock`.
    ///
    /// A path without a slash is in the current directory and gets a `./`, since
    /// `unix:7400` could as well be a host and its port.
    pub fn unix(path: impl AsRef<str>) -> Self {
        let path = path.as_ref();
        let here = if path.contains('/') { "" } else { "./" };
        Self(Place::Unix(format!("{UNIX}{here}{path}").into()))
    }

    /// The name or address, IPv6 without brackets.
    ///
    /// A Unix socket has none: it answers its whole text, which no resolver and no
    /// certificate knows. Ask [`path`](Self::path) first where one may come.
    pub fn host(&self) -> &str {
        match &self.0 {
            Place::Host { host, .. } => host,
            Place::Unix(text) => text,
        }
    }

    /// The port, 0 for a Unix socket, which has none.
    pub fn port(&self) -> u16 {
        match self.0 {
            Place::Host { port, .. } => port,
            Place::Unix(_) => 0,
        }
    }

    /// The path, if this names a Unix socket.
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Host { .. } => None,
            Place::Unix(text) => text.strip_prefix(UNIX).map(Path::new),
        }
    }

    /// The address, if the host is one and not a name. No resolver need be asked then.
    ///
    /// An IPv6 host may carry a zone by number (`fe80::1%2`); a zone by name is for the
    /// system's resolver.
    pub fn address(&self) -> Option<SocketAddr> {
        let Place::Host { host, port } = &self.0 else {
            return None;
        };
        match host.parse::<IpAddr>() {
            Ok(ip) => Some(SocketAddr::new(ip, *port)),
            Err(_) if host.contains('%') => {
                let zoned: SocketAddrV6 = self.to_string().parse().ok()?;
                Some(zoned.into())
            }
            Err(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Host { host, port } => write!(f, "{host}:{port}"),
            Place::Unix(text) => f.write_str(text),
        }
    }
}

impl From<SocketAddr> for Endpoint {
    /// Keeps the zone of a link-local address, without which it cannot be called.
    fn from(address: SocketAddr) -> Self {
        let host = match address {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => {
                format!("{}%{}", v6.ip(), v6.scope_id())
            }
            _ => address.ip().to_string(),
        };
        Self::new(host, address.port())
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = || InvalidEndpoint {
            text: text.to_owned(),
        };
        if let Some(path) = text.strip_prefix(UNIX).filter(|path| path.contains('/')) {
            return Ok(Self::unix(path));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        // Rust would read `+80` as well.
        if !port.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(invalid());
        }
        let port = port.parse().map_err(|_| invalid())?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed
                .strip_suffix(']')
                .filter(|address| address.contains(':'))
                .ok_or_else(invalid)?,
            None if host.contains(':') => return Err(invalid()),
            None => host,
        };
        if host.is_empty() {
            return Err(invalid());
        }
        Ok(Self::new(host, port))
    }
}

/// A text that is neither `host:port` nor `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not host:port (an IPv6 address goes in brackets), nor unix:/path")]
pub struct InvalidEndpoint {
    /// What was given.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_what_it_prints() {
        for text in [
            "127.0.0.1:7400",
            "chat.example:1",
            "[::1]:65535",
            "unix:/run/a:1.sock",
            "unix:7400",
        ] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_address_survives_being_an_endpoint_and_a_name_is_none() {
        for text in ["127.0.0.1:7400", "[::1]:1", "[fe80::1%2]:80"] {
            let address: SocketAddr = text.parse().unwrap();
            let endpoint = Endpoint::from(address);
            assert_eq!(endpoint.address(), Some(address));
            assert_eq!(endpoint.to_string(), text);
        }
        for name in ["chat.example", "fe80::1%eth0", "a%2", "127.0.0", "::1]"] {
            assert_eq!(Endpoint::new(name, 1).address(), None, "{name}");
        }
    }

    #[test]
    fn a_unix_socket_is_no_host_and_is_read_back() {
        for (path, text) in [
            ("/run/x.sock", "unix:/run/x.sock"),
            ("7400", "unix:./7400"),
            ("../x:1", "unix:../x:1"),
        ] {
            let endpoint = Endpoint::unix(path);
            assert_eq!(endpoint.to_string(), text);
            assert_eq!(text.parse(), Ok(endpoint.clone()));
            assert_eq!(endpoint.path(), text.strip_prefix("unix:").map(Path::new));
            assert_eq!((endpoint.host(), endpoint.port()), (text, 0));
            assert_eq!(endpoint.address(), None);
        }
        let host: Endpoint = "unix:7400".parse().unwrap();
        assert_eq!(
            (host.host(), host.port(), host.path()),
            ("unix", 7400, None)
        );
    }

    #[test]
    fn what_is_not_host_and_port_is_refused_by_name() {
        for text in [
            "",
            "localhost",
            ":7400",
            "a:b",
            "a:70000",
            "::1:7400",
            "[::1:7400",
            "[]:7400",
            "[chat.example]:7400",
            "chat.example:+7400",
            "unix:x.sock",
            "unix:",
        ] {
            assert_eq!(
                text.parse::<Endpoint>(),
                Err(InvalidEndpoint {
                    text: text.to_owned()
                })
            );
        }
    }
}
