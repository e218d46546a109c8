//! Who to call.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::str::FromStr;
use std::sync::Arc;

/// A host, by name or by address, and a port.
///
/// It is the target of every dial and cheap to clone, so that failing over means
/// passing another one. It is not resolved: a dialer does that at each attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    host: Arc<str>,
    port: u16,
}

impl Endpoint {
    /// Names `host`, an address (IPv6 without brackets) or a name, and `port`.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
        }
    }

    /// The name or address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, if the host is one and not a name. No resolver need be asked then.
    ///
    /// An IPv6 host may carry a zone by number (`fe80::1%2`); a zone by name is for the
    /// system's resolver.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.host.parse::<IpAddr>() {
            Ok(ip) => Some(SocketAddr::new(ip, self.port)),
            Err(_) if self.host.contains('%') => {
                let zoned: SocketAddrV6 = self.to_string().parse().ok()?;
                Some(zoned.into())
            }
            Err(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
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
        let (host, port) = text.rsplit_once(':').ok_or_else(invalid)?;
        let port = port.parse().map_err(|_| invalid())?;
        let host = match host.strip_prefix('[') {
            Some(bracketed) => bracketed.strip_suffix(']').ok_or_else(invalid)?,
            None if host.contains(':') => return Err(invalid()),
            None => host,
        };
        if host.is_empty() {
            return Err(invalid());
        }
        Ok(Self::new(host, port))
    }
}

/// A text that is not `host:port`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not host:port (an IPv6 address goes in brackets)")]
pub struct InvalidEndpoint {
    /// What was given.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_what_it_prints() {
        for text in ["127.0.0.1:7400", "chat.example:1", "[::1]:65535"] {
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
    fn what_is_not_host_and_port_is_refused_by_name() {
        for text in [
            "",
            "localhost",
            ":7400",
            "a:b",
            "a:70000",
            "::1:7400",
            "[::1:7400",
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
