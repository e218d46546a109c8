//! A connection for each request.

use std::error::Error as _;

use bowline_pool::{CloseReason, Error, InUse, PerRequest, RequestError};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceExt};

use crate::world::{Ask, Readiness, Server, ms, settings};

#[tokio::test(start_paused = true)]
async fn requests_share_what_there_is_in_order() {
    let server = Server::new();
    let service = PerRequest::new(server.pool(settings(2)));
    let begun = Instant::now();
    let mut requests = JoinSet::new();
    for _ in 0..6 {
        let service = service.clone();
        requests.spawn(async move {
            service.oneshot(Ask::Answer(ms(10))).await.unwrap();
            (Instant::now() - begun).as_millis()
        });
    }
    let mut took = requests.join_all().await;
    took.sort_unstable();
    assert_eq!(took, [10, 10, 20, 20, 30, 30]);
    assert_eq!((server.opened(), server.closed().len()), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_until_its_connection_is_ready() {
    let server = Server::new().ready(Readiness::After(ms(300)));
    let service = PerRequest::new(server.pool(settings(1)));
    let begun = Instant::now();
    service.oneshot(Ask::Answer(ms(5))).await.unwrap();
    assert_eq!(Instant::now() - begun, ms(305));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_ready_in_time_is_closed_and_nothing_was_asked() {
    let server = Server::new().trusting().ready(Readiness::Never);
    let service = PerRequest::new(server.pool(settings(1).check_limit(ms(500)).unwrap()));
    let begun = Instant::now();
    let error = service.oneshot(Ask::Answer(ms(5))).await.unwrap_err();
    assert!(
        matches!(error, RequestError::NotReady { limit } if limit == ms(500)),
        "{error}"
    );
    assert!(!error.was_begun());
    assert_eq!(Instant::now() - begun, ms(500));
    assert_eq!(server.served(), 0);
    assert_eq!(server.closed()[0], CloseReason::Poisoned);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_will_never_be_ready_is_closed_and_nothing_was_asked() {
    let server = Server::new().trusting().ready(Readiness::Fails);
    let service = PerRequest::new(server.pool(settings(1)));
    let error = service.oneshot(Ask::Answer(ms(5))).await.unwrap_err();
    assert!(matches!(error, RequestError::NeverReady { .. }), "{error}");
    assert!(!error.was_begun());
    assert_eq!(error.source().unwrap().to_string(), "the session is over");
    assert_eq!(server.served(), 0);
    assert_eq!(server.closed()[0], CloseReason::Poisoned);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_fails_says_how_and_leaves_nothing_settled() {
    let server = Server::new();
    let pool = server.pool(settings(1));
    let error = PerRequest::new(pool.clone()).oneshot(Ask::Fail).await;
    let error = error.unwrap_err();
    assert!(matches!(error, RequestError::Failed { .. }), "{error}");
    assert!(error.was_begun());
    assert_eq!(error.source().unwrap().to_string(), "that went wrong");
    assert_eq!(server.closed(), [CloseReason::Dirty]);
    assert_eq!(server.served(), 1, "it is not made again");
}

// contract: pool-3
#[tokio::test(start_paused = true)]
async fn a_request_that_is_given_up_leaves_nothing_settled() {
    let server = Server::new();
    let pool = server.pool(settings(1));
    let service = PerRequest::new(pool.clone());
    let given_up = timeout(ms(50), service.oneshot(Ask::Silence)).await;
    assert!(given_up.is_err());
    assert_eq!(server.closed(), [CloseReason::Dirty]);
    assert_eq!(pool.snapshot().open, 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_connection_no_request_is_begun() {
    let server = Server::new();
    let pool = server.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    let mut service = PerRequest::new(pool.clone());
    let error = service.ready().await.unwrap().call(Ask::Answer(ms(5)));
    let error = error.await.unwrap_err();
    assert!(
        matches!(error, RequestError::NoConnection(Error::Timeout(_))),
        "{error}"
    );
    assert!(!error.was_begun());
    drop(held);
    pool.close();
    let error = service.ready().await.unwrap_err();
    assert!(
        matches!(error, RequestError::NoConnection(Error::Closed)),
        "{error}"
    );
    assert_eq!(server.served(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_request_is_called_back_with_its_connection() {
    let server = Server::new();
    let pool = server.pool(settings(1));
    let service = PerRequest::new(pool.clone());
    let mut requests = JoinSet::new();
    requests.spawn(service.oneshot(Ask::Silence));
    sleep(ms(10)).await;
    pool.clear(InUse::CallBack);
    let called_back = timeout(ms(1), requests.join_next()).await;
    let error = called_back.unwrap().unwrap().unwrap().unwrap_err();
    assert!(matches!(error, RequestError::CalledBack), "{error}");
    assert!(error.was_begun());
}
