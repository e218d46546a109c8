//! Two real threads at one pool in one moment: a connection that comes back, or
//! a caller who comes or goes, against whatever is switched just then. What is
//! lost shows as a state that stays wrong, so nothing here measures time.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bowline_pool::{Budget, Error, Pool, Pooled, Settings, State, Suspend};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, timeout};

use crate::race::{Meeting, Side, shift};
use crate::world::{Answer, Net, Streamed, borrow, settings};

/// After so long, it was never going to happen.
const NEVER: Duration = Duration::from_secs(10);

fn at_once() -> Net {
    Net::answering(|| Answer::Accept(Duration::ZERO))
}

/// Nothing is repaired by a sweep.
fn seldom(max: usize) -> Settings {
    let settings = settings(max).wait(2 * NEVER).unwrap();
    let settings = settings.sweep_every(60 * NEVER).unwrap();
    settings.ceiling(8).unwrap()
}

/// The keeper runs only while somebody calls [`Runtime::block_on`].
fn still() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

/// The keeper runs on a thread of its own.
fn busy() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).enable_time().build().unwrap()
}

fn look<F: Future + ?Sized>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

fn until(runtime: &Runtime, what: impl Fn() -> bool) -> bool {
    let waited = runtime.block_on(async {
        timeout(NEVER, async {
            while !what() {
                tokio::task::yield_now().await;
            }
        })
        .await
    });
    waited.is_ok()
}

/// Both act at once, round after round; then the other checks what it has, and
/// then the one.
fn collide<T, U>(
    runtime: &Runtime,
    rounds: usize,
    mut set_up: impl FnMut(usize),
    mut one: (impl FnMut() -> T, impl FnMut(usize, T)),
    mut other: (impl FnMut() -> U + Send, impl FnMut(usize, U) + Send),
) {
    let meeting = Meeting::default();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let _entered = runtime.enter();
            let side = Side(&meeting);
            for round in 0..rounds {
                side.meet(3 * round + 1);
                shift(round % 61 * 3);
                let outcome = other.0();
                side.meet(3 * round + 2);
                other.1(round, outcome);
                side.meet(3 * round + 3);
            }
        });
        let side = Side(&meeting);
        for round in 0..rounds {
            set_up(round);
            let entered = runtime.enter();
            side.meet(3 * round + 1);
            shift(round % 53 * 3);
            let outcome = one.0();
            side.meet(3 * round + 2);
            drop(entered);
            side.meet(3 * round + 3);
            one.1(round, outcome);
        }
    });
}

/// Where one side leaves something for the other.
type Slot<T> = Mutex<Option<T>>;

fn put<T>(slot: &Slot<T>, it: T) {
    *slot.lock().unwrap() = Some(it);
}

fn take<T>(slot: &Slot<T>) -> T {
    slot.lock().unwrap().take().unwrap()
}

// contract: pool-2
#[test]
fn a_pool_suspended_and_resumed_in_one_moment_keeps_nothing_aside() {
    const PARKED: usize = 8;
    let runtime = still();
    let pool = runtime.block_on(async { at_once().pool(seldom(PARKED)) });
    let _entered = {
        let held = runtime.block_on(borrow(&pool, PARKED));
        let entered = runtime.enter();
        drop(held);
        entered
    };
    let lent: Slot<Pooled<Streamed>> = Slot::default();
    let lend = |_| put(&lent, pool.try_checkout().unwrap());
    let suspend = || pool.suspend(Suspend::Wait);
    let all_are_lent = |round, ()| {
        // Whichever came last: a resumed pool lends what it has.
        if pool.snapshot().state == State::Suspended {
            pool.resume();
        }
        let held: Vec<_> = std::iter::from_fn(|| pool.try_checkout()).collect();
        assert_eq!(held.len(), PARKED, "round {round}");
    };
    let resume_and_return = || {
        pool.resume();
        drop(take(&lent));
    };
    let other = (resume_and_return, |_, ()| {});
    collide(&runtime, 10_000, lend, (suspend, all_are_lent), other);
}

/// A pool whose one connection is lent, for one round.
fn brief(runtime: &Runtime, net: &Net, resets: bool) -> (Pool<Streamed>, Pooled<Streamed>) {
    runtime.block_on(async {
        let mut builder = net.pinging(seldom(1), &["a"]);
        if resets {
            builder = builder.on_return(|_| Box::pin(async { Ok(()) }));
        }
        let pool = builder.build().unwrap();
        let conn = pool.checkout().await.unwrap();
        (pool, conn)
    })
}

