//! Several endpoints: who is called, when a link comes back to the better one,
//! and how a changed list moves it.

use std::collections::BTreeSet;
use std::net::{AddrParseError, IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::discovery::{
    Discover, File, Lookup, Problem, Refresh, Refreshing, Resolved, Target, Targets, Update,
};
use bowline_link::{Endpoint, Resolve};
use bowline_policy::endpoints::{Choice, Failback, Maker, Penalty, Settings};
use bowline_policy::{Share, backoff};
use bowline_reconnect::{Error, Reconnect, State};
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt, stream};
use rand_pcg::Pcg64;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::ServiceExt;

use crate::fake::{Dial, Manner, Peer, Wire, ms, recorder, schedule, secs};
use crate::net::{Net, at, ordered, targets};

/// Waits until the link is up at `name`, and says how long that took.
async fn up_at(link: &Reconnect<Wire>, name: &'static str) -> Duration {
    let began = Instant::now();
    let mut state = link.state();
    let up =
        |state: &State| matches!(state, State::Ready { endpoint, .. } if *endpoint == at(name));
    timeout(secs(3600), state.wait_for(up))
        .await
        .unwrap()
        .unwrap();
    Instant::now() - began
}

/// A source that says what the test says.
fn source() -> (
    mpsc::Sender<Update<&'static str>>,
    impl Stream<Item = Update<&'static str>>,
) {
    let (says, said) = mpsc::channel(8);
    let source = stream::unfold(said, |mut said: mpsc::Receiver<_>| async move {
        Some((said.recv().await?, said))
    });
    (says, source)
}

/// Calls every 50 ms for ever; each call must succeed.
async fn caller(link: Reconnect<Wire>) {
    loop {
        call(link.clone()).await.unwrap();
        sleep(ms(50)).await;
    }
}

