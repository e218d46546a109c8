//! One run of a scenario: the world is made, played, taken down and judged.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_link::BoxError;
use tokio::task::JoinSet;

use super::node::Surroundings;
use super::{After, Host, Node, Outcome, Scenario, Software, Tasks};
use crate::check::{self, Violation};
use crate::disk::Disk;
use crate::history::{History, Recorder};
use crate::trace::LINES_KEPT;
use crate::world::panics;
use crate::{Plan, RunError, Streams, World};

/// How much later than servers clients begin: by then a server listens, which otherwise
/// would be a matter of which host a seed lets run first.
const HEAD_START: Duration = Duration::from_millis(50);

/// What can be played by seed, whatever its software shares.
pub trait Play: Sync {
    /// What it is called.
    fn name(&self) -> &str;

    /// How long the core may take to recover.
    fn live_within(&self) -> Duration;

    /// The plan of a seed. Making one plays nothing.
    fn plan_of(&self, seed: u64) -> Plan;

    /// Plays the plan of a seed.
    fn play_seed(&self, seed: u64) -> Outcome {
        self.play(self.plan_of(seed))
    }

    /// Plays `plan` and judges what happened.
    fn play(&self, plan: Plan) -> Outcome {
        self.play_keeping(plan, LINES_KEPT)
    }

    /// The same with so many lines of the trace kept.
    fn play_keeping(&self, plan: Plan, lines: usize) -> Outcome;
}

/// When each client came to its end, on the clock of the world.
#[derive(Debug, Clone, Default)]
struct Finished(Arc<Mutex<BTreeMap<String, Duration>>>);

/// One client's software ended with an error.
#[derive(Debug, thiserror::Error)]
#[error("client {name:?} gave up")]
struct GaveUp {
    name: String,
    source: BoxError,
}

impl<S: Send + Sync + 'static> Play for Scenario<S> {
    fn name(&self) -> &str {
        &self.name
    }

    fn live_within(&self) -> Duration {
        self.settings.recovery
    }

    fn plan_of(&self, seed: u64) -> Plan {
        let mut plan = (self.planner)(seed, &self.topology());
        // A planner may draw nothing; the rest of the world's chance is the seed's all the same.
        plan.seed = seed;
        plan
    }

    fn play_keeping(&self, plan: Plan, lines: usize) -> Outcome {
        let streams = Streams::new(plan.seed);
        let mut settings = self.settings.clone();
        settings.lines_kept = lines;
        if let Some(unsynced) = &self.unsynced_by {
            settings.unsynced = unsynced(streams);
        }
        let mut world = World::new(plan.clone(), settings);
        let trace = world.trace();
        let recorder = world.recorder();
        let name_server = self.name_server.clone();
        let names = name_server.map(|(host, zone)| world.name_server(&host, zone));
        let surroundings = Arc::new(Surroundings {
            names,
            net: world.net(),
            clock: world.wall_clock(),
            trace: trace.clone(),
            recorder: recorder.clone(),
            streams,
            healed_at: plan.topology.end(),
            core: plan.core().map(str::to_owned).collect(),
            shared: (self.shared)(streams),
        });
        let finished = Finished::default();
        let mut disks = BTreeMap::new();
        for (name, host) in &self.hosts {
            let disk = host.has_disk.then(|| world.disk(name));
            disks.extend(disk.clone().map(|disk| (name.clone(), disk)));
            host.settle(name, &mut world, &surroundings, disk, &finished);
        }
        let core = self.core_clients(&plan);
        let (clock, healed_at) = (world.wall_clock(), plan.topology.end());
        let end = world.run(|| clock.elapsed() >= healed_at && finished.has(&core));
        disks.values().for_each(Disk::make_room);
        let after = After {
            plan,
            world: surroundings,
            disks,
        };
        // Of a world that was never played there is nothing to be said.
        let played = !end.as_ref().is_err_and(RunError::is_refusal);
        let judge = || match played {
            true => self.judge(&after, &recorder),
            false => Default::default(),
        };
        let judged = panics::caught(judge);
        let (history, violations, end) = match judged {
            Ok((history, violations)) => (history, violations, end),
            Err(message) => {
                let panicked = RunError::Panicked { message };
                (recorder.history(), Vec::new(), end.and(Err(panicked)))
            }
        };
        Outcome {
            end,
            unfinished: finished.lacks(&core),
            recovered: finished.since(healed_at, &core),
            violations,
            plan: after.plan,
            history,
            trace,
        }
    }
}