// contract: pool-2, pool-10
#[test]
fn what_comes_back_as_the_pool_drains_is_closed_wherever_it_was_going() {
    // To the rack, to those set aside, to the keeper.
    for (suspended, resets) in [(false, false), (true, false), (false, true)] {
        let runtime = still();
        let net = at_once();
        let pool: Slot<Pool<Streamed>> = Slot::default();
        let lent: Slot<Pooled<Streamed>> = Slot::default();
        let lend = |_| {
            let (brief, conn) = brief(&runtime, &net, resets);
            if suspended {
                brief.suspend(Suspend::Wait);
            }
            put(&lent, conn);
            put(&pool, brief);
        };
        let drain = || {
            let pool = take(&pool);
            assert!(
                look(pin!(pool.drain(Instant::now() + NEVER))).is_none_or(|it| it.is_complete())
            );
            pool
        };
        let is_closed = |round, pool: Pool<Streamed>| {
            assert_eq!(net.live(), 0, "round {round}, {suspended}, {resets}");
            let report = runtime.block_on(pool.drain(Instant::now() + NEVER));
            assert!(report.is_complete(), "round {round}: {report}");
        };
        let return_it = (|| drop(take(&lent)), |_, ()| {});
        collide(&runtime, 1_500, lend, (drain, is_closed), return_it);
        assert!(net.books_balance());
    }
}

// contract: pool-2
#[test]
fn what_was_promised_to_a_caller_who_leaves_as_the_pool_closes_is_closed() {
    let runtime = still();
    let net = at_once();
    let callers: Slot<Pin<Box<dyn Future<Output = ()> + Send>>> = Slot::default();
    let pool: Slot<Pool<Streamed>> = Slot::default();
    let promise = |_| {
        let (brief, conn) = brief(&runtime, &net, false);
        let asking = brief.clone();
        let mut caller: Pin<Box<dyn Future<Output = ()> + Send>> =
            Box::pin(async move { drop(asking.checkout().await) });
        let entered = runtime.enter();
        assert!(look(caller.as_mut()).is_none());
        drop(conn);
        drop(entered);
        put(&callers, caller);
        put(&pool, brief);
    };
    let close = || {
        let pool = take(&pool);
        pool.close();
        pool
    };
    let is_closed = |round, pool: Pool<Streamed>| {
        assert_eq!(net.live(), 0, "round {round}");
        runtime.block_on(pool.drain(Instant::now() + NEVER));
    };
    let leave = (|| drop(take(&callers)), |_, ()| {});
    collide(&runtime, 2_000, promise, (close, is_closed), leave);
}

// contract: pool-2
#[test]
fn a_call_to_look_up_reaches_a_caller_who_joins_in_that_moment() {
    let runtime = still();
    let pool = runtime.block_on(async { at_once().pool(seldom(1)) });
    let _held = runtime.block_on(pool.checkout()).unwrap();
    // A call that was for nobody hangs there still; it is ended by whoever finds
    // that it is over, just as the next one begins.
    let leave_a_call = |_| {
        pool.suspend(Suspend::Fail);
        pool.resume();
    };
    let fail = (|| pool.suspend(Suspend::Fail), |_, ()| pool.resume());
    let join = || {
        let mut caller = Box::pin(pool.checkout());
        let early = look(caller.as_mut());
        (early, caller)
    };
    let is_told = |round, (early, mut caller): (Option<_>, Pin<Box<_>>)| {
        let told: Option<Result<Pooled<Streamed>, Error>> =
            early.or_else(|| look(Pin::as_mut(&mut caller)));
        let told = told.unwrap_or_else(|| panic!("not told in round {round}"));
        assert!(matches!(told, Err(Error::Suspended)));
    };
    collide(&runtime, 20_000, leave_a_call, fail, (join, is_told));
}

