//! Plans by lot: which faults a seed brings, within a shape that says what may happen.

use std::ops::RangeInclusive;

use super::{Plan, SHORTEST, Step};
use crate::seed::below;
use crate::{Direction, Fault, Streams, Topology};

/// How often a step is drawn again that does not fit beside the others.
const DRAWS_PER_STEP: usize = 16;

/// What may go wrong, how often and for how long.
///
/// ```
/// use bowline_sim::{Direction, Fault, Shape};
///
/// let shape = Shape::new(6, 50..=3_000)
///     .may(Fault::Crash, ["server"])
///     .may(Fault::Stall { direction: Direction::Both }, ["server", "ann"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    steps: usize,
    for_ms: RangeInclusive<u64>,
    menu: Vec<(Fault, Vec<String>)>,
}

impl Shape {
    /// `steps` faults, of which those that last do so for `for_ms` milliseconds.
    ///
    /// Nothing may happen yet: say what with [`may`](Self::may). Durations shorter than
    /// [`SHORTEST`] are drawn as that.
    pub fn new(steps: usize, for_ms: RangeInclusive<u64>) -> Self {
        Self {
            steps,
            for_ms,
            menu: Vec::new(),
        }
    }

    /// Adds `fault` on any of `targets`. All that was added is equally likely.
    pub fn may<'a>(mut self, fault: Fault, targets: impl IntoIterator<Item = &'a str>) -> Self {
        let targets: Vec<_> = targets.into_iter().map(str::to_owned).collect();
        if !targets.is_empty() {
            self.menu.push((fault, targets));
        }
        self
    }

    /// Adds every fault on everyone whom it can strike.
    pub fn everything(self, topology: &Topology) -> Self {
        let stall = |direction| Fault::Stall { direction };
        self.may(stall(Direction::Inbound), topology.all_nodes())
            .may(stall(Direction::Outbound), topology.all_nodes())
            .may(stall(Direction::Both), topology.all_nodes())
            .may(Fault::Reset, topology.all_nodes())
            .may(Fault::Crash, topology.hosts())
            .may(Fault::PowerLoss, topology.hosts())
    }
}

pub(super) fn draw(seed: u64, topology: &Topology, shape: &Shape) -> Plan {
    let mut rng = Streams::new(seed).plan();
    let mut plan = Plan::calm(seed, topology.clone());
    if shape.menu.is_empty() {
        return plan;
    }
    for _ in 0..shape.steps {
        for _ in 0..DRAWS_PER_STEP {
            plan.steps.push(draw_step(&mut rng, topology, shape));
            if plan.validate().is_ok() {
                break;
            }
            plan.steps.pop();
        }
    }
    plan.steps.sort_by_key(|step| step.at_ms);
    plan
}

fn draw_step(rng: &mut impl rand_core::Rng, topology: &Topology, shape: &Shape) -> Step {
    let (fault, targets) = pick(rng, &shape.menu);
    let target = pick(rng, targets).clone();
    let for_ms = (!fault.is_instant()).then(|| {
        let (least, most) = (*shape.for_ms.start(), *shape.for_ms.end());
        let spread = most.saturating_sub(least).saturating_add(1);
        let shortest = u64::try_from(SHORTEST.as_millis()).expect("a few milliseconds");
        (least + below(rng, spread)).max(shortest)
    });
    let room = topology.end_ms().saturating_sub(for_ms.unwrap_or(0));
    Step {
        at_ms: below(rng, room.saturating_add(1)),
        for_ms,
        target,
        fault: *fault,
    }
}

fn pick<'a, T>(rng: &mut impl rand_core::Rng, from: &'a [T]) -> &'a T {
    let count = u64::try_from(from.len()).expect("a menu fits in memory");
    let index = usize::try_from(below(rng, count)).expect("an index below a length");
    &from[index]
}
