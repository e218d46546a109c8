//! A whole run: hosts, their network and disks, and the plan that happens to them, all from
//! one seed. It decides nothing about what is right: checks do.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use bowline_link::BoxError;
use rand_core::Rng;
use rand_pcg::Pcg64;

use self::panics::Watch;
use self::timeline::{Event, Timeline};
use self::timers::Timers;
use crate::Streams;
use crate::clock::{EPOCH, HostClock, SimClock};
use crate::disk::Disk;
use crate::history::Recorder;
use crate::names::{Names, Zone};
use crate::net::Net;
use crate::plan::{Plan, SHORTEST};
use crate::trace::Trace;

mod diary;
mod faults;
mod outcome;
pub(crate) mod panics;
mod settings;
mod timeline;
mod timers;

pub use outcome::{Report, RunError};
pub use settings::Settings;

/// Segments on their way in each direction of a stream, and dials a listener may owe an
/// answer. turmoil panics beyond the latter, and its default of 64 is one stampede.
const SEGMENTS: usize = 4096;

/// A simulated world, on the thread that made it.
///
/// ```
/// use std::time::Duration;
/// use bowline_link::{Dial as _, Endpoint, Listen as _};
/// use bowline_sim::{Plan, Settings, Topology, World};
/// use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
/// use tower_service::Service as _;
///
/// let topology = Topology::new(Duration::from_secs(1)).host("server").host("ann");
/// let mut world = World::new(Plan::calm(7, topology), Settings::default());
/// let (net, trace) = (world.net(), world.trace());
/// world.host("server", move || {
///     let net = net.clone();
///     async move {
///         let (mut stream, _) = net.listen("server", 7400).await?.accept().await?;
///         stream.write_all(b"hello").await?;
///         Ok(())
///     }
/// });
/// let net = world.net();
/// world.host("ann", move || {
///     let (mut dialer, trace) = (net.dialer("ann"), trace.clone());
///     async move {
///         let mut stream = dialer.call(Endpoint::new("server", 7400)).await?;
///         let mut text = String::new();
///         stream.read_to_string(&mut text).await?;
///         trace.note("ann", text);
///         Ok(())
///     }
/// });
/// let trace = world.trace();
/// let said = || trace.lines().iter().any(|line| line.text == "hello");
/// world.run(said)?;
/// # Ok::<(), bowline_sim::RunError>(())
/// ```
pub struct World {
    sim: turmoil::Sim<'static>,
    plan: Plan,
    settings: Settings,
    clock: SimClock,
    trace: Trace,
    recorder: Recorder,
    net: Net,
    wall_clocks: BTreeMap<String, HostClock>,
    timers: BTreeMap<String, Timers>,
    disks: BTreeMap<String, Disk>,
    disk_chance: Pcg64,
    running: BTreeSet<String>,
    has_name_server: bool,
    failed: Rc<RefCell<Option<(String, BoxError)>>>,
}

/// Dropped with a host's software, after the tasks of its runtime: only then is it known
/// which streams the software held, and they are closed in their own order.
struct Last {
    net: Net,
    host: String,
}

// === impl World ===

