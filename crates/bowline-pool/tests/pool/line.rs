//! Callers who wait, and the dials begun for them.

use bowline_pool::{CloseReason, DialError, Error, Event, Shortage, Step};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::world::{Answer, Net, ms, settings};

#[tokio::test(start_paused = true)]
async fn one_caller_causes_one_dial() {
    let net = Net::new();
    let pool = net.pool(settings(10));
    let conn = pool.checkout().await.unwrap();
    sleep(ms(500)).await;
    assert_eq!(net.dials(), 1);
    drop(conn);
    drop(pool.checkout().await.unwrap());
    sleep(ms(500)).await;
    assert_eq!(net.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn three_callers_cause_three_dials() {
    let net = Net::new();
    let pool = net.pool(settings(10));
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.unwrap() });
    }
    let held = callers.join_all().await;
    sleep(ms(500)).await;
    assert_eq!(net.dials(), 3);
    assert_eq!(net.live(), held.len());
}

// contract: pool-5
#[tokio::test(start_paused = true)]
async fn a_dial_outlives_the_caller_who_gave_up() {
    let net = Net::new();
    let pool = net.pool(settings(10));
    let gave_up = tokio::time::timeout(ms(20), pool.checkout()).await;
    assert!(gave_up.is_err());
    sleep(ms(100)).await;
    assert_eq!((net.dials(), pool.snapshot().parked), (1, 1));

    let before = Instant::now();
    pool.checkout().await.unwrap();
    assert_eq!(Instant::now(), before);
    assert_eq!(net.dials(), 1);
}

// contract: pool-5
#[tokio::test(start_paused = true)]
async fn no_more_than_the_limit_dial_at_once() {
    let net = Net::new();
    let pool = net.pool(settings(10).max_connecting(2).unwrap());
    let mut callers = JoinSet::new();
    for _ in 0..10 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.unwrap() });
    }
    let held = callers.join_all().await;
    assert_eq!((held.len(), net.dialing_peak()), (10, 2));
}

// contract: pool-4
#[tokio::test(start_paused = true)]
async fn a_spike_is_served_by_what_comes_back_not_by_dials() {
    let net = Net::answering(|| Answer::Accept(ms(150)));
    let pool = net.pool(settings(50).max_connecting(2).unwrap());
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let pool = pool.clone();
        callers.spawn(async move {
            let _conn = pool.checkout().await.unwrap();
            sleep(ms(2)).await;
        });
    }
    callers.join_all().await;
    // Two dials, and two more that began while the first two went round.
    assert!(net.opened() <= 4, "{} opened", net.opened());
    assert!(Instant::now() - begun <= ms(150 + 2 * 50));
}

