//! A peer that fails is left alone for a while, by all callers together.

use std::time::Duration;

use bowline_pool::{DialError, Error};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{Answer, Net, endpoint, ms, settings};

/// When dials began, in milliseconds since the first.
fn dialed(net: &Net) -> Vec<u128> {
    let at = net.dialed_at();
    at.iter().map(|it| (*it - at[0]).as_millis()).collect()
}

async fn give_up(net: &Net, callers: usize) -> Vec<Error> {
    let pool = net.pool(settings(20));
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let pool = pool.clone();
        tasks.spawn(async move { pool.checkout().await.unwrap_err() });
    }
    tasks.join_all().await
}

#[tokio::test(start_paused = true)]
async fn dials_that_fail_together_are_one_failure() {
    let net = Net::answering(|| Answer::Refuse(Duration::ZERO));
    give_up(&net, 20).await;
    let wave = |at: u128| [at; 4];
    assert_eq!(
        dialed(&net),
        [wave(0), wave(100), wave(300), wave(700)].concat()
    );
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_accepts_and_hangs_up_is_not_stampeded() {
    let net = Net::answering(|| Answer::HangUp(ms(1)));
    let errors = give_up(&net, 1).await;
    assert_eq!(dialed(&net), [0, 101, 302, 703]);
    let last_dial = &errors[0].shortage().unwrap().last_dial;
    let stillborn = DialError::Stillborn {
        endpoint: endpoint(),
    };
    assert_eq!(
        last_dial.as_ref().unwrap().error.to_string(),
        stillborn.to_string()
    );
}

#[tokio::test(start_paused = true)]
async fn a_dialer_that_panics_fails_one_dial_and_no_pool() {
    let mut broken = true;
    let net = Net::answering(move || match std::mem::replace(&mut broken, false) {
        true => Answer::Panic,
        false => Answer::Accept(ms(1)),
    });
    let pool = net.pool(settings(1));
    pool.checkout().await.unwrap();
    assert_eq!(dialed(&net), [0, 100]);
    assert_eq!(pool.snapshot().open, 1);
}

/// Fails twice, serves a caller for as long as told, and returns how long the
/// pool holds back after the next failure.
async fn delay_after_serving(up: Duration) -> u128 {
    let mut dial = 0;
    let net = Net::answering(move || {
        dial += 1;
        match dial {
            3 => Answer::Accept(Duration::ZERO),
            _ => Answer::Refuse(Duration::ZERO),
        }
    });
    let pool = net.pool(settings(1));
    let conn = pool.checkout().await.unwrap();
    sleep(up).await;
    drop(conn);
    net.hang_up(0);
    pool.checkout().await.unwrap_err();
    let at = net.dialed_at();
    (at[4] - at[3]).as_millis()
}

// contract: backoff-4
#[tokio::test(start_paused = true)]
async fn only_a_stable_connection_shortens_the_delays_again() {
    assert_eq!(delay_after_serving(ms(9_999)).await, 400);
    assert_eq!(delay_after_serving(ms(10_000)).await, 100);
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_backs_off_still_hands_out_what_comes_back() {
    let mut first = true;
    let net = Net::answering(move || match std::mem::replace(&mut first, false) {
        true => Answer::Accept(Duration::ZERO),
        false => Answer::Refuse(Duration::ZERO),
    });
    let pool = net.pool(settings(2));
    let held = pool.checkout().await.unwrap();
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.map(drop) });
    sleep(ms(50)).await;
    let before = Instant::now();
    drop(held);
    callers.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(Instant::now(), before);
}
