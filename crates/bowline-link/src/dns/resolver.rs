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
use super::cache::{Cache, Known, Old, Said};
use super::flights::{Flight, Flights, HeldStill, owned};
use super::message::{self, Data, host};
use super::{Error, Event, Found, Kind, Service, Settings, Sockets, TTL_MAX};
use crate::{Endpoint, Resolve};

/// How long old addresses are served without asking again, once nobody answered: else every
/// dial of an outage waits for servers that are away. RFC 8767, section 5, suggests up to
/// 30 s; less, and their return is noticed sooner.
pub const RECHECK_AFTER: Duration = Duration::from_secs(5);

/// Where ids and ports come from.
pub type Secrets = Arc<Mutex<dyn CryptoRng + Send>>;

/// Asks name servers. Clones share what is remembered and what is under way, and belong in one
/// runtime for it.
///
/// Those who ask for one name at once share one exchange with the servers, and its answer or
/// error. Only a dial that has something old to fall back on asks more briefly than the
/// others, and shares with its like. Up to
/// [`ASKED_AT_ONCE_MAX`](super::ASKED_AT_ONCE_MAX) different names are asked for at once;
/// beyond stands [`Error::TooManyQuestions`], rather than as many sockets as there are names.
///
/// # Cancellation
///
/// Dropping any future of it leaves the exchange to the others who wait for it, and gives it
/// up with the last of them. What was learnt before is kept. A dial
/// whose own limit ends a question that no server answered in one attempt's time has asked in
/// vain: for [`RECHECK_AFTER`] the next ones are served what is remembered.
#[derive(Clone)]
pub struct Resolver<S> {
    settings: Arc<Settings>,
    sockets: S,
    secrets: Secrets,
    cache: Arc<Mutex<Cache>>,
    for_addresses: Flights<IpAddr>,
    for_services: Flights<Service>,
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
            for_addresses: Flights::default(),
            for_services: Flights::default(),
            observer: Arc::new(()),
        }
    }

    /// Tells `observer` what happens; nobody unless told.
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
    /// one kind (RFC 8305, section 3), and one lost datagram is made good still. A failure
    /// that says nothing of the name leaves that kind's addresses as they were: they are in
    /// the answer until they are too old to be served, and once their own time is over, the
    /// answer is good for [`STALE_TTL`](super::STALE_TTL) at most.
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
        message::name(name)?;
        let flights = self.for_addresses.hold_still();
        let rounds = self.settings.rounds();
        let asked = self.join_for_addresses(flights, name, rounds)?;
        asked.await.map_err(owned)
    }

    fn join_for_addresses(
        &self,
        flights: HeldStill<'_, IpAddr>,
        name: &str,
        rounds: u32,
    ) -> Result<Flight<IpAddr>, Error> {
        let (resolver, asked) = (self.clone(), name.to_owned());
        let asking = async move { resolver.ask_addresses(&asked, rounds).await };
        flights.join((key(name), rounds), asking)
    }

    async fn ask_addresses(&self, name: &str, rounds: u32) -> Result<Found<IpAddr>, Error> {
        let (six, four) = self.both(name, rounds).await;
        let (max_stale, both) = (self.settings.stale_for(), [said(&six), said(&four)]);
        let learnt = self
            .cache()
            .learn(&key(name), both, Instant::now(), max_stale);
        if let Some((found, old)) = learnt {
            if let Some(old) = old {
                self.serve_stale(name, old);
            }
            return Ok(found);
        }
        let is_passing = |it: &Answered| it.as_ref().is_err_and(Error::is_passing);
        let error = if is_passing(&six) { six } else { four };
        Err(error.expect_err("neither kind was found"))
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
        message::name(name)?;
        let (resolver, asked) = (self.clone(), name.to_owned());
        let asking = async move { resolver.ask_services(&asked).await };
        let flights = self.for_services.hold_still();
        let asked = flights.join((key(name), self.settings.rounds()), asking)?;
        asked.await.map_err(owned)
    }

    async fn ask_services(&self, name: &str) -> Result<Found<Service>, Error> {
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
        if let Some(addresses) = its_own_answer(name) {
            return Ok(addresses);
        }
        message::name(name)?;
        let (key, begun) = (key(name), Instant::now());
        let error = match self.known_or_asked(name, &key, begun) {
            Ok(Either::Left(addresses)) => return Ok(addresses),
            Ok(Either::Right(asked)) => {
                let _given_up = GivenUp {
                    resolver: self,
                    key: &key,
                    begun,
                };
                match asked.await {
                    Ok(found) => return Ok(found.records),
                    Err(error) => owned(error),
                }
            }
            Err(too_many) => too_many,
        };
        if !error.is_passing() {
            return Err(error);
        }
        match self.stale(&key) {
            Some(old) => Ok(self.serve_stale(name, old)),
            None => Err(error),
        }
    }

    /// What is remembered, or the answer to come. No question ends in between: either it is
    /// under way or what it learnt is remembered.
    fn known_or_asked(
        &self,
        name: &str,
        key: &str,
        now: Instant,
    ) -> Result<Either<Vec<IpAddr>, Flight<IpAddr>>, Error> {
        let flights = self.for_addresses.hold_still();
        let known = self.cache().known(key, now, self.settings.stale_for());
        let rounds = match known {
            Known::Fresh(addresses) => return Ok(Either::Left(addresses)),
            Known::Stale(old) => {
                drop(flights);
                return Ok(Either::Left(self.serve_stale(name, old)));
            }
            Known::Nothing => self.settings.rounds(),
            // The dial that waits has a limit of its own, and there is something to serve.
            Known::Old => 1,
        };
        let asked = self.join_for_addresses(flights, name, rounds)?;
        Ok(Either::Right(asked))
    }

    /// What may still be served now that nobody answered.
    fn stale(&self, key: &str) -> Option<Old> {
        let (now, max_stale) = (Instant::now(), self.settings.stale_for());
        self.cache().stale(key, now, max_stale, RECHECK_AFTER)
    }

    fn serve_stale(&self, name: &str, Old { addresses, age }: Old) -> Vec<IpAddr> {
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

/// What the servers said of one kind.
fn said(answered: &Answered) -> Said {
    let address = |data: &Data| match data {
        Data::Address(address) => Some(*address),
        Data::Service(_) => None,
    };
    match answered {
        Ok((found, ttl)) => Said::Addresses(found.iter().filter_map(address).collect(), *ttl),
        Err(error) if error.is_passing() => Said::NotAWord,
        Err(_) => Said::Nothing,
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
