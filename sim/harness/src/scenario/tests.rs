//! Scenarios as others write them: they end, they fail for the right reason, they say so.

use bowline_link::{Endpoint, Listen};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use super::*;
use crate::check::Violation;
use crate::history::{History, What};
use crate::{Direction, Fault, RunError, Step};

const PORT: u16 = 7400;

/// A server that says one byte to whoever calls, and clients that call until they are told
/// that all is well, and then once more.
fn greeting() -> Scenario {
    Scenario::new("greeting")
        .hosts(["server"], async |node| {
            let mut listener = node.listen(PORT).await?;
            loop {
                let (mut stream, _) = listener.accept().await?;
                drop(stream.write_all(b"!").await);
            }
        })
        .clients(["ann", "bob"], async |node| {
            node.healed().await;
            while !greeted(&node).await {}
            node.record(What::Lost);
            Ok(())
        })
        .trouble(Duration::from_secs(2))
        .live_within(Duration::from_secs(10))
}

async fn greeted(node: &Node) -> bool {
    let greeting = async {
        let mut stream = node.dialer().oneshot(Endpoint::new("server", PORT)).await?;
        stream.read_u8().await
    };
    tokio::time::timeout(Duration::from_secs(1), greeting)
        .await
        .is_ok_and(|greeting| greeting.is_ok())
}

/// A plan of one step that is never lifted.
fn for_good(target: &'static str, fault: Fault) -> impl Fn(u64, &Topology) -> Plan {
    move |seed, topology| {
        let mut plan = Plan::calm(seed, topology.clone());
        plan.steps.push(Step {
            at_ms: 100,
            for_ms: None,
            target: target.to_owned(),
            fault,
        });
        plan
    }
}

const SILENCE: Fault = Fault::Stall {
    direction: Direction::Both,
};

#[derive(Clone)]
struct Never;

impl Check for Never {
    fn promise(&self) -> &'static str {
        "nothing is ever recorded"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        match records.is_empty() {
            true => Ok(()),
            false => Err(Violation {
                promise: self.promise(),
                rule: "never",
                witness: records[..1].to_vec(),
                explanation: "something was".to_owned(),
            }),
        }
    }
}

#[test]
fn a_campaign_counts_its_seeds_and_how_long_recovery_took() {
    let campaign = greeting().seeds(3..9).run().unwrap();
    assert_eq!((campaign.played, campaign.failed), (6, 0));
    let most = campaign.recovery.percentile(100).unwrap();
    assert!(
        Duration::ZERO < most && most < Duration::from_secs(1),
        "{most:?}"
    );
    assert_eq!(campaign.simulated.as_secs(), 6 * 2);
}

#[test]
fn who_is_struck_for_good_owes_nothing_and_the_core_recovers_without() {
    let plan = for_good("bob", SILENCE);
    let outcome = greeting().plan(plan).play_seed(1);
    assert!(outcome.is_good(), "{outcome}");
    let recovered: Vec<_> = outcome.recovered.keys().collect();
    assert_eq!(recovered, ["ann"]);
}

#[test]
fn software_is_told_whom_it_may_wait_for() {
    let scenario = greeting()
        .clients(["cem"], async |node| {
            let core = ["ann", "bob", "server"].map(|name| node.is_core(name));
            node.note(format!("{core:?}"));
            Ok(())
        })
        .plan(for_good("bob", SILENCE));
    let outcome = scenario.play_seed(1);
    let said = outcome.trace.lines();
    let told = |line: &crate::trace::Line| line.text == "[true, false, true]";
    assert!(said.iter().any(told), "{outcome}");
}

#[test]
fn a_core_that_does_not_recover_fails_the_run_by_name() {
    let outcome = greeting().plan(for_good("server", SILENCE)).play_seed(1);
    assert!(matches!(outcome.end, Err(RunError::TimedOut { .. })));
    assert_eq!(outcome.unfinished, ["ann", "bob"]);
    let told = outcome.to_string();
    assert!(told.contains("unfinished: ann, bob"), "{told}");
}

