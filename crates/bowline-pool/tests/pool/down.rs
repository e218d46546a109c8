//! Peers that cannot be reached: how long callers are left in hope, and how few
//! of them try meanwhile.

use std::time::Duration;

use bowline_policy::endpoints::{self, Choice};
use bowline_policy::{Share, breaker};
use bowline_pool::{Error, Event, Pool, Settings, State, TIME_MAX};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::world::{Answer, Net, Streamed, at, ms, settings};

fn refusing() -> Net {
    Net::answering(|| Answer::Refuse(Duration::ZERO))
}

fn patient(max: usize, fail_fast_after: Duration) -> Settings {
    let settings = settings(max).wait(Duration::from_secs(20)).unwrap();
    settings.fail_fast_after(fail_fast_after).unwrap()
}

fn call(pool: &Pool<Streamed>, callers: usize) -> JoinSet<Result<Instant, (Instant, Error)>> {
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let pool = pool.clone();
        tasks.spawn(async move {
            let told = pool.checkout().await.map(drop);
            told.map(|()| Instant::now())
                .map_err(|error| (Instant::now(), error))
        });
    }
    tasks
}

#[tokio::test(start_paused = true)]
async fn after_the_window_everybody_in_line_is_told_what_the_dials_met() {
    let net = refusing();
    let pool = net.pool(patient(4, ms(500)));
    let begun = Instant::now();
    let mut callers = call(&pool, 20);
    while let Some(caller) = callers.join_next().await {
        let (at, error) = caller.unwrap().unwrap_err();
        assert_eq!(at - begun, ms(500));
        assert!(matches!(error, Error::Unreachable(_)), "{error}");
        let told = error.to_string();
        assert!(told.starts_with("nobody can be reached in 500ms: 0 of 4 in use"));
        let last = "last connect error 200ms ago: could not connect to chat.example:7400: \
                    connection refused";
        assert!(told.ends_with(last), "{told}");
    }
    assert_eq!(pool.snapshot().state, State::Down);
    let down =
        |event: &Event| matches!(event, Event::WentDown { failing_for } if *failing_for == ms(500));
    assert!(net.events().iter().any(down));
}

