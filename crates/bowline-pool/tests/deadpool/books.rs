//! Stamps, counts and locks: what a pool keeps beside its connections.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use bowline_pool::{CheckError, CloseReason, Error};
use deadpool::managed::Object;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Check, IDLE, Server, ms, settings};

/// `last_used` counts from the checkout, so the reaper that deadpool's own
/// documentation shows takes what came back just now for idle as long as it was
/// lent.
#[tokio::test(start_paused = true)]
async fn deadpool_counts_idleness_from_the_checkout() {
    let server = Server::new(ms(0));
    let pool = server.deadpool(1);
    drop(pool.get().await.unwrap());
    let held = pool.get().await.unwrap();
    let (taken_at, lent_for) = {
        let metrics = Object::metrics(&held);
        (metrics.recycled, metrics.last_used())
    };
    assert!(taken_at.is_some());
    drop(held);
    let reaped = pool.retain(|_, metrics| {
        assert_eq!(metrics.recycled, taken_at, "the return left no trace");
        // An idle limit as short as the loan was.
        metrics.last_used() < lent_for
    });
    assert_eq!((reaped.retained, reaped.removed.len()), (0, 1));
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn idleness_counts_from_the_return() {
    let server = Server::new(ms(0));
    let pool = server.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    sleep(2 * IDLE).await;
    drop(held);
    sleep(IDLE - ms(1)).await;
    assert_eq!(pool.checkout().await.unwrap().id, 0);
    sleep(IDLE + ms(2_000)).await;
    assert_eq!(server.reasons(), [CloseReason::Idle]);
}

/// A predicate runs under the lock of the whole pool; one that panics leaves
/// the pool unusable for good.
#[tokio::test(start_paused = true)]
async fn a_predicate_that_panics_takes_all_of_deadpool_down() {
    let server = Server::new(ms(0));
    let pool = server.deadpool(1);
    drop(pool.get().await.unwrap());
    pool.retain(|_, _| {
        assert!(format!("{pool:?}").contains("<locked>"));
        true
    });
    let judging = AssertUnwindSafe(|| pool.retain(|_, _| panic!("a predicate may be broken")));
    assert!(catch_unwind(judging).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| pool.status())).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_panics_costs_one_connection_and_holds_no_lock() {
    let server = Server::new(ms(0));
    let looked = Arc::new(Mutex::new(None));
    let (pool_of_hook, found) = (Arc::new(Mutex::new(None)), Arc::clone(&looked));
    let pool_in_hook = Arc::clone(&pool_of_hook);
    let pool = server.build(settings(1), |builder| {
        builder.on_return(move |link| {
            let id = link.id;
            let pool: Option<bowline_pool::Pool<_>> = pool_in_hook.lock().unwrap().clone();
            let found = Arc::clone(&found);
            Box::pin(async move {
                *found.lock().unwrap() = pool.map(|pool| pool.snapshot().checking);
                assert!(id > 0, "a hook may be broken");
                Ok(())
            })
        })
    });
    *pool_of_hook.lock().unwrap() = Some(pool.clone());

    drop(pool.checkout().await.unwrap());
    assert_eq!(pool.checkout().await.unwrap().id, 1);
    sleep(ms(1)).await;
    assert_eq!(*looked.lock().unwrap(), Some(1));
    assert!(matches!(server.failed_checks()[..], [CheckError::Panicked]));
    assert_eq!(server.reasons(), [CloseReason::Unproved]);
    assert_eq!(pool.checkout().await.unwrap().id, 1);
    pool_of_hook.lock().unwrap().take();
}

/// What a shrink closes is dropped while the pool is locked, and the manager is
/// not told.
#[tokio::test(start_paused = true)]
async fn deadpool_closes_under_its_lock_and_tells_nobody() {
    let server = Server::new(ms(0));
    let pool = server.deadpool(2);
    drop([pool.get().await, pool.get().await]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (weak, sight) = (pool.weak(), Arc::clone(&seen));
    server.on_close(Some(Arc::new(move || {
        let pool = weak.upgrade();
        sight.lock().unwrap().push(format!("{pool:?}"));
    })));
    pool.resize(1);
    pool.close();
    assert_eq!((server.live(), server.detached()), (0, 0));
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|debug| debug.contains("<locked>")));
}

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn what_is_closed_is_told_and_may_use_the_pool() {
    let server = Server::new(ms(0));
    let pool = server.pool(settings(3));
    let both = [
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
    ];
    drop(both);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (again, sight) = (pool.clone(), Arc::clone(&seen));
    server.on_close(Some(Arc::new(move || {
        // Each of these takes whatever locks there are.
        drop(again.try_checkout());
        again.lent_for(ms(0));
        sight.lock().unwrap().push(again.snapshot().max);
    })));
    pool.resize(1).unwrap();
    sleep(ms(1)).await;
    pool.close();
    sleep(ms(1)).await;
    assert_eq!(*seen.lock().unwrap(), [1, 1]);
    assert_eq!(
        server.reasons(),
        [CloseReason::OverMax, CloseReason::PoolClosed]
    );
    server.on_close(None);
}

