//! Under tower's balancer, which believes what `poll_ready` says.

use std::future::poll_fn;

use bowline_reconnect::{Error, Kind, Reconnect};
use tokio::time::{Instant, sleep, timeout};
use tower::Service;
use tower::balance::p2c::Balance;
use tower::discover::ServiceList;
use tower::load::Constant;

use crate::fake::{Dial, Peer, Wire, secs};

type Balanced = Balance<ServiceList<Vec<Constant<Reconnect<Wire>, u32>>>, &'static str>;

fn balanced(links: Vec<Reconnect<Wire>>) -> Balanced {
    let links = links.into_iter().map(|link| Constant::new(link, 1));
    Balance::new(ServiceList::new(links.collect()))
}

/// Waits until `service` is ready, and says how many polls it took.
async fn polls_to_ready(service: &mut Balanced) -> usize {
    let mut polls = 0;
    let ready = poll_fn(|cx| {
        polls += 1;
        assert!(polls < 100, "a hot loop");
        service.poll_ready(cx)
    });
    timeout(secs(60), ready).await.unwrap().unwrap();
    polls
}

// contract: again-1
#[tokio::test(start_paused = true)]
async fn a_refusing_peer_is_dialled_at_the_pace_of_the_backoff_and_the_caller_is_told() {
    let peer = Peer::new(Dial::Refuse);
    let mut service = balanced(vec![peer.link().build()]);
    let began = Instant::now();
    let mut polls = 0;
    for _ in 0..2 {
        polls += polls_to_ready(&mut service).await;
        let error = service.call("hello").await.unwrap_err();
        assert_eq!(error.downcast::<Error>().unwrap().kind, Kind::Unavailable);
    }
    assert_eq!(Instant::now() - began, secs(10));
    assert!(polls < 30, "{polls} polls in ten seconds");
    // At 0, 1.1, 3.2 and 7.3 s: a dial takes 100 ms, then 1, 2, 4, 8 s pass.
    assert_eq!(peer.dials(), 4);
}

// contract: again-1
#[tokio::test(start_paused = true)]
async fn a_balancer_serves_from_whichever_link_is_up_and_keeps_the_other() {
    let (up, down) = (Peer::new(Dial::Accept), Peer::new(Dial::Refuse));
    let mut service = balanced(vec![up.link().build(), down.link().build()]);
    polls_to_ready(&mut service).await;
    assert_eq!(service.call("hello").await.unwrap(), 1);

    // The refusal it was granted meanwhile must not outlast the outage.
    sleep(secs(60)).await;
    polls_to_ready(&mut service).await;
    down.set_otherwise(Dial::Accept);
    sleep(secs(120)).await;
    for _ in 0..20 {
        polls_to_ready(&mut service).await;
        service.call("hello").await.unwrap();
    }
    assert_eq!(service.len(), 2, "neither was thrown out");
    assert_eq!(up.received().len() + down.received().len(), 21);
}

// contract: again-1
#[cfg(feature = "balance")]
#[tokio::test(start_paused = true)]
async fn a_balancer_prefers_who_is_connected_and_waits_for_ever_where_nobody_fails_fast() {
    use tower::ServiceExt;
    use tower::load::Load;

    let peers = [Peer::new(Dial::Refuse), Peer::new(Dial::Refuse)];
    let links: Vec<_> = peers
        .iter()
        .map(|peer| peer.link().failfast_after(None).build())
        .collect();
    let mut held = links[0].clone();
    assert_eq!(links[0].load(), usize::MAX, "nobody is connected");
    let mut service: Balance<_, &'static str> = Balance::new(ServiceList::new(links.clone()));
    let mut calls = tokio::task::JoinSet::new();
    calls.spawn(async move { service.ready().await.unwrap().call("hello").await });
    sleep(secs(3600)).await;
    assert!(calls.try_join_next().is_none(), "nobody was told a lie");
    peers[0].set_otherwise(Dial::Accept);
    calls.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(peers[0].received().len(), 1);

    assert_eq!([links[0].load(), links[1].load()], [0, usize::MAX]);
    let grant = held.ready().await.unwrap();
    assert_eq!(links[0].load(), 1, "a grant is a call to come");
    grant.call("hello").await.unwrap();
    assert_eq!(links[0].load(), 0);
}
