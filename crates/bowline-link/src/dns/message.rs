//! Questions and answers: what is written, and what of an answer is taken.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};

use super::{Error, TTL_MAX};
use crate::Endpoint;

/// How many aliases are followed from one name.
pub const ALIASES_MAX: usize = 8;

/// How many records of one kind are taken for one name: what fits into a list of targets.
pub const RECORDS_MAX: usize = crate::discovery::TARGETS_MAX;

/// Which records are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// IPv4 addresses.
    A,
    /// IPv6 addresses (RFC 3596).
    Aaaa,
    /// Services (RFC 2782).
    Srv,
}

/// What was found, and for how long it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<T> {
    /// In the order of the answer; at least one.
    pub records: Vec<T>,
    /// The shortest time to live on the way from the name to the records, at most
    /// [`TTL_MAX`].
    pub ttl: Duration,
}

/// One record of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Lower ones first.
    pub priority: u16,
    /// The share among those of one priority.
    pub weight: u16,
    /// The name of the host and the service's port there.
    pub endpoint: Endpoint,
}

/// A record as it is taken.
#[derive(Debug, Clone)]
pub(super) enum Data {
    Address(IpAddr),
    /// `None` where the service is decidedly not available.
    Service(Option<Service>),
}

/// One question, to be asked once.
#[derive(Debug)]
pub(super) struct Question<'a> {
    pub(super) id: u16,
    pub(super) name: &'a Name,
    pub(super) kind: Kind,
}

/// A message that answers a question.
#[derive(Debug)]
pub(super) struct Reply {
    message: Message,
}

// === impl Kind ===

impl Kind {
    fn record_type(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Aaaa => RecordType::AAAA,
            Self::Srv => RecordType::SRV,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::A => "A",
            Self::Aaaa => "AAAA",
            Self::Srv => "SRV",
        })
    }
}

/// Reads a name as a whole one. Letters beyond ASCII become what DNS has for them (IDNA).
pub(super) fn name(text: &str) -> Result<Name, Error> {
    let read = if text.is_ascii() {
        Name::from_ascii(text)
    } else {
        Name::from_utf8(text)
    };
    let not_a_name = |source: Box<dyn std::error::Error + Send + Sync>| Error::NotAName {
        name: text.to_owned(),
        source,
    };
    let mut name = read.map_err(|source| not_a_name(source.into()))?;
    name.set_fqdn(true);
    if name.is_root() {
        return Err(not_a_name("it is empty".into()));
    }
    Ok(name)
}

/// The host to ask for, unless it is none: a Unix socket has a path.
pub(super) fn host(endpoint: &Endpoint) -> Result<&str, Error> {
    match endpoint.path() {
        None => Ok(endpoint.host()),
        Some(_) => Err(Error::NotAName {
            name: endpoint.to_string(),
            source: "it is a path".into(),
        }),
    }
}

/// A name as people and endpoints write it, without the dot of the root.
pub(super) fn written(name: &Name) -> String {
    let text = name.to_ascii();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

// === impl Question ===

impl Question<'_> {
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let mut message = Message::new(self.id, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(self.query());
        message.to_vec().map_err(|source| Error::NotAName {
            name: written(self.name),
            source: source.into(),
        })
    }

    /// The answer that `bytes` are, or nothing where they are none or answer something else.
    pub(super) fn read(&self, bytes: &[u8]) -> Option<Reply> {
        let message = Message::from_vec(bytes).ok()?;
        let header = &message.metadata;
        let ours = header.id == self.id
            && header.message_type == MessageType::Response
            && header.op_code == OpCode::Query
            && message.queries == [self.query()];
        ours.then_some(Reply { message })
    }

    fn query(&self) -> Query {
        Query::query(self.name.clone(), self.kind.record_type())
    }
}

// === impl Reply ===

impl Reply {
    pub(super) fn is_truncated(&self) -> bool {
        self.message.metadata.truncation
    }

    /// Whether the name at the end of its aliases does not exist.
    pub(super) fn denies_name(&self) -> bool {
        self.message.metadata.response_code == ResponseCode::NXDomain
    }

    /// What went wrong at the server, if anything did.
    pub(super) fn failure(&self) -> Option<String> {
        match self.message.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => None,
            code => Some(code.to_string()),
        }
    }

    /// The records of `name`, and the shortest of their times to live.
    pub(super) fn records(&self, name: &Name, kind: Kind) -> Option<(Vec<Data>, Duration)> {
        let mut ttl = TTL_MAX;
        let mut all = Vec::new();
        let of_name = |record: &&hickory_proto::rr::Record| record.name == *name;
        for record in self.message.answers.iter().filter(of_name) {
            let data = match (&record.data, kind) {
                (RData::A(address), Kind::A) => Data::Address(address.0.into()),
                (RData::AAAA(address), Kind::Aaaa) => Data::Address(address.0.into()),
                (RData::SRV(srv), Kind::Srv) => {
                    let offered = !srv.target.is_root();
                    Data::Service(offered.then(|| Service {
                        priority: srv.priority,
                        weight: srv.weight,
                        endpoint: Endpoint::new(written(&srv.target), srv.port),
                    }))
                }
                _ => continue,
            };
            ttl = ttl.min(seconds(record.ttl));
            all.push(data);
        }
        (!all.is_empty()).then_some((all, ttl))
    }

    /// Of what `name` is an alias, and for how long.
    pub(super) fn alias(&self, name: &Name) -> Option<(Name, Duration)> {
        let mut records = self.message.answers.iter();
        records.find_map(|record| match &record.data {
            RData::CNAME(alias) if record.name == *name => {
                Some((alias.0.clone(), seconds(record.ttl)))
            }
            _ => None,
        })
    }
}

/// A time to live with the top bit set means zero (RFC 2181, section 8).
fn seconds(ttl: u32) -> Duration {
    match i32::try_from(ttl) {
        Ok(_) => Duration::from_secs(ttl.into()).min(TTL_MAX),
        Err(_) => Duration::ZERO,
    }
}