#[test]
fn a_check_that_finds_something_fails_its_seed_and_is_shown() {
    let error = greeting().check(Never).seeds(4..6).run().unwrap_err();
    let told = format!("{error:?}");
    for part in [
        "broken: nothing is ever recorded",
        "again: SIM_SEED=4",
        "0 of 2 seeds good",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn a_client_that_gives_up_is_named_with_its_reason() {
    let quitter = Scenario::new("quitter").clients(["ann"], async |_| Err("no more".into()));
    let told = quitter.play_seed(0).to_string();
    assert!(told.contains("client \"ann\" gave up: no more"), "{told}");
}

#[test]
fn software_is_started_again_after_a_crash_with_another_chance() {
    use rand_core::Rng;
    type Starts = std::sync::Mutex<Vec<(u64, u64)>>;
    let crash = |seed, topology: &Topology| {
        let mut plan = Plan::calm(seed, topology.clone());
        plan.steps.push(Step {
            at_ms: 100,
            for_ms: Some(100),
            target: "server".to_owned(),
            fault: Fault::Crash,
        });
        plan
    };
    let scenario = Scenario::sharing("starts", |_| Starts::default())
        .hosts(["server"], async |node: Node<Starts>| {
            let start = (node.start(), node.chance().next_u64());
            node.shared().lock().unwrap().push(start);
            std::future::pending().await
        })
        .plan(crash)
        .trouble(Duration::from_secs(1))
        .afterwards(|after| {
            let starts = after.shared().lock().unwrap();
            assert_eq!((starts.len(), starts[0].0, starts[1].0), (2, 0, 1));
            assert_ne!(starts[0].1, starts[1].1);
        });
    assert!(scenario.play_seed(0).is_good());
}

/// What the host `server` finds on its disk after a power loss, having synced one byte of two.
fn found_after_power_loss(
    seed: u64,
    unsynced: impl Fn(Streams) -> Unsynced + Send + Sync + 'static,
) -> u64 {
    type Found = std::sync::Mutex<u64>;
    let scenario = Scenario::sharing("disk", |_| Found::default())
        .hosts(["server"], async |node: Node<Found>| {
            let file = node.disk().open();
            *node.shared().lock().unwrap() = file.len()?;
            if node.start() == 0 {
                file.write_at(0, b"a")?;
                file.sync()?;
                for at in 1..64 {
                    file.write_at(at, b"b")?;
                }
            }
            std::future::pending().await
        })
        .disk("server")
        .plan(|seed, topology| {
            let mut plan = Plan::calm(seed, topology.clone());
            plan.steps.push(Step {
                at_ms: 100,
                for_ms: Some(100),
                target: "server".to_owned(),
                fault: Fault::PowerLoss,
            });
            plan
        })
        .trouble(Duration::from_secs(1))
        .unsynced_by(unsynced)
        .afterwards(|after| {
            after.record(
                "server",
                What::Gauge {
                    of: "bytes".into(),
                    value: *after.shared().lock().unwrap(),
                    at_most: 64,
                },
            )
        });
    match &scenario
        .play_seed(seed)
        .history
        .records()
        .last()
        .unwrap()
        .what
    {
        What::Gauge { value, .. } => *value,
        other => panic!("{other}"),
    }
}

#[test]
fn each_seed_may_lose_power_in_its_own_way() {
    let lost = found_after_power_loss(1, |_| Unsynced::Lost);
    let reordered = found_after_power_loss(1, |_| Unsynced::Reordered);
    assert_eq!(lost, 1);
    assert!(reordered > 1, "{reordered}");
}

#[test]
fn percentiles_are_those_of_the_nearest_rank() {
    let recovery = |n| (1..=n).map(Duration::from_millis).collect::<Recovery>();
    let ms = |n| Some(Duration::from_millis(n));
    assert_eq!(recovery(0).percentile(50), None);
    assert_eq!(recovery(1).percentile(0), ms(1));
    let hundred = recovery(200);
    assert_eq!(
        [50, 99, 100].map(|p| hundred.percentile(p)),
        [ms(100), ms(198), ms(200)]
    );
}

#[test]
fn a_campaign_of_no_seed_is_refused_and_the_last_seed_is_played() {
    let error = greeting().seeds(5..5).run().unwrap_err();
    assert_eq!(error.to_string(), "there is no seed in 5..5");
    let last = play_plan(&greeting(), greeting().plan_of(u64::MAX), |_| {});
    assert_eq!((last.played, last.failed), (1, 0));
}

#[test]
fn a_plan_that_is_not_played_is_not_judged() {
    let full = |seed, topology: &Topology| {
        let mut plan = Plan::calm(seed, topology.clone());
        plan.steps.push(Step {
            at_ms: 100,
            for_ms: Some(100),
            target: "server".to_owned(),
            fault: Fault::DiskFull,
        });
        plan
    };
    let outcome = greeting().plan(full).check(Never).play_seed(1);
    let refused = outcome.end.as_ref().is_err_and(RunError::is_refusal);
    assert!(refused && outcome.violations.is_empty(), "{outcome}");
}

#[test]
fn a_panic_of_what_judges_a_run_fails_that_run_alone() {
    let scenario = greeting().afterwards(|after| {
        let seed = after.plan().seed;
        assert_ne!(seed, 2, "seed two is unlucky");
    });
    let error = scenario.seeds(1..4).run().unwrap_err();
    let told = format!("{error:?}");
    for part in [
        "a task panicked",
        "seed two is unlucky",
        "2 of 3 seeds good",
        "SIM_SEED=2",
    ] {
        assert!(told.contains(part), "{told}");
    }
}

#[test]
fn every_seed_is_another_world_whatever_its_plan() {
    let calm = |_, topology: &Topology| Plan::calm(7, topology.clone());
    let scenario = greeting().plan(calm);
    let hash = |seed| scenario.play_seed(seed).trace.hash();
    assert_ne!(hash(1), hash(2));
}

#[test]
fn frozen_software_does_nothing_until_it_is_over() {
    let freeze = |seed, topology: &Topology| {
        let mut plan = Plan::calm(seed, topology.clone());
        plan.steps.push(Step {
            at_ms: 500,
            for_ms: Some(1_000),
            target: "clients".to_owned(),
            fault: Fault::Freeze,
        });
        plan
    };
    let ticks = Scenario::new("ticks")
        .hosts(["server"], async |_| Ok(()))
        .clients(["ann"], async |node| {
            while node.elapsed() < Duration::from_secs(2) {
                tokio::time::sleep(Duration::from_millis(100)).await;
                node.record(What::Lost);
            }
            Ok(())
        })
        .trouble(Duration::from_secs(2))
        .plan(freeze);
    let outcome = ticks.play_seed(1);
    assert!(outcome.is_good(), "{outcome}");
    let records = outcome.history.records().iter();
    let acts = records.filter(|record| record.what == What::Lost);
    let acts: Vec<_> = acts.filter_map(|record| record.at).collect();
    let frozen = |at: &&u64| (510_000..1_500_000).contains(*at);
    assert_eq!(acts.iter().find(frozen), None, "{acts:?}");
    let before = acts.iter().filter(|at| **at <= 510_000).count();
    assert!(before > 2 && acts.len() > before + 2, "{acts:?}");
}