// contract: pool-1, pool-10
#[test]
fn what_comes_back_as_the_pool_shrinks_does_not_stay() {
    let runtime = busy();
    let net = at_once();
    let pool = runtime.block_on(async { net.pool(seldom(2)) });
    let lent: Slot<Pooled<Streamed>> = Slot::default();
    let kept: Slot<Pooled<Streamed>> = Slot::default();
    let lend = |_| {
        pool.resize(2).unwrap();
        let mut both = runtime.block_on(borrow(&pool, 2));
        put(&lent, both.pop().unwrap());
        put(&kept, both.pop().unwrap());
    };
    let has_shrunk = |round, ()| {
        let shrunk = until(&runtime, || net.live() == 1);
        assert!(shrunk, "round {round}: {:?}", pool.snapshot());
        let entered = runtime.enter();
        drop(take(&kept));
        drop(entered);
    };
    let shrink = (|| pool.resize(1).unwrap(), has_shrunk);
    let return_it = (|| drop(take(&lent)), |_, ()| {});
    collide(&runtime, 4_000, lend, shrink, return_it);
}

fn give_back_in_time(
    runtime: &Runtime,
    round: usize,
    early: Option<Result<Pooled<Streamed>, Error>>,
    caller: Pin<Box<impl Future<Output = Result<Pooled<Streamed>, Error>>>>,
) {
    let served = runtime.block_on(async {
        match early {
            Some(early) => early,
            None => timeout(NEVER, caller)
                .await
                .unwrap_or_else(|_| panic!("not served in round {round}")),
        }
    });
    let _entered = runtime.enter();
    drop(served.unwrap());
}

// contract: pool-1, pool-2
#[test]
fn what_comes_back_as_another_pool_runs_short_goes_there() {
    let runtime = busy();
    let net = at_once();
    let budget = Budget::new(1).unwrap();
    let [one, other] = [(); 2].map(|()| {
        let _entered = runtime.enter();
        let builder = net.pinging(seldom(1), &["a"]).budget(&budget);
        builder.build().unwrap()
    });
    let lent: Slot<Pooled<Streamed>> = Slot::default();
    let lend = |_| put(&lent, runtime.block_on(one.checkout()).unwrap());
    let ask = || {
        let mut caller = Box::pin(other.checkout());
        // The keeper may be quicker than this look.
        (look(caller.as_mut()), caller)
    };
    let is_served = |round, (early, caller)| {
        give_back_in_time(&runtime, round, early, caller);
    };
    let return_it = (|| drop(take(&lent)), |_, ()| {});
    collide(&runtime, 3_000, lend, (ask, is_served), return_it);
    assert_eq!(net.peak(), 1);
}

// contract: pool-2
#[test]
fn the_count_of_what_the_keeper_holds_is_never_below_nothing() {
    let runtime = busy();
    let net = at_once();
    let pool = {
        let _entered = runtime.enter();
        let builder = net.pinging(seldom(4), &["a"]);
        builder
            .on_return(|_| Box::pin(async { Ok(()) }))
            .build()
            .unwrap()
    };
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !over.load(Ordering::SeqCst) {
                let snapshot = pool.snapshot();
                assert!(snapshot.checking <= 4, "{snapshot:?}");
                // It has the keeper look into its inbox all the time.
                pool.resize(4).unwrap();
            }
        });
        for _ in 0..10_000 {
            drop(runtime.block_on(pool.checkout()).unwrap());
        }
        over.store(true, Ordering::SeqCst);
    });
}

// contract: pool-1, pool-2
#[test]
fn a_keeper_that_sweeps_all_the_time_keeps_nothing_from_who_waits() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(3)
        .enable_time()
        .build()
        .unwrap();
    let net = at_once();
    let restless = seldom(3).sweep_every(Duration::from_nanos(1)).unwrap();
    let pool = runtime.block_on(async { net.pool(restless) });
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            let _entered = runtime.enter();
            let mut turn = 0_usize;
            while !over.load(Ordering::SeqCst) {
                // Each has the keeper look, and take all that is parked in hand.
                pool.resize(3).unwrap();
                turn += 1;
                shift(turn % 997);
            }
        });
        runtime.block_on(async {
            let mut callers = tokio::task::JoinSet::new();
            for caller in 0..8 {
                let pool = pool.clone();
                callers.spawn(async move {
                    for turn in 0..4_000 {
                        let conn = pool.checkout().await.expect("three go round");
                        match (caller + turn) % 50 {
                            0 => conn.discard(),
                            1..10 => {
                                tokio::task::yield_now().await;
                                drop(conn);
                            }
                            _ => drop(conn),
                        }
                    }
                });
            }
            while let Some(caller) = callers.join_next().await {
                caller.unwrap();
            }
        });
        over.store(true, Ordering::SeqCst);
    });
    assert!(net.peak() <= 3, "peak {}", net.peak());
    assert_eq!(runtime.block_on(borrow(&pool, 3)).len(), net.live());
}