fn call(link: Reconnect<Wire>) -> BoxFuture<'static, Result<usize, Error>> {
    Box::pin(link.oneshot("hello"))
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn endpoints_are_called_in_order_and_the_best_again_once_it_is_well() {
    let mut returns = BTreeSet::new();
    for seed in 0..12 {
        let net = Net::new(&["a", "b"]);
        net.peer("a").set_otherwise(Dial::Refuse);
        let failback = Failback::new(secs(60), secs(30), secs(10)).unwrap();
        let settings = Settings::new(Choice::Ordered).failback(failback);
        let sets = Maker::new(settings, seed);
        let link = net.link(&["a", "b"], schedule());
        let link = link
            .endpoints(&targets(&["a", "b"]), &sets)
            .unwrap()
            .build();
        up_at(&link, "b").await;
        let mut calls = JoinSet::new();
        calls.spawn(caller(link.clone()));
        sleep(secs(100)).await;
        let probes = net.peer("a").dials() - 1;
        assert!((7..=14).contains(&probes), "one in ten seconds: {probes}");
        net.peer("a").set_otherwise(Dial::Accept);
        returns.insert(up_at(&link, "a").await);
        // The old one is left to its calls, and no call failed on the way.
        sleep(secs(1)).await;
        assert!(calls.try_join_next().is_none(), "a call failed");
        assert_eq!(net.peer("a").dialing_max(), 1);
    }
    let (first, last) = (*returns.first().unwrap(), *returns.last().unwrap());
    assert!(
        first >= secs(60),
        "not before its health is proven: {returns:?}"
    );
    assert!(last <= secs(60 + 30 + 26), "{returns:?}");
    assert!(last - first > secs(10), "all at once: {returns:?}");
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_weighted_link_chooses_by_weight_and_leaves_out_who_is_ejected() {
    let net = Net::new(&["a", "b", "c", "d"]);
    let weighed = |name, weight| Target {
        weight,
        ..Target::new(at(name))
    };
    let list =
        [("a", 1), ("b", 1), ("c", 97), ("d", 1)].map(|(name, weight)| weighed(name, weight));
    let list = Targets::new(list).unwrap();
    let penalty = Penalty::new(secs(60), secs(300), secs(30), Share::NONE).unwrap();
    let sets = Maker::new(Settings::new(Choice::Weighted).penalty(penalty), 3);
    net.peer("c").set_otherwise(Dial::Refuse);
    let link = net
        .link(&["a"], schedule())
        .endpoints(&list, &sets)
        .unwrap();
    let link = link.failfast_after(None).build();
    link.clone().oneshot("hello").await.unwrap();
    // Three failures in a row eject it, which at these odds takes three tries.
    assert_eq!(net.peer("c").dials(), 3);
    assert_eq!(link.health().ejected, 1);
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn when_all_are_dead_the_bootstrap_list_counts_again() {
    let net = Net::new(&["seed", "x", "y"]);
    let (observer, record) = recorder();
    let link = net.link(&["seed"], schedule()).observer(observer).build();
    up_at(&link, "seed").await;
    link.set_endpoints(&targets(&["x", "y"])).unwrap();
    up_at(&link, "x").await;

    for dead in ["x", "y"] {
        net.peer(dead).set_otherwise(Dial::Refuse);
        net.peer(dead).hang_up();
    }
    up_at(&link, "seed").await;
    let record = record.lock().unwrap();
    assert!(record.contains(&"listed 2 Set".to_owned()), "{record:?}");
    assert!(
        record.contains(&"listed 3 Bootstrap".to_owned()),
        "{record:?}"
    );
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_discovered_change_moves_a_live_link_without_an_error() {
    let net = Net::new(&["seed", "x", "y"]);
    for name in ["seed", "x", "y"] {
        net.peer(name).set_manner(Manner::Slow);
    }
    let (says, source) = source();
    let (observer, record) = recorder();
    let link = net
        .link(&["seed"], schedule())
        .discover(source)
        .observer(observer)
        .build();
    up_at(&link, "seed").await;
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        calls.spawn(caller(link.clone()));
    }
    for name in ["x", "y", "x"] {
        sleep(secs(10)).await;
        let list = Update::List(targets(&[name]));
        says.try_send(list).unwrap();
        let took = up_at(&link, name).await;
        assert!(took <= secs(5) + ms(200), "{took:?}");
    }
    // A name server that is down takes nobody down.
    let down = Problem::Failed {
        error: "no answer",
        age: None,
        again: secs(1),
    };
    says.try_send(Update::Problem(down)).unwrap();
    sleep(secs(60)).await;
    assert!(calls.try_join_next().is_none(), "a call failed");
    let record = record.lock().unwrap();
    assert!(record.contains(&"list problem: no answer".to_owned()));
    let lost = record.iter().filter(|line| line.starts_with("lost"));
    assert!(
        lost.clone().all(|line| line.contains("Retired")),
        "{record:?}"
    );
    assert_eq!(lost.count(), 3);
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_file_and_a_name_that_change_move_a_live_link_without_an_error() {
    let names = ["192.0.2.1", "192.0.2.2"];
    let says = Arc::new(Mutex::new(names[0]));
    let (read, asked) = (Arc::clone(&says), Arc::clone(&says));
    let file = File::read_by(move || {
        let line = format!(
            "{}:7400 # the one that is in charge\n",
            read.lock().unwrap()
        );
        async { Ok(line.into_bytes()) }
    });
    let name = Resolved::new(Names(asked), Endpoint::new("chat.example", 7400));
    moves(&names, &says, refreshing(file)).await;
    *says.lock().unwrap() = names[0];
    moves(&names, &says, refreshing(name)).await;
}

/// A resolver that knows one address, whoever asks.
#[derive(Debug, Clone)]
struct Names(Arc<Mutex<&'static str>>);

impl Resolve for Names {
    type Error = AddrParseError;

    fn resolve(
        &self,
        endpoint: Endpoint,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, AddrParseError>> + Send + 'static {
        let address = self.0.lock().unwrap().parse::<IpAddr>();
        async move { Ok(vec![SocketAddr::new(address?, endpoint.port())]) }
    }
}

/// Looks again every ten seconds.
fn refreshing<L: Lookup>(lookup: L) -> Refreshing<L> {
    let refresh = Refresh::every(secs(10)).unwrap();
    let retry = backoff::Maker::new(schedule(), 3).session();
    Refreshing::new(lookup, refresh, retry, Pcg64::new(1, 1))
}

/// A link that follows `source` is moved by what it says, and no call fails.
async fn moves(
    names: &[&'static str; 2],
    says: &Mutex<&'static str>,
    source: impl Discover + 'static,
) {
    let net = Net::new(names);
    let link = net.link(&names[..1], schedule()).discover(source).build();
    up_at(&link, names[0]).await;
    let mut calls = JoinSet::new();
    calls.spawn(caller(link.clone()));
    *says.lock().unwrap() = names[1];
    let took = up_at(&link, names[1]).await;
    assert!(took <= secs(17), "{took:?}");
    sleep(secs(60)).await;
    assert!(calls.try_join_next().is_none(), "a call failed");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_expired_gives_way_to_the_one_the_link_was_begun_with() {
    let net = Net::new(&["seed", "x"]);
    let expired = Problem::Expired {
        age: secs(2),
        max_stale: secs(1),
    };
    let (says, source) = source();
    let link = net.link(&["seed"], schedule()).discover(source).build();
    up_at(&link, "seed").await;
    says.try_send(Update::List(targets(&["x"]))).unwrap();
    up_at(&link, "x").await;
    says.try_send(Update::Problem(expired)).unwrap();
    up_at(&link, "seed").await;
}

#[tokio::test(start_paused = true)]
async fn links_of_one_list_do_not_move_in_one_moment() {
    let mut moved = BTreeSet::new();
    for seed in 0..16 {
        let net = Net::new(&["a", "b"]);
        let link = net.link_seeded(&["a"], schedule(), seed).build();
        up_at(&link, "a").await;
        link.set_endpoints(&targets(&["b"])).unwrap();
        moved.insert(up_at(&link, "b").await);
    }
    let (first, last) = (*moved.first().unwrap(), *moved.last().unwrap());
    assert!(last - first > secs(2), "{moved:?}");
}

#[tokio::test(start_paused = true)]
async fn a_list_too_long_for_the_set_is_refused_and_the_old_one_stays() {
    let net = Net::new(&["a", "b"]);
    let settings = Settings::new(Choice::Ordered).endpoints_max(1).unwrap();
    let sets = Maker::new(settings, 1);
    let link = net.link(&["a"], schedule());
    let link = link.endpoints(&targets(&["a"]), &sets).unwrap().build();
    let error = link.set_endpoints(&targets(&["a", "b"])).unwrap_err();
    assert_eq!(error.to_string(), "2 endpoints are over the limit of 1");
    let error = net.link(&["a"], schedule());
    let error = error.endpoints(&targets(&["a", "b"]), &sets).unwrap_err();
    assert_eq!(error.to_string(), "2 endpoints are over the limit of 1");
    assert_eq!(link.health().endpoints, 1);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_changes_while_the_link_waits_ends_the_wait() {
    let net = Net::new(&["a", "b"]);
    net.peer("a").set_otherwise(Dial::Refuse);
    let long = schedule().take(8);
    let link = net.link(&["a"], long).build();
    sleep(secs(40)).await;
    assert!(matches!(*link.state().borrow(), State::Backoff { .. }));
    link.set_endpoints(&targets(&["b"])).unwrap();
    assert!(up_at(&link, "b").await <= secs(5) + ms(200));
}

// contract: again-3
#[tokio::test(start_paused = true)]
async fn a_probe_of_a_better_endpoint_ends_with_its_link() {
    let net = Net::with([
        ("a", Peer::new(Dial::Refuse)),
        ("b", Peer::new(Dial::Accept)),
    ]);
    let link = net.link(&["a", "b"], schedule());
    let link = link.endpoints(&targets(&["a", "b"]), &ordered(1)).unwrap();
    let link = link.build();
    up_at(&link, "b").await;
    net.peer("a").set_otherwise(Dial::Hang);
    let net = Arc::new(net);
    while net.peer("a").dialing() == 0 {
        sleep(ms(100)).await;
    }
    drop(link);
    sleep(ms(1)).await;
    assert_eq!((net.peer("a").dialing(), net.peer("b").services()), (0, 0));
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn links_of_one_maker_follow_a_new_order_each_in_its_own_time() {
    let net = Net::new(&["a", "b"]);
    let maker = backoff::Maker::new(schedule(), 1);
    let mut links = Vec::new();
    for _ in 0..8 {
        let link = Reconnect::builder(net.connector(), at("a"), &maker).build();
        up_at(&link, "a").await;
        links.push(link);
    }
    for link in &links {
        link.set_endpoints(&targets(&["b", "a"])).unwrap();
    }
    let mut moved = BTreeSet::new();
    let began = Instant::now();
    for link in &links {
        up_at(link, "b").await;
        moved.insert(Instant::now() - began);
    }
    // Whoever came first is waited for first, so later ones show only if they are later.
    assert!(*moved.first().unwrap() >= secs(60), "{moved:?}");
    assert!(moved.len() > 1, "all at once: {moved:?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_never_pauses_keeps_nobody_from_connecting() {
    const SAYS: usize = 100_000;
    let peer = Peer::new(Dial::Accept).latency(ms(0));
    let said = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&said);
    let source = stream::repeat_with(move || {
        counts.fetch_add(1, Ordering::SeqCst);
        Update::<&'static str>::List(targets(&["chat.example"]))
    });
    let link = peer.link().discover(source.take(SAYS)).build();
    link.oneshot("hello").await.unwrap();
    assert!(said.load(Ordering::SeqCst) < SAYS, "it had to be heard out");
}
