//! What the world adds to a history.

use super::*;
use crate::Direction;

#[test]
fn whom_a_fault_holds_is_written_down_with_its_times() {
    let mut plan = Plan::calm(1, topology());
    let stall = Fault::Stall {
        direction: Direction::Inbound,
    };
    let step = |at_ms, for_ms, target: &str, fault| Step {
        at_ms,
        for_ms,
        target: target.to_owned(),
        fault,
    };
    plan.steps = vec![
        step(1_000, Some(500), "ann", stall),
        step(2_000, None, "bob", Fault::Reset),
        step(3_000, Some(100), "server", Fault::Crash),
        step(4_000, None, "bob", Fault::AcceptStall),
    ];
    let world = echo_world(plan, 1);
    let recorder = world.recorder();
    let clock = world.wall_clock();
    let end = topology().end();
    world.run(move || clock.elapsed() >= end).unwrap();
    let history = recorder.history();
    let told: Vec<_> = history.records().iter().map(ToString::to_string).collect();
    let expected = [
        "[1.000000 s] ann was struck by stall inbound and hears nothing",
        "[1.500000 s] ann was relieved of stall inbound",
        "[3.000000 s] server was struck by crash",
        "[3.100000 s] server was relieved of crash",
        "[4.000000 s] bob was struck by accept stall",
        "[20.000000 s] world is healed: every fault that ends is over",
    ];
    assert_eq!(told, expected);
}
