//! The reconnect world: one service, six clients that each keep a
//! [`Reconnect`](bowline_reconnect::Reconnect) to it, and every fault.
//!
//! Each client has several handles that call at once, some of its calls are given up, some
//! of the time nobody calls at all. Whatever happens, every call must say truly whether it
//! was sent, nothing may be carried out twice, and who waits must learn what became of it.

mod caller;
mod client;
mod connector;
mod fails_fast;
mod gauge;
mod mutant;
mod part;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::backoff::{self, Schedule};
use bowline_policy::heartbeat::{self, Fixed, GRACES_MAX};
use bowline_sim::check::{
    AckedIsKept, CausalOrder, Check, DetectedInTime, EveryCallEnds, NoLeak, NoStampede, OneOrder,
    PublisherOrder, RealTimeOrder, Store, WithinLimits,
};
use bowline_sim::history::Name;
use bowline_sim::scenario::Node;
use bowline_sim::{Direction, Fault, Kind, Plan, Scenario, Shape, Step, Topology};

use crate::calls::{self, Guests, Log, SLOW_MS};
use fails_fast::FailsFast;
pub use mutant::Mutation;
use part::{OfThoseWhoLeft, WhereAllDialed};

/// How long things go wrong.
pub const TROUBLE: Duration = Duration::from_secs(20);

/// Who calls.
pub const CLIENTS: [&str; 6] = ["ann", "bob", "cem", "dan", "eve", "fay"];

/// Who is called.
const SERVER: &str = "server";

/// Where it listens.
const PORT: u16 = 7400;

/// How many faults a seed brings.
const FAULTS: usize = 8;

/// How long a fault lasts, in milliseconds; the longest outlives the heartbeat, whatever
/// graces it grants.
const FAULT_MS: RangeInclusive<u64> = 50..=8_000;

/// How many handles a client has.
const HANDLES: usize = 3;

/// How many of the clients, the first ones, are impatient.
const IMPATIENT: usize = 3;

/// How long the handles of an impatient client are kept waiting for a connection.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// The same for a patient one: longer than a run, so that no timer of its own wakes a handle
/// that the link forgot.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a whole attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long its dial may take.
const DIAL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// What a network that is well may add to any of these: round trips, and the steps in which
/// the simulator sees time.
const SLACK: Duration = Duration::from_millis(500);

/// What all software of a run shares.
#[derive(Debug, Default)]
pub struct Shared {
    log: Log,
    guests: Guests,
}

/// The world, with one thing broken on purpose if asked for.
pub fn scenario(mutation: Option<Mutation>) -> Scenario<Shared> {
    Scenario::sharing("reconnect", |_| Shared::default())
        .hosts([SERVER], serve)
        .clients(CLIENTS, move |node| client::run(node, mutation))
        .trouble(TROUBLE)
        .live_within(live_within())
        .plan(plan)
        .check(AckedIsKept::new(Store::Durable))
        .check(OneOrder)
        .check(PublisherOrder)
        .check(RealTimeOrder)
        .check(CausalOrder)
        .check(WithinLimits)
        .check_by(|plan| Box::new(every_call_ends(plan)))
        .check_by(|plan| Box::new(detected_in_time(plan)))
        .check_by(|plan| Box::new(no_leak(plan)))
        .check(NoStampede::new(HERD_WITHIN, HERD_AT_MOST))
        .check(all_spread())
        .check(fails_fast())
        .afterwards(|after| after.record(SERVER, after.shared().log.last_word()))
}

async fn serve(node: Node<Shared>) -> Result<(), BoxError> {
    let listener = node.listen(PORT).await?;
    let Shared { log, guests } = node.shared();
    let serving = calls::Serving {
        log: log.clone(),
        guests: guests.clone(),
        heartbeat: heartbeat()?,
        chance: node.chance(),
        rude_until: None,
    };
    calls::serve(listener, serving).await
}

fn failfast_after(client: &str) -> Duration {
    match CLIENTS[..IMPATIENT].contains(&client) {
        true => IMPATIENCE,
        false => PATIENCE,
    }
}

fn heartbeat() -> Result<Fixed, heartbeat::Invalid> {
    let (interval, timeout) = (Duration::from_millis(1_500), Duration::from_millis(600));
    Fixed::new(interval, timeout, 2)
}

fn schedule() -> Result<Schedule, backoff::Invalid> {
    Schedule::exponential(Duration::from_millis(200), Duration::from_secs(2))?
        .splay(Duration::from_secs(1))?
        .stable_after(Duration::from_secs(3))
}

// What goes wrong.

/// Every fault on everybody, save that nobody stops the clients: they would come back as
/// others, and a link that is gone is no test of links. In every other seed the last thing
/// that happens is that all lose their connection in one moment.
fn plan(seed: u64, topology: &Topology) -> Plan {
    let mut plan = Plan::draw(seed, topology, &shape(topology));
    if seed.is_multiple_of(2) {
        plan.steps.push(Step {
            at_ms: TROUBLE.as_millis() as u64,
            for_ms: None,
            target: SERVER.to_owned(),
            fault: Fault::Reset,
        });
        // The lot may have put one there already.
        if plan.validate().is_err() {
            plan.steps.pop();
        }
    }
    plan
}

