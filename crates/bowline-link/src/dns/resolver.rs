//! The resolver: questions, a memory, and what to do when nobody answers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_policy::Observe;
use rand_core::CryptoRng;
use tokio::time::Instant;

use super::ask::Asking;
use super::cache::{Cache, Known};
use super::message::Data;
use super::{Error, Event, Found, Kind, Service, Settings, Sockets};
use crate::{Endpoint, Resolve};

/// How long old addresses are served without asking again, once nobody answered: else every
/// dial of an outage waits for servers that are away. RFC 8767, section 5, suggests up to
/// 30 s; less, and their return is noticed sooner.
pub const RECHECK_AFTER: Duration = Duration::from_secs(5);

/// Where ids and ports come from.
pub type Secrets = Arc<Mutex<dyn CryptoRng + Send>>;

/// Asks name servers. Clones share what is remembered.
///
/// Two that ask for one name at once ask twice: nobody waits for somebody else's question.
///
/// # Cancellation
///
/// Dropping any future of it gives its questions up. What was learnt before is kept.
#[derive(Clone)]
pub struct Resolver<S> {
    settings: Arc<Settings>,
    sockets: S,
    secrets: Secrets,
    cache: Arc<Mutex<Cache>>,
    observer: Arc<dyn Observe<Event>>,
}

// === impl Resolver ===

impl<S: Sockets> Resolver<S> {
    /// Asks as `settings` say, through `sockets`, with ids and ports from `secrets`.
    pub fn new(settings: Settings, sockets: S, secrets: Secrets) -> Self {
        Self {
            settings: Arc::new(settings),
            sockets,
            secrets,
            cache: Arc::default(),
            observer: Arc::new(()),
        }
    }

    /// Tells `observer` what happens; nobody unless told.
    #[must_use]
    pub fn observe(self, observer: Arc<dyn Observe<Event>>) -> Self {
        Self { observer, ..self }
    }

    /// Asks for the addresses of `name`, whatever is remembered, and remembers them: IPv6
    /// before IPv4 (RFC 6724), good for the shorter of the two times.
    ///
    /// Both kinds are asked for at once. Where one is found, the other's failure is no error.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Of two failures it is the one that says less of the name: where one kind
    /// is not there and the servers fail for the other, nothing is known.
    pub async fn addresses(&self, name: &str) -> Result<Found<IpAddr>, Error> {
        let (six, four) =
            futures_util::future::join(self.find(name, Kind::Aaaa), self.find(name, Kind::A)).await;
        let key = key(name);
        let found = match (six, four) {
            (Ok((mut six, ttl_six)), Ok((four, ttl_four))) => {
                six.extend(four);
                Ok((six, ttl_six.min(ttl_four)))
            }
            (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
            (Err(six), Err(four)) => Err(if six.is_passing() { six } else { four }),
        };
        let (records, ttl) = match found {
            Ok(found) => found,
            Err(error) => {
                if !error.is_passing() {
                    self.cache().forget(&key);
                }
                return Err(error);
            }
        };
        let address = |data| match data {
            Data::Address(address) => Some(address),
            Data::Service(_) => None,
        };
        let records = records.into_iter().filter_map(address).collect();
        let found = Found { records, ttl };
        self.cache().learn(&key, &found, Instant::now());
        Ok(found)
    }

    /// Asks for the services of `name`, such as `_chat._tcp.example.org`; nothing of them is
    /// remembered. The names of their hosts are for whoever dials to resolve.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn services(&self, name: &str) -> Result<Found<Service>, Error> {
        let (records, ttl) = self.find(name, Kind::Srv).await?;
        let service = |data| match data {
            Data::Service(service) => service,
            Data::Address(_) => None,
        };
        let records: Vec<_> = records.into_iter().filter_map(service).collect();
        if records.is_empty() {
            let name = name.to_owned();
            return Err(Error::NotOffered { name });
        }
        Ok(Found { records, ttl })
    }

    /// The longest that one question can take.
    pub fn patience(&self) -> Duration {
        self.settings.patience()
    }

    async fn find(&self, name: &str, kind: Kind) -> Result<(Vec<Data>, Duration), Error> {
        let asking = Asking {
            settings: &self.settings,
            sockets: &self.sockets,
            secrets: &self.secrets,
        };
        let begun = Instant::now();
        let found = asking.find(name, kind).await;
        let (name, took) = (name.to_owned(), Instant::now() - begun);
        self.observer.observe(&match &found {
            Ok((_, ttl)) => Event::Answered {
                name,
                kind,
                took,
                ttl: *ttl,
            },
            Err(error) => Event::Failed {
                name,
                kind,
                took,
                error: error.to_string(),
            },
        });
        found
    }

    async fn remembered(&self, name: &str) -> Result<Vec<IpAddr>, Error> {
        let (key, max_stale) = (key(name), self.settings.stale_for());
        if is_local(&key) {
            return Ok(vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()]);
        }
        let known = self.cache().known(&key, Instant::now(), max_stale);
        match known {
            Known::Fresh(addresses) => return Ok(addresses),
            Known::Stale(addresses, age) => return Ok(self.serve_stale(name, addresses, age)),
            Known::Nothing | Known::Old => {}
        }
        let error = match self.addresses(name).await {
            Ok(found) => return Ok(found.records),
            Err(error) => error,
        };
        if !error.is_passing() {
            return Err(error);
        }
        let now = Instant::now();
        let stale = self.cache().stale(&key, now, max_stale, RECHECK_AFTER);
        match stale {
            Some((addresses, age)) => Ok(self.serve_stale(name, addresses, age)),
            None => Err(error),
        }
    }

    fn serve_stale(&self, name: &str, addresses: Vec<IpAddr>, age: Duration) -> Vec<IpAddr> {
        self.observer.observe(&Event::ServedStale {
            name: name.to_owned(),
            addresses: addresses.clone(),
            age,
        });
        addresses
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Names differ in nothing by the case of their letters, nor by the dot at their end.
fn key(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.to_ascii_lowercase()
}

/// Whether it is a name of this machine (RFC 6761, section 6.3).
fn is_local(key: &str) -> bool {
    key == "localhost" || key.ends_with(".localhost")
}

impl<S: Sockets> Resolve for Resolver<S> {
    type Error = Error;

    /// From memory while that is fresh; where nobody answers, from memory that is not.
    fn resolve(
        &self,
        endpoint: Endpoint,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, Error>> + Send + 'static {
        let resolver = self.clone();
        async move {
            if let Some(address) = endpoint.address() {
                return Ok(vec![address]);
            }
            let addresses = resolver.remembered(endpoint.host()).await?;
            let port = endpoint.port();
            Ok(addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect())
        }
    }
}

impl<S> fmt::Debug for Resolver<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
