//! Who is in a world and for how long faults may strike it: what a plan is checked against.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The hosts of a world, the nodes on them, and the time until which faults may last.
///
/// A *node* is a named end of streams. A *host* runs software and may have a disk; it is
/// a node too, and a fault that targets it strikes all nodes on it. Put many client nodes
/// on one host: the cost of a simulated second grows with the cube of the hosts.
///
/// ```
/// use std::time::Duration;
/// use bowline_sim::Topology;
///
/// let topology = Topology::new(Duration::from_secs(30))
///     .host("server")
///     .nodes("clients", ["ann", "bob"]);
/// assert_eq!(topology.host_of("bob"), Some("clients"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Written", into = "Written")]
pub struct Topology {
    end_ms: u64,
    hosts: BTreeSet<Arc<str>>,
    homes: BTreeMap<Arc<str>, Arc<str>>,
}

/// The hosts of a world, the nodes on them, and the time until which faults may last.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(
    rename = "Topology",
    deny_unknown_fields,
    expecting = "a topology: an object with end_ms and hosts"
)]
struct Written {
    /// When faults are over, in simulated milliseconds.
    end_ms: u64,
    /// Every host, and the further nodes on it.
    #[schemars(with = "BTreeMap<String, BTreeSet<String>>")]
    hosts: Hosts,
}

/// A map in JSON; here all its entries, so that a name which stands there twice is refused
/// where a map would forget one of the two.
struct Hosts(Vec<(String, Vec<String>)>);

/// Two nodes of a topology bear one name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two nodes are named {name:?}")]
pub struct NameTaken {
    /// The name.
    pub name: String,
}

// === impl Topology ===

impl Topology {
    /// A world without hosts, whose faults are over at `end`, in whole milliseconds.
    ///
    /// After `end` the network is whole, so that a run can require everybody to recover.
    pub fn new(end: Duration) -> Self {
        let end_ms = u64::try_from(end.as_millis()).unwrap_or(u64::MAX);
        Self {
            end_ms,
            hosts: BTreeSet::new(),
            homes: BTreeMap::new(),
        }
    }

    /// Adds a host, which is its own only node.
    ///
    /// # Panics
    ///
    /// When the name is taken: the topology is part of the test's source.
    pub fn host(self, name: &str) -> Self {
        self.nodes(name, [])
    }

    /// Adds a host and further nodes that are tasks of its software.
    ///
    /// # Panics
    ///
    /// When a name is taken: the topology is part of the test's source.
    pub fn nodes<'a>(self, host: &str, nodes: impl IntoIterator<Item = &'a str>) -> Self {
        self.with(host, nodes)
            .unwrap_or_else(|taken| panic!("{taken}"))
    }

    fn with<'a>(
        mut self,
        host: &str,
        nodes: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, NameTaken> {
        let home: Arc<str> = host.into();
        self.hosts.insert(Arc::clone(&home));
        let nodes = nodes.into_iter().map(Arc::from);
        for node in std::iter::once(Arc::clone(&home)).chain(nodes) {
            let before = self.homes.insert(Arc::clone(&node), Arc::clone(&home));
            if before.is_some() {
                let name = node.to_string();
                return Err(NameTaken { name });
            }
        }
        Ok(self)
    }

    /// When faults are over.
    pub fn end(&self) -> Duration {
        Duration::from_millis(self.end_ms)
    }

    /// All hosts, in the order of their names.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.iter().map(|host| &**host)
    }

    /// All nodes, hosts among them, in the order of their names.
    pub fn all_nodes(&self) -> impl Iterator<Item = &str> {
        self.homes.keys().map(|node| &**node)
    }

    /// The host that `node` lives on, or `None` where there is no such node.
    pub fn host_of(&self, node: &str) -> Option<&str> {
        self.homes.get(node).map(|host| &**host)
    }

    /// Whether `name` is a host.
    pub fn is_host(&self, name: &str) -> bool {
        self.hosts.contains(name)
    }

    pub(crate) fn end_ms(&self) -> u64 {
        self.end_ms
    }

    /// The names as they are kept, so that streams share them.
    pub(crate) fn names(&self, node: &str) -> Option<(Arc<str>, Arc<str>)> {
        let (node, host) = self.homes.get_key_value(node)?;
        Some((Arc::clone(node), Arc::clone(host)))
    }
}

// === impl Written ===

impl From<Topology> for Written {
    fn from(topology: Topology) -> Self {
        let nodes_on = |host: &str| {
            let homes = topology.homes.iter();
            let nodes = homes.filter(|(node, home)| ***home == *host && node != home);
            nodes.map(|(node, _)| node.to_string()).collect()
        };
        let hosts = topology.hosts();
        let hosts = hosts.map(|host| (host.to_owned(), nodes_on(host)));
        Self {
            end_ms: topology.end_ms(),
            hosts: Hosts(hosts.collect()),
        }
    }
}

impl TryFrom<Written> for Topology {
    type Error = NameTaken;

    fn try_from(written: Written) -> Result<Self, NameTaken> {
        let end = Duration::from_millis(written.end_ms);
        let mut hosts = written.hosts.0.iter();
        hosts.try_fold(Self::new(end), |topology, (host, nodes)| {
            topology.with(host, nodes.iter().map(String::as_str))
        })
    }
}

// === impl Hosts ===

impl Serialize for Hosts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(host, nodes)| (host, nodes)))
    }
}

impl<'de> Deserialize<'de> for Hosts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Hosts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of hosts to lists of nodes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Hosts, A::Error> {
                let mut hosts = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    hosts.push(entry);
                }
                Ok(Hosts(hosts))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
