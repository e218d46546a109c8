//! Lists of targets from name servers, for discovery. They ask the servers each time: the
//! age of an answer is discovery's to watch.

use super::message::host;
use super::{Error, Resolver, Sockets};
use crate::Endpoint;
use crate::discovery::{Answer, InvalidTargets, Lookup, Target, Targets};

/// The addresses of one name (A and AAAA), all alike.
#[derive(Debug, Clone)]
pub struct Addresses<S> {
    resolver: Resolver<S>,
    endpoint: Endpoint,
}

/// The services of one name (SRV), by priority and weight. Targets are names, each with its
/// own port; a dialer resolves them.
#[derive(Debug, Clone)]
pub struct Services<S> {
    resolver: Resolver<S>,
    name: String,
}

// === impl Addresses ===

impl<S: Sockets> Addresses<S> {
    /// Asks `resolver` for `endpoint`, whose port all targets have.
    pub fn new(resolver: Resolver<S>, endpoint: Endpoint) -> Self {
        Self { resolver, endpoint }
    }
}

impl<S: Sockets> Lookup for Addresses<S> {
    type Error = Error;

    fn look_up(&mut self) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        let Self { resolver, endpoint } = self.clone();
        async move {
            // As it is, with the zone that no address of DNS has.
            if let Some(address) = endpoint.address() {
                let targets = list(std::iter::once(Target::new(address.into())));
                return Ok(Answer { targets, ttl: None });
            }
            let found = resolver.addresses(host(&endpoint)?).await?;
            let at = |address| (address, endpoint.port()).into();
            let records = found.records.into_iter().map(at);
            let records = records.map(|address: std::net::SocketAddr| Target::new(address.into()));
            Ok(Answer {
                targets: list(records),
                ttl: Some(found.ttl),
            })
        }
    }
}

// === impl Services ===

impl<S: Sockets> Services<S> {
    /// Asks `resolver` for `name`, such as `_chat._tcp.example.org`.
    pub fn new(resolver: Resolver<S>, name: impl Into<String>) -> Self {
        let name = name.into();
        Self { resolver, name }
    }
}

impl<S: Sockets> Lookup for Services<S> {
    type Error = Error;

    fn look_up(&mut self) -> impl Future<Output = Result<Answer, Error>> + Send + 'static {
        let Self { resolver, name } = self.clone();
        async move {
            let found = resolver.services(&name).await?;
            let records = found.records.into_iter().map(|service| Target {
                priority: service.priority,
                weight: service.weight,
                endpoint: service.endpoint,
            });
            Ok(Answer {
                targets: list(records),
                ttl: Some(found.ttl),
            })
        }
    }
}

/// Of addresses there are up to twice as many as of one kind: what is beyond the limit of a
/// list is cut off, as nobody could tell the difference.
fn list(targets: impl Iterator<Item = Target>) -> Targets {
    let list = Targets::new(targets.take(crate::discovery::TARGETS_MAX));
    list.unwrap_or_else(|invalid| match invalid {
        InvalidTargets::Empty | InvalidTargets::TooMany { .. } => {
            unreachable!("what is found has at least one record, and at most the limit is taken")
        }
    })
}
