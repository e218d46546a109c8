//! The chat world: one server whose store survives, five people who talk.
//!
//! Everything that can go wrong goes wrong for [`TROUBLE`]: streams stall and reset,
//! the server is killed and loses power. After that everybody must have every
//! message, in one order, and every answer.

mod backend;
mod mutant;
mod people;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_chat::log::Offset;
use bowline_chat::server::{Environment, Server, Traced};
use bowline_chat::store::{Committer, Redb, Retention, Store};
use bowline_link::BoxError;
use bowline_link::codec::Limits;
use bowline_policy::heartbeat::Fixed;
use bowline_sim::check::{self, Violation};
use bowline_sim::history::{History, Id, Name, Position, Record, What};
use bowline_sim::{
    Disk, Fault, Plan, Report, RunError, Settings, Shape, Streams, Topology, Trace, World,
};

use backend::Backend;
pub use mutant::Mutation;
use people::{Party, Progress};

/// How long things go wrong.
pub const TROUBLE: Duration = Duration::from_secs(40);

/// How many faults a seed brings.
const FAULTS: usize = 8;

/// How long a fault lasts, in milliseconds; the longest outlives the heartbeat.
const FAULT_MS: std::ops::RangeInclusive<u64> = 50..=8_000;

/// Who talks.
const PEOPLE: [&str; 5] = ["ann", "bob", "cem", "dan", "eve"];

/// Where they talk.
const ROOM: &str = "lobby";

/// One seed in so many runs with a log so short that gaps outgrow it.
const SHORT_LOG_EVERY: u64 = 4;

/// What a run of the world came to.
#[derive(Debug)]
pub struct Outcome {
    /// What happened on the network and what was said of it, and the hash of all that.
    pub trace: Trace,
    /// How the run ended; an error when somebody waited for ever or a task panicked.
    pub end: Result<Report, RunError>,
    /// Which promises broke; the checks look at what happened even when the run did
    /// not come to its end.
    pub violations: Vec<Violation>,
    /// All that was seen, as the checks judged it.
    pub history: History,
}

/// The plan a seed draws.
pub fn plan(seed: u64) -> Plan {
    let topology = topology();
    let stalls = [
        bowline_sim::Direction::Inbound,
        bowline_sim::Direction::Outbound,
        bowline_sim::Direction::Both,
    ];
    let everybody: Vec<_> = topology
        .all_nodes()
        .filter(|node| *node != "people")
        .collect();
    let mut shape = Shape::new(FAULTS, FAULT_MS)
        .may(Fault::Reset, everybody.iter().copied())
        .may(Fault::Crash, ["server"])
        .may(Fault::PowerLoss, ["server"]);
    for direction in stalls {
        shape = shape.may(Fault::Stall { direction }, everybody.iter().copied());
    }
    Plan::draw(seed, &topology, &shape)
}

/// Plays `plan`, with one thing broken on purpose if asked for.
pub fn run(plan: &Plan, mutation: Option<Mutation>) -> Outcome {
    let streams = Streams::new(plan.seed);
    let mut world = World::new(plan.clone(), Settings::default());
    let (disk, trace) = (world.disk("server"), world.trace());
    let party = Party::new(&world, streams, PEOPLE);
    let (recorder, progress) = (party.recorder.clone(), party.progress.clone());
    host_server(&mut world, streams, disk.clone(), mutation);
    world.host("people", move || party.clone().talk());
    let end = world.run(|| settled(&progress));
    recorder.record(Record::new("store", last_word(&disk, streams)));
    let history = recorder.history();
    let joined = PEOPLE.map(Name::from);
    Outcome {
        trace,
        end,
        violations: check::all(&check::every(check::Store::Durable, joined), &history),
        history,
    }
}

impl Outcome {
    /// Whether the run came to its end and every promise was kept.
    pub fn is_good(&self) -> bool {
        self.end.is_ok() && self.violations.is_empty()
    }
}