impl World {
    /// A world in which all chance comes from the seed of `plan`, which will happen to it.
    ///
    /// # Panics
    ///
    /// When the latency is an empty range, or the tick is zero or longer than [`SHORTEST`]:
    /// settings are part of the test's source.
    pub fn new(plan: Plan, settings: Settings) -> Self {
        let (least, most) = (*settings.latency.start(), *settings.latency.end());
        assert!(
            least <= most,
            "no latency is at least {least:?} and at most {most:?}"
        );
        let tick = settings.tick;
        assert!(
            Duration::ZERO < tick && tick <= SHORTEST,
            "a tick of {tick:?} is not above zero and up to {SHORTEST:?}"
        );
        let streams = Streams::new(plan.seed);
        let sim = turmoil::Builder::new()
            .rng_seed(streams.network().next_u64())
            .epoch(SystemTime::UNIX_EPOCH + EPOCH)
            .tick_duration(tick)
            .tcp_capacity(SEGMENTS)
            .min_message_latency(least)
            .max_message_latency(most)
            .simulation_duration(Duration::MAX)
            .enable_random_order()
            .build();
        let clock = SimClock::new();
        let trace = Trace::new(clock.clone(), settings.lines_kept);
        let round_trip = (most * 2).max(Duration::from_millis(1));
        let topology = plan.topology.clone();
        let hosts = || topology.hosts().map(str::to_owned);
        Self {
            wall_clocks: hosts()
                .map(|host| (host, HostClock::new(clock.clone())))
                .collect(),
            timers: hosts().map(|host| (host, Timers::default())).collect(),
            net: Net::new(topology, streams, clock.clone(), trace.clone(), round_trip),
            sim,
            plan,
            settings,
            clock,
            trace,
            recorder: Recorder::new(),
            disks: BTreeMap::new(),
            disk_chance: streams.disk(),
            running: BTreeSet::new(),
            has_name_server: false,
            failed: Rc::default(),
        }
    }

    /// What happens to it.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Its network.
    pub fn net(&self) -> Net {
        self.net.clone()
    }

    /// Its record.
    pub fn trace(&self) -> Trace {
        self.trace.clone()
    }

    /// Its history, in which it writes down whom faults hold and when they are over.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// Its time of day, which begins at [`EPOCH`] and is true whatever happens.
    pub fn wall_clock(&self) -> SimClock {
        self.clock.clone()
    }

    /// The time of day as the host `name` sees it: give this one to its software.
    ///
    /// # Panics
    ///
    /// When the topology has no such host.
    pub fn wall_clock_of(&self, name: &str) -> HostClock {
        self.assert_host(name);
        self.wall_clocks[name].clone()
    }

    /// The disk of the host `name`, empty at first. There is one for each host.
    ///
    /// # Panics
    ///
    /// When the topology has no such host.
    pub fn disk(&mut self, name: &str) -> Disk {
        self.assert_host(name);
        self.disks.entry(name.to_owned()).or_default().clone()
    }

    /// Gives the host `name` its software.
    ///
    /// `factory` is called at the start and again after each crash and power loss. What it
    /// returns may end with `Ok`: then tasks that it left behind go on. An error ends the
    /// run.
    ///
    /// When software is stopped, its tasks are dropped in an order that no seed decides:
    /// streams and disks do not mind, but let no `Drop` of your own write to a record.
    ///
    /// # Panics
    ///
    /// When the topology has no such host, or it has software already.
    pub fn host<F, Fut>(&mut self, name: &str, factory: F)
    where
        F: Fn() -> Fut + 'static,
        Fut: Future<Output = Result<(), BoxError>> + 'static,
    {
        self.assert_host(name);
        let new = self.running.insert(name.to_owned());
        assert!(new, "host {name:?} has software already");
        let failed = Rc::clone(&self.failed);
        let (net, owned) = (self.net(), name.to_owned());
        let (timers, tick) = (self.timers[name].clone(), self.settings.tick);
        self.sim.host(name, move || {
            let last = Last {
                net: net.clone(),
                host: owned.clone(),
            };
            let software = factory();
            let (failed, timers) = (Rc::clone(&failed), timers.clone());
            async move {
                let software = async {
                    if let Err(error) = software.await {
                        let name = last.host.clone();
                        failed.borrow_mut().get_or_insert((name, error));
                    }
                    // turmoil stops a host whose software has ended, with all that it leaves
                    // behind: streams would neither be heard of again nor end.
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    biased;
                    never = timers.follow(tick) => match never {},
                    () = software => {}
                }
                drop(last);
                Ok(())
            }
        });
    }

