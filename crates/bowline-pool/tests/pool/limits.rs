//! Limits that change while connections are parked, lent, being opened and being
//! checked.

use bowline_pool::{CloseReason, InUse, Suspend};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{Net, borrow, ms, settings};

// contract: pool-1, pool-10
#[tokio::test(start_paused = true)]
async fn a_shrink_closes_the_parked_at_once_the_lent_on_return_and_dials_none() {
    let net = Net::new();
    let pool = net.pool(settings(5));
    let mut held = borrow(&pool, 5).await;
    drop(held.drain(..2));
    pool.resize(2).unwrap();
    let before = Instant::now();
    sleep(ms(1)).await;
    assert_eq!(
        (net.live(), net.reasons()),
        (3, vec![CloseReason::OverMax; 2])
    );

    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.unwrap().get_ref().id });
    sleep(ms(10)).await;
    drop(held.pop());
    sleep(ms(10)).await;
    assert_eq!(
        (net.live(), net.dials()),
        (2, 5),
        "two are open, and may be"
    );
    assert_eq!(net.reasons(), [CloseReason::OverMax; 3]);

    held.pop().unwrap().discard();
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 5);
    assert_eq!(Instant::now() - before, ms(21 + 50));
    assert_eq!((net.peak(), net.dials()), (5, 6));
}

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn a_grown_pool_dials_at_once_for_those_in_line() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let _held = pool.checkout().await.unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.unwrap() });
    }
    sleep(ms(20)).await;
    assert_eq!(net.dials(), 1);
    let before = Instant::now();
    pool.resize(3).unwrap();
    let conn = callers.join_next().await.unwrap().unwrap();
    assert_eq!(Instant::now() - before, ms(50));
    drop(conn);
    callers.join_all().await;
    assert_eq!(net.peak(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_was_small_for_a_while_dials_as_widely_as_before() {
    let net = Net::new();
    let pool = net.pool(settings(8));
    pool.resize(1).unwrap();
    pool.resize(8).unwrap();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.unwrap() });
    }
    callers.join_all().await;
    assert_eq!(net.dialing_peak(), 4);
}

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn a_shrink_while_suspended_closes_what_lies_aside() {
    let net = Net::new();
    let pool = net.pool(settings(4));
    let mut held = borrow(&pool, 4).await;
    drop(held.drain(..2));
    pool.suspend(Suspend::Wait);
    drop(held.drain(..1));
    pool.resize(1).unwrap();
    sleep(ms(1)).await;
    assert_eq!((net.live(), pool.snapshot().parked), (1, 0));
    drop(held);
    assert_eq!(net.live(), 1);
}

/// Six parked that are doubted, of which one is being pinged and will not answer.
async fn doubted(net: &Net) -> bowline_pool::Pool<crate::world::Streamed> {
    let pool = net
        .pinging(settings(7).max_checking(1).unwrap(), &["a"])
        .build()
        .unwrap();
    drop(borrow(&pool, 7).await);
    (0..7).for_each(|id| net.mute(id));
    // After a sweep, which has its end wake the keeper.
    sleep(ms(1_001)).await;
    net.hang_up(3);
    sleep(ms(1)).await;
    assert_eq!((net.live(), pool.snapshot().checking), (6, 6));
    pool
}

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn what_waits_for_a_ping_does_not_outstay_a_lower_limit() {
    let net = Net::new();
    let pool = doubted(&net).await;
    pool.resize(2).unwrap();
    sleep(ms(1)).await;
    assert_eq!(net.live(), 2);
    assert_eq!(net.reasons()[1..], [CloseReason::OverMax; 4]);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_ping_does_not_outstay_a_clearing() {
    let net = Net::new();
    let pool = doubted(&net).await;
    pool.clear(InUse::Finish);
    sleep(ms(1)).await;
    assert_eq!(net.live(), 1, "the one that is being pinged");
    assert_eq!(net.reasons()[1..], [CloseReason::Cleared; 5]);
    sleep(ms(2_000)).await;
    assert_eq!((net.live(), pool.snapshot().open), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_size_that_cannot_be_is_refused_and_changes_nothing() {
    let net = Net::new();
    let fixed = settings(4).min(2).unwrap().ceiling(6).unwrap();
    let pool = net.pool(fixed);
    let told = |max| pool.resize(max).unwrap_err().to_string();
    assert_eq!(told(7), "max 7 is not within 1 and 6");
    assert_eq!(told(0), "max 0 is not within 1 and 6");
    assert_eq!(told(1), "min 2 is over max 1");
    assert_eq!(pool.snapshot().max, 4);
    pool.resize(6).unwrap();
    assert_eq!(pool.snapshot().max, 6);
    drop(borrow(&pool, 6).await);
}
