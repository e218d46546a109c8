//! Draining: what came back, what did not, and that the report says so.

use bowline_pool::{CloseReason, Suspend};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Answer, Net, borrow, ms, settings};

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn a_drain_ends_when_the_last_comes_back_and_says_what_became_of_all() {
    let net = Net::new();
    let pool = net.pool(settings(4));
    let mut held = borrow(&pool, 4).await;
    drop(held.pop());
    let mut callers = JoinSet::new();
    for (after, conn) in (1..).zip(held) {
        callers.spawn(async move {
            sleep(ms(100 * after)).await;
            drop(conn);
        });
    }
    let begun = Instant::now();
    let report = pool.drain(begun + ms(10_000)).await;
    assert_eq!(Instant::now() - begun, ms(300));
    assert!(report.is_complete());
    assert_eq!((report.parked, report.returned, report.left), (1, 3, 0));
    assert_eq!(
        report.to_string(),
        "1 were parked, 3 came back, 0 are still lent"
    );
    assert_eq!(net.reasons(), [CloseReason::PoolClosed; 4]);
}

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn a_drain_past_its_deadline_names_who_still_holds_what() {
    let net = Net::new();
    let pool = net.pool(settings(3));
    let kept = pool.checkout().await.unwrap();
    sleep(ms(20)).await;
    let also_kept = pool.checkout().await.unwrap();
    let begun = Instant::now();
    let report = pool.drain(begun + ms(500)).await;
    assert_eq!(Instant::now() - begun, ms(500));
    assert!(!report.is_complete());
    assert_eq!((report.parked, report.returned, report.left), (0, 0, 2));
    let lent: Vec<_> = report
        .lent
        .iter()
        .map(|lent| (lent.id, lent.lent_for))
        .collect();
    assert_eq!(lent, [(1, ms(570)), (2, ms(500))]);
    let told = report.to_string();
    assert!(told.contains("tests/pool/draining.rs:"), "{told}");
    assert!(told.contains("for 570ms"), "{told}");

    // The pool stays closed, and a second drain takes up where the first ended.
    drop(kept);
    let mut callers = JoinSet::new();
    callers.spawn(async move {
        sleep(ms(50)).await;
        drop(also_kept);
    });
    let again = pool.drain(Instant::now() + ms(500)).await;
    assert_eq!((again.parked, again.returned, again.left), (0, 1, 0));
    assert!(again.is_complete());
    assert_eq!(net.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn two_who_drain_at_once_are_both_told() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    let held = pool.checkout().await.unwrap();
    let deadline = Instant::now() + ms(1_000);
    let mut drains = JoinSet::new();
    for _ in 0..2 {
        let pool = pool.clone();
        drains.spawn(async move { pool.drain(deadline).await });
    }
    sleep(ms(30)).await;
    let before = Instant::now();
    drop(held);
    for report in drains.join_all().await {
        assert!(report.is_complete());
    }
    assert_eq!(Instant::now(), before);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_is_cancelled_has_closed_the_pool() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    let held = pool.checkout().await.unwrap();
    drop(pool.checkout().await.unwrap());
    let cut = timeout(ms(10), pool.drain(Instant::now() + ms(1_000))).await;
    assert!(cut.is_err());
    assert!(pool.snapshot().is_closed());
    assert_eq!(net.live(), 1);
    drop(held);
    assert_eq!(net.live(), 0);
    assert!(net.books_balance());
}

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn a_dial_under_way_is_given_up_and_counts_until_it_is() {
    let net = Net::answering(|| Answer::Silence);
    let pool = net.pool(settings(2));
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.map(drop).is_err() });
    sleep(ms(10)).await;
    assert_eq!(net.live(), 1);
    let begun = Instant::now();
    let hasty = pool.drain(begun).await;
    assert_eq!((hasty.left, hasty.is_complete()), (1, false));
    assert!(hasty.to_string().ends_with("; 1 are still being closed"));
    let report = pool.drain(begun + ms(1_000)).await;
    assert!(report.is_complete());
    assert_eq!((Instant::now(), net.live()), (begun, 0));
    assert!(callers.join_next().await.unwrap().unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_suspended_pool_drains_like_any_other() {
    let net = Net::new();
    let pool = net.pool(settings(3));
    let mut held = borrow(&pool, 3).await;
    drop(held.pop());
    pool.suspend(Suspend::Wait);
    drop(held.pop());
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.map(drop).unwrap_err().to_string() });
    sleep(ms(10)).await;
    let mut drains = JoinSet::new();
    let drained = pool.clone();
    let deadline = Instant::now() + ms(1_000);
    drains.spawn(async move { drained.drain(deadline).await });
    assert_eq!(
        callers.join_next().await.unwrap().unwrap(),
        "the pool is closed"
    );
    assert_eq!(net.live(), 1);
    drop(held);
    let report = drains.join_next().await.unwrap().unwrap();
    assert_eq!((report.parked, report.returned, report.left), (2, 1, 0));
    assert_eq!(net.live(), 0);
}
