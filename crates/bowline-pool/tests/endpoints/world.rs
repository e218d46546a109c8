//! Hosts in memory, and callers that keep a pool busy.

use std::collections::BTreeMap;
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowline_link::discovery::{Target, Targets};
use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::{Jitter, Schedule};
use bowline_policy::endpoints::{self, Choice};
use bowline_policy::{Share, from_fn, lifetime};
use bowline_pool::{Builder, CloseReason, Death, Event, Pool, Reuse, Settings};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// What a dial to a host meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Accept,
    Refuse,
    /// Nothing, ever.
    Silence,
}

/// All hosts, and what the pools over them told.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

struct State {
    hosts: BTreeMap<String, Host>,
    opened: usize,
    told: Vec<(Instant, Event)>,
}

struct Host {
    answer: Answer,
    dialed_at: Vec<Instant>,
    live: BTreeMap<usize, Option<Waker>>,
}

pub(crate) struct Link {
    id: usize,
    host: String,
    world: World,
}

#[derive(Clone)]
pub(crate) struct Dialer(World);

/// How long a connect takes.
pub(crate) const CONNECT: Duration = Duration::from_millis(20);

/// After which a connect is given up.
pub(crate) const LIMIT: Duration = Duration::from_millis(500);

/// For how long callers hold what they borrow.
const HOLD: Duration = Duration::from_millis(50);

pub(crate) fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) fn at(host: &str) -> Endpoint {
    Endpoint::new(host, 7400)
}

pub(crate) fn list(hosts: &[&str]) -> Targets {
    Targets::new(hosts.iter().map(|host| Target::new(at(host)))).unwrap()
}

pub(crate) fn weighed(hosts: &[(&str, u16)]) -> Targets {
    let targets = hosts.iter().map(|(host, weight)| Target {
        weight: *weight,
        ..Target::new(at(host))
    });
    Targets::new(targets).unwrap()
}

/// Connections that live for ever, and little patience with connects.
pub(crate) fn settings(max: usize, choice: Choice) -> Settings {
    let schedule = Schedule::exponential(ms(100), ms(1_000)).unwrap();
    let schedule = schedule.jitter(Jitter::None).unwrap();
    let ages = lifetime::Settings::new(secs(36_000), secs(72_000)).unwrap();
    Settings::new(max, 1)
        .unwrap()
        .endpoints(endpoints::Settings::new(choice))
        .backoff(schedule)
        .lifetime(ages.spread(Share::NONE).unwrap())
        .connect_limit(LIMIT)
        .unwrap()
        .wait(secs(5))
        .unwrap()
}

/// Keeps this many callers coming for this long; nobody may get an error. Calls
/// `look` every 100 ms, and returns the longest wait.
pub(crate) async fn keep_busy(
    pool: &Pool<Link>,
    callers: usize,
    duration: Duration,
    mut look: impl FnMut(),
) -> Duration {
    let until = Instant::now() + duration;
    let mut busy = JoinSet::new();
    for _ in 0..callers {
        let pool = pool.clone();
        busy.spawn(async move {
            let mut longest = Duration::ZERO;
            while Instant::now() < until {
                let begun = Instant::now();
                let lent = pool.checkout().await;
                longest = longest.max(Instant::now() - begun);
                let lent = lent.unwrap_or_else(|error| panic!("a caller met: {error}"));
                sleep(HOLD).await;
                drop(lent);
            }
            longest
        });
    }
    while Instant::now() < until {
        sleep(ms(100)).await;
        look();
    }
    busy.join_all().await.into_iter().max().unwrap()
}

/// Opens so many connections and parks them.
pub(crate) async fn park(pool: &Pool<Link>, count: usize) {
    let mut held = Vec::new();
    for _ in 0..count {
        held.push(pool.checkout().await.unwrap());
    }
}

// === impl World ===

impl World {
    /// Hosts that accept.
    pub(crate) fn new(hosts: &[&str]) -> Self {
        let host = |name: &&str| {
            let host = Host {
                answer: Answer::Accept,
                dialed_at: Vec::new(),
                live: BTreeMap::new(),
            };
            ((*name).to_owned(), host)
        };
        Self(Arc::new(Mutex::new(State {
            hosts: hosts.iter().map(host).collect(),
            opened: 0,
            told: Vec::new(),
        })))
    }

