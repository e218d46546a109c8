//! Requests on one loan: what they leave behind.

use bowline_pool::{CloseReason, Pool};
use tower::{Service, ServiceExt};

use crate::world::{Ask, Readiness, Server, Session, ms, settings};

/// What became of a connection on which these were asked, each in turn.
async fn left_by(server: Server, asks: &[Ask]) -> Vec<CloseReason> {
    let pool = server.pool(settings(1));
    let mut lent = pool.checkout().await.unwrap();
    for ask in asks {
        let response = lent.ready().await.unwrap().call(*ask);
        match ask {
            Ask::Answer(_) => assert_eq!(response.await.unwrap(), 0),
            Ask::Fail => assert!(response.await.is_err()),
            Ask::Silence => drop(response),
        }
    }
    drop(lent);
    let closed = server.closed();
    assert_eq!(pool.snapshot().parked, 1 - closed.len());
    closed
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn only_whole_exchanges_settle() {
    let answer = Ask::Answer(ms(5));
    let kept: &[&[Ask]] = &[&[], &[answer], &[answer, answer]];
    for asks in kept {
        assert_eq!(left_by(Server::new(), asks).await, [], "{asks:?}");
    }
    let lost: &[&[Ask]] = &[
        &[Ask::Fail],
        &[Ask::Silence],
        &[answer, Ask::Fail],
        // A later answer does not make good what was left before it.
        &[Ask::Fail, answer],
        &[Ask::Silence, answer],
    ];
    for asks in lost {
        let left = left_by(Server::new(), asks).await;
        assert_eq!(left, [CloseReason::Dirty], "{asks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_knows_better_is_kept() {
    for ask in [Ask::Fail, Ask::Silence] {
        let left = left_by(Server::new().trusting(), &[ask]).await;
        assert_eq!(left, [], "{ask:?}");
    }
}

async fn lent(server: &Server) -> (Pool<Session>, bowline_pool::Pooled<Session>) {
    let pool = server.pool(settings(1));
    let lent = pool.checkout().await.unwrap();
    (pool, lent)
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn what_comes_back_with_a_request_under_way_is_closed_whatever_it_says() {
    let server = Server::new().trusting();
    let (pool, mut conn) = lent(&server).await;
    let first = conn.ready().await.unwrap().call(Ask::Answer(ms(1)));
    let second = conn.ready().await.unwrap().call(Ask::Silence);
    first.await.unwrap();
    drop(conn);
    assert_eq!(server.closed(), [CloseReason::Dirty]);
    assert_eq!(pool.snapshot().open, 0);
    drop(second);
}

#[tokio::test(start_paused = true)]
async fn requests_under_way_together_settle_once_the_last_is_answered() {
    let server = Server::new();
    let (pool, mut conn) = lent(&server).await;
    let first = conn.ready().await.unwrap().call(Ask::Answer(ms(20)));
    let second = conn.ready().await.unwrap().call(Ask::Answer(ms(10)));
    second.await.unwrap();
    first.await.unwrap();
    drop(conn);
    assert_eq!((server.closed().len(), pool.snapshot().parked), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_loan_starts_without_the_sins_of_the_last() {
    let server = Server::new().trusting();
    let (pool, mut conn) = lent(&server).await;
    drop(conn.ready().await.unwrap().call(Ask::Silence));
    drop(conn);
    let mut conn = pool.checkout().await.unwrap();
    let answer = conn.ready().await.unwrap().call(Ask::Answer(ms(0)));
    assert_eq!(answer.await.unwrap(), 0, "it is the same session");
    drop(conn);
    assert_eq!(server.closed(), []);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_will_never_be_ready_is_not_lent_again() {
    let server = Server::new().trusting().ready(Readiness::Fails);
    let (_pool, mut conn) = lent(&server).await;
    assert!(ServiceExt::<Ask>::ready(&mut conn).await.is_err());
    drop(conn);
    assert_eq!(server.closed(), [CloseReason::Poisoned]);
}
