//! Clocks that leap: the host whose clock it is sees it, nobody else and nothing that judges
//! it does.

use std::task::Poll;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::*;
use crate::Clock;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn jump(at_ms: u64, clock: Clock, by_ms: u64) -> Step {
    Step {
        at_ms,
        for_ms: None,
        target: "a".to_owned(),
        fault: Fault::ClockJump { clock, by_ms },
    }
}

/// A world of two hosts, of which "a" is struck.
fn world(steps: Vec<Step>) -> World {
    let plan = Plan {
        seed: 1,
        topology: Topology::new(Duration::from_secs(10)).host("a").host("b"),
        steps,
    };
    World::new(plan, Settings::default())
}

/// What was written down, by whom and when in true time.
type Log = Arc<Mutex<Vec<(&'static str, Duration)>>>;

/// Sleeps for `millis` of its host's time and writes down when that was over.
async fn wait(name: &'static str, millis: u64, clock: SimClock, log: Log) {
    sleep(ms(millis)).await;
    log.lock().unwrap().push((name, clock.elapsed()));
}

/// When timers of 2, 5 and 50 seconds on the host that is struck fired, and one of 2 seconds
/// on the other.
fn fired(steps: Vec<Step>) -> Vec<(&'static str, Duration)> {
    let mut world = world(steps);
    let log = Log::default();
    let (clock, logs) = (world.wall_clock(), Arc::clone(&log));
    world.host("a", move || {
        let mut timers = JoinSet::new();
        timers.spawn_local(wait("local", 2_000, clock.clone(), Arc::clone(&logs)));
        timers.spawn(wait("spawned", 5_000, clock.clone(), Arc::clone(&logs)));
        let main = wait("main", 50_000, clock.clone(), Arc::clone(&logs));
        async move {
            main.await;
            timers.join_all().await;
            Ok(())
        }
    });
    let (clock, logs) = (world.wall_clock(), Arc::clone(&log));
    world.host("b", move || {
        let wait = wait("bystander", 2_000, clock.clone(), Arc::clone(&logs));
        async move {
            wait.await;
            Ok(())
        }
    });
    world.run(|| log.lock().unwrap().len() == 4).unwrap();
    let mut log = std::mem::take(&mut *log.lock().unwrap());
    log.sort_by_key(|(name, at)| (*at, *name));
    log
}

#[test]
fn timers_that_a_leap_passes_fire_late_at_once_and_later_ones_early_by_as_much() {
    assert_eq!(
        fired(vec![jump(1_000, Clock::Timers, 10_000)]),
        [
            ("local", ms(1_005)),
            ("spawned", ms(1_005)),
            ("bystander", ms(2_000)),
            ("main", ms(40_000)),
        ]
    );
}

#[test]
fn a_leap_is_as_long_as_the_plan_says_however_short() {
    let main = |by_ms| {
        let fired = fired(vec![jump(1_000, Clock::Timers, by_ms)]);
        fired.iter().find(|(name, _)| *name == "main").unwrap().1
    };
    assert_eq!(main(1), ms(49_999));
    assert_eq!(main(7), ms(49_993));
    assert_eq!(main(49_000), ms(1_005));
}

#[test]
fn leaps_at_one_moment_and_one_after_the_other_add_up() {
    // The first two strike between the same two steps.
    let jumps = [1_001, 1_002, 1_500].map(|at_ms| jump(at_ms, Clock::Timers, 400));
    let fired = fired(jumps.to_vec());
    assert_eq!(fired[0], ("local", ms(1_200)));
    assert_eq!(fired[2], ("spawned", ms(3_800)));
}

#[test]
fn the_timers_of_tasks_leap_whose_software_has_returned() {
    let mut world = world(vec![jump(1_000, Clock::Timers, 10_000)]);
    let (left_behind, log) = (Arc::new(Mutex::new(JoinSet::new())), Log::default());
    let (clock, logs, tasks) = (
        world.wall_clock(),
        Arc::clone(&log),
        Arc::clone(&left_behind),
    );
    world.host("a", move || {
        let wait = wait("left behind", 5_000, clock.clone(), Arc::clone(&logs));
        let tasks = Arc::clone(&tasks);
        async move {
            tasks.lock().unwrap().spawn(wait);
            Ok(())
        }
    });
    world.host("b", || async { Ok(()) });
    world.run(|| !log.lock().unwrap().is_empty()).unwrap();
    assert_eq!(*log.lock().unwrap(), [("left behind", ms(1_005))]);
}

#[test]
fn a_heartbeat_sees_one_late_tick() {
    let mut world = world(vec![jump(1_040, Clock::Timers, 5_000)]);
    let late_by = Arc::new(Mutex::new(Vec::new()));
    let logs = Arc::clone(&late_by);
    world.host("a", move || {
        let late_by = Arc::clone(&logs);
        async move {
            let mut beat = interval(ms(100));
            beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                let due = beat.tick().await;
                late_by.lock().unwrap().push(Instant::now() - due);
            }
        }
    });
    world.host("b", || async { Ok(()) });
    let clock = world.wall_clock();
    world.run(|| clock.elapsed() >= ms(2_000)).unwrap();
    let late_by = late_by.lock().unwrap();
    let late: Vec<_> = late_by.iter().filter(|late| **late > ms(5)).collect();
    let [late] = *late else {
        unreachable!("{late:?} is not one late tick");
    };
    // It was due 60 ms after the leap began; the step of the leap itself takes 5.
    assert_eq!(*late, ms(4_945));
    assert_eq!(
        late_by.len(),
        11 + 1 + 9,
        "before, then the late one, and after"
    );
}

