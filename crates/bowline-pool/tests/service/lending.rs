//! The pool as a service that lends.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use bowline_pool::Error;
use tokio::time::{Instant, sleep};
use tower::{MakeService, Service, ServiceExt};

use crate::world::{Ask, Server, ms, settings};

#[tokio::test(start_paused = true)]
async fn a_call_lends_and_names_the_place_that_called() {
    let server = Server::new();
    let mut pool = server.pool(settings(1));
    let line = line!() + 1;
    let lent = pool.ready().await.unwrap().call(()).await.unwrap();
    let loans = pool.lent_for(ms(0));
    assert_eq!(
        (loans[0].location.file(), loans[0].location.line()),
        (file!(), line)
    );
    drop(lent);
    assert_eq!(pool.snapshot().parked, 1);
}

#[tokio::test(start_paused = true)]
async fn a_pool_is_ready_until_it_is_closed_and_never_again() {
    let server = Server::new();
    let mut pool = server.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    assert!(pool.ready().await.is_ok(), "a full pool has a line");
    assert!(pool.ready().await.is_ok(), "leave that was not used");

    pool.close();
    for _ in 0..2 {
        assert!(matches!(pool.ready().await.unwrap_err(), Error::Closed));
    }
    assert!(matches!(pool.call(()).await.unwrap_err(), Error::Closed));
    drop(held);
    assert!(matches!(pool.ready().await.unwrap_err(), Error::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_gives_its_place_up() {
    let server = Server::new();
    let mut pool = server.pool(settings(1));
    let held = pool.checkout().await.unwrap();
    let mut first = pool.call(());
    let mut second = pool.call(());
    let mut context = Context::from_waker(Waker::noop());
    assert!(pin!(&mut first).poll(&mut context).is_pending());
    assert!(pin!(&mut second).poll(&mut context).is_pending());
    assert_eq!(pool.snapshot().waiting, 2);
    drop(held);
    drop(first);
    assert!(second.await.is_ok());
    assert_eq!(pool.snapshot().waiting, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_keeps_its_pool_open() {
    let server = Server::new();
    let pool = server.pool(settings(1));
    let lent = pool.oneshot(()).await.unwrap();
    drop(lent);
    sleep(ms(1)).await;
    assert_eq!(server.closed().len(), 1, "it was the last to hold the pool");
}

#[tokio::test(start_paused = true)]
async fn a_pool_of_services_makes_services() {
    let server = Server::new();
    let mut pool = server.pool(settings(1));
    let begun = Instant::now();
    for _ in 0..2 {
        let mut session = MakeService::<(), Ask>::make_service(&mut pool, ())
            .await
            .unwrap();
        let answer = session.ready().await.unwrap().call(Ask::Answer(ms(5)));
        assert_eq!(answer.await.unwrap(), 0);
    }
    assert_eq!(Instant::now() - begun, ms(10));
}