/// A pool that is closed says nothing of what is still out, and cannot be waited
/// for.
#[tokio::test(start_paused = true)]
async fn deadpool_closes_while_connections_are_lent() {
    let server = Server::new(ms(0));
    let pool = server.deadpool(2);
    let _held = pool.get().await.unwrap();
    pool.close();
    assert!(pool.is_closed());
    assert_eq!((server.live(), pool.status().max_size), (1, 0));
}

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_what_is_lent_and_names_what_stays_out() {
    let server = Server::new(ms(0));
    let pool = server.pool(settings(2));
    let (soon, line) = (pool.checkout().await.unwrap(), line!() + 1);
    let never = pool.checkout().await.unwrap();
    let mut callers = JoinSet::new();
    callers.spawn(async move {
        sleep(ms(100)).await;
        drop(soon);
    });
    let begun = Instant::now();
    let report = pool.drain(begun + ms(500)).await;
    assert_eq!(Instant::now() - begun, ms(500));
    assert_eq!((report.returned, report.lent.len()), (1, 1));
    assert_eq!(report.lent[0].location.line(), line);
    drop(never);
    let begun = Instant::now();
    assert!(pool.drain(begun + ms(500)).await.is_complete());
    assert_eq!(Instant::now(), begun);
    assert_eq!(server.live(), 0);
}

/// A shrink takes permits away only while too much is open, so a pool that was
/// not full keeps permits for more than its limit.
#[tokio::test(start_paused = true)]
async fn a_deadpool_that_shrank_opens_more_than_it_may() {
    let server = Server::new(ms(0));
    let pool = server.deadpool(4);
    drop(pool.get().await.unwrap());
    pool.resize(1);
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(pool.get().await.unwrap());
    }
    assert_eq!((pool.status().max_size, pool.status().size), (1, 4));
    assert_eq!(server.live(), 4);
}

// contract: pool-1, pool-10
#[tokio::test(start_paused = true)]
async fn a_pool_that_shrank_opens_no_more_than_it_may() {
    let server = Server::new(ms(0));
    let pool = server.pool(settings(4));
    drop(pool.checkout().await.unwrap());
    pool.resize(1).unwrap();
    let held = pool.checkout().await.unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.map(|conn| conn.id) });
    }
    sleep(ms(1_000)).await;
    assert_eq!((server.live(), server.opened()), (1, 1));
    // Grown again, it has as many as it says, and not those of before besides.
    pool.resize(2).unwrap();
    let second = timeout(ms(1), callers.join_next()).await.unwrap();
    assert_eq!(second.unwrap().unwrap().unwrap(), 1);
    callers.join_all().await;
    assert_eq!((server.live(), server.opened()), (2, 2));
    drop(held);
}

/// Real threads: deadpool's own `close` panics here, sooner or later.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn closing_races_nobody_into_a_panic() {
    for _ in 0..300 {
        let server = Server::new(ms(0));
        server.check_by(Check::Pass(ms(0)));
        let pool = server.pool(settings(1));
        let mut callers = JoinSet::new();
        for _ in 0..4 {
            let pool = pool.clone();
            callers.spawn(async move {
                loop {
                    match pool.checkout().await {
                        Ok(lent) => drop(lent),
                        Err(Error::Closed) => return,
                        Err(other) => panic!("{other}"),
                    }
                    tokio::task::yield_now().await;
                }
            });
        }
        drop(pool.checkout().await);
        pool.close();
        callers.join_all().await;
        pool.drain(Instant::now() + ms(10_000)).await;
        assert_eq!((server.live(), pool.snapshot().open), (0, 0));
    }
}