// contract: pool-4
#[tokio::test(start_paused = true)]
async fn fifty_at_once_open_no_more_than_min_and_what_may_connect_at_once() {
    for warm in [true, false] {
        let net = Net::answering(|| Answer::Accept(ms(150)));
        let limits = settings(50).min(5).unwrap();
        let pool = net.pool(limits.wait(ms(10_000)).unwrap());
        if warm {
            pool.warmed_up().await.unwrap();
        }
        let begun = Instant::now();
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            let pool = pool.clone();
            callers.spawn(async move {
                let _conn = pool.checkout().await.unwrap();
                sleep(ms(2)).await;
            });
        }
        callers.join_all().await;
        let took = Instant::now() - begun;
        let most = if warm { ms(2 * 10) } else { ms(150 + 2 * 13) };
        assert!(took <= most, "warm {warm}: {took:?}");
        sleep(ms(5_000)).await;
        assert!(
            net.opened() <= 5 + 4,
            "warm {warm}: {} opened",
            net.opened()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn callers_are_served_in_the_order_in_which_they_came() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    let mut callers = JoinSet::new();
    for number in 0..5 {
        let pool = pool.clone();
        callers.spawn(async move {
            let _conn = pool.checkout().await.unwrap();
            sleep(ms(1)).await;
            number
        });
        sleep(ms(1)).await;
    }
    drop(held);
    // The one who returned it does not get it before those who waited.
    pool.checkout().await.unwrap();
    let mut order = Vec::new();
    while let Some(number) = callers.try_join_next() {
        order.push(number.unwrap());
    }
    assert_eq!(order, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_gives_up_at_its_deadline_and_says_what_the_dials_met() {
    let net = Net::answering(|| Answer::Refuse(ms(1)));
    let pool = net.pool(settings(2));
    let begun = Instant::now();
    let error = pool.checkout().await.unwrap_err();
    assert_eq!(Instant::now() - begun, ms(1000));
    assert_eq!(
        error.to_string(),
        "no connection in 1s: 0 of 2 in use, 0 idle, 1 waiting; \
         last connect error 296ms ago: could not connect to chat.example:7400: connection refused"
    );
    assert_eq!(error.shortage().unwrap().step, Step::Connect);
    assert_eq!(pool.snapshot().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_cured_dial_is_not_blamed() {
    let net = Net::answering(|| Answer::Refuse(ms(1)));
    let pool = net.pool(settings(1));
    let refused = net.clone();
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        sleep(ms(50)).await;
        refused.answer(|| Answer::Accept(ms(1)));
    });
    let _held = pool.checkout().await.unwrap();
    match pool.checkout().await.unwrap_err() {
        Error::Timeout(shortage) => {
            assert!(shortage.last_dial.is_none());
            assert_eq!(shortage.step, Step::Wait);
        }
        other => panic!("{other}"),
    }
}

// contract: pool-6
#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_at_the_deadline_goes_to_the_next() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    callers.spawn(async move {
        sleep_until(begun + ms(1000)).await;
        drop(held);
        "returned"
    });
    for (joins_at, served) in [(0, "late"), (1, "in time")] {
        let pool = pool.clone();
        callers.spawn(async move {
            sleep_until(begun + ms(joins_at)).await;
            match pool.checkout().await {
                Ok(conn) => {
                    assert_eq!(Instant::now(), begun + ms(1000));
                    drop(conn);
                    "in time"
                }
                Err(Error::Timeout(_)) if served == "late" => "late",
                Err(other) => panic!("{other}"),
            }
        });
    }
    let mut seen = callers.join_all().await;
    seen.sort_unstable();
    assert_eq!(seen, ["in time", "late", "returned"]);
    assert_eq!(net.dials(), 1);
}

// contract: pool-9
#[tokio::test(start_paused = true)]
async fn one_caller_too_many_is_turned_away_at_once() {
    let net = Net::answering(|| Answer::Silence);
    let pool = net.pool(settings(1).max_waiters(3).unwrap());
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.map(drop) });
    }
    sleep(ms(1)).await;
    let before = Instant::now();
    match pool.checkout().await.unwrap_err() {
        Error::Overloaded(shortage) => {
            assert_eq!(shortage.step, Step::Connect);
            let Shortage {
                dialing,
                max,
                waiting,
                ..
            } = *shortage;
            assert_eq!((dialing, max, waiting), (1, 1, 3));
        }
        other => panic!("{other}"),
    }
    assert_eq!(Instant::now(), before);
    let turned_away = |event: &Event| matches!(event, Event::Overloaded { waiting: 3, .. });
    assert!(net.events().iter().any(turned_away));

    callers.abort_all();
    while callers.join_next().await.is_some() {}
    assert_eq!(pool.snapshot().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_dial_into_silence_is_given_up_and_another_begun() {
    let mut silent = true;
    let net = Net::answering(move || match std::mem::replace(&mut silent, false) {
        true => Answer::Silence,
        false => Answer::Accept(ms(1)),
    });
    let pool = net.pool(settings(1).connect_limit(ms(300)).unwrap());
    let begun = Instant::now();
    pool.checkout().await.unwrap();
    assert_eq!(Instant::now() - begun, ms(300 + 100 + 1));
    assert!(net.events().iter().any(|event| matches!(
        event,
        Event::DialFailed {
            error: DialError::TimedOut { .. },
            ..
        }
    )));
}

#[tokio::test(start_paused = true)]
async fn a_seat_that_comes_free_wakes_the_keeper_for_those_in_line() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.unwrap().get_ref().id });
    sleep(ms(1)).await;
    let before = Instant::now();
    held.discard();
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 1);
    assert_eq!(Instant::now() - before, ms(50));
    assert_eq!(net.reasons(), [CloseReason::Discarded]);
}
