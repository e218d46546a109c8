//! The name server of a world: a host like others, whose software is the harness's own, so
//! that names can be answered for wrongly and can change. It walks no other zones and speaks
//! of nothing but addresses and services.
//!
//! It listens on port 53 for datagrams and streams. Each host's own name is known, with the
//! address the host has; a [`Zone`] adds others. An answer that does not fit into a datagram
//! of 512 bytes is cut, so that whoever wants it asks over TCP. What it is asked and answers
//! is in the trace.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Topology;
use crate::trace::Trace;

mod answer;
mod serve;

/// The port on which it answers.
pub const PORT: u16 = bowline_link::dns::PORT;

/// Names and who is behind them, and for how long answers are good.
///
/// ```
/// use std::time::Duration;
/// use bowline_sim::Zone;
///
/// let zone = Zone::new(Duration::from_secs(2))
///     .name("chat.example", ["blue", "green"])
///     .service("_chat._tcp.example", [(10, 5, 7400, "chat.example")]);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Zone {
    ttl: Duration,
    names: BTreeMap<String, Entry>,
    services: BTreeMap<String, Vec<Offer>>,
}

#[derive(Debug, Clone, Default)]
struct Entry {
    hosts: Vec<String>,
    /// Who was behind it before it last changed.
    before: Vec<String>,
}

#[derive(Debug, Clone)]
struct Offer {
    priority: u16,
    weight: u16,
    port: u16,
    name: String,
}

/// What a world's name server knows; clones share it.
#[derive(Debug, Clone)]
pub struct Names {
    host: Arc<str>,
    zone: Arc<Mutex<Zone>>,
    topology: Arc<Topology>,
    trace: Trace,
}

// === impl Zone ===

impl Zone {
    /// A zone whose answers are good for `ttl`, in whole seconds.
    pub fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            ..Self::default()
        }
    }

    /// Puts `hosts` behind `name`, in this order.
    #[must_use]
    pub fn name<'a>(mut self, name: &str, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        self.point(name, hosts);
        self
    }

    /// Offers a service by priority, weight, port and the name of who offers it.
    #[must_use]
    pub fn service<'a>(
        mut self,
        name: &str,
        offers: impl IntoIterator<Item = (u16, u16, u16, &'a str)>,
    ) -> Self {
        let offer = |(priority, weight, port, name): (_, _, _, &str)| Offer {
            priority,
            weight,
            port,
            name: name.to_owned(),
        };
        let offers = offers.into_iter().map(offer).collect();
        self.services.insert(name.to_ascii_lowercase(), offers);
        self
    }

    fn point<'a>(&mut self, name: &str, hosts: impl IntoIterator<Item = &'a str>) {
        let entry = self.names.entry(name.to_ascii_lowercase()).or_default();
        let hosts = hosts.into_iter().map(str::to_owned).collect();
        entry.before = std::mem::replace(&mut entry.hosts, hosts);
    }
}

// === impl Names ===

impl Names {
    pub(crate) fn new(host: &str, mut zone: Zone, topology: &Topology, trace: Trace) -> Self {
        for host in topology.hosts() {
            let entry = || Entry {
                hosts: vec![host.to_owned()],
                before: Vec::new(),
            };
            let name = host.to_ascii_lowercase();
            zone.names.entry(name).or_insert_with(entry);
        }
        for host in zone.names.values().flat_map(|entry| &entry.hosts) {
            assert!(
                topology.is_host(host),
                "a name leads to {host:?}, which is no host"
            );
        }
        Self {
            host: host.into(),
            zone: Arc::new(Mutex::new(zone)),
            topology: Arc::new(topology.clone()),
            trace,
        }
    }

    /// Puts other hosts behind `name` from now on. Who remembers an earlier answer does so for
    /// as long as that was good.
    ///
    /// # Panics
    ///
    /// When one of them is no host.
    pub fn point<'a>(&self, name: &str, hosts: impl IntoIterator<Item = &'a str>) {
        let hosts: Vec<_> = hosts.into_iter().collect();
        for host in &hosts {
            let known = self.topology.is_host(host);
            assert!(known, "a name leads to {host:?}, which is no host");
        }
        let text = format!("{name} leads to {}", hosts.join(" and "));
        self.lock().point(name, hosts);
        self.trace.note(&self.host, text);
    }

    /// Where it answers. Ask inside the world: only there have hosts addresses.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(turmoil::lookup(&*self.host), PORT)
    }

    fn lock(&self) -> MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The `index`th address that nobody has: of those for benchmarks (RFC 2544), which no
/// simulated host gets.
fn nobodys(index: u8) -> IpAddr {
    Ipv4Addr::new(198, 18, 0, index).into()
}

#[cfg(test)]
mod tests;
