//! The reconnect world: three servers, six clients that each keep a
//! [`Reconnect`](bowline_reconnect::Reconnect) to them, and every fault.
//!
//! Each client's link is another one: in order or by weight, patient or not, with an age, a
//! heartbeat, a budget that it shares, a schedule that ends, a list that changes. Each has
//! several handles that call at once, hold what they are granted, and give calls up. The
//! servers crash, crawl, hang up on whom they accepted, turn people away with hints, say that
//! they will go, and forget their sessions. Somebody meddles with every link, and closes it.
//!
//! Whatever happens, every call must say truly whether it was sent, nothing may be carried out
//! twice, who waits must learn what became of it, and a link must be what it says it is.

mod book;
mod caller;
mod client;
mod connector;
mod fails_fast;
mod finale;
mod gauge;
mod handle;
mod keeper;
mod ledger;
mod line;
mod meddler;
mod meter;
mod mutant;
mod owed;
mod part;
mod porter;
mod shared;
mod terms;
#[cfg(test)]
mod tests;

use std::ops::RangeInclusive;
use std::time::Duration;

use bowline_policy::Share;
use bowline_sim::check::{
    AckedIsKept, CausalOrder, NoStampede, OneOrder, PublisherOrder, RealTimeOrder, Store,
    WithinLimits,
};
use bowline_sim::history::{Id, Name};
use bowline_sim::{Direction, Fault, Kind, Plan, Scenario, Shape, Step, Topology};
use rand_core::Rng;
use rand_pcg::Pcg64;

pub use mutant::Mutation;
pub use shared::Shared;

use owed::{
    AWAY_WITHIN, CLOSED_WITHIN, HERD_AT_MOST, HERD_WITHIN, HOME_WITHIN, MOVED_WITHIN,
    noticed_within, server_noticed_within, slow,
};
use part::ByConnection;
use terms::{Pace, Terms};

/// How long things go wrong.
pub const TROUBLE: Duration = Duration::from_secs(20);

/// Who calls.
pub const CLIENTS: [&str; 6] = ["ann", "bob", "cem", "dan", "eve", "fay"];

/// Who is called.
const SERVERS: [&str; 3] = ["server", "spare", "third"];

/// Where they listen.
const PORT: u16 = 7400;

/// How many faults a seed brings.
const FAULTS: usize = 10;

/// How long a fault lasts, in milliseconds; the longest outlives the heartbeat, whatever
/// graces it grants.
const FAULT_MS: RangeInclusive<u64> = 50..=8_000;

/// How many handles a client has at a time.
const HANDLES: usize = 3;

/// How long the handles of an impatient client are kept waiting for a connection. Those of a
/// patient one wait for as long as it takes, so that no timer of theirs wakes one that the
/// link forgot.
const IMPATIENCE: Duration = Duration::from_secs(1);

/// How long a whole attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// How long its dial may take.
const DIAL_TIMEOUT: Duration = Duration::from_millis(1_500);

/// How long a connection may live, where it may not live for ever.
const AGE: Duration = Duration::from_secs(6);

/// How many endpoints of a list may be ejected.
const EJECTED_MAX: Share = Share::HALF;

/// How long an endpoint is ejected, at most, and what forgives it.
const PENALTY: (Duration, Duration, Duration) = (
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(5),
);

/// How long an endpoint must be well to be preferred again, over how long that is spread, and
/// how often it is asked.
const FAILBACK: (Duration, Duration, Duration) = (
    Duration::from_secs(1),
    Duration::from_secs(1),
    Duration::from_millis(500),
);

/// How short and how long a wait may be that a server asks for.
const HINTS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));

/// How long a connection must be up to count as stable.
const STABLE_AFTER: Duration = Duration::from_secs(3);

/// How long the calls of a connection have that is being left.
const RETIRE_WITHIN: Duration = Duration::from_secs(3);

/// How many connections may be left at a time.
const RETIRING_MAX: usize = 4;

