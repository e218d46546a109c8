//! Pools under tower's balancer, which asks two of them and takes the one of
//! which less is asked.

use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::from_fn;
use bowline_pool::{Event, PerRequest, Pool, Suspend};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::Load;
use tower::util::rng::HasherRng;
use tower::{Service, ServiceExt, service_fn};

use crate::world::{Ask, Server, Session, ms, settings};

type Balanced = Balance<ServiceList<Vec<PerRequest<Session>>>, Ask>;

fn over(pools: &[&Pool<Session>]) -> Balanced {
    let services = pools.iter().map(|pool| PerRequest::new((*pool).clone()));
    let list = ServiceList::new::<Ask>(services.collect());
    // Its own would be drawn from the machine's randomness.
    let rng = HasherRng::with_hasher(BuildHasherDefault::<DefaultHasher>::default());
    Balance::from_rng(list, rng)
}

#[tokio::test(start_paused = true)]
async fn the_load_is_what_is_lent_and_who_waits() {
    let server = Server::new();
    let pool = server.pool(settings(2));
    let idle = pool.load();
    let held = [
        pool.checkout().await.unwrap(),
        pool.checkout().await.unwrap(),
    ];
    assert_eq!(pool.load().callers(), 2);
    let mut callers = JoinSet::new();
    for _ in 0..3 {
        let pool = pool.clone();
        callers.spawn(async move { pool.checkout().await.map(drop) });
    }
    sleep(ms(1)).await;
    assert_eq!(pool.load().callers(), 5);
    assert!(idle < pool.load());
    drop(held);
    callers.join_all().await;
    assert_eq!(pool.load(), idle, "what is parked is no load");
}

#[tokio::test(start_paused = true)]
async fn requests_flow_to_where_less_is_asked() {
    let (quick, busy) = (Server::new(), Server::new());
    let (quick_pool, busy_pool) = (quick.pool(settings(8)), busy.pool(settings(8)));
    let mut balance = over(&[&quick_pool, &busy_pool]);
    let held = [
        busy_pool.checkout().await.unwrap(),
        busy_pool.checkout().await.unwrap(),
    ];
    for _ in 0..20 {
        let response = balance.ready().await.unwrap().call(Ask::Answer(ms(1)));
        response.await.unwrap();
    }
    assert_eq!((quick.served(), busy.served()), (20, 0));
    drop(held);

    let mut responses = JoinSet::new();
    for _ in 0..8 {
        responses.spawn(balance.ready().await.unwrap().call(Ask::Answer(ms(50))));
        // A call counts from its first poll on.
        tokio::task::yield_now().await;
    }
    responses.join_all().await;
    assert_eq!((quick.served(), busy.served()), (24, 4), "shared evenly");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_turns_callers_away_draws_no_requests() {
    let (well, ill) = (Server::new(), Server::new());
    let (well_pool, ill_pool) = (well.pool(settings(8)), ill.pool(settings(8)));
    let mut balance = over(&[&ill_pool, &well_pool]);
    let _held = well_pool.checkout().await.unwrap();
    ill_pool.suspend(Suspend::Fail);
    assert!(ill_pool.load().turns_away() && ill_pool.load() > well_pool.load());
    for _ in 0..20 {
        let response = balance.ready().await.unwrap().call(Ask::Answer(ms(1)));
        response.await.unwrap();
    }
    assert_eq!(well.served(), 20);
    ill_pool.resume();
    assert!(ill_pool.load() < well_pool.load());
    let response = balance.ready().await.unwrap().call(Ask::Answer(ms(1)));
    response.await.unwrap();
    assert_eq!(ill.served(), 1);

    // One that is closed is off the balancer's list for good.
    ill_pool.close();
    for _ in 0..20 {
        let response = balance.ready().await.unwrap().call(Ask::Answer(ms(1)));
        response.await.unwrap();
    }
    assert_eq!((well.served(), ill.served(), balance.len()), (40, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_down_stands_last_until_it_may_dial_again() {
    let refuse = service_fn(|_: Endpoint| async { Err::<Session, BoxError>("refused".into()) });
    let settings = settings(2).fail_fast_after(ms(0)).unwrap();
    let endpoint = Endpoint::new("chat.example", 7400);
    let silent = Arc::new(from_fn(|_: &Event| {}));
    let pool = Pool::observed(refuse, endpoint, settings, silent);
    assert!(!pool.load().turns_away());
    assert!(pool.checkout().await.is_err());
    assert!(pool.load().turns_away());
    sleep(ms(100)).await;
    assert!(!pool.load().turns_away(), "somebody has to try");
}
