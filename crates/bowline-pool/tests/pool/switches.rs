//! Clearing, suspending and closing while connections are everywhere: parked,
//! lent, aside, on their way up, and promised to somebody who has not looked yet.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bowline_pool::{CloseReason, Error, InUse, Pool, Reuse, State, Suspend};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::world::{Net, Streamed, borrow, ms, settings};

fn look<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Callers who come one after another, in which order they are served.
async fn line(pool: &Pool<Streamed>, callers: usize) -> JoinSet<Result<usize, Error>> {
    let mut tasks = JoinSet::new();
    for number in 0..callers {
        let pool = pool.clone();
        tasks.spawn(async move {
            let _conn = pool.checkout().await?;
            sleep(ms(1)).await;
            Ok(number)
        });
        sleep(ms(1)).await;
    }
    tasks
}

async fn order(mut callers: JoinSet<Result<usize, Error>>) -> Vec<usize> {
    let mut order = Vec::new();
    while let Some(caller) = callers.join_next().await {
        order.push(caller.unwrap().unwrap());
    }
    order
}

#[tokio::test(start_paused = true)]
async fn clearing_closes_the_parked_now_and_the_lent_when_they_come_back() {
    let net = Net::new();
    let pool = net.pool(settings(4));
    let mut held = borrow(&pool, 3).await;
    drop(held.pop());
    pool.clear(InUse::Finish);
    assert_eq!((net.live(), net.reasons()), (2, vec![CloseReason::Cleared]));
    for conn in &mut held {
        conn.write_all(b"still good").await.unwrap();
        conn.settle();
        assert!(timeout(ms(100), conn.called_back()).await.is_err());
    }
    drop(held);
    assert_eq!(net.reasons(), [CloseReason::Cleared; 3]);
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 3);
    sleep(ms(100)).await;
    assert_eq!((net.live(), net.opened()), (1, 4), "the new one stays");
}

#[tokio::test(start_paused = true)]
async fn what_was_being_opened_when_the_pool_was_cleared_is_of_the_old_kind() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    let waiting = pool.clone();
    callers.spawn(async move { waiting.checkout().await.unwrap().get_ref().id });
    sleep(ms(10)).await;
    pool.clear(InUse::Finish);
    assert_eq!(callers.join_next().await.unwrap().unwrap(), 1);
    assert_eq!(Instant::now() - begun, ms(50 + 50));
    assert_eq!(net.reasons(), [CloseReason::Cleared]);
}

#[tokio::test(start_paused = true)]
async fn work_in_progress_is_called_back_and_later_work_is_not() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    let mut callers = JoinSet::new();
    let working = pool.clone();
    callers.spawn(async move {
        let work = async |stream: &mut Streamed| {
            stream.write_all(b"a long one").await.unwrap();
            std::future::pending::<Result<(), Error>>().await
        };
        working.run(work).await
    });
    let held = pool.checkout().await.unwrap();
    sleep(ms(10)).await;
    pool.clear(InUse::CallBack);
    let ended = callers.join_next().await.unwrap().unwrap();
    assert!(matches!(ended, Err(Error::CalledBack)), "{ended:?}");
    held.called_back().await;
    drop(held);
    assert_eq!(net.reasons(), [CloseReason::Cleared; 2]);

    let new = pool.checkout().await.unwrap();
    assert!(timeout(ms(100), new.called_back()).await.is_err());
    pool.run(async |stream: &mut Streamed| stream.write_all(b"ask").await)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn clearing_a_suspended_pool_closes_what_lies_aside() {
    let net = Net::new();
    let pool = net.pool(settings(3));
    let mut held = borrow(&pool, 3).await;
    drop(held.pop());
    pool.suspend(Suspend::Wait);
    drop(held.pop());
    pool.clear(InUse::Finish);
    assert_eq!(
        (net.live(), net.reasons()),
        (1, vec![CloseReason::Cleared; 2])
    );
    drop(held);
    assert_eq!(net.live(), 0);
}

#[tokio::test(start_paused = true)]
async fn callers_of_a_suspended_pool_wait_and_keep_their_order() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    let mut held = borrow(&pool, 1).await;
    pool.suspend(Suspend::Wait);
    assert_eq!(pool.snapshot().state, State::Suspended);
    let callers = line(&pool, 6).await;
    drop(held.pop());
    // Nothing is lent and nothing dialed, however often the keeper looks.
    sleep(ms(600)).await;
    let snapshot = pool.snapshot();
    assert_eq!((snapshot.parked, snapshot.waiting), (1, 6));
    assert_eq!(net.dials(), 1);
    assert!(pool.try_checkout().is_none());

    pool.resume();
    assert_eq!(order(callers).await, [0, 1, 2, 3, 4, 5]);
    assert_eq!(pool.snapshot().state, State::Open);
}

