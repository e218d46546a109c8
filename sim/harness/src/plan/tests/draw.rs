//! What a seed draws stays within its shape and can always be carried out.

use std::collections::{BTreeMap, BTreeSet};

use rand_core::Rng;

use super::*;
use crate::Streams;

#[test]
fn what_a_seed_draws_can_be_carried_out_and_is_always_the_same() {
    let topology = topology();
    let shape = Shape::new(12, 1..=2_000)
        .everything(&topology)
        .may_any(Kind::DiskFull, ["server"])
        .for_good(Fault::BlackHole, ["ann", "bob"]);
    let mut struck = BTreeSet::new();
    let mut plans = Vec::new();
    for seed in 0..400 {
        let plan = Plan::draw(seed, &topology, &shape);
        plan.validate().unwrap();
        assert_eq!(plan, Plan::draw(seed, &topology, &shape));
        assert!(plan.steps.is_sorted_by_key(|step| step.at_ms));
        assert!(plan.steps.len() <= 13);
        let steps = plan.steps.iter();
        struck.extend(steps.map(|step| (step.target.clone(), step.fault.kind())));
        plans.push(plan.to_json());
    }
    // Twelve kinds on each of four nodes, four on the two hosts, one on the disk.
    assert_eq!(
        struck.len(),
        12 * 4 + 4 * 2 + 1,
        "everything strikes everyone"
    );
    plans.sort();
    plans.dedup();
    assert_eq!(plans.len(), 400, "no two seeds draw one plan");
}

#[test]
fn everything_leaves_out_the_disks_and_names_that_a_topology_does_not_know() {
    let topology = topology();
    let shape = Shape::new(20, 1..=100).everything(&topology);
    let plans = (0..50).map(|seed| Plan::draw(seed, &topology, &shape));
    let kinds: BTreeSet<_> = plans
        .flat_map(|plan| plan.steps.into_iter().map(|step| step.fault.kind()))
        .collect();
    let missing: Vec<_> = Kind::ALL
        .iter()
        .filter(|kind| !kinds.contains(kind))
        .collect();
    assert_eq!(missing, [&Kind::DiskFull, &Kind::DnsAnswers]);
}

/// The numbers of a fault, by name.
fn numbers(fault: Fault) -> Vec<(&'static str, u64)> {
    match fault {
        Fault::Flap { down_ms, up_ms } => vec![("down_ms", down_ms), ("up_ms", up_ms)],
        Fault::Latency { ms, jitter_ms, .. } => {
            assert!(jitter_ms <= ms, "{fault}");
            vec![("ms", ms), ("jitter_ms", jitter_ms)]
        }
        Fault::Bandwidth { bytes_per_s, .. } => vec![("bytes_per_s", bytes_per_s)],
        Fault::Slice { bytes_max, .. } => vec![("bytes_max", bytes_max)],
        Fault::Corrupt { one_in, .. } => vec![("one_in", one_in)],
        Fault::Truncate { after_bytes, .. } => vec![("after_bytes", after_bytes)],
        Fault::ClockJump { by_ms, .. } => vec![("by_ms", by_ms)],
        _ => vec![],
    }
}

#[test]
fn a_kind_draws_its_numbers_from_all_of_its_range_and_small_ones_often() {
    let mut rng = Streams::new(1).plan();
    let mut drawn = BTreeMap::<_, Vec<u64>>::new();
    for kind in Kind::ALL {
        for _ in 0..2_000 {
            let fault = kind.draw(&mut rng);
            assert_eq!(fault.kind(), kind);
            assert_eq!(fault.unfit(), None, "{fault}");
            for (name, number) in numbers(fault) {
                drawn.entry(name).or_default().push(number);
            }
        }
    }
    for (name, least, most) in [
        ("ms", 20, 500),
        ("jitter_ms", 0, 500),
        ("bytes_per_s", 1_000, 200_000),
        ("bytes_max", 1, 64),
        ("one_in", 100, 10_000),
        ("after_bytes", 0, 4_096),
        ("down_ms", 50, 2_000),
        ("up_ms", 50, 2_000),
        ("by_ms", 500, 120_000),
    ] {
        let drawn = drawn.get_mut(name).unwrap();
        drawn.sort_unstable();
        let (first, last) = (drawn[0], drawn[drawn.len() - 1]);
        assert!(least <= first && last <= most, "{name}: {first} to {last}");
        // Nearly all of the range is reached.
        let reach = most - least;
        assert!(first - least <= reach / 20, "{name} begins at {first}");
        assert!(most - last <= reach / 20, "{name} ends at {last}");
        let median = drawn[drawn.len() / 2];
        assert!(median < most / 2, "{name}: half are below {median}");
    }
}

