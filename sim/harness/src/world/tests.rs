//! Whole runs: they repeat, they end, and they fail for the right reason.

use std::cell::Cell;
use std::sync::{Arc, Mutex};

use bowline_link::{Endpoint, Listen, WallClock};
use rand_core::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::ServiceExt;

use super::*;
use crate::plan::{self, Shape, Step};
use crate::{Fault, Kind, Topology};

mod clocks;
mod diary;
mod disk;
mod edited;
mod failures;
mod freeze;

fn topology() -> Topology {
    Topology::new(Duration::from_secs(20))
        .host("server")
        .nodes("clients", ["ann", "bob", "cid", "dan", "eve"])
}

/// One server that echoes, five clients that talk to it and come back whenever they are
/// cut, by pauses that `users` seeds.
fn echo_world(plan: Plan, users: u64) -> World {
    let mut world = World::new(plan, Settings::default());
    let net = world.net();
    world.host("server", move || echo(net.clone()));
    let net = world.net();
    world.host("clients", move || {
        let net = net.clone();
        async move {
            let mut clients = JoinSet::new();
            for (n, node) in (0..).zip(["ann", "bob", "cid", "dan", "eve"]) {
                clients.spawn(talk(net.clone(), node, Streams::new(users).workload(n)));
            }
            clients.join_all().await;
            Ok(())
        }
    });
    world
}

async fn echo(net: Net) -> Result<(), BoxError> {
    let mut listener = net.listen("server", 7400).await?;
    let mut sessions = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await?;
        sessions.spawn(async move {
            let (mut from, mut to) = tokio::io::split(stream);
            drop(tokio::io::copy(&mut from, &mut to).await);
        });
    }
}

async fn talk(net: Net, node: &'static str, mut rng: Pcg64) {
    loop {
        let pause = Duration::from_millis(20 + rng.next_u64() % 200);
        sleep(pause).await;
        let dialer = net.dialer(node);
        let Ok(mut stream) = dialer.oneshot(Endpoint::new("server", 7400)).await else {
            continue;
        };
        let mut buf = [0; 256];
        loop {
            let len = 1 + usize::try_from(rng.next_u64() % 200).unwrap();
            let exchange = async {
                stream.write_all(&buf[..len]).await?;
                stream.read_exact(&mut buf[..len]).await
            };
            if exchange.await.is_err() {
                break;
            }
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn outcome(seed: u64) -> (Report, u64) {
    let topology = topology();
    let shape = Shape::new(12, 20..=3_000)
        .everything(&topology)
        .may_any(Kind::DiskFull, ["server"]);
    let plan = Plan::draw(seed, &topology, &shape);
    let mut world = echo_world(plan, seed);
    drop(world.disk("server"));
    let trace = world.trace();
    let report = world.run(|| true).unwrap();
    (report, trace.count())
}

// The same in a second process is checked where whole programs are run.
// contract: sim-1
#[test]
fn the_same_seed_leaves_the_same_trace_and_another_seed_another() {
    let mut hashes = BTreeSet::new();
    for seed in 0..8 {
        let (report, count) = outcome(seed);
        assert!(count > 1_000, "seed {seed}: only {count} things happened");
        assert_eq!(outcome(seed), (report, count), "seed {seed}");
        hashes.insert(report.trace_hash);
    }
    assert_eq!(hashes.len(), 8);
}

#[test]
fn a_run_plays_its_whole_plan_before_it_asks_whether_it_is_done() {
    let plan = Plan {
        seed: 1,
        topology: topology(),
        steps: vec![Step {
            at_ms: 3_000,
            for_ms: Some(1_500),
            target: "server".to_owned(),
            fault: Fault::Crash,
        }],
    };
    let asked = Cell::new(0);
    let done = || {
        asked.set(asked.get() + 1);
        asked.get() == 3
    };
    let report = echo_world(plan, 1).run(done).unwrap();
    // Asked at the end of the fault and after each of two more steps.
    assert_eq!(report.simulated, Duration::from_millis(4_510));
}

#[test]
fn the_time_of_day_is_simulated_and_goes_on_through_a_restart() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let plan = Plan {
        seed: 1,
        topology: Topology::new(Duration::from_secs(9)).host("a"),
        steps: vec![Step {
            at_ms: 1_000,
            for_ms: Some(5_000),
            target: "a".to_owned(),
            fault: Fault::PowerLoss,
        }],
    };
    let mut world = World::new(plan, Settings::default());
    let (clock, log) = (world.wall_clock(), Arc::clone(&seen));
    world.host("a", move || {
        let (clock, log) = (clock.clone(), Arc::clone(&log));
        async move {
            sleep(Duration::from_millis(7)).await;
            let since = clock.now().duration_since(SystemTime::UNIX_EPOCH);
            log.lock().unwrap().push(since? - EPOCH);
            std::future::pending().await
        }
    });
    world.run(|| seen.lock().unwrap().len() == 2).unwrap();
    let ms = Duration::from_millis;
    assert_eq!(*seen.lock().unwrap(), [ms(7), ms(6_007)]);
}

#[test]
fn the_network_has_its_chance_from_the_seed_too() {
    let second = Duration::from_secs(1);
    let hash = |seed| {
        let world = echo_world(Plan::calm(seed, topology()), 0);
        let clock = world.wall_clock();
        let report = world.run(|| clock.elapsed() >= second);
        report.unwrap().trace_hash
    };
    assert_ne!(hash(1), hash(2));
}

#[test]
fn what_software_leaves_behind_when_it_ends_is_not_frozen() {
    let topology = Topology::new(Duration::from_secs(1))
        .host("server")
        .host("ann");
    let mut world = World::new(Plan::calm(1, topology), Settings::default());
    let left_behind = Arc::new(Mutex::new(JoinSet::new()));
    let (net, tasks) = (world.net(), Arc::clone(&left_behind));
    world.host("server", move || {
        let (net, tasks) = (net.clone(), Arc::clone(&tasks));
        async move {
            let (stream, _) = net.listen("server", 7400).await?.accept().await?;
            tasks.lock().unwrap().spawn(async move {
                sleep(Duration::from_millis(300)).await;
                drop(stream);
            });
            Ok(())
        }
    });
    let (net, ended) = (world.net(), Arc::new(Mutex::new(false)));
    let end = Arc::clone(&ended);
    world.host("ann", move || {
        let (dialer, end) = (net.dialer("ann"), Arc::clone(&end));
        async move {
            sleep(Duration::from_millis(50)).await;
            let mut stream = dialer.oneshot(Endpoint::new("server", 7400)).await?;
            *end.lock().unwrap() = stream.read(&mut [0]).await? == 0;
            Ok(())
        }
    });
    world.run(|| *ended.lock().unwrap()).unwrap();
}
