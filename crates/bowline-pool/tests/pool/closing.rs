//! The end of a pool: nothing waits on, nothing stays open.

use bowline_pool::{CloseReason, Error};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{Answer, Net, ms, settings};

#[tokio::test(start_paused = true)]
async fn closing_turns_away_everybody_at_once() {
    let net = Net::answering(|| Answer::Silence);
    let pool = net.pool(settings(5));
    let mut callers = JoinSet::new();
    for _ in 0..20 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.unwrap_err() });
    }
    sleep(ms(1)).await;
    let before = Instant::now();
    pool.close();
    for error in callers.join_all().await {
        assert!(matches!(error, Error::Closed), "{error}");
    }
    assert!(matches!(pool.checkout().await.unwrap_err(), Error::Closed));
    assert_eq!(Instant::now(), before);
    sleep(ms(1)).await;
    assert_eq!(net.live(), 0, "dials under way are given up");
    assert_eq!(pool.snapshot().open, 0);
}

#[tokio::test(start_paused = true)]
async fn closing_closes_the_parked_now_and_the_lent_on_return() {
    let net = Net::new();
    let pool = net.pool(settings(3));
    let held = pool.checkout().await.unwrap();
    let (cold, hot) = (
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
    );
    drop(cold);
    drop(hot);
    pool.close();
    pool.close();
    assert_eq!((net.live(), pool.snapshot().parked), (1, 0));
    drop(held);
    assert_eq!(net.live(), 0);
    assert_eq!(net.reasons(), [CloseReason::PoolClosed; 3]);
    assert!(pool.snapshot().is_closed());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_pool_closes_all_but_what_is_on_loan() {
    let net = Net::new();
    let pool = net.pool(settings(3));
    let twin = pool.clone();
    let held = pool.checkout().await.unwrap();
    drop(pool.checkout().await.unwrap());
    let gave_up = tokio::time::timeout(ms(1), async {
        let _second = pool.checkout().await.unwrap();
        pool.checkout().await.map(drop)
    });
    assert!(gave_up.await.is_err());
    drop(pool);
    drop(twin.checkout().await.unwrap());
    assert_eq!(net.live(), 3, "lent, parked, and still dialing");

    drop(twin);
    sleep(ms(1)).await;
    assert_eq!(net.live(), 1);
    drop(held);
    assert_eq!(net.live(), 0);
}