#[test]
fn a_kind_strikes_in_every_direction_and_on_both_clocks() {
    let mut rng = Streams::new(1).plan();
    let mut draw = |kind: Kind| -> BTreeSet<_> {
        let shown = |fault| match fault {
            Fault::HalfClose { direction } => format!("{direction:?}"),
            Fault::ClockJump { clock, .. } => format!("{clock:?}"),
            other => other.to_string(),
        };
        (0..100).map(|_| shown(kind.draw(&mut rng))).collect()
    };
    assert_eq!(draw(Kind::HalfClose).len(), 3);
    assert_eq!(draw(Kind::ClockJump).len(), 2);
}

#[test]
fn half_of_all_plans_leave_somebody_struck_for_good() {
    let topology = topology();
    let shape = Shape::new(12, 20..=2_000)
        .everything(&topology)
        .for_good(STALL, ["ann"])
        .for_good(Fault::Crash, ["clients"]);
    let mut struck = BTreeMap::<_, u32>::new();
    for seed in 0..400 {
        let plan = Plan::draw(seed, &topology, &shape);
        let mut lasting = plan.steps.iter().filter(|step| step.is_never_lifted());
        let step = lasting.next();
        assert_eq!(lasting.next(), None, "at most one");
        let core: Vec<_> = plan.core().collect();
        let expected: &[_] = match step.map(|step| &*step.target) {
            None => &["ann", "bob", "clients", "server"],
            Some("ann") => &["bob", "clients", "server"],
            Some(_) => &["server"],
        };
        assert_eq!(core, expected);
        *struck.entry(step.map(|step| step.fault)).or_default() += 1;
    }
    assert!((150..250).contains(&struck[&None]), "{struck:?}");
    assert!(struck[&Some(STALL)] > 60, "{struck:?}");
    assert!(struck[&Some(Fault::Crash)] > 60, "{struck:?}");
}

#[test]
fn a_shape_that_cannot_be_filled_leaves_steps_out() {
    let topology = topology();
    let long = Shape::new(5, 9_000..=9_000).may(Fault::Crash, ["server"]);
    assert_eq!(Plan::draw(1, &topology, &long).steps.len(), 1);
    let too_long = Shape::new(5, 20_000..=20_000).may(Fault::Crash, ["server"]);
    assert_eq!(
        Plan::draw(1, &topology, &too_long),
        Plan::calm(1, topology.clone())
    );
    assert_eq!(
        Plan::draw(1, &topology, &Shape::new(5, 1..=2)),
        Plan::calm(1, topology)
    );
}

// Every part of a world has its own chance, whose root is the seed and not the plan.
#[test]
fn taking_a_step_out_of_a_plan_leaves_all_other_chance_as_it_was() {
    let topology = topology();
    let plan = Plan::draw(7, &topology, &Shape::new(5, 20..=90).everything(&topology));
    let mut edited = plan.clone();
    edited.steps.remove(2);
    let chance = |plan: &Plan| {
        let plan = Plan::from_json(&plan.to_json()).unwrap();
        let streams = Streams::new(plan.seed);
        [
            streams.workload(3).next_u64(),
            streams.system(3).next_u64(),
            streams.secrets(3).next_u64(),
            streams.network().next_u64(),
        ]
    };
    assert_eq!(chance(&plan), chance(&edited));
}
