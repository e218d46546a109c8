//! What goes wrong in the chat world, drawn from the seed.
//!
//! Beside faults that fall anywhere, one combination is put together on purpose, because
//! chance hardly ever would: somebody's upload crawls while nothing reaches them, so they
//! come back while what they said before is still on its way.

use std::time::Duration;

use bowline_sim::{Direction, Fault, Plan, Shape, Step, Streams, Topology};

use super::script::{between, messages_kept, one_in, pick};
use super::{PEOPLE, TROUBLE};

/// How many faults a seed brings.
const FAULTS: usize = 10;

/// How long a fault lasts, in milliseconds; the longest outlives the heartbeat.
const FAULT_MS: std::ops::RangeInclusive<u64> = 50..=6_000;

/// In one seed of so many with a long log somebody comes back before what they said arrives.
/// (Where the log is short, what was said may have been dropped by then and is said again:
/// no store can know.)
const CRAWL_EVERY: u64 = 2;

/// How fast an upload crawls.
const CRAWL_BYTES_PER_S: u64 = 400;

/// Index of the workload generator.
const CRAWL: u64 = 5;

/// The plan of a seed.
pub(super) fn plan(seed: u64, topology: &Topology) -> Plan {
    let mut plan = Plan::draw(seed, topology, &shape());
    let streams = Streams::new(seed);
    let mut chance = streams.workload(CRAWL);
    if messages_kept(streams) > 1_000 && one_in(&mut chance, CRAWL_EVERY) {
        for step in crawl(&mut chance) {
            plan.steps.push(step);
            if plan.validate().is_err() {
                plan.steps.pop();
            }
        }
        plan.steps.sort_by_key(|step| step.at_ms);
    }
    plan
}

fn shape() -> Shape {
    let everybody = || PEOPLE.into_iter().chain(["server"]);
    let mut shape = Shape::new(FAULTS, FAULT_MS)
        .may(Fault::Reset, everybody())
        .may(Fault::Crash, ["server"])
        .may(Fault::PowerLoss, ["server"]);
    for direction in [Direction::Inbound, Direction::Outbound, Direction::Both] {
        shape = shape.may(Fault::Stall { direction }, everybody());
    }
    shape
}

fn crawl(chance: &mut impl rand_core::Rng) -> [Step; 2] {
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
