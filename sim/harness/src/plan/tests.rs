//! Plans refuse by step what cannot be carried out.

use super::*;
use crate::{Answers, Clock, Direction, Kind};

mod draw;
mod json;
mod overlap;

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
        Err(Invalid::Overlap {
            step: 1,
            fault: Fault::PowerLoss,
            target: "server".to_owned(),
            other: 0,
            other_fault: Fault::Crash,
        })
    );
}

/// What is said of a fault that ann cannot be struck with because of a number.
#[track_caller]
fn refusal(fault: Fault) -> String {
    let target = if fault.needs_host() { "server" } else { "ann" };
    let for_ms = if fault.is_instant() { 0 } else { 50 };
    let refused = check(&[
        step(0, 0, "ann", Fault::Reset),
        step(5, for_ms, target, fault),
    ]);
    refused.unwrap_err().to_string()
}

#[test]
fn a_number_that_means_nothing_is_named_with_its_step_and_fault() {
    let direction = Direction::Both;
    let (ms, jitter_ms) = (0, 0);
    for (fault, said) in [
        (
            Fault::Bandwidth {
                direction,
                bytes_per_s: 0,
            },
            "bandwidth of 0 B/s means nothing: bytes_per_s is 0 and must be at least 1",
        ),
        (
            Fault::Slice {
                direction,
                bytes_max: 0,
            },
            "slices of 0 B means nothing: bytes_max is 0 and must be at least 1",
        ),
        (
            Fault::Corrupt {
                direction,
                one_in: 0,
            },
            "corruption of a bit in 0 B means nothing: one_in is 0 and must be at least 1",
        ),
        (
            Fault::Latency {
                direction,
                ms,
                jitter_ms,
            },
            "latency of 0 to 0 ms means nothing: ms is 0 and must be at least 1",
        ),
        (
            Fault::Flap {
                down_ms: 9,
                up_ms: 10,
            },
            "flap, 9 ms down, 10 ms up means nothing: down_ms is 9 and must be at least 10",
        ),
        (
            Fault::Flap {
                down_ms: 10,
                up_ms: 0,
            },
            "flap, 10 ms down, 0 ms up means nothing: up_ms is 0 and must be at least 10",
        ),
        (
            Fault::ClockJump {
                clock: Clock::Wall,
                by_ms: 0,
            },
            "jump of the wall clock by 0 ms means nothing: by_ms is 0 and must be at least 1",
        ),
    ] {
        assert_eq!(refusal(fault), format!("step 1: {said}"));
    }
    let jitter_alone = Fault::Latency {
        direction,
        ms,
        jitter_ms: 1,
    };
    let cut_at_once = Fault::Truncate {
        direction,
        after_bytes: 0,
    };
    assert_eq!(check(&[step(0, 50, "ann", jitter_alone)]), Ok(()));
    assert_eq!(check(&[step(0, 50, "ann", cut_at_once)]), Ok(()));
}

#[test]
fn a_number_beyond_all_measure_is_refused_and_can_still_be_told() {
    let direction = Direction::Inbound;
    let most = u64::MAX;
    for fault in [
        Fault::Flap {
            down_ms: most,
            up_ms: 10,
        },
        Fault::Flap {
            down_ms: 10,
            up_ms: most,
        },
        Fault::Latency {
            direction,
            ms: most,
            jitter_ms: most,
        },
        Fault::Latency {
            direction,
            ms: LARGEST + 1,
            jitter_ms: 0,
        },
        Fault::Bandwidth {
            direction,
            bytes_per_s: most,
        },
        Fault::Slice {
            direction,
            bytes_max: most,
        },
        Fault::Corrupt {
            direction,
            one_in: most,
        },
        Fault::Truncate {
            direction,
            after_bytes: most,
        },
        Fault::ClockJump {
            clock: Clock::Timers,
            by_ms: most,
        },
    ] {
        let said = refusal(fault);
        assert!(said.starts_with("step 1: "), "{said}");
        assert!(said.ends_with(", above 1099511627776"), "{said}");
    }
    let largest = Fault::Latency {
        direction,
        ms: LARGEST,
        jitter_ms: LARGEST,
    };
    assert_eq!(check(&[step(0, 50, "ann", largest)]), Ok(()));
}