#[tokio::test(start_paused = true)]
async fn while_dials_are_held_back_callers_are_told_at_once_and_then_one_waits() {
    let net = Net::answering(|| Answer::Refuse(ms(20)));
    let pool = net.pool(patient(4, ms(500)));
    let begun = Instant::now();
    // Dials at 0, 120 and 340, each of them four wide; the next may be at 760.
    call(&pool, 20).join_all().await;
    let dials = net.dials();
    sleep_until(begun + ms(759)).await;
    pool.checkout().await.unwrap_err();
    assert_eq!(Instant::now(), begun + ms(759));
    assert_eq!(net.dials(), dials);

    sleep_until(begun + ms(765)).await;
    let mut prober = call(&pool, 1);
    sleep(ms(5)).await;
    for _ in 0..10 {
        let told = pool.checkout().await.unwrap_err();
        assert!(matches!(told, Error::Unreachable(_)), "{told}");
        assert_eq!(Instant::now(), begun + ms(770));
    }
    let (at, told) = prober.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(at - begun, ms(785), "its own dial had ended: {told}");
    assert_eq!(net.dials(), dials + 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_probes_a_peer_that_is_back_is_served_and_so_are_all() {
    let net = Net::answering(|| Answer::Refuse(ms(20)));
    let pool = net.pool(patient(4, ms(500)));
    call(&pool, 20).join_all().await;
    net.answer(|| Answer::Accept(ms(20)));
    sleep(ms(500)).await;
    let before = Instant::now();
    assert_eq!(pool.snapshot().state, State::Open, "somebody may try");
    pool.checkout().await.unwrap();
    assert_eq!(Instant::now() - before, ms(20));
    let mut callers = call(&pool, 20);
    while let Some(caller) = callers.join_next().await {
        caller.unwrap().unwrap();
    }
    let up = |event: &&Event| matches!(event, Event::CameUp { .. });
    assert_eq!(net.events().iter().filter(up).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_window_can_be_nothing_and_can_be_for_ever() {
    let hasty = refusing().pool(patient(1, Duration::ZERO));
    let before = Instant::now();
    let told = hasty.checkout().await.unwrap_err();
    assert!(matches!(told, Error::Unreachable(_)), "{told}");
    assert_eq!(Instant::now(), before);

    let hopeful = refusing().pool(patient(1, TIME_MAX));
    let told = hopeful.checkout().await.unwrap_err();
    assert!(matches!(told, Error::Timeout(_)), "{told}");
    assert_eq!(Instant::now() - before, Duration::from_secs(20));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_told_while_a_connection_is_left() {
    let net = Net::new();
    let pool = net.pool(patient(2, ms(500)));
    let held = pool.checkout().await.unwrap();
    net.answer(|| Answer::Refuse(Duration::ZERO));
    let begun = Instant::now();
    let mut callers = call(&pool, 3);
    sleep(ms(3_000)).await;
    assert_eq!(pool.snapshot().waiting, 3);
    held.discard();
    while let Some(caller) = callers.join_next().await {
        let (at, error) = caller.unwrap().unwrap_err();
        assert!(matches!(error, Error::Unreachable(_)), "{error}");
        assert_eq!(at - begun, ms(3_000));
    }
}

fn guarded(failures: u32) -> Settings {
    let breaker = breaker::Settings::new(failures).unwrap();
    let breaker = breaker.open_for(ms(5_000), ms(60_000)).unwrap();
    patient(4, TIME_MAX).breaker(breaker.spread(Share::NONE))
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_lets_one_dial_go_when_its_time_is_over() {
    let net = Net::answering(|| Answer::Refuse(ms(20)));
    let pool = net.pool(guarded(2));
    let begun = Instant::now();
    let told = call(&pool, 8).join_all().await;
    // All breakers are open: nothing is gained by patience.
    for caller in told {
        let (at, error) = caller.unwrap_err();
        assert!(matches!(error, Error::Unreachable(_)), "{error}");
        assert_eq!(at - begun, ms(20));
    }
    assert_eq!(net.dials(), 4);
    sleep_until(begun + ms(5_019)).await;
    pool.checkout().await.unwrap_err();
    assert_eq!(net.dials(), 4, "open");

    sleep_until(begun + ms(5_021)).await;
    let told = call(&pool, 8).join_all().await;
    assert!(told.iter().all(Result::is_err));
    assert_eq!(net.dials(), 5, "half-open");

    net.answer(|| Answer::Accept(ms(20)));
    sleep(ms(10_020)).await;
    let probed_at = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let pool = pool.clone();
        callers.spawn(async move {
            let _conn = pool.checkout().await.unwrap();
            sleep(ms(100)).await;
        });
    }
    callers.join_all().await;
    let dialed_at = net.dialed_at();
    assert_eq!(dialed_at[5..7], [probed_at, probed_at + ms(20)]);
    assert_eq!(net.dials(), 9, "it filled up once that had proved good");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_accepts_and_drops_opens_the_breaker() {
    let net = Net::answering(|| Answer::HangUp(ms(1)));
    let pool = net.pool(guarded(3));
    let begun = Instant::now();
    let (at, error) = call(&pool, 1).join_all().await.remove(0).unwrap_err();
    assert!(matches!(error, Error::Unreachable(_)), "{error}");
    // At 0, 101 and 302: the third was one too many.
    assert_eq!(at - begun, ms(303));
    assert!(
        error
            .to_string()
            .ends_with("chat.example:7400 accepted and hung up at once")
    );
    sleep_until(begun + ms(5_302)).await;
    pool.checkout().await.unwrap_err();
    assert_eq!(net.dials(), 3);
    sleep(ms(2)).await;
    pool.checkout().await.unwrap_err();
    assert_eq!(net.dials(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_guards_its_own_endpoint_alone() {
    let net = Net::answering_each(|endpoint| match endpoint == &at("a") {
        true => Answer::Refuse(Duration::ZERO),
        false => Answer::Accept(ms(10)),
    });
    // Ejection must not forestall it.
    let trusting = endpoints::Settings::new(Choice::Weighted)
        .eject_after(100)
        .unwrap();
    let pool = net.pinging(guarded(2).endpoints(trusting), &["a", "b"]);
    let pool = pool.build().unwrap();
    for _ in 0..20 {
        pool.checkout().await.unwrap().discard();
        sleep(ms(100)).await;
    }
    let to_a = net.dialed_to().iter().filter(|to| **to == at("a")).count();
    assert_eq!(to_a, 2);
    let snapshot = pool.snapshot();
    assert_eq!(snapshot.state, State::Open);
    assert!(snapshot.endpoints[0].failing && !snapshot.endpoints[1].failing);
}