    pub(crate) fn builder(&self, settings: Settings) -> Builder<Dialer> {
        let log = self.clone();
        let observer = from_fn(move |event: &Event| {
            log.state().told.push((Instant::now(), event.clone()));
        });
        Pool::builder(Dialer(self.clone()), settings).observer(Arc::new(observer))
    }

    pub(crate) fn pool(&self, settings: Settings, targets: Targets) -> Pool<Link> {
        self.builder(settings).targets(targets).build().unwrap()
    }

    pub(crate) fn answer(&self, host: &str, answer: Answer) {
        self.state().hosts.get_mut(host).unwrap().answer = answer;
    }

    /// Refuses from now on, and ends what is open.
    pub(crate) fn crash(&self, host: &str) {
        self.answer(host, Answer::Refuse);
        let live = std::mem::take(&mut self.state().hosts.get_mut(host).unwrap().live);
        for waker in live.into_values().flatten() {
            waker.wake();
        }
    }

    /// How many connections are open to each of these.
    pub(crate) fn live<const N: usize>(&self, hosts: [&str; N]) -> [usize; N] {
        let state = self.state();
        hosts.map(|host| state.hosts[host].live.len())
    }

    pub(crate) fn dials(&self, host: &str) -> usize {
        self.state().hosts[host].dialed_at.len()
    }

    pub(crate) fn dialed_at(&self, host: &str) -> Vec<Instant> {
        self.state().hosts[host].dialed_at.clone()
    }

    pub(crate) fn reasons(&self) -> Vec<CloseReason> {
        self.pick(|event| match event {
            Event::Closed { reason, .. } => Some(*reason),
            _ => None,
        })
    }

    /// What was said about lists that were not taken.
    pub(crate) fn problems(&self) -> Vec<Arc<str>> {
        self.pick(|event| match event {
            Event::EndpointsKept { problem } => Some(Arc::clone(problem)),
            _ => None,
        })
    }

    /// How many endpoints there were after each change.
    pub(crate) fn counts(&self) -> Vec<usize> {
        self.pick(|event| match event {
            Event::EndpointsChanged { count } => Some(*count),
            _ => None,
        })
    }

    /// When connections began to move, and to whom.
    pub(crate) fn moves(&self) -> Vec<(Instant, Endpoint)> {
        let state = self.state();
        let moves = state.told.iter().filter_map(|(when, event)| match event {
            Event::Moving { to, .. } => Some((*when, to.clone())),
            _ => None,
        });
        moves.collect()
    }

    fn pick<T>(&self, pick: impl Fn(&Event) -> Option<T>) -> Vec<T> {
        let state = self.state();
        state.told.iter().filter_map(|(_, it)| pick(it)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

// === impl Dialer ===

impl tower::Service<Endpoint> for Dialer {
    type Response = Link;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Link, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, endpoint: Endpoint) -> Self::Future {
        let world = self.0.clone();
        let name = endpoint.host().to_owned();
        let answer = {
            let mut state = world.state();
            let host = state.hosts.get_mut(&name).unwrap();
            host.dialed_at.push(Instant::now());
            host.answer
        };
        Box::pin(async move {
            match answer {
                Answer::Accept => sleep(CONNECT).await,
                Answer::Refuse => return Err(format!("{name} is down").into()),
                Answer::Silence => pending().await,
            }
            let mut state = world.state();
            state.opened += 1;
            let id = state.opened;
            let host = state.hosts.get_mut(&name).unwrap();
            host.live.insert(id, None);
            drop(state);
            Ok(Link {
                id,
                host: name,
                world,
            })
        })
    }
}

// === impl Link ===

impl Link {
    pub(crate) fn host(&self) -> &str {
        &self.host
    }
}

impl Reuse for Link {
    fn poll_closed(&mut self, context: &mut Context<'_>) -> Poll<Death> {
        let mut state = self.world.state();
        let host = state.hosts.get_mut(&self.host).unwrap();
        let Some(waker) = host.live.get_mut(&self.id) else {
            return Poll::Ready(Death::Ended);
        };
        *waker = Some(context.waker().clone());
        Poll::Pending
    }

    fn is_settled(&self) -> bool {
        true
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let mut state = self.world.state();
        let host = state.hosts.get_mut(&self.host).unwrap();
        let waker = host.live.remove(&self.id);
        drop(state);
        drop(waker);
    }
}