#[test]
fn the_time_of_the_world_neither_leaps_nor_goes_back() {
    let mut world = world(vec![jump(1_000, Clock::Timers, 60_000)]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (clock, trace, log) = (world.wall_clock(), world.trace(), Arc::clone(&seen));
    world.host("a", move || {
        let (clock, trace, log) = (clock.clone(), trace.clone(), Arc::clone(&log));
        async move {
            let mut sleeping = Box::pin(sleep(ms(1_000)));
            // Polled in the step in which the clock leaps, after it has.
            std::future::poll_fn(|context| {
                log.lock().unwrap().push(clock.elapsed());
                trace.note("a", "polled");
                if sleeping.as_mut().poll(context).is_ready() {
                    let now = Instant::now();
                    sleeping.as_mut().reset(now + ms(1));
                    let _ = sleeping.as_mut().poll(context);
                }
                Poll::<Result<(), BoxError>>::Pending
            })
            .await
        }
    });
    world.host("b", || async { Ok(()) });
    let (clock, trace) = (world.wall_clock(), world.trace());
    world.run(|| clock.elapsed() >= ms(1_100)).unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.len() > 80, "{}", seen.len());
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen[seen.len() - 1] <= ms(1_100), "{seen:?}");
    assert!(seen.contains(&ms(1_005)), "{seen:?}");
    assert!(trace.lines().iter().all(|line| line.at <= ms(1_100)));
}

#[test]
fn a_leap_hurries_no_bytes() {
    let read = |steps: &[Step]| {
        let mut world = world(steps.to_vec());
        let net = world.net();
        world.host("a", move || {
            let net = net.clone();
            async move {
                let (mut stream, _) = net.listen("a", 7400).await?.accept().await?;
                while stream.read(&mut [0; 8]).await? > 0 {}
                Ok(())
            }
        });
        let net = world.net();
        world.host("b", move || {
            let dialer = net.dialer("b");
            async move {
                sleep(ms(50)).await;
                let mut stream = dialer.oneshot(Endpoint::new("a", 7400)).await?;
                loop {
                    stream.write_all(b"x").await?;
                    sleep(ms(7)).await;
                }
            }
        });
        let (clock, trace) = (world.wall_clock(), world.trace());
        world.run(|| clock.elapsed() >= ms(1_500)).unwrap();
        let lines = trace.lines().into_iter();
        let read = lines.filter(|line| line.what == crate::trace::What::Read);
        read.map(|line| line.at).collect::<Vec<_>>()
    };
    let (calm, struck) = (read(&[]), read(&[jump(1_000, Clock::Timers, 60_000)]));
    assert_eq!(calm.len(), struck.len());
    for (calm, struck) in calm.iter().zip(&struck) {
        assert!(calm.abs_diff(*struck) <= ms(5), "{struck:?}, calm {calm:?}");
    }
}

#[test]
fn a_wall_clock_that_is_set_stays_so_through_a_restart_and_moves_no_timer() {
    let crash = Step {
        at_ms: 2_000,
        for_ms: Some(1_000),
        target: "a".to_owned(),
        fault: Fault::Crash,
    };
    let mut world = world(vec![
        jump(1_000, Clock::Wall, 3_600_000),
        crash,
        // While nobody runs there.
        jump(2_500, Clock::Wall, 500),
    ]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    for host in ["a", "b"] {
        let (set, truth) = (world.wall_clock_of(host), world.wall_clock());
        let log = Arc::clone(&seen);
        world.host(host, move || {
            let (set, truth, log) = (set.clone(), truth.clone(), Arc::clone(&log));
            async move {
                let (started, monotonic) = (truth.elapsed(), Instant::now());
                loop {
                    sleep(ms(700)).await;
                    assert_eq!(truth.elapsed() - started, Instant::now() - monotonic);
                    let ahead = set.now().duration_since(truth.now())?;
                    log.lock().unwrap().push((host, truth.elapsed(), ahead));
                }
            }
        });
    }
    let clock = world.wall_clock();
    world.run(|| clock.elapsed() >= ms(4_000)).unwrap();
    let ahead_of = |host| -> Vec<_> {
        let seen = seen.lock().unwrap();
        let of = seen.iter().filter(|(by, ..)| *by == host);
        of.map(|(_, at, ahead)| (*at, *ahead)).collect()
    };
    assert_eq!(
        ahead_of("a"),
        [
            (ms(700), ms(0)),
            (ms(1_400), ms(3_600_000)),
            (ms(3_700), ms(3_600_500)),
        ]
    );
    assert!(ahead_of("b").iter().all(|(_, ahead)| ahead.is_zero()));
}

#[test]
fn a_thaw_makes_timers_late_by_what_the_freeze_lasted() {
    let freeze = |for_ms| Step {
        at_ms: 1_000,
        for_ms,
        target: "a".to_owned(),
        fault: Fault::Freeze,
    };
    assert_eq!(
        fired(vec![freeze(Some(3_500))]),
        [
            ("bystander", ms(2_000)),
            ("local", ms(2_000)),
            ("spawned", ms(4_505)),
            ("main", ms(46_500)),
        ]
    );
    let for_ever = fired(vec![freeze(None)]);
    assert_eq!(
        for_ever[2..],
        [("spawned", ms(5_000)), ("main", ms(50_000))]
    );
}
