//! Editing a plan changes what comes after the edit and nothing before it.

use super::*;
use crate::Direction;
use crate::trace::Line;

/// What two users of an echo leave in the trace of a short world under these steps.
fn lines(steps: &[Step]) -> Vec<Line> {
    let plan = Plan {
        seed: 3,
        topology: Topology::new(Duration::from_secs(1))
            .host("server")
            .nodes("clients", ["ann", "bob"]),
        steps: steps.to_vec(),
    };
    let mut world = World::new(plan, Settings::default());
    let net = world.net();
    world.host("server", move || echo(net.clone()));
    let (net, trace) = (world.net(), world.trace());
    world.host("clients", move || {
        let net = net.clone();
        async move {
            let mut clients = JoinSet::new();
            for (n, node) in (0..).zip(["ann", "bob"]) {
                clients.spawn(talk(net.clone(), node, Streams::new(3).workload(n)));
            }
            clients.join_all().await;
            Ok(())
        }
    });
    let clock = world.wall_clock();
    let second = Duration::from_secs(1);
    world.run(|| clock.elapsed() >= second).unwrap();
    assert_eq!(trace.count(), trace.lines().len() as u64, "none is missing");
    trace.lines()
}

#[test]
fn a_step_taken_out_changes_nothing_that_came_before_it() {
    let stall = Step {
        at_ms: 200,
        for_ms: Some(150),
        target: "ann".to_owned(),
        fault: Fault::Stall {
            direction: Direction::Inbound,
        },
    };
    let crash = Step {
        at_ms: 600,
        for_ms: Some(100),
        target: "server".to_owned(),
        fault: Fault::Crash,
    };
    let late = Duration::from_millis(crash.at_ms);
    let whole = lines(&[stall.clone(), crash]);
    let edited = lines(&[stall]);
    assert_ne!(whole, edited);
    let earlier = |lines: Vec<Line>| {
        let lines = lines.into_iter().take_while(|line| line.at < late);
        lines.collect::<Vec<_>>()
    };
    let (whole, edited) = (earlier(whole), earlier(edited));
    assert!(whole.len() > 40, "only {} lines", whole.len());
    assert_eq!(whole, edited);
}
