//! What is never handed out, wherever it was parked.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use bowline_pool::{CloseReason, Death, Error, Pool, Reuse};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::task::coop::{consume_budget, has_budget_remaining};
use tokio::time::{advance, sleep};

use crate::world::{IDLE, Net, Streamed, ms, settings};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    HangUp,
    Reset,
    StrayByte,
}

pub(crate) const FAULTS: [(Fault, Death); 3] = [
    (Fault::HangUp, Death::Ended),
    (Fault::Reset, Death::Failed),
    (Fault::StrayByte, Death::Unread),
];

pub(crate) async fn strike(net: &Net, id: usize, fault: Fault) {
    match fault {
        Fault::HangUp => net.hang_up(id),
        Fault::Reset => net.reset(id),
        Fault::StrayByte => net.say(id).await,
    }
}

/// Parks two connections: 0 on the line, 1, which came back last, in the slot.
pub(crate) async fn two_parked(net: &Net) -> Pool<Streamed> {
    let pool = net.pool(settings(3));
    let (first, second) = (
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
    );
    drop(first);
    drop(second);
    assert_eq!((net.opened(), pool.snapshot().parked), (2, 2));
    pool
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_connection_that_died_while_parked_is_never_handed_out() {
    for (fault, death) in FAULTS {
        let net = Net::new();
        let pool = two_parked(&net).await;
        strike(&net, 0, fault).await;
        strike(&net, 1, fault).await;

        let conn = pool.checkout().await.unwrap();
        assert_eq!(conn.get_ref().id, 2, "{fault:?}");
        assert_eq!(net.reasons(), [CloseReason::Dead(death); 2], "{fault:?}");
        assert_eq!(net.live(), 1, "{fault:?}");
    }
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_connection_that_died_on_loan_is_not_passed_to_the_next_in_line() {
    for (fault, death) in FAULTS {
        let net = Net::new();
        let pool = net.pool(settings(1));
        let held = pool.checkout().await.unwrap();
        let mut callers = JoinSet::new();
        let waiting = pool.clone();
        callers.spawn(async move { waiting.checkout().await.unwrap().get_ref().id });
        sleep(ms(1)).await;
        strike(&net, 0, fault).await;
        drop(held);

        assert_eq!(callers.join_next().await.unwrap().unwrap(), 1, "{fault:?}");
        assert_eq!(net.reasons(), [CloseReason::Dead(death)], "{fault:?}");
    }
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_task_that_spent_its_turns_still_sees_the_dead() {
    let net = Net::new();
    let pool = two_parked(&net).await;
    net.hang_up(0);
    net.hang_up(1);

    let mut nothing = Context::from_waker(Waker::noop());
    while has_budget_remaining() {
        let _ = pin!(consume_budget()).poll(&mut nothing);
    }
    let conn = pool.checkout().await.unwrap();
    assert_eq!(conn.get_ref().id, 2);
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_connection_idle_past_its_limit_is_never_handed_out() {
    let net = Net::new();
    let pool = two_parked(&net).await;
    advance(IDLE).await;
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 2);
    assert_eq!(net.reasons(), [CloseReason::Idle; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_idle_for_less_is_kept() {
    let net = Net::new();
    let pool = two_parked(&net).await;
    advance(IDLE - ms(1)).await;
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 1);
    assert_eq!(net.reasons(), []);
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn idleness_counts_from_the_return_not_from_the_checkout() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    advance(IDLE * 3).await;
    drop(held);
    advance(IDLE - ms(1)).await;
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 0);

    advance(IDLE - ms(1)).await;
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 0);
    assert_eq!(net.opened(), 1);
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_touched_stream_is_closed_unless_settled() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let mut touched = pool.checkout().await.unwrap();
    touched.write_all(b"half a request").await.unwrap();
    drop(touched);
    assert_eq!(net.reasons(), [CloseReason::Dirty]);

    let mut settled = pool.checkout().await.unwrap();
    assert_eq!(settled.get_ref().id, 1);
    settled.write_all(b"a request").await.unwrap();
    settled.settle();
    drop(settled);
    assert_eq!(pool.checkout().await.unwrap().get_ref().id, 1);
}

#[tokio::test(start_paused = true)]
async fn a_stream_shut_down_cannot_be_settled() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let mut shut = pool.checkout().await.unwrap();
    shut.shutdown().await.unwrap();
    shut.settle();
    drop(shut);
    assert_eq!(net.reasons(), [CloseReason::Dirty]);
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn work_settles_by_succeeding_and_by_nothing_else() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    let ask = async |stream: &mut Streamed| stream.write_all(b"ask").await;
    pool.run(ask).await.unwrap();
    assert_eq!(net.reasons(), []);

    let failed: Result<(), std::io::Error> = pool
        .run(async |stream: &mut Streamed| {
            stream.write_all(b"ask").await?;
            Err(std::io::ErrorKind::InvalidData.into())
        })
        .await;
    assert_eq!(failed.unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    assert_eq!(net.reasons(), [CloseReason::Dirty]);

    let unanswered = pool.run(async |stream: &mut Streamed| {
        stream.write_all(b"ask").await.unwrap();
        std::future::pending::<Result<(), Error>>().await
    });
    let cut = tokio::time::timeout(ms(100), unanswered).await;
    assert!(cut.is_err());
    assert_eq!(net.reasons(), [CloseReason::Dirty; 2]);
}

#[tokio::test(start_paused = true)]
async fn work_on_a_pool_can_be_spawned() {
    let net = Net::new();
    let pool = net.pool(settings(2));
    let mut callers = JoinSet::new();
    for _ in 0..10 {
        let pool = pool.clone();
        callers.spawn(async move {
            pool.run(async |stream: &mut Streamed| stream.write_all(b"ask").await)
                .await
        });
    }
    while let Some(done) = callers.join_next().await {
        done.unwrap().unwrap();
    }
    assert_eq!((net.opened(), net.reasons().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_discarded_connection_is_closed_though_it_is_settled() {
    let net = Net::new();
    let pool = net.pool(settings(1));
    pool.checkout().await.unwrap().discard();
    assert_eq!(net.reasons(), [CloseReason::Discarded]);
    assert_eq!(net.live(), 0);
}
