//! Plans read what they print, and refuse by step what cannot be carried out.

use std::collections::BTreeSet;

use super::*;
use crate::Direction;

fn topology() -> Topology {
    Topology::new(Duration::from_secs(10))
        .host("server")
        .nodes("clients", ["ann", "bob"])
}

fn step(at_ms: u64, for_ms: u64, target: &str, fault: Fault) -> Step {
    Step {
        at_ms,
        for_ms: (for_ms > 0).then_some(for_ms),
        target: target.to_owned(),
        fault,
    }
}

const STALL: Fault = Fault::Stall {
    direction: Direction::Both,
};

fn check(steps: &[Step]) -> Result<(), Invalid> {
    let plan = Plan {
        seed: 1,
        topology: topology(),
        steps: steps.to_vec(),
    };
    plan.validate()
}

#[test]
fn a_plan_survives_json_and_reads_as_written_by_hand() {
    let plan = Plan {
        seed: u64::MAX,
        topology: topology(),
        steps: vec![
            step(
                5,
                20,
                "ann",
                Fault::Stall {
                    direction: Direction::Inbound,
                },
            ),
            step(7, 0, "bob", Fault::Reset),
            step(9, 30, "server", Fault::PowerLoss),
        ],
    };
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(
        text,
        concat!(
            r#"{"seed":18446744073709551615,"#,
            r#""topology":{"end_ms":10000,"hosts":{"clients":["ann","bob"],"server":[]}},"steps":["#,
            r#"{"at_ms":5,"for_ms":20,"target":"ann","fault":{"stall":{"direction":"inbound"}}},"#,
            r#"{"at_ms":7,"target":"bob","fault":"reset"},"#,
            r#"{"at_ms":9,"for_ms":30,"target":"server","fault":"power_loss"}]}"#
        )
    );
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

#[test]
fn json_with_anything_unknown_is_refused_rather_than_half_obeyed() {
    for step in [
        r#"{"at_ms":5,"for_ms":20,"target":"ann","fault":"meteor"}"#,
        r#"{"at_ms":5,"for_ms":20,"target":"ann","fault":"crash","twice":true}"#,
        r#"{"at_ms":5,"for_ms":20,"target":"ann","fault":{"stall":{"direction":"up"}}}"#,
        r#"{"at_ms":5,"for_ms":20,"target":"ann","fault":{"stall":{"direction":"both","loss":1}}}"#,
        r#"{"at_ms":-5,"for_ms":20,"target":"ann","fault":"crash"}"#,
        r#"{"at_ms":5,"for_ms":20,"fault":"crash"}"#,
    ] {
        let text = format!(
            r#"{{"seed":1,"topology":{{"end_ms":9,"hosts":{{"ann":[]}}}},"steps":[{step}]}}"#
        );
        assert!(serde_json::from_str::<Plan>(&text).is_err(), "{step}");
    }
}

#[test]
fn each_step_that_cannot_be_carried_out_is_named() {
    let fine = step(0, 100, "server", Fault::Crash);
    assert_eq!(
        check(&[fine.clone(), step(0, 100, "eve", STALL)]),
        Err(Invalid::UnknownTarget {
            step: 1,
            target: "eve".to_owned()
        })
    );
    assert_eq!(
        check(&[fine.clone(), step(0, 100, "ann", Fault::PowerLoss)]),
        Err(Invalid::NotAHost {
            step: 1,
            target: "ann".to_owned(),
            fault: Fault::PowerLoss
        })
    );
    assert_eq!(
        check(&[fine.clone(), step(9_950, 51, "ann", STALL)]),
        Err(Invalid::PastEnd {
            step: 1,
            ends_ms: 10_001,
            end_ms: 10_000
        })
    );
    assert_eq!(
        check(&[step(u64::MAX, u64::MAX, "ann", STALL)]),
        Err(Invalid::PastEnd {
            step: 0,
            ends_ms: u64::MAX,
            end_ms: 10_000
        })
    );
    assert_eq!(
        check(&[fine.clone(), step(0, 9, "ann", STALL)]),
        Err(Invalid::TooShort {
            step: 1,
            fault: STALL,
            for_ms: 9
        })
    );
    assert_eq!(
        check(&[fine.clone(), step(0, 1, "ann", Fault::Reset)]),
        Err(Invalid::CannotLast {
            step: 1,
            fault: Fault::Reset,
            for_ms: 1
        })
    );
    assert_eq!(
        check(&[fine, step(99, 20, "server", Fault::PowerLoss)]),
        Err(Invalid::Overlap { step: 1, other: 0 })
    );
}

#[test]
fn only_faults_of_a_kind_on_one_target_overlap() {
    let crash = step(0, 100, "server", Fault::Crash);
    for (other, fine) in [
        (step(100, 20, "server", Fault::Crash), true),
        (step(50, 20, "server", Fault::Crash), false),
        (step(50, 20, "server", STALL), true),
        (step(50, 20, "clients", Fault::Crash), true),
    ] {
        assert_eq!(check(&[crash.clone(), other.clone()]).is_ok(), fine);
        assert_eq!(check(&[other, crash.clone()]).is_ok(), fine);
    }
    let inbound = Fault::Stall {
        direction: Direction::Inbound,
    };
    assert!(check(&[step(0, 50, "ann", STALL), step(10, 20, "ann", inbound)]).is_err());
    assert!(
        check(&[
            step(5, 0, "ann", Fault::Reset),
            step(5, 0, "ann", Fault::Reset)
        ])
        .is_err()
    );
    assert!(
        check(&[
            step(5, 0, "ann", Fault::Reset),
            step(6, 0, "ann", Fault::Reset)
        ])
        .is_ok()
    );
}

#[test]
fn what_a_seed_draws_can_be_carried_out_and_is_always_the_same() {
    let topology = topology();
    let shape = Shape::new(12, 1..=2_000).everything(&topology);
    let mut faults = BTreeSet::new();
    let mut plans = Vec::new();
    for seed in 0..200 {
        let plan = Plan::draw(seed, &topology, &shape);
        plan.validate().unwrap();
        assert_eq!(plan, Plan::draw(seed, &topology, &shape));
        assert!(plan.steps.is_sorted_by_key(|step| step.at_ms));
        assert!(plan.steps.len() <= 12);
        faults.extend(plan.steps.iter().map(|s| (s.target.clone(), s.fault)));
        plans.push(plan.steps);
    }
    // Five faults on each of four nodes, and two more on hosts only.
    assert_eq!(faults.len(), 4 * 4 + 2 * 2, "everything strikes everyone");
    plans.sort_by_key(|steps| format!("{steps:?}"));
    plans.dedup();
    assert_eq!(plans.len(), 200, "no two seeds draw one plan");
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
