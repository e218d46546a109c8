//! Whole test suites in a few lines: who is there, what goes wrong, what must hold, over
//! how many seeds. It knows no way to be wrong but those it was given as checks, a panic,
//! an error of the software, and clients that do not come to their end in time.

use std::collections::BTreeMap;
use std::ops::{Range, RangeInclusive};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bowline_link::BoxError;

use crate::check::Check;
use crate::disk::Unsynced;
use crate::{Plan, Settings, Shape, Streams, Topology, Zone};

mod after;
mod campaign;
mod freezable;
mod node;
mod outcome;
mod play;
mod variables;

pub use after::After;
pub use campaign::{Campaign, Failed, NotPlayed, Recovery, play_all, play_plan};
pub use node::Node;
pub use outcome::Outcome;
pub use play::Play;

/// How long faults may last where nobody says.
const TROUBLE: Duration = Duration::from_secs(30);

/// The host of the clients where nobody names another.
const CLIENTS: &str = "clients";

/// A world as a recipe: for each seed it is made anew, played and judged.
///
/// A run has two phases. While faults strike, only safety is asked for: no check may
/// find anything. Once they are over, the *core* (everybody whom no fault holds for ever,
/// see [`Plan::core`]) must come to its end: the software of every client in the core
/// returns within [`live_within`](Self::live_within). So write a client that does what it
/// does until [`healed`](Node::healed), then does it once more and returns.
///
/// Hosts are servers: their software runs until the run is over and is started again after
/// each crash. Put many clients on one host, as [`clients`](Self::clients) does, since a
/// simulated second costs the cube of the hosts.
///
/// ```
/// use std::time::Duration;
/// use bowline_link::{Dial as _, Endpoint, Listen as _};
/// use bowline_sim::{Scenario, Shape, Topology};
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
/// use tower_service::Service as _;
///
/// let campaign = Scenario::new("greeting")
///     .hosts(["server"], async |node| {
///         let mut listener = node.listen(7400).await?;
///         loop {
///             let (mut stream, _) = listener.accept().await?;
///             drop(stream.write_all(b"hello").await);
///         }
///     })
///     .clients(["ann", "bob"], async |node| {
///         node.healed().await;
///         let mut stream = node.dialer().call(Endpoint::new("server", 7400)).await?;
///         let mut text = String::new();
///         stream.read_to_string(&mut text).await?;
///         node.note(text);
///         Ok(())
///     })
///     .trouble(Duration::from_secs(5))
///     .shape(|topology| Shape::new(3, 50..=1_000).everything(topology))
///     .seeds(0..4)
///     .run()?;
/// assert_eq!(campaign.played, 4);
/// # Ok::<(), bowline_sim::scenario::NotPlayed>(())
/// ```
pub struct Scenario<S = ()> {
    name: String,
    hosts: BTreeMap<String, Host<S>>,
    shared: Arc<dyn Fn(Streams) -> S + Send + Sync>,
    trouble: Duration,
    planner: Planner,
    checks: Vec<CheckFor>,
    after: Option<Afterwards<S>>,
    settings: Settings,
    unsynced_by: Option<UnsyncedOf>,
    name_server: Option<(String, Zone)>,
    seeds: Range<u64>,
}

/// What runs on one host.
struct Host<S> {
    software: Tasks<S>,
    has_disk: bool,
}

enum Tasks<S> {
    Server(Software<S>),
    Clients(BTreeMap<String, Software<S>>),
}

type Software<S> = Arc<dyn Fn(Node<S>) -> Running + Send + Sync>;
type Running = Pin<Box<dyn Future<Output = Result<(), BoxError>>>>;
type Planner = Arc<dyn Fn(u64, &Topology) -> Plan + Send + Sync>;
type CheckFor = Arc<dyn Fn(&Plan) -> Box<dyn Check> + Send + Sync>;
type UnsyncedOf = Arc<dyn Fn(Streams) -> Unsynced + Send + Sync>;
type Afterwards<S> = Arc<dyn Fn(&After<S>) + Send + Sync>;

// === impl Scenario ===

impl Scenario<()> {
    /// A scenario in which nobody is there and nothing goes wrong.
    ///
    /// The name is for people: it stands before a campaign's progress and verdict.
    pub fn new(name: &str) -> Self {
        Self::sharing(name, |_| ())
    }
}

