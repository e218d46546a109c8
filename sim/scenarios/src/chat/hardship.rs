//! What goes wrong in the chat world, drawn from the seed.
//!
//! Beside faults that fall anywhere, two combinations are put together on purpose, because
//! chance hardly ever would: somebody's upload crawls while nothing reaches them, so that
//! they may come back while what they said before is still on its way; and people lose
//! their connections while everybody talks so much that the log forgets within a second.

use std::time::Duration;

use bowline_sim::disk::Unsynced;
use bowline_sim::{Direction, Fault, Kind, Plan, Shape, Step, Streams, Topology};

use rand_core::Rng;

use super::script::{CROWD, LONG_LOG, between, crowds, messages_kept, one_in, pick, storm};
use super::{PEOPLE, ROBOT, TROUBLE};

/// How many faults a seed brings.
const FAULTS: usize = 14;

/// How long a fault lasts, in milliseconds; the longest outlives the heartbeat.
const FAULT_MS: std::ops::RangeInclusive<u64> = 50..=6_000;

/// In one seed of so many with a long log somebody comes back before what they said arrives.
/// (Where the log is short, what was said may have been dropped by then and is said again:
/// no store can know.)
const CRAWL_EVERY: u64 = 2;

/// How fast an upload crawls.
const CRAWL_BYTES_PER_S: u64 = 400;

/// How many connections are lost while a crowd talks.
const RESETS: usize = 4;

/// Indexes of workload generators.
const TOGETHER: u64 = 5;
const POWER: u64 = 7;

/// The plan of a seed.
pub(super) fn plan(seed: u64, topology: &Topology) -> Plan {
    let streams = Streams::new(seed);
    let mut plan = Plan::draw(seed, topology, &shape(streams));
    let mut chance = streams.workload(TOGETHER);
    let mut more = Vec::new();
    if messages_kept(streams) == LONG_LOG && one_in(&mut chance, CRAWL_EVERY) {
        more.extend(crawl(&mut chance));
    }
    for crowd in crowds(streams) {
        more.extend((0..RESETS).map(|_| reset(crowd, &mut chance)));
    }
    for step in more {
        plan.steps.push(step);
        if plan.validate().is_err() {
            plan.steps.pop();
        }
    }
    plan.steps.sort_by_key(|step| step.at_ms);
    plan
}

/// Somebody loses their connection in the middle of a crowd.
fn reset(crowd: Duration, chance: &mut impl Rng) -> Step {
    let at = between(chance, crowd, crowd + CROWD);
    Step {
        at_ms: at.as_millis() as u64,
        for_ms: None,
        target: pick(chance, &PEOPLE).to_owned(),
        fault: Fault::Reset,
    }
}

fn shape(streams: Streams) -> Shape {
    let everybody = || PEOPLE.into_iter().chain([ROBOT, "server"]);
    let silence = Fault::Stall {
        direction: Direction::Both,
    };
    let deafness = Fault::Stall {
        direction: Direction::Inbound,
    };
    let mut shape = Shape::new(FAULTS, FAULT_MS)
        .for_good(silence, PEOPLE)
        .for_good(deafness, PEOPLE)
        .for_good(Fault::BlackHole, PEOPLE);
    for kind in [
        Kind::Stall,
        Kind::Flap,
        Kind::Latency,
        Kind::Bandwidth,
        Kind::Truncate,
        Kind::HalfClose,
        Kind::Reset,
        Kind::BlackHole,
    ] {
        shape = shape.may_any(kind, everybody());
    }
    // Much that is read a byte at a time takes for ever to simulate and shows no more.
    if storm(streams).is_none() {
        shape = shape.may_any(Kind::Slice, everybody());
    }
    for kind in [Kind::Freeze, Kind::ClockJump] {
        shape = shape.may_any(kind, ["server", "people"]);
    }
    // What the server owes most is owed in these: each is as likely as two others.
    for kind in [Kind::Crash, Kind::PowerLoss, Kind::DiskFull].repeat(2) {
        shape = shape.may_any(kind, ["server"]);
    }
    for kind in [Kind::Refuse, Kind::AcceptStall] {
        shape = shape.may_any(kind, ["server"]);
    }
    shape
}

/// What a power loss leaves of what was not synced: nothing, or whatever the disk had got to.
pub(super) fn unsynced(streams: Streams) -> Unsynced {
    match one_in(&mut streams.workload(POWER), 2) {
        true => Unsynced::Reordered,
        false => Unsynced::Lost,
    }
}

fn crawl(chance: &mut impl Rng) -> [Step; 2] {
    let who = pick(chance, &PEOPLE);
    let from = between(chance, TROUBLE / 4, TROUBLE / 2);
    // Long enough for the heartbeat to be missed, and for what was said to outlast it.
    let deaf = between(chance, Duration::from_millis(4_500), Duration::from_secs(6));
    let crawling = deaf + Duration::from_secs(5);
    let step = |at: Duration, lasting: Duration, fault| Step {
        at_ms: at.as_millis() as u64,
        for_ms: Some(lasting.as_millis() as u64),
        target: who.to_owned(),
        fault,
    };
    let direction = Direction::Outbound;
    let bytes_per_s = CRAWL_BYTES_PER_S;
    [
        step(
            from,
            crawling,
            Fault::Bandwidth {
                direction,
                bytes_per_s,
            },
        ),
        step(
            from,
            deaf,
            Fault::Stall {
                direction: Direction::Inbound,
            },
        ),
    ]
}