/// The live one, those that are being left, and one being made.
const CONNECTIONS_MAX: u64 = RETIRING_MAX as u64 + 2;

/// Over how long moves are spread.
const MOVE_SPLAY: Duration = Duration::from_secs(1);

/// How often a parked link tries.
const PROBE_PARKED_EVERY: Duration = Duration::from_secs(3);

/// How long a link that was locked out waits for somebody.
const LOCKED_OUT: Duration = Duration::from_secs(1);

/// How many events wait for a reader.
const EVENTS_MAX: usize = 8;

/// How many things a client joins.
const SUBSCRIPTIONS_MAX: usize = 12;

/// How long a server that says that it will go stays at most, in milliseconds.
const GONE_WITHIN_MS: u64 = 2_000;

/// What the budget allows.
const BUDGET: Budget = Budget {
    per_second: 4,
    burst: 3,
    in_flight: 2,
    wait_max: Duration::from_millis(1_500),
};

/// What a network that is well may add to any of these: round trips, and the steps in which
/// the simulator sees time.
const SLACK: Duration = Duration::from_millis(500);

struct Budget {
    per_second: u32,
    burst: u32,
    in_flight: usize,
    /// How long a dial may stand in line.
    wait_max: Duration,
}

/// The world, with one thing broken on purpose if asked for.
pub fn scenario(mutation: Option<Mutation>) -> Scenario<Shared> {
    Scenario::sharing("reconnect", |_| Shared::default())
        .hosts(SERVERS, porter::serve)
        .clients(CLIENTS, move |node| client::run(node, mutation))
        .trouble(TROUBLE)
        .live_within(owed::live_within())
        .plan(plan)
        .check(AckedIsKept::new(Store::Durable))
        .check(OneOrder)
        .check(ByConnection(PublisherOrder))
        .check(RealTimeOrder)
        .check(ByConnection(CausalOrder))
        .check(WithinLimits)
        .check_by(|plan| Box::new(owed::every_call_ends(plan)))
        .check_by(|plan| Box::new(owed::detected_in_time(plan, Pace::Brisk)))
        .check_by(|plan| Box::new(owed::detected_in_time(plan, Pace::Slow)))
        .check_by(|plan| Box::new(owed::no_leak(plan)))
        .check(NoStampede::new(HERD_WITHIN, HERD_AT_MOST))
        .check(owed::all_spread())
        .check(owed::fails_fast())
        .afterwards(|after| after.record(SERVERS[0], after.shared().log.last_word()))
}

// What goes wrong.

/// Every fault on everybody, save that nobody stops the clients: they would come back as
/// others, and a link that is gone is no test of links. In every other seed the last thing
/// that happens is that all lose their connection in one moment.
fn plan(seed: u64, topology: &Topology) -> Plan {
    let mut plan = Plan::draw(seed, topology, &shape(topology));
    if seed.is_multiple_of(2) {
        for server in SERVERS {
            plan.steps.push(Step {
                at_ms: TROUBLE.as_millis() as u64,
                for_ms: None,
                target: server.to_owned(),
                fault: Fault::Reset,
            });
            // The lot may have put one there already.
            if plan.validate().is_err() {
                plan.steps.pop();
            }
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
            Kind::Crash | Kind::PowerLoss => SERVERS.contains(node),
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

/// What the handle `index` of `client` is called in the history: a process of its own, since
/// each asks in an order of its own.
fn handle(client: &str, index: usize) -> Name {
    Name::from(format!("{client}/{index}"))
}

fn id(chance: &mut Pcg64) -> Id {
    Id((u128::from(chance.next_u64()) << 64) | u128::from(chance.next_u64()))
}

/// A generator of its own for one of several tasks.
fn pick(chance: &mut Pcg64) -> Pcg64 {
    use rand_core::SeedableRng;
    Pcg64::seed_from_u64(chance.next_u64())
}
