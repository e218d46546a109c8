//! Who gets which connection, and when.

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{IDLE, Server, ms, settings};

/// Whoever began to connect for itself waits for that, whatever comes back
/// meanwhile.
#[tokio::test(start_paused = true)]
async fn a_caller_of_deadpool_who_connects_overlooks_what_comes_back() {
    let server = Server::new(ms(150));
    let pool = server.deadpool(2);
    let held = pool.get().await.unwrap();
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.get().await.unwrap().id });
    sleep(ms(2)).await;
    drop(held);
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 1);
    assert_eq!(Instant::now() - begun, ms(150));
}

// contract: pool-4
#[tokio::test(start_paused = true)]
async fn a_caller_takes_what_comes_back_before_its_dial_is_through() {
    let server = Server::new(ms(150));
    let pool = server.pool(settings(2));
    let held = pool.checkout().await.unwrap();
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.unwrap().id });
    sleep(ms(2)).await;
    drop(held);
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 0);
    assert_eq!(Instant::now() - begun, ms(2));
}

/// Unless told otherwise deadpool lends the coldest first: a light load keeps
/// every connection of a past peak in use, and none ever falls idle.
#[tokio::test(start_paused = true)]
async fn deadpool_goes_round_all_of_its_connections() {
    let server = Server::new(ms(0));
    let pool = server.deadpool(3);
    let peak = [pool.get().await, pool.get().await, pool.get().await];
    drop(peak);
    let mut used = Vec::new();
    for _ in 0..6 {
        used.push(pool.get().await.unwrap().id);
    }
    assert_eq!(used, [0, 1, 2, 0, 1, 2]);
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_light_load_uses_one_connection_and_the_others_age_out() {
    let server = Server::new(ms(0));
    let pool = server.pool(settings(3));
    let peak = [
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
    ];
    let warmest = peak[2].id;
    drop(peak);
    for _ in 0..12 {
        assert_eq!(pool.checkout().await.unwrap().id, warmest);
        sleep(IDLE / 10).await;
    }
    assert_eq!((server.live(), server.opened()), (1, 3));
}
