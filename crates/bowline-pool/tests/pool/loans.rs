//! Connections that are with callers: those that stay away, and those that come
//! back in another state than they left, or never.

use std::time::Duration;

use bowline_pool::{CloseReason, Event, Lent, Reuse, Suspend};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{Answer, Net, Streamed, ms, settings};

const LEAK: Duration = Duration::from_secs(5);

fn suspects(net: &Net) -> Vec<Lent> {
    let events = net.events().into_iter();
    let suspects = events.filter_map(|event| match event {
        Event::LeakSuspected(lent) => Some(lent),
        _ => None,
    });
    suspects.collect()
}

#[tokio::test(start_paused = true)]
async fn a_loan_that_lasts_is_told_once_with_the_line_that_asked_for_it() {
    let net = Net::new();
    let pool = net.pool(settings(3).leak_after(LEAK).unwrap());
    let (held, line) = (pool.checkout().await.unwrap(), line!());
    sleep(LEAK - ms(60)).await;
    assert_eq!(suspects(&net), []);
    sleep(ms(1_100)).await;
    let told = suspects(&net);
    let [lent] = &told[..] else {
        panic!("{told:?}");
    };
    assert_eq!(
        (lent.location.file(), lent.location.line()),
        (file!(), line)
    );
    assert_eq!(lent.id, held.id());
    assert!(lent.lent_for >= LEAK && lent.lent_for <= LEAK + ms(1_000));
    assert_eq!(pool.lent_for(LEAK).len(), 1);
    sleep(LEAK * 5).await;
    assert_eq!(suspects(&net).len(), 1, "once");
    drop(held);

    let line = line!() + 1;
    let work = pool.run(async |_: &mut Streamed| {
        sleep(LEAK * 3).await;
        Ok::<_, bowline_pool::Error>(())
    });
    work.await.unwrap();
    let told = suspects(&net);
    assert_eq!(told.len(), 2, "another loan is told for itself");
    assert_eq!(told[1].location.line(), line);
    assert_eq!(pool.lent_for(Duration::ZERO), []);

    let (_held, line) = (pool.try_checkout().unwrap(), line!());
    sleep(LEAK + ms(1_000)).await;
    assert_eq!(suspects(&net)[2].location.line(), line);
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_connection_is_closed_whatever_it_says() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let mut conn = pool.checkout().await.unwrap();
    conn.poison();
    conn.settle();
    drop(conn);
    assert_eq!(net.reasons(), [CloseReason::Poisoned]);
    assert_eq!((net.live(), pool.snapshot().open), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_dropped_by_a_panic_is_closed() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let mut callers = JoinSet::new();
    let caller = pool.clone();
    callers.spawn(async move {
        let _conn = caller.checkout().await.unwrap();
        panic!("a caller may be broken");
    });
    assert!(callers.join_next().await.unwrap().unwrap_err().is_panic());
    assert_eq!(net.reasons(), [CloseReason::Poisoned]);
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 1);
}

#[tokio::test(start_paused = true)]
async fn the_seat_of_a_detached_connection_is_free_at_once() {
    let net = Net::new();
    let pool = net.pool(settings(1).leak_after(LEAK).unwrap());
    let held = pool.checkout().await.unwrap();
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.unwrap().get_ref().id });
    sleep(ms(1)).await;
    let begun = Instant::now();
    let mine = held.detach();
    assert_eq!(pool.snapshot().open, 0);
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 1);
    assert_eq!((Instant::now() - begun, net.live()), (ms(50), 2));
    assert_eq!(net.reasons(), [CloseReason::Detached]);

    sleep(LEAK * 2).await;
    assert_eq!(suspects(&net), [], "nor is it missed");
    pool.close();
    assert!(net.is_fit(mine.get_ref().id));
    assert_eq!(net.live(), 1, "it outlives the pool");
    drop(mine);
    assert_eq!(net.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_only_tries_takes_what_is_parked_and_causes_nothing() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    assert!(pool.try_checkout().is_none());
    sleep(ms(500)).await;
    assert_eq!(net.dials(), 0, "no dial is begun for a try");

    drop(pool.checkout().await.unwrap());
    let held = pool.try_checkout().unwrap();
    assert!(pool.try_checkout().is_none());
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.map(drop) });
    sleep(ms(1)).await;
    drop(held);
    assert!(pool.try_checkout().is_none(), "others came before");
    callers.join_next().await.unwrap().unwrap().unwrap();
    assert!(pool.try_checkout().is_some());

    pool.suspend(Suspend::Wait);
    assert!(pool.try_checkout().is_none());
    pool.resume();
    assert!(pool.try_checkout().is_some());
    net.answer(|| Answer::Silence);
    net.hang_up(0);
    assert!(pool.try_checkout().is_none());
    pool.close();
    assert!(pool.try_checkout().is_none());
}