impl<S: Send + Sync + 'static> Scenario<S> {
    /// What is found when a run is over.
    fn judge(&self, after: &After<S>, recorder: &Recorder) -> (History, Vec<Violation>) {
        if let Some(afterwards) = &self.after {
            afterwards(after);
        }
        let history = recorder.history();
        let checks: Vec<_> = self.checks.iter().map(|make| make(&after.plan)).collect();
        let violations = check::all(&checks, &history);
        (history, violations)
    }

    fn core_clients(&self, plan: &Plan) -> Vec<String> {
        let core: Vec<_> = plan.core().collect();
        let clients = self.hosts.values().flat_map(Host::clients);
        let core = clients.filter(|name| core.contains(&name.as_str()));
        core.cloned().collect()
    }
}

// === impl Host ===

impl<S: Send + Sync + 'static> Host<S> {
    /// Gives the host `name` of `world` its software.
    fn settle(
        &self,
        name: &str,
        world: &mut World,
        surroundings: &Arc<Surroundings<S>>,
        disk: Option<Disk>,
        finished: &Finished,
    ) {
        let surroundings = Arc::clone(surroundings);
        let wall_clock = world.wall_clock_of(name);
        let starts = Rc::new(Cell::new(0));
        let node = move |name: &str, start| Node {
            name: name.into(),
            start,
            world: Arc::clone(&surroundings),
            wall_clock: wall_clock.clone(),
            disk: disk.clone(),
        };
        match &self.software {
            Tasks::Server(software) => {
                let (software, owned) = (Arc::clone(software), name.to_owned());
                world.host(name, move || software(node(&owned, count(&starts))));
            }
            Tasks::Clients(clients) => {
                let (clients, finished) = (clients.clone(), finished.clone());
                world.host(name, move || {
                    let start = count(&starts);
                    let clients = clients.iter();
                    let clients: Vec<_> = clients
                        .map(|(name, software)| (node(name, start), Arc::clone(software)))
                        .collect();
                    let head_start = if start == 0 {
                        HEAD_START
                    } else {
                        Duration::ZERO
                    };
                    run_all(clients, finished.clone(), head_start)
                });
            }
        }
    }
}

fn count(starts: &Cell<u64>) -> u64 {
    let before = starts.get();
    starts.set(before + 1);
    before
}

async fn run_all<S: Send + Sync + 'static>(
    clients: Vec<(Node<S>, Software<S>)>,
    finished: Finished,
    head_start: Duration,
) -> Result<(), BoxError> {
    tokio::time::sleep(head_start).await;
    let mut running = JoinSet::new();
    for (node, software) in clients {
        let finished = finished.clone();
        running.spawn_local(async move {
            let name = node.name().to_owned();
            if let Err(source) = software(node.clone()).await {
                return Err(GaveUp { name, source });
            }
            finished.lock().entry(name).or_insert(node.elapsed());
            Ok(())
        });
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

// === impl Finished ===

impl Finished {
    fn has(&self, names: &[String]) -> bool {
        let finished = self.lock();
        names.iter().all(|name| finished.contains_key(name))
    }

    fn lacks(&self, names: &[String]) -> Vec<String> {
        let finished = self.lock();
        let lacking = names.iter().filter(|name| !finished.contains_key(*name));
        lacking.cloned().collect()
    }

    fn since(&self, healed_at: Duration, names: &[String]) -> BTreeMap<String, Duration> {
        let finished = self.lock();
        let since = |name: &String| {
            let at = finished.get(name)?;
            Some((name.clone(), at.saturating_sub(healed_at)))
        };
        names.iter().filter_map(since).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
