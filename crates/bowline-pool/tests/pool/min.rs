//! Connections that are open whether anybody asks or not.

use std::time::Duration;

use bowline_pool::{Cause, Error, Event, Settings};
use tokio::time::{Instant, sleep, timeout};

use crate::session::{Manner, Peers};
use crate::world::{AGE, Answer, IDLE, Net, exactly, ms, settings};

const WARM_UP: Duration = Duration::from_secs(10);

fn keeping(min: usize) -> Settings {
    let settings = settings(10).min(min).unwrap();
    let settings = settings.warm_up(WARM_UP).unwrap();
    let settings = settings.lifetime(exactly(AGE, AGE));
    settings.wait(Duration::from_secs(30)).unwrap()
}

/// When dials began, counted from `begun`.
fn offsets(net: &Net, begun: Instant) -> Vec<Duration> {
    net.dialed_at().iter().map(|at| *at - begun).collect()
}

#[tokio::test(start_paused = true)]
async fn the_start_waits_for_nobody_and_the_pool_is_warm_in_time() {
    let net = Net::new();
    let begun = Instant::now();
    let pool = net.pool(keeping(5));
    tokio::task::yield_now().await;
    assert_eq!(
        net.dials(),
        0,
        "nothing is dialed in the moment of the start"
    );

    pool.warmed_up().await.unwrap();
    assert!(Instant::now() - begun <= WARM_UP + ms(50));
    let mut dialed = offsets(&net, begun);
    dialed.dedup();
    assert_eq!((dialed.len(), pool.snapshot().parked), (5, 5), "{dialed:?}");
    let warm = net.events().into_iter();
    let warm = warm.filter(|event| matches!(event, Event::WarmedUp { open: 5 }));
    assert_eq!(warm.count(), 1);
    sleep(IDLE / 2).await;
    assert_eq!(net.dials(), 5);
}

#[tokio::test(start_paused = true)]
async fn pools_of_cloned_settings_warm_up_apart() {
    let (one, other) = (Net::new(), Net::new());
    let begun = Instant::now();
    let settings = keeping(3);
    let pools = [one.pool(settings.clone()), other.pool(settings)];
    for pool in &pools {
        pool.warmed_up().await.unwrap();
    }
    let (one, other) = (offsets(&one, begun), offsets(&other, begun));
    assert!(
        one.iter().all(|at| !other.contains(at)),
        "{one:?} {other:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_need_not_wait_until_the_pool_is_warm() {
    let net = Net::new();
    let begun = Instant::now();
    let pool = net.pool(keeping(5));
    let _conn = pool.checkout().await.unwrap();
    assert_eq!(Instant::now() - begun, ms(50));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_warmth_is_told_why_it_does_not_come() {
    let net = Net::answering(|| Answer::Refuse(ms(1)));
    let pool = net.pool(keeping(2).wait(ms(20_000)).unwrap());
    let begun = Instant::now();
    let error = pool.warmed_up().await.unwrap_err();
    assert_eq!(Instant::now() - begun, ms(20_000));
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert!(error.to_string().contains("connection refused"), "{error}");

    net.answer(|| Answer::Accept(ms(1)));
    let gave_up = timeout(ms(1), pool.warmed_up()).await;
    assert!(gave_up.is_err());
    sleep(WARM_UP).await;
    let at = Instant::now();
    pool.warmed_up().await.unwrap();
    assert_eq!(Instant::now(), at, "warming up went on by itself");
    pool.close();
    let error = pool.warmed_up().await.unwrap_err();
    assert!(matches!(error, Error::Closed), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_restarts_is_not_called_by_all_its_clients_at_once() {
    let net = Net::new();
    let settings = keeping(2);
    let pools: Vec<_> = (0..30).map(|_| net.pool(settings.clone())).collect();
    for pool in &pools {
        pool.warmed_up().await.unwrap();
    }
    let before = net.dials();
    assert_eq!(before, 60);
    sleep(ms(2_000)).await;
    for id in 0..before {
        net.hang_up(id);
    }
    let down = Instant::now();
    sleep(ms(1)).await;
    assert_eq!(net.live(), 0, "all of it was noticed");
    sleep(WARM_UP + ms(50)).await;
    let mut again = offsets(&net, Instant::now() - WARM_UP).split_off(before);
    assert_eq!(again.len(), 60, "and dialed again in time");
    again.dedup();
    assert!(
        again.len() > 50,
        "no two in one moment but by chance: {again:?}"
    );
    let at_once = net.dialed_at().iter().filter(|at| **at == down).count();
    assert_eq!(at_once, 0);
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn the_idle_limit_spares_the_min_that_answers() {
    let peers = Peers::new();
    let pool = peers.pool(keeping(2).lifetime(exactly(IDLE, AGE)));
    crate::session::parked(&pool, 4).await;
    sleep(IDLE + ms(1_100)).await;
    assert_eq!(peers.net.live(), 2, "those above the minimum go");
    sleep(Duration::from_secs(600)).await;
    assert_eq!((peers.net.live(), peers.net.opened()), (2, 4));
    let conn = pool.checkout().await.unwrap();
    assert!(
        conn.number() >= 2,
        "the coldest went, not {}",
        conn.number()
    );
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_caller_who_finds_the_min_idle_has_it_pinged_not_closed() {
    for (manner, served) in [(Manner::Answer(ms(1)), 0), (Manner::Silence, 1)] {
        let peers = Peers::new();
        let rare = Duration::from_secs(3_000);
        let settings = keeping(1).sweep_every(rare).unwrap();
        let pool = peers.pool(settings.lifetime(exactly(IDLE, AGE)));
        pool.warmed_up().await.unwrap();
        sleep(IDLE).await;
        peers.treat(manner);
        let begun = Instant::now();
        let conn = pool.checkout().await.unwrap();
        assert_eq!(conn.number(), served);
        assert_eq!(Instant::now() - begun, ms(if served == 0 { 1 } else { 50 }));
        assert_eq!(peers.pings().len(), 1);
        sleep(ms(3_000)).await;
        assert_eq!(
            peers.net.reasons().len(),
            served,
            "only the silent one goes"
        );
    }
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn what_is_used_stays_and_the_coldest_age_out() {
    let net = Net::new();
    let pool = net.pool(settings(5));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(pool.checkout().await.unwrap());
    }
    drop(held);
    for _ in 0..10 {
        sleep(IDLE / 4).await;
        assert_eq!(pool.checkout().await.unwrap().get_ref().id, 2);
    }
    assert_eq!((net.live(), net.opened()), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn the_min_without_a_ping_is_replaced_when_it_has_lain_idle() {
    let net = Net::new();
    let pool = net.pool(keeping(2).lifetime(exactly(IDLE, IDLE * 9)));
    pool.warmed_up().await.unwrap();
    sleep(IDLE * 4).await;
    assert!(net.opened() >= 4, "{}", net.opened());
    let dialed = net.events().into_iter().filter_map(|event| match event {
        Event::Opened { cause, .. } => Some(cause),
        _ => None,
    });
    assert!(dialed.into_iter().all(|cause| cause == Cause::Min));
}