#[tokio::test(start_paused = true)]
async fn what_lands_while_the_pool_is_suspended_is_kept_for_later() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let callers = line(&pool, 3).await;
    pool.suspend(Suspend::Wait);
    sleep(ms(100)).await;
    assert_eq!((net.opened(), pool.snapshot().parked), (1, 1));
    pool.resume();
    assert_eq!(order(callers).await, [0, 1, 2]);
    assert_eq!(net.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_ends_during_a_suspension_ends_at_its_deadline() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    drop(pool.checkout().await.unwrap());
    pool.suspend(Suspend::Wait);
    let begun = Instant::now();
    let error = pool.checkout().await.unwrap_err();
    assert!(matches!(error, Error::Timeout(_)), "{error}");
    assert_eq!(Instant::now() - begun, ms(1_000));
    pool.resume();
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 0);
}

#[tokio::test(start_paused = true)]
async fn a_suspension_that_fails_tells_those_in_line_and_those_who_come() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    pool.suspend(Suspend::Wait);
    let mut callers = line(&pool, 3).await;
    let before = Instant::now();
    pool.suspend(Suspend::Fail);
    while let Some(caller) = callers.join_next().await {
        let told = caller.unwrap().unwrap_err();
        assert!(matches!(told, Error::Suspended), "{told}");
    }
    let told = pool.checkout().await.unwrap_err();
    assert_eq!(told.to_string(), "the pool is suspended");
    assert_eq!(Instant::now(), before);
    drop(held);
    assert!(pool.try_checkout().is_none());

    pool.resume();
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 0);
    assert_eq!(Instant::now(), before);

    // Whoever comes once it only waits again, waits.
    pool.suspend(Suspend::Fail);
    pool.suspend(Suspend::Wait);
    let callers = line(&pool, 2).await;
    pool.resume();
    assert_eq!(order(callers).await, [0, 1]);
}

// contract: pool-8
#[tokio::test(start_paused = true)]
async fn what_dies_while_it_lies_aside_is_noticed_within_a_sweep() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    drop(borrow(&pool, 2).await);
    pool.suspend(Suspend::Wait);
    net.hang_up(1);
    sleep(ms(1_001)).await;
    assert_eq!((net.live(), pool.snapshot().parked), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn the_warmest_is_lent_first_after_a_suspension_too() {
    let net = Net::new();
    let pool = net.pool(settings(3));
    let mut held = borrow(&pool, 3).await;
    drop(held.remove(0));
    drop(held.remove(0));
    pool.suspend(Suspend::Wait);
    drop(held);
    sleep(ms(2_500)).await;
    pool.resume();
    let held = borrow(&pool, 3).await;
    let ids: Vec<_> = held.iter().map(|conn| conn.get_ref().id).collect();
    assert_eq!(ids, [2, 1, 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_promised_is_not_lent_by_a_closed_pool() {
    for dropped in [false, true] {
        let net = Net::new();
        let pool = net.pool(settings(1));
        let held = pool.checkout().await.unwrap();
        let mut checkout = Box::pin(pool.checkout());
        assert!(look(checkout.as_mut()).is_none());
        drop(held);
        pool.close();
        if dropped {
            drop(checkout);
        } else {
            let told = look(checkout.as_mut()).unwrap().map(drop).unwrap_err();
            assert!(matches!(told, Error::Closed), "{told}");
        }
        assert_eq!((net.live(), pool.snapshot().open), (0, 0), "{dropped}");
        assert!(net.books_balance());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_promised_is_not_lent_by_a_suspended_pool() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    let mut checkout = Box::pin(pool.checkout());
    assert!(look(checkout.as_mut()).is_none());
    drop(held);
    pool.suspend(Suspend::Wait);
    assert!(look(checkout.as_mut()).is_none());
    pool.resume();
    drop(look(checkout.as_mut()).unwrap().unwrap());

    let held = pool.checkout().await.unwrap();
    let mut checkout = Box::pin(pool.checkout());
    assert!(look(checkout.as_mut()).is_none());
    drop(held);
    pool.suspend(Suspend::Wait);
    drop(checkout);
    assert!(look(pin!(pool.checkout())).is_none());
    pool.resume();
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 0);
}

#[tokio::test(start_paused = true)]
async fn closing_ends_a_suspension() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    let held = borrow(&pool, 2).await;
    pool.suspend(Suspend::Wait);
    let mut callers = line(&pool, 3).await;
    drop(held);
    let before = Instant::now();
    pool.close();
    while let Some(caller) = callers.join_next().await {
        assert!(matches!(caller.unwrap().unwrap_err(), Error::Closed));
    }
    assert_eq!((Instant::now(), net.live()), (before, 0));
    pool.resume();
    assert!(matches!(pool.checkout().await, Err(Error::Closed)));
    assert!(net.books_balance());
}