    /// Gives the host `name` the software of a name server that knows `zone` and the name of
    /// every host, and hands out what it knows: see [`names`](crate::names).
    ///
    /// # Panics
    ///
    /// When the topology has no such host, it has software already, the zone leads to a host
    /// that the topology has not, or the world has a name server already.
    pub fn name_server(&mut self, name: &str, zone: Zone) -> Names {
        assert!(!self.has_name_server, "one name server answers for all");
        self.has_name_server = true;
        let names = Names::new(name, zone, &self.plan.topology, self.trace());
        let (net, known) = (self.net(), names.clone());
        self.host(name, move || known.clone().serve(net.clone()));
        names
    }

    /// Plays the whole plan, then goes on until `done` says so.
    ///
    /// `done` is asked between steps, once the last fault is over. A panic in any task
    /// fails the run, whoever would have awaited it: a panic hook, installed once for the
    /// process, notes panics of threads on which a world runs and passes all on to the hook
    /// before it. A panic on a thread that the software starts by itself, as
    /// `spawn_blocking` does, is not seen; such software is not deterministic either.
    ///
    /// # Errors
    ///
    /// A plan that does not fit, a panic, a host that failed, a run that took too long.
    pub fn run(mut self, done: impl FnMut() -> bool) -> Result<Report, RunError> {
        self.plan.validate()?;
        let idle = |host: &&str| !self.running.contains(*host);
        if let Some(idle) = self.plan.topology.hosts().find(idle) {
            let name = idle.to_owned();
            return Err(RunError::Idle { name });
        }
        self.check_disks()?;
        self.check_names()?;
        let watch = Watch::begin();
        let played = watch.guard(|| self.play(done));
        self.trace.seal();
        // Software is dropped here; it must not panic at that either.
        let dropped = watch.guard(|| drop(self));
        match (panics::first(), played, dropped) {
            (None, Some(played), Some(())) => played,
            (said, _, _) => Err(RunError::Panicked {
                message: said.unwrap_or_else(|| "and said nothing".to_owned()),
            }),
        }
    }

    fn play(&mut self, mut done: impl FnMut() -> bool) -> Result<Report, RunError> {
        let plan = self.plan.clone();
        let mut timeline = Timeline::of(&plan);
        let mut healed = false;
        let limit = plan.topology.end() + self.settings.recovery;
        loop {
            let now = self.sim.elapsed();
            self.clock.stand_at(now);
            while let Some(event) = timeline.next_until(now) {
                match event {
                    Event::Begins(index, step) => {
                        self.write_down_struck(step, now);
                        self.begin(index, step);
                    }
                    Event::Ends(index, step) => {
                        self.end(index, step);
                        self.write_down_relieved(step, now);
                    }
                }
            }
            self.net.tick();
            if now >= plan.topology.end() && !std::mem::replace(&mut healed, true) {
                self.write_down_healed(now);
            }
            if timeline.is_over() && done() {
                return Ok(Report {
                    trace_hash: self.trace.hash(),
                    simulated: now,
                });
            }
            if now >= limit {
                return Err(RunError::TimedOut { limit });
            }
            self.step()?;
        }
    }

    fn step(&mut self) -> Result<(), RunError> {
        let next = self.sim.elapsed() + self.settings.tick;
        self.clock.run_until(next);
        let stepped = self.sim.step();
        self.clock.stand_at(self.sim.elapsed());
        if let Some((name, error)) = self.failed.borrow_mut().take() {
            return Err(RunError::Host { name, error });
        }
        // Without `tokio_unstable` a panic in a task stops nothing by itself.
        if let Some(message) = panics::first() {
            return Err(RunError::Panicked { message });
        }
        match stepped {
            Ok(_) => Ok(()),
            Err(error) => Err(RunError::Simulator {
                message: error.to_string(),
            }),
        }
    }

    fn assert_host(&self, name: &str) {
        let known = self.plan.topology.is_host(name);
        assert!(known, "the topology has no host named {name:?}");
    }
}

// === impl Last ===

impl Drop for Last {
    fn drop(&mut self) {
        self.net.bury(&self.host);
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("plan", &self.plan)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
