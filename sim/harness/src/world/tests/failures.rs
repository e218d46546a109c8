//! What fails a run.

use super::*;

/// Runs a world of one host with this software.
fn run_with<Fut>(software: impl Fn() -> Fut + 'static) -> Result<Report, RunError>
where
    Fut: Future<Output = Result<(), BoxError>> + 'static,
{
    let settings = Settings {
        recovery: Duration::from_secs(1),
        ..Settings::default()
    };
    let topology = Topology::new(Duration::from_secs(1)).host("a");
    let mut world = World::new(Plan::calm(1, topology), settings);
    world.host("a", software);
    world.run(|| false)
}

/// A world of one host and no time for faults.
fn brief() -> World {
    let topology = Topology::new(Duration::ZERO).host("a");
    World::new(Plan::calm(1, topology), Settings::default())
}

#[track_caller]
fn assert_panicked(outcome: Result<Report, RunError>, said: &str) {
    let Err(RunError::Panicked { message }) = outcome else {
        unreachable!("{outcome:?} is no panic");
    };
    assert!(message.starts_with(said), "{message}");
    assert!(message.contains("failures.rs:"), "{message}");
}

#[test]
fn a_panic_in_a_task_that_nobody_awaits_fails_the_run() {
    let outcome = run_with(|| async {
        let mut tasks = JoinSet::new();
        tasks.spawn(async {
            sleep(Duration::from_millis(300)).await;
            let count = 3;
            panic!("lost {count} messages");
        });
        std::future::pending().await
    });
    assert_panicked(outcome, "lost 3 messages");
}

#[test]
fn a_panic_that_its_joiner_forgives_fails_the_run_all_the_same() {
    let outcome = run_with(|| async {
        let mut tasks = JoinSet::new();
        tasks.spawn_local(async { panic!("forgiven") });
        drop(tasks.join_next().await);
        std::future::pending().await
    });
    assert_panicked(outcome, "forgiven");
}

#[test]
fn a_panic_of_the_software_itself_or_of_the_question_fails_the_run() {
    let outcome = run_with(|| async { panic!("top level") });
    assert_panicked(outcome, "top level");
    let mut world = brief();
    world.host("a", || async { Ok(()) });
    assert_panicked(world.run(|| panic!("checked")), "checked");
}

#[test]
fn a_panic_while_software_is_dropped_fails_the_run() {
    struct Fragile;
    impl Drop for Fragile {
        fn drop(&mut self) {
            panic!("dropped badly");
        }
    }
    let mut world = brief();
    world.host("a", || async {
        let _fragile = Fragile;
        std::future::pending().await
    });
    let clock = world.wall_clock();
    let done = move || !clock.elapsed().is_zero();
    assert_panicked(world.run(done), "dropped badly");
}

#[test]
fn a_panic_on_one_thread_fails_the_run_on_that_thread_only() {
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|n| {
                scope.spawn(move || {
                    run_with(move || async move {
                        sleep(Duration::from_millis(100)).await;
                        assert_ne!(n, 2, "the third");
                        std::future::pending().await
                    })
                })
            })
            .collect();
        for (n, run) in runs.into_iter().enumerate() {
            let outcome = run.join().unwrap();
            if n == 2 {
                assert!(matches!(outcome, Err(RunError::Panicked { .. })));
            } else {
                assert!(matches!(outcome, Err(RunError::TimedOut { .. })));
            }
        }
    });
}

#[test]
fn a_run_after_one_that_panicked_starts_clean() {
    assert_panicked(run_with(|| async { panic!("first") }), "first");
    let second = run_with(|| async { Ok(()) });
    let Err(RunError::TimedOut { limit }) = second else {
        unreachable!("{second:?} did not time out");
    };
    assert_eq!(limit, Duration::from_secs(2));
}

#[test]
fn a_host_that_gives_up_ends_the_run_by_name() {
    let outcome = run_with(|| async {
        sleep(Duration::from_millis(100)).await;
        Err("the store is gone".into())
    });
    let Err(RunError::Host { name, error }) = outcome else {
        unreachable!("{outcome:?} is no failure of a host");
    };
    assert_eq!((&*name, &*error.to_string()), ("a", "the store is gone"));
}

#[test]
fn a_plan_that_does_not_fit_and_a_host_without_software_are_refused() {
    let mut plan = brief().plan().clone();
    plan.steps = vec![Step {
        at_ms: 0,
        for_ms: None,
        target: "b".to_owned(),
        fault: Fault::Reset,
    }];
    assert!(matches!(
        World::new(plan, Settings::default()).run(|| true),
        Err(RunError::Plan(plan::Invalid::UnknownTarget { step: 0, .. }))
    ));
    assert!(matches!(
        brief().run(|| true),
        Err(RunError::Idle { name }) if name == "a"
    ));
}