fn shape(topology: &Topology) -> Shape {
    let silence = Fault::Stall {
        direction: Direction::Both,
    };
    // Nobody here has a disk; slices of a byte or two cost time and find nothing more.
    let kinds = Kind::ALL.into_iter();
    let kinds =
        kinds.filter(|kind| !matches!(kind, Kind::DiskFull | Kind::Slice | Kind::DnsAnswers));
    let shape = kinds.fold(Shape::new(FAULTS, FAULT_MS), |shape, kind| {
        let struck = topology.all_nodes().filter(|node| match kind {
            Kind::Crash | Kind::PowerLoss => *node == SERVER,
            _ => !kind.needs_host() || topology.is_host(node),
        });
        shape.may_any(kind, struck)
    });
    let slices = Fault::Slice {
        direction: Direction::Both,
        bytes_max: 23,
    };
    shape
        .may(slices, CLIENTS)
        .for_good(silence, CLIENTS)
        .for_good(Fault::BlackHole, CLIENTS)
}

// What is owed.

/// How long after its last byte a dead peer is noticed: the interval, every timeout and one
/// tick, and one timeout more for each grace where a clock of ours may leap.
fn noticed_within(leaps: bool) -> Duration {
    let heartbeat = heartbeat().expect("it was tried at the start");
    let graces = if leaps { GRACES_MAX } else { 0 };
    heartbeat.silence_max() + heartbeat.tick() + heartbeat.timeout() * graces + SLACK
}

/// The same where a grace of the *server* gives a whole interval besides.
fn server_noticed_within() -> Duration {
    let heartbeat = heartbeat().expect("it was tried at the start");
    noticed_within(true) + heartbeat.interval() * GRACES_MAX
}

/// How long it may take once all is well until there is a connection that works:
///
/// * the old one is noticed to be dead, or an attempt under way hangs to its end;
/// * the longest backoff;
/// * an attempt that succeeds.
fn connected_within() -> Duration {
    let cap = schedule().expect("it was tried at the start").cap();
    noticed_within(true).max(CONNECT_TIMEOUT) + cap + CONNECT_TIMEOUT
}

/// How long a call may take once all is well: until there is a connection, and the answer,
/// which may be slow.
fn answered_within() -> Duration {
    connected_within() + slow() + SLACK
}

/// How long clients need to come to their end once all is well:
///
/// * there is a connection;
/// * an impatient call that failed just before that, and one that is answered;
/// * the server notices that we have left.
fn live_within() -> Duration {
    connected_within() + IMPATIENCE + slow() + server_noticed_within() + SLACK
}

/// How long the slowest answer takes.
fn slow() -> Duration {
    Duration::from_millis(*SLOW_MS.end())
}

/// In this time...
const HERD_WITHIN: Duration = Duration::from_millis(500);

/// ...so many dials at most: each client one that was under way or whose time had come, and
/// one after the floor of the backoff.
const HERD_AT_MOST: usize = 2 * CLIENTS.len();

/// Six first delays drawn evenly from a second fall into one slot of this width once in some
/// millions of seeds; without jitter always.
const SLOT: Duration = Duration::from_millis(50);

fn all_spread() -> impl Check + Clone {
    let apart = NoStampede::new(HERD_WITHIN, usize::MAX).spread(2, SLOT);
    WhereAllDialed::new(CLIENTS, apart)
}

fn fails_fast() -> impl Check + Clone {
    FailsFast::new(CLIENTS.into_iter().take(IMPATIENT), IMPATIENCE + SLACK)
}

fn every_call_ends(plan: &Plan) -> impl Check + use<> {
    let core = plan.core().filter(|node| CLIENTS.contains(node));
    let handles = core.flat_map(|client| (0..HANDLES).map(move |index| handle(client, index)));
    EveryCallEnds::new(handles.collect::<Vec<_>>(), answered_within())
}

fn detected_in_time(plan: &Plan) -> impl Check + use<> {
    let leaps = |step: &Step| matches!(step.fault, Fault::ClockJump { .. } | Fault::Freeze);
    let leaps = plan.steps.iter().any(leaps);
    let heartbeat = heartbeat().expect("it was tried at the start");
    let least = if leaps {
        // After a leap one fresh probe and one timeout decide.
        heartbeat.timeout()
    } else {
        heartbeat.silence_max()
    };
    DetectedInTime::new(noticed_within(leaps), least)
}

fn no_leak(plan: &Plan) -> impl Check + use<> {
    let at_rest = [gauge::CONNECTIONS, gauge::DIALING, gauge::GUESTS];
    OfThoseWhoLeft::new(plan, NoLeak::new(at_rest.map(|of| (Name::from(of), 0))))
}

/// What the handle `index` of `client` is called in the history: a process of its own, since
/// each asks in an order of its own.
fn handle(client: &str, index: usize) -> Name {
    Name::from(format!("{client}/{index}"))
}
