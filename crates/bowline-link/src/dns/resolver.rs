//! The resolver: questions, a memory, and what to do when nobody answers.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_policy::Observe;
use futures_util::future::{Either, select};
use rand_core::CryptoRng;
use tokio::time::{Instant, timeout};

use super::ask::Asking;
use super::cache::{Cache, Known};
use super::message::{Data, host};
use super::{Error, Event, Found, Kind, Service, Settings, Sockets, TTL_MAX};
use crate::{Endpoint, Log, Resolve};

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
/// Dropping any future of it gives its questions up. What was learnt before is kept. A dial
/// whose own limit ends a question that no server answered in one attempt's time has asked in
/// vain: for [`RECHECK_AFTER`] the next ones are served what is remembered.
#[derive(Clone)]
pub struct Resolver<S> {
    settings: Arc<Settings>,
    sockets: S,
    secrets: Secrets,
    cache: Arc<Mutex<Cache>>,
    observer: Arc<dyn Observe<Event>>,
}

/// Which records were found and for how long they are good, or why none were.
type Answered = Result<(Vec<Data>, Duration), Error>;

/// Notes, when a question ends in whatever way, that it went unanswered for too long: a dial
/// whose limit is shorter than our patience would otherwise never be served anything old.
struct GivenUp<'a, S: Sockets> {
    resolver: &'a Resolver<S>,
    key: &'a str,
    begun: Instant,
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
            observer: Arc::new(Log),
        }
    }

    /// Tells `observer` what happens, instead of [`Log`].
    #[must_use]
    pub fn observe(self, observer: Arc<dyn Observe<Event>>) -> Self {
        Self { observer, ..self }
    }

    /// Asks for the addresses of `name`, whatever is remembered, and remembers them: IPv6
    /// before IPv4 (RFC 6724), good for the shorter of the two times. An address is its own
    /// answer, and names of this machine are: nobody is asked for those.
    ///
    /// Both kinds are asked for at once. Where one is found, the other's failure is no error,
    /// and it is waited for half as long again as one attempt may take: some networks swallow
    /// one kind (RFC 8305, section 3), and one lost datagram is made good still.
    ///
    /// # Errors
    ///
    /// See [`Error`]. Of two failures it is the one that says less of the name: where one kind
    /// is not there and the servers fail for the other, nothing is known.
    pub async fn addresses(&self, name: &str) -> Result<Found<IpAddr>, Error> {
        if let Some(records) = its_own_answer(name) {
            let ttl = TTL_MAX;
            return Ok(Found { records, ttl });
        }
        self.ask_addresses(name, self.settings.rounds()).await
    }

    async fn ask_addresses(&self, name: &str, rounds: u32) -> Result<Found<IpAddr>, Error> {
        let (six, four) = self.both(name, rounds).await;
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

    async fn both(&self, name: &str, rounds: u32) -> (Answered, Answered) {
        let six = pin!(self.find(name, Kind::Aaaa, rounds));
        let four = pin!(self.find(name, Kind::A, rounds));
        match select(six, four).await {
            Either::Left((Ok(six), four)) => (Ok(six), self.other(name, Kind::A, four).await),
            Either::Left((Err(six), four)) => (Err(six), four.await),
            Either::Right((Ok(four), six)) => (self.other(name, Kind::Aaaa, six).await, Ok(four)),
            Either::Right((Err(four), six)) => (six.await, Err(four)),
        }
    }

    /// Waits for the kind that is found last, and not for long.
    async fn other(
        &self,
        name: &str,
        kind: Kind,
        asked: impl Future<Output = Answered>,
    ) -> Answered {
        let attempt = self.settings.per_attempt();
        let took = attempt + attempt / 2;
        timeout(took, asked).await.unwrap_or_else(|_| {
            let error = Error::Timeout {
                name: name.to_owned(),
                servers: self.settings.servers().len(),
                attempts: self.settings.rounds(),
                after: took,
            };
            self.observer.observe(&Event::Failed {
                name: name.to_owned(),
                kind,
                took,
                error: error.to_string(),
            });
            Err(error)
        })
    }

    /// Asks for the services of `name`, such as `_chat._tcp.example.org`; nothing of them is
    /// remembered. The names of their hosts are for whoever dials to resolve.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn services(&self, name: &str) -> Result<Found<Service>, Error> {
        let rounds = self.settings.rounds();
        let (records, ttl) = self.find(name, Kind::Srv, rounds).await?;
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

    async fn find(&self, name: &str, kind: Kind, rounds: u32) -> Answered {
        let asking = Asking {
            settings: &self.settings,
            sockets: &self.sockets,
            secrets: &self.secrets,
            rounds,
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
        if let Some(addresses) = its_own_answer(name) {
            return Ok(addresses);
        }
        let begun = Instant::now();
        let known = self.cache().known(&key, begun, max_stale);
        let rounds = match known {
            Known::Fresh(addresses) => return Ok(addresses),
            Known::Stale(addresses, age) => return Ok(self.serve_stale(name, addresses, age)),
            Known::Nothing => self.settings.rounds(),
            // The dial that waits has a limit of its own, and there is something to serve.
            Known::Old => 1,
        };
        let _given_up = GivenUp {
            resolver: self,
            key: &key,
            begun,
        };
        let error = match self.ask_addresses(name, rounds).await {
            Ok(found) => return Ok(found.records),
            Err(error) => error,
        };
        if !error.is_passing() {
            return Err(error);
        }
        match self.stale(&key) {
            Some((addresses, age)) => Ok(self.serve_stale(name, addresses, age)),
            None => Err(error),
        }
    }

    /// What may still be served now that nobody answered.
    fn stale(&self, key: &str) -> Option<(Vec<IpAddr>, Duration)> {
        let (now, max_stale) = (Instant::now(), self.settings.stale_for());
        self.cache().stale(key, now, max_stale, RECHECK_AFTER)
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

/// The addresses of an address, and of a name of this machine (RFC 6761, section 6.3).
fn its_own_answer(name: &str) -> Option<Vec<IpAddr>> {
    if let Ok(address) = name.parse() {
        return Some(vec![address]);
    }
    let key = key(name);
    let local = key == "localhost" || key.ends_with(".localhost");
    local.then(|| vec![Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()])
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
            let addresses = resolver.remembered(host(&endpoint)?).await?;
            let port = endpoint.port();
            Ok(addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect())
        }
    }
}

impl<S: Sockets> Drop for GivenUp<'_, S> {
    fn drop(&mut self) {
        let now = Instant::now();
        if now - self.begun >= self.resolver.settings.per_attempt() {
            let until = now + RECHECK_AFTER;
            let mut cache = self.resolver.cache();
            cache.asked_in_vain(self.key, self.begun, until);
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