impl<S: Send + Sync + 'static> Scenario<S> {
    /// One whose software and checks share a state, made anew by `make` for each run.
    ///
    /// It outlives crashes, as the memory of a test does and that of no process: keep there
    /// what only the test may know.
    pub fn sharing(name: &str, make: impl Fn(Streams) -> S + Send + Sync + 'static) -> Self {
        Self {
            name: name.to_owned(),
            hosts: BTreeMap::new(),
            shared: Arc::new(make),
            trouble: TROUBLE,
            planner: Arc::new(|seed, topology| Plan::calm(seed, topology.clone())),
            checks: Vec::new(),
            after: None,
            settings: Settings::default(),
            unsynced_by: None,
            name_server: None,
            seeds: 0..1,
        }
    }

    /// Adds hosts that each run `software` until the run is over.
    ///
    /// # Panics
    ///
    /// When a name is taken.
    #[must_use]
    pub fn hosts<'a, F, Fut>(
        mut self,
        names: impl IntoIterator<Item = &'a str>,
        software: F,
    ) -> Self
    where
        F: Fn(Node<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + 'static,
    {
        let software = boxed(software);
        for name in names {
            let host = Host {
                software: Tasks::Server(Arc::clone(&software)),
                has_disk: false,
            };
            let before = self.hosts.insert(name.to_owned(), host);
            assert!(before.is_none(), "two hosts are named {name:?}");
        }
        self
    }

    /// Adds clients that each run `software` to its end, as nodes of the host `clients`.
    ///
    /// They begin 50 ms after the servers, so that the first dial finds somebody who listens.
    ///
    /// # Panics
    ///
    /// When a name is taken.
    #[must_use]
    pub fn clients<'a, F, Fut>(self, names: impl IntoIterator<Item = &'a str>, software: F) -> Self
    where
        F: Fn(Node<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + 'static,
    {
        self.clients_on(CLIENTS, names, software)
    }

    /// The same on a host of another name; several groups may share one.
    ///
    /// # Panics
    ///
    /// When a name is taken, or that host is no host of clients.
    #[must_use]
    pub fn clients_on<'a, F, Fut>(
        mut self,
        host: &str,
        names: impl IntoIterator<Item = &'a str>,
        software: F,
    ) -> Self
    where
        F: Fn(Node<S>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), BoxError>> + 'static,
    {
        let software = boxed(software);
        let host = self.hosts.entry(host.to_owned()).or_insert_with(|| Host {
            software: Tasks::Clients(BTreeMap::new()),
            has_disk: false,
        });
        let Tasks::Clients(clients) = &mut host.software else {
            panic!("a host runs a server or clients, not both");
        };
        for name in names {
            let before = clients.insert(name.to_owned(), Arc::clone(&software));
            assert!(before.is_none(), "two clients are named {name:?}");
        }
        self
    }

    /// Gives the host `name` a disk, which survives crashes: see [`Node::disk`].
    ///
    /// # Panics
    ///
    /// When there is no such host yet.
    #[must_use]
    pub fn disk(mut self, name: &str) -> Self {
        let host = self.hosts.get_mut(name);
        let host = host.unwrap_or_else(|| panic!("there is no host named {name:?} to have a disk"));
        host.has_disk = true;
        self
    }

    /// Adds a host that is the world's name server and knows `zone`: see
    /// [`names`](crate::names) and [`Node::resolver`].
    ///
    /// # Panics
    ///
    /// When there is a name server already; and, when it is played, when a host of that name
    /// is there too or the zone leads to no host.
    #[must_use]
    pub fn name_server(mut self, host: &str, zone: Zone) -> Self {
        let before = self.name_server.replace((host.to_owned(), zone));
        assert!(before.is_none(), "one name server answers for all");
        self
    }

    /// How long things may go wrong; 30 s if nobody says.
    #[must_use]
    pub fn trouble(self, trouble: Duration) -> Self {
        Self { trouble, ..self }
    }

    /// How long after that the core has to come to its end; two minutes if nobody says.
    ///
    /// Compute it from the settings of what is under test: what it takes to notice a dead
    /// peer, to wait as long as the longest backoff, to connect and to catch up.
    #[must_use]
    pub fn live_within(mut self, bound: Duration) -> Self {
        self.settings.recovery = bound;
        self
    }

    /// Draws each seed's plan within the shape that `shape` makes of the topology.
    #[must_use]
    pub fn shape(self, shape: impl Fn(&Topology) -> Shape + Send + Sync + 'static) -> Self {
        self.plan(move |seed, topology| Plan::draw(seed, topology, &shape(topology)))
    }

    /// Makes each seed's plan by `plan`; it is checked before it is played.
    #[must_use]
    pub fn plan(mut self, plan: impl Fn(u64, &Topology) -> Plan + Send + Sync + 'static) -> Self {
        self.planner = Arc::new(plan);
        self
    }

    /// Judges each run by `check`, whatever its plan was.
    #[must_use]
    pub fn check(self, check: impl Check + Clone + 'static) -> Self {
        self.check_by(move |_| Box::new(check.clone()))
    }

    /// Judges each run by the check that `make` makes of its plan: one that asks something
    /// of the core has to know who that is.
    #[must_use]
    pub fn check_by(
        mut self,
        make: impl Fn(&Plan) -> Box<dyn Check> + Send + Sync + 'static,
    ) -> Self {
        self.checks.push(Arc::new(make));
        self
    }

    /// Does something when a run is over and before it is judged, such as to write down
    /// what a store holds.
    #[must_use]
    pub fn afterwards(mut self, after: impl Fn(&After<S>) + Send + Sync + 'static) -> Self {
        self.after = Some(Arc::new(after));
        self
    }

    /// How long a message travels.
    #[must_use]
    pub fn latency(mut self, latency: RangeInclusive<Duration>) -> Self {
        self.settings.latency = latency;
        self
    }

    /// What a power loss does to unsynced writes.
    #[must_use]
    pub fn unsynced(mut self, unsynced: Unsynced) -> Self {
        self.settings.unsynced = unsynced;
        self
    }

    /// The same for each seed by itself.
    #[must_use]
    pub fn unsynced_by(
        mut self,
        unsynced: impl Fn(Streams) -> Unsynced + Send + Sync + 'static,
    ) -> Self {
        self.unsynced_by = Some(Arc::new(unsynced));
        self
    }

    /// Which seeds [`run`](Self::run) plays; only the first, 0, if nobody says.
    #[must_use]
    pub fn seeds(self, seeds: Range<u64>) -> Self {
        Self { seeds, ..self }
    }

    /// Plays all seeds, on every core, with a progress bar where somebody watches.
    ///
    /// Two environment variables narrow it down. `SIM_SEED=17` plays that seed alone;
    /// `SIM_PLAN=plan.json` plays that plan.
    ///
    /// # Errors
    ///
    /// [`NotPlayed::Failed`] with everything about every run that failed, or that one of the
    /// variables makes no sense.
    pub fn run(&self) -> Result<Campaign, NotPlayed> {
        campaign::run(self, self.seeds.clone())
    }

    /// Who is there, as a plan sees it.
    pub fn topology(&self) -> Topology {
        let hosts = self.hosts.iter();
        let topology = hosts.fold(Topology::new(self.trouble), |topology, (name, host)| {
            topology.nodes(name, host.clients().map(String::as_str))
        });
        match &self.name_server {
            None => topology,
            Some((host, _)) => topology.host(host),
        }
    }
}

// === impl Host ===

impl<S> Host<S> {
    fn clients(&self) -> impl Iterator<Item = &String> {
        let clients = match &self.software {
            Tasks::Server(_) => None,
            Tasks::Clients(clients) => Some(clients.keys()),
        };
        clients.into_iter().flatten()
    }
}

impl<S> std::fmt::Debug for Scenario<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario")
            .field("name", &self.name)
            .field("hosts", &self.hosts.keys())
            .field("seeds", &self.seeds)
            .finish_non_exhaustive()
    }
}

fn boxed<S, F, Fut>(software: F) -> Software<S>
where
    F: Fn(Node<S>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), BoxError>> + 'static,
{
    Arc::new(move |node| {
        let (net, name) = (node.net(), node.name().to_owned());
        Box::pin(freezable::freezable(net, name, software(node)))
    })
}

#[cfg(test)]
mod tests;
