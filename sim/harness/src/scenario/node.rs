//! What the software of a scenario is given: its place in the world, and everything it
//! would otherwise have to take from the machine.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::dns;
use bowline_policy::Observe;
use rand_chacha::ChaCha20Rng;
use rand_pcg::Pcg64;

use crate::disk::Disk;
use crate::history::{Record, Recorder, What};
use crate::names::Names;
use crate::net::{Dialer, Listener, Sockets};
use crate::trace::Trace;
use crate::{HostClock, Net, SimClock, Streams};

/// A place where software runs, for one start of it; clones are the same place.
#[derive(Debug)]
pub struct Node<S = ()> {
    pub(super) name: Arc<str>,
    pub(super) start: u64,
    pub(super) world: Arc<Surroundings<S>>,
    pub(super) wall_clock: HostClock,
    pub(super) disk: Option<Disk>,
}

/// What everybody in a run shares.
#[derive(Debug)]
pub(super) struct Surroundings<S> {
    pub(super) net: Net,
    pub(super) names: Option<Names>,
    pub(super) clock: SimClock,
    pub(super) trace: Trace,
    pub(super) recorder: Recorder,
    pub(super) streams: Streams,
    pub(super) healed_at: Duration,
    /// The nodes that no fault of the plan holds for ever.
    pub(super) core: BTreeSet<String>,
    pub(super) shared: S,
}

// === impl Node ===

impl<S> Node<S> {
    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many times its software was started before.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Dials from here.
    pub fn dialer(&self) -> Dialer {
        self.world.net.dialer(&self.name)
    }

    /// Listens here, on all addresses of its host.
    ///
    /// # Errors
    ///
    /// When the port is taken on this host.
    pub async fn listen(&self, port: u16) -> io::Result<Listener> {
        self.world.net.listen(&self.name, port).await
    }

    /// What a resolver of its own asks through.
    pub fn sockets(&self) -> Sockets {
        self.world.net.sockets(&self.name)
    }

    /// What the world's name server knows, to be changed.
    ///
    /// # Panics
    ///
    /// When the scenario has no name server.
    pub fn names(&self) -> &Names {
        let names = self.world.names.as_ref();
        names.unwrap_or_else(|| panic!("the scenario was given no name server"))
    }

    /// Settings by which a resolver asks the world's name server, to be changed.
    ///
    /// # Panics
    ///
    /// When the scenario has no name server.
    pub fn dns(&self) -> dns::Settings {
        let servers = [self.names().address()];
        dns::Settings::new(servers).expect("one name server is neither none nor too many")
    }

    /// A resolver that asks as `settings` say, from here. Its ids and ports come from
    /// generators of its own.
    pub fn resolver(&self, settings: dns::Settings) -> dns::Resolver<Sockets> {
        // Beside the software's own, so that asking for a name reshuffles no id of its.
        let secrets = self.world.streams.secrets(self.index() ^ u64::MAX);
        dns::Resolver::new(settings, self.sockets(), Arc::new(Mutex::new(secrets)))
    }

    /// The network, for software that is several nodes at once.
    pub fn net(&self) -> Net {
        self.world.net.clone()
    }

    /// The disk of its host.
    ///
    /// # Panics
    ///
    /// When the scenario gave its host none.
    pub fn disk(&self) -> &Disk {
        let disk = self.disk.as_ref();
        disk.unwrap_or_else(|| panic!("the host of {:?} was given no disk", self.name))
    }

    /// Decides what the software's user does; another sequence after each start.
    pub fn chance(&self) -> Pcg64 {
        self.world.streams.workload(self.index())
    }

    /// Seeds the software's own jitter; likewise.
    pub fn jitter(&self) -> Pcg64 {
        self.world.streams.system(self.index())
    }

    /// Stands for what would be secret in production; likewise.
    pub fn secrets(&self) -> ChaCha20Rng {
        self.world.streams.secrets(self.index())
    }

    /// What was simulated since the run began. No fault touches this clock.
    pub fn elapsed(&self) -> Duration {
        self.world.clock.elapsed()
    }

    /// The time of day as its host has it.
    pub fn wall_clock(&self) -> HostClock {
        self.wall_clock.clone()
    }

    /// Waits until every fault that ends is over.
    ///
    /// # Cancellation
    ///
    /// Nothing is lost.
    pub async fn healed(&self) {
        // The timers of this host may have leapt: what counts is the world's time.
        while let Some(left) = self.world.healed_at.checked_sub(self.elapsed())
            && !left.is_zero()
        {
            tokio::time::sleep(left).await;
        }
    }

    /// Whether the node `name` is of the plan's [core](crate::Plan::core): whoever waits for
    /// others after [`healed`](Self::healed) may wait for these alone.
    pub fn is_core(&self, name: &str) -> bool {
        self.world.core.contains(name)
    }

    /// Writes down what it saw, in the history and in the trace.
    pub fn record(&self, what: What) {
        self.record_as(&self.name, what);
    }

    /// The same under the name of a process that is not the node itself.
    pub fn record_as(&self, process: &str, what: What) {
        self.world.trace.note(process, what.to_string());
        let micros = u64::try_from(self.elapsed().as_micros()).unwrap_or(u64::MAX);
        let record = Record::new(process, what).at(micros);
        self.world.recorder.observe(&record);
    }

    /// Says something in the trace: only what the same seed says again.
    pub fn note(&self, text: impl Into<String>) {
        self.world.trace.note(&self.name, text);
    }

    /// What the whole run shares.
    pub fn shared(&self) -> &S {
        &self.world.shared
    }

    /// Tells its generators from those of other nodes and other starts: by its name, so that
    /// another client reshuffles nobody.
    fn index(&self) -> u64 {
        let mut hash = crate::trace::Fnv::new();
        hash.text(&self.name);
        hash.number(self.start);
        hash.value()
    }
}

// Derived, it would ask that what is shared can be cloned.
impl<S> Clone for Node<S> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            start: self.start,
            world: Arc::clone(&self.world),
            wall_clock: self.wall_clock.clone(),
            disk: self.disk.clone(),
        }
    }
}
