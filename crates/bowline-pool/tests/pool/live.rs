//! Settings that change under a pool at work: at once for what is parked and for
//! what is to come, on return for what is lent, and never for who waits already.

use std::time::Duration;

use bowline_policy::endpoints::{self, Choice};
use bowline_policy::{Share, breaker};
use bowline_pool::{CloseReason, Error, Event, Settings, TIME_MAX};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::world::{AGE, Answer, IDLE, Net, at, borrow, exactly, ms, settings};

fn aged(max: usize, idle: Duration, age: Duration) -> Settings {
    settings(max).lifetime(exactly(idle, age))
}

#[tokio::test(start_paused = true)]
async fn a_shorter_idle_limit_holds_for_the_parked_at_once_and_the_lent_on_return() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    let mut held = borrow(&pool, 2).await;
    held.pop();
    let parked_at = Instant::now();
    sleep(ms(1_000)).await;
    pool.set_settings(aged(2, ms(3_000), AGE)).unwrap();
    // From the change, not from the return: nobody could have known.
    sleep_until(parked_at + ms(3_900)).await;
    assert_eq!(net.reasons(), []);
    sleep_until(parked_at + ms(5_100)).await;
    assert_eq!(net.reasons(), [CloseReason::Idle]);

    held.pop();
    sleep(ms(2_900)).await;
    assert_eq!(net.live(), 1);
    sleep(ms(1_200)).await;
    assert_eq!(net.reasons(), [CloseReason::Idle; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_longer_idle_limit_holds_from_the_next_return() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    pool.set_settings(aged(1, 3 * IDLE, AGE)).unwrap();
    drop(held);
    sleep(3 * IDLE - ms(100)).await;
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 0);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_age_closes_the_parked_now_and_the_lent_when_they_come_back() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    let mut held = borrow(&pool, 2).await;
    held.pop();
    sleep(ms(5_000)).await;
    pool.set_settings(aged(2, ms(1_000), ms(4_000))).unwrap();
    sleep(ms(1)).await;
    assert_eq!(net.reasons(), [CloseReason::Age]);
    held.pop();
    sleep(ms(1)).await;
    assert_eq!(net.reasons(), [CloseReason::Age; 2]);
}

#[tokio::test(start_paused = true)]
async fn callers_in_line_keep_their_deadline_and_later_ones_get_the_new() {
    let net = Net::answering(|| Answer::Silence);
    let pool = net.pool(settings(1));
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    let wait = |callers: &mut JoinSet<_>| {
        let pool = pool.clone();
        callers.spawn(async move {
            let told = pool.checkout().await.unwrap_err();
            assert!(matches!(told, Error::Timeout(_)), "{told}");
            (Instant::now() - begun).as_millis()
        })
    };
    wait(&mut callers);
    sleep(ms(100)).await;
    pool.set_settings(settings(1).wait(ms(200)).unwrap())
        .unwrap();
    wait(&mut callers);
    let mut gave_up = callers.join_all().await;
    gave_up.sort_unstable();
    assert_eq!(gave_up, [300, 1_000]);
}

#[tokio::test(start_paused = true)]
async fn a_higher_min_is_filled_and_can_be_waited_for() {
    let net = Net::new();
    let settings = |max| settings(max).wait(ms(5_000)).unwrap();
    let pool = net.pool(settings(6).min(2).unwrap());
    pool.warmed_up().await.unwrap();
    assert_eq!(net.opened(), 2);
    pool.set_settings(settings(6).min(5).unwrap()).unwrap();
    pool.warmed_up().await.unwrap();
    assert_eq!((net.opened(), pool.snapshot().parked), (5, 5));
    pool.set_settings(settings(6)).unwrap();
    sleep(3 * IDLE).await;
    assert_eq!(net.live(), 0, "nothing is kept any more");
}

#[tokio::test(start_paused = true)]
async fn pings_begin_to_come_more_often() {
    let net = Net::new();
    let pool = net.pinging(settings(3), &["a"]).build().unwrap();
    drop(borrow(&pool, 3).await);
    let pinged = || {
        let pings = |event: &&Event| matches!(event, Event::Pinged { .. });
        net.events().iter().filter(pings).count()
    };
    sleep(ms(2_500)).await;
    assert_eq!(pinged(), 0);
    let often = settings(3).check_limit(ms(500)).unwrap();
    pool.set_settings(often.ping_every(ms(2_000)).unwrap())
        .unwrap();
    sleep(ms(100)).await;
    assert_eq!(pinged(), 3);
}

#[tokio::test(start_paused = true)]
async fn another_choice_of_endpoints_is_followed() {
    let net = Net::new();
    let ordered = || settings(8).max_connecting(1).unwrap();
    let pool = net.pinging(ordered(), &["a", "b"]).build().unwrap();
    borrow(&pool, 4).await;
    assert_eq!(net.dialed_to(), vec![at("a"); 4]);
    let weighted = endpoints::Settings::new(Choice::Weighted);
    pool.set_settings(ordered().endpoints(weighted)).unwrap();
    let _held = borrow(&pool, 8).await;
    assert!(net.dialed_to()[4..].contains(&at("b")));
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_the_old_breaker_tells_the_new_one_nothing() {
    let guarded = || {
        let breaker = breaker::Settings::new(1).unwrap();
        let breaker = breaker.open_for(ms(500), ms(500)).unwrap();
        let patient = settings(2).wait(ms(20_000)).unwrap();
        let patient = patient.fail_fast_after(TIME_MAX).unwrap();
        patient.breaker(breaker.spread(Share::NONE))
    };
    let net = Net::answering(|| Answer::Refuse(ms(100)));
    let pool = net.pool(guarded());
    pool.checkout().await.unwrap_err();
    sleep(ms(501)).await;
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.map(drop).is_err() });
    sleep(ms(50)).await;
    assert_eq!(net.dials(), 2, "half-open, and one on its way");
    pool.set_settings(guarded()).unwrap();
    sleep(ms(3_000)).await;
    net.answer(|| Answer::Accept(ms(10)));
    pool.checkout().await.unwrap();
    assert!(!pool.snapshot().is_closed());
}

// contract: pool-10
#[tokio::test(start_paused = true)]
async fn settings_beyond_the_ceiling_are_refused_and_change_nothing() {
    let net = Net::new();
    let pool = net.pool(settings(4).ceiling(6).unwrap());
    let refused = pool.set_settings(settings(7).min(3).unwrap()).unwrap_err();
    assert_eq!(refused.to_string(), "max 7 is not within 1 and 6");
    let snapshot = pool.snapshot();
    assert_eq!((snapshot.max, snapshot.min), (4, 0));
    let changed = |event: &Event| matches!(event, Event::SettingsChanged { .. });
    assert!(!net.events().iter().any(changed));

    pool.set_settings(settings(6).min(1).unwrap()).unwrap();
    assert!(net.events().iter().any(changed));
    assert_eq!(pool.resize(7).unwrap_err().to_string(), refused.to_string());
    let snapshot = pool.snapshot();
    assert_eq!((snapshot.max, snapshot.min), (6, 1));
}
