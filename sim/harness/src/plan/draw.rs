//! Plans by lot: which faults a seed brings, within a shape that says what may happen.

use std::ops::RangeInclusive;

use rand_core::Rng;

use super::{Plan, SHORTEST_MS, Step};
use crate::seed::below;
use crate::{Fault, Kind, Streams, Topology};

/// How often a step is drawn again that does not fit beside the others.
const DRAWS_PER_STEP: usize = 16;

/// What may go wrong, how often and for how long.
///
/// ```
/// use bowline_sim::{Fault, Kind, Shape};
///
/// let shape = Shape::new(6, 50..=3_000)
///     .may(Fault::Crash, ["server"])
///     .may_any(Kind::Latency, ["server", "ann"])
///     .for_good(Fault::BlackHole, ["bob"]);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    steps: usize,
    for_ms: RangeInclusive<u64>,
    menu: Vec<(Dish, Vec<String>)>,
    for_good: Vec<(Fault, Vec<String>)>,
}

/// What stands on the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dish {
    Exactly(Fault),
    Any(Kind),
}

// === impl Shape ===

impl Shape {
    /// `steps` faults, of which those that last do so for `for_ms` milliseconds.
    ///
    /// Nothing may happen yet: say what with [`may`](Self::may). Durations shorter than
    /// [`SHORTEST`](super::SHORTEST) are drawn as that.
    pub fn new(steps: usize, for_ms: RangeInclusive<u64>) -> Self {
        Self {
            steps,
            for_ms,
            menu: Vec::new(),
            for_good: Vec::new(),
        }
    }

    /// Adds exactly `fault` on any of `targets`. All that was added is equally likely.
    pub fn may<'a>(self, fault: Fault, targets: impl IntoIterator<Item = &'a str>) -> Self {
        self.serve(Dish::Exactly(fault), targets)
    }

    /// Adds a fault of this kind on any of `targets`, each time with other parameters, in
    /// any direction.
    ///
    /// As likely in one doubling of its range as in the next are: latency of 20 to 500 ms and
    /// up to as much jitter again, bandwidth of 1 to 200 kB/s, slices of 1 to 64 B, a flipped
    /// bit in 100 to 10,000 B, a cut after 0 to 4,096 B, a flap's phases of 50 ms to 2 s, and
    /// jumps of either clock by half a second to two minutes. Names are answered for in any
    /// way, with up to 40 strangers or up to 3 s late.
    pub fn may_any<'a>(self, kind: Kind, targets: impl IntoIterator<Item = &'a str>) -> Self {
        self.serve(Dish::Any(kind), targets)
    }

    /// Adds every kind of fault on everyone whom it can strike.
    ///
    /// Only [`DiskFull`](Kind::DiskFull) and [`DnsAnswers`](Kind::DnsAnswers) are left out,
    /// since a topology does not know who has a disk and whether anybody asks for names: add
    /// them by name.
    pub fn everything(self, topology: &Topology) -> Self {
        let kinds = Kind::ALL.into_iter();
        let kinds = kinds.filter(|kind| !matches!(kind, Kind::DiskFull | Kind::DnsAnswers));
        kinds.fold(self, |shape, kind| {
            let everybody = topology.all_nodes();
            let struck = everybody.filter(|node| !kind.needs_host() || topology.is_host(node));
            shape.may_any(kind, struck)
        })
    }

    /// Lets every other plan have a step beyond the others that is never lifted: `fault` on
    /// one of `targets`, who are then not of the plan's [`core`](Plan::core). Where several
    /// were added, it is one of them.
    ///
    /// # Panics
    ///
    /// When `fault` happens at once: the shape is part of the test's source.
    pub fn for_good<'a>(
        mut self,
        fault: Fault,
        targets: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        assert!(!fault.is_instant(), "{fault} happens at once");
        let targets: Vec<_> = targets.into_iter().map(str::to_owned).collect();
        if !targets.is_empty() {
            self.for_good.push((fault, targets));
        }
        self
    }

    fn serve<'a>(mut self, dish: Dish, targets: impl IntoIterator<Item = &'a str>) -> Self {
        let targets: Vec<_> = targets.into_iter().map(str::to_owned).collect();
        if !targets.is_empty() {
            self.menu.push((dish, targets));
        }
        self
    }
}

pub(super) fn draw(seed: u64, topology: &Topology, shape: &Shape) -> Plan {
    let mut rng = Streams::new(seed).plan();
    let mut plan = Plan::calm(seed, topology.clone());
    // First, while there is room for it.
    if !shape.for_good.is_empty() && below(&mut rng, 2) == 1 {
        add(&mut plan, || draw_for_good(&mut rng, topology, shape));
    }
    if !shape.menu.is_empty() {
        for _ in 0..shape.steps {
            add(&mut plan, || draw_step(&mut rng, topology, shape));
        }
    }
    plan.steps.sort_by_key(|step| step.at_ms);
    plan
}

/// Adds the first step drawn that fits beside the others.
fn add(plan: &mut Plan, mut draw: impl FnMut() -> Step) {
    for _ in 0..DRAWS_PER_STEP {
        plan.steps.push(draw());
        if plan.validate().is_ok() {
            break;
        }
        plan.steps.pop();
    }
}

fn draw_step(rng: &mut impl Rng, topology: &Topology, shape: &Shape) -> Step {
    let (dish, targets) = pick(rng, &shape.menu);
    let target = pick(rng, targets).clone();
    let fault = match dish {
        Dish::Exactly(fault) => *fault,
        Dish::Any(kind) => kind.draw(rng),
    };
    let for_ms = (!fault.is_instant()).then(|| {
        let (least, most) = (*shape.for_ms.start(), *shape.for_ms.end());
        let spread = most.saturating_sub(least).saturating_add(1);
        (least + below(rng, spread)).max(SHORTEST_MS)
    });
    let room = topology.end_ms().saturating_sub(for_ms.unwrap_or(0));
    Step {
        at_ms: below(rng, room.saturating_add(1)),
        for_ms,
        target,
        fault,
    }
}

fn draw_for_good(rng: &mut impl Rng, topology: &Topology, shape: &Shape) -> Step {
    let (fault, targets) = pick(rng, &shape.for_good);
    Step {
        at_ms: below(rng, topology.end_ms().saturating_add(1)),
        for_ms: None,
        target: pick(rng, targets).clone(),
        fault: *fault,
    }
}

fn pick<'a, T>(rng: &mut impl Rng, from: &'a [T]) -> &'a T {
    let count = u64::try_from(from.len()).expect("a menu fits in memory");
    let index = usize::try_from(below(rng, count)).expect("an index below a length");
    &from[index]
}