fn topology() -> Topology {
    Topology::new(TROUBLE)
        .host("server")
        .nodes("people", PEOPLE)
}

fn retention(streams: Streams) -> Retention {
    use rand_core::Rng;
    let short = streams
        .workload(0)
        .next_u64()
        .is_multiple_of(SHORT_LOG_EVERY);
    let messages = if short { 30 } else { 10_000 };
    Retention::new(messages, 16).expect("neither is zero")
}

/// The server's software, made again after each crash.
fn host_server(world: &mut World, streams: Streams, disk: Disk, mutation: Option<Mutation>) {
    let (net, wall) = (world.net(), Arc::new(world.wall_clock()));
    let starts = Arc::new(AtomicU64::new(0));
    world.host("server", move || {
        // Index 0 reads the store at the end; people count from 1000.
        let start = starts.fetch_add(1, Ordering::Relaxed) + 1;
        let (net, wall, disk) = (net.clone(), wall.clone(), disk.clone());
        async move {
            let store = open(&disk, streams, start, mutation)?;
            let environment = Environment {
                wall,
                secrets: Arc::new(Mutex::new(streams.secrets(start))),
                observer: Arc::new(Traced),
            };
            let listener = net.listen("server", people::PORT).await?;
            match mutation {
                Some(mutation) => {
                    let store = mutant::Mutant::new(store, mutation);
                    serve(store, listener, environment).await
                }
                None => serve(store, listener, environment).await,
            }
        }
    });
}

async fn serve(
    store: impl Store,
    listener: impl bowline_link::Listen,
    environment: Environment,
) -> Result<(), BoxError> {
    let heartbeat = Fixed::new(Duration::from_secs(2), Duration::from_secs(1), 2)?;
    let settings = bowline_chat::server::Settings::new(Limits::default(), heartbeat)?
        // Small, so that most replays take several pages.
        .replay_page_bytes(1024)?;
    Server::new(Committer::inline(store), settings, environment)
        .serve(listener, std::future::pending())
        .await;
    Ok(())
}

fn open(
    disk: &Disk,
    streams: Streams,
    start: u64,
    mutation: Option<Mutation>,
) -> Result<Redb, BoxError> {
    let disk = disk.clone();
    let syncs = mutation != Some(Mutation::ForgetToSync);
    Ok(Redb::with_backend(
        move || Ok(Backend::new(disk.open(), syncs)),
        retention(streams),
        Box::new(streams.secrets(1_000_000 + start)),
    )?)
}

/// Whether everybody has every answer and stands at the end of the log.
fn settled(progress: &Arc<Mutex<Progress>>) -> bool {
    let progress = progress.lock().expect("nobody panics while holding it");
    let head = progress.acked;
    progress.silent == PEOPLE.len()
        && progress.unanswered == 0
        && PEOPLE
            .iter()
            .all(|name| progress.reached.get(*name).is_some_and(|at| *at >= head))
}

/// What the store holds when all is over.
fn last_word(disk: &Disk, streams: Streams) -> What {
    let read = || -> Result<What, BoxError> {
        let mut store = open(disk, streams, 0, None)?;
        let head = store.open_room(ROOM)??;
        let mut replay = store.replay(ROOM, Offset(head.first.0.saturating_sub(1)))?;
        let mut log = Vec::new();
        loop {
            let page = replay.next_page(1 << 20)?;
            if page.is_empty() {
                break;
            }
            log.extend(page.iter().map(|message| {
                let offset = message.offset.0;
                (position(head.epoch.0, offset), id(message.msg_id))
            }));
        }
        Ok(What::Final {
            stream: ROOM.into(),
            first_kept: position(head.epoch.0, head.first.0),
            log,
        })
    };
    read().expect("the store can be read when all faults are over")
}

fn position(epoch: u64, offset: u64) -> Position {
    Position { epoch, offset }
}

fn id(msg_id: bowline_chat::log::MsgId) -> Id {
    Id(u128::from_be_bytes(msg_id.0))
}
