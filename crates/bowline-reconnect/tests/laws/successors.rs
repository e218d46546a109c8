//! Whom a link moves to, when it does not, and what it counts on the way.

use std::io::{self, ErrorKind};

use bowline_link::BoxError;
use bowline_policy::endpoints::{Choice, Failback, Maker, Settings};
use bowline_policy::{backoff, lifetime};
use bowline_reconnect::{Hint, Reconnect, ReconnectLayer, State};
use tokio::time::{sleep, timeout};
use tower::Layer;

use crate::fake::{Dial, Peer, Wire, ms, schedule, secs};
use crate::net::{Net, Wall, at, ordered, targets, weighted};

fn is_at(link: &Reconnect<Wire>, name: &'static str) -> bool {
    matches!(&*link.state().borrow(), State::Ready { endpoint, .. } if *endpoint == at(name))
}

fn unreachable_peer() -> BoxError {
    io::Error::from(ErrorKind::HostUnreachable).into()
}

fn soon() -> Hint {
    Hint::default().window(secs(1), secs(1))
}

/// Ages of 450 to 600 s.
fn ages() -> lifetime::Maker {
    let settings = lifetime::Settings::new(secs(600), secs(600)).unwrap();
    lifetime::Maker::new(settings, 3)
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_not_old_because_somebody_looks_at_it() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().lifetime(&ages()).wall_clock(Wall::new());
    let link = link.build();
    sleep(secs(400)).await;
    assert_eq!(peer.dials(), 1);
    sleep(secs(250)).await;
    assert!(matches!(
        *link.state().borrow(),
        State::Ready { epoch: 2, .. }
    ));
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_link_does_not_fail_over_to_the_server_that_it_leaves() {
    let net = Net::new(&["a", "b"]);
    let b = net.peer("b").clone().refusal(unreachable_peer);
    b.set_otherwise(Dial::Refuse);
    let link = net.link(&["a", "b"], schedule()).build();
    sleep(secs(60)).await;
    net.peer("a").go(&soon());
    sleep(secs(4)).await;
    assert_eq!((b.dials(), net.peer("a").dials()), (2, 1));
    b.set_otherwise(Dial::Accept);
    sleep(secs(60)).await;
    assert!(is_at(&link, "b"));
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn where_a_server_sent_us_we_stay_in_the_list_or_not() {
    for (list, x) in [(&["a"][..], "x"), (&["a", "b"], "b")] {
        let net = Net::new(&["a", "b", "x", "c"]);
        let link = net.link(list, schedule()).build();
        sleep(secs(60)).await;
        net.peer("a").go(&soon().redirect(at(x)));
        sleep(secs(3600)).await;
        assert!(is_at(&link, x), "{list:?}");
        link.set_endpoints(&targets(&["a", "c"])).unwrap();
        sleep(secs(3600)).await;
        assert!(is_at(&link, x), "{list:?}");
        assert_eq!((net.peer("a").dials(), net.peer(x).dials()), (1, 1));
        // Until that ends.
        net.peer(x).hang_up();
        sleep(secs(10)).await;
        assert!(is_at(&link, "a") || is_at(&link, "c"), "{list:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn tries_to_get_a_successor_count_when_that_is_lost_at_once() {
    let few = [
        Dial::Accept,
        Dial::Refuse,
        Dial::Refuse,
        Dial::Refuse,
        Dial::AcceptAndHangUp,
    ];
    let peer = Peer::new(Dial::Refuse).script(&few);
    let link = peer.link().build();
    // Too soon to start the backoff over.
    sleep(secs(5)).await;
    peer.go(&soon());
    let mut state = link.state();
    let down = state.wait_for(|state| matches!(state, State::Backoff { .. }));
    let down = timeout(secs(60), down).await.unwrap().unwrap().clone();
    // The fourth one was it, after 1, 2, 4 and 8 s.
    let State::Backoff { attempt, delay, .. } = down else {
        unreachable!("it was just looked for");
    };
    assert_eq!((attempt, delay), (5, secs(16)));
}

// contract: backoff-4
#[tokio::test(start_paused = true)]
async fn a_connection_that_was_stable_until_it_was_left_starts_the_backoff_over() {
    let dials = [Dial::Refuse, Dial::Refuse, Dial::Refuse, Dial::Accept];
    let peer = Peer::new(Dial::AcceptAndHangUp).script(&dials);
    let link = peer.link().build();
    sleep(secs(60)).await;
    peer.go(&soon());
    let mut state = link.state();
    let down = state.wait_for(|state| matches!(state, State::Backoff { .. }));
    let down = timeout(secs(60), down).await.unwrap().unwrap().clone();
    let State::Backoff { delay, .. } = down else {
        unreachable!("it was just looked for");
    };
    assert_eq!(delay, secs(1));
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_list_that_changes_while_a_link_moves_moves_it_on() {
    let net = Net::new(&["a", "b", "c"]);
    let link = net.link(&["a"], schedule()).move_splay(secs(0)).build();
    sleep(secs(60)).await;
    link.set_endpoints(&targets(&["b"])).unwrap();
    sleep(ms(50)).await;
    assert_eq!(net.peer("b").dialing(), 1);
    link.set_endpoints(&targets(&["c"])).unwrap();
    sleep(secs(10)).await;
    assert!(is_at(&link, "c"));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_changes_back_moves_nobody() {
    let net = Net::new(&["a", "b"]);
    let link = net.link(&["a"], schedule()).move_splay(secs(60)).build();
    sleep(secs(60)).await;
    link.set_endpoints(&targets(&["b"])).unwrap();
    sleep(ms(1)).await;
    link.set_endpoints(&targets(&["a"])).unwrap();
    sleep(secs(600)).await;
    assert_eq!((net.peer("a").dials(), net.peer("b").dials()), (1, 0));
    assert!(is_at(&link, "a"));
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn an_endpoint_that_comes_and_goes_does_not_prove_its_health() {
    let net = Net::new(&["a", "b"]);
    let flaps = [Dial::Refuse, Dial::Accept, Dial::Accept].repeat(200);
    let _scripted = net.peer("a").clone().script(&flaps);
    let failback = Failback::new(secs(60), secs(1), secs(10)).unwrap();
    let sets = Maker::new(Settings::new(Choice::Ordered).failback(failback), 5);
    let link = net.link(&["a", "b"], schedule());
    let link = link.endpoints(&targets(&["a", "b"]), &sets).unwrap();
    let link = link.build();
    sleep(secs(10)).await;
    assert!(is_at(&link, "b"));
    for _ in 0..100 {
        sleep(secs(15)).await;
        assert!(is_at(&link, "b"));
    }
    assert!(net.peer("a").dials() > 50, "it is asked how it is");
}

#[tokio::test(start_paused = true)]
async fn a_try_for_a_successor_that_is_all_there_is_counts() {
    let peer = Peer::new(Dial::Refuse)
        .script(&[Dial::Accept])
        .latency(ms(500));
    let link = peer.link().build();
    sleep(secs(60)).await;
    peer.go(&soon());
    sleep(ms(1200)).await;
    peer.hang_up();
    let mut state = link.state();
    let down = state.wait_for(|state| matches!(state, State::Backoff { .. }));
    let down = timeout(secs(1), down).await.unwrap().unwrap().clone();
    assert!(
        matches!(down, State::Backoff { attempt: 2, .. }),
        "{down:?}"
    );
}

// contract: again-6, again-9
#[tokio::test(start_paused = true)]
async fn chance_does_not_choose_who_goes_or_cannot_be_reached() {
    for seed in 0..16 {
        for notice in [true, false] {
            let peer = || Peer::new(Dial::Accept).death(unreachable_peer);
            let net = Net::with([("a", peer()), ("b", peer())]);
            let both = targets(&["a", "b"]);
            let link = net.link_seeded(&["a"], schedule(), seed);
            let link = link.endpoints(&both, &weighted(seed)).unwrap().build();
            sleep(secs(60)).await;
            let [here, other] = match is_at(&link, "a") {
                true => ["a", "b"],
                false => ["b", "a"],
            };
            match notice {
                true => net.peer(here).go(&soon()),
                false => net.peer(here).hang_up(),
            }
            sleep(secs(5)).await;
            assert!(is_at(&link, other));
            assert_eq!((net.peer("a").dials(), net.peer("b").dials()), (1, 1));
        }
    }
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_peer_that_served_for_long_is_called_again_and_no_other() {
    // Up for how long, whether its heartbeat heard anything, who is called then.
    for (up, heard, then) in [(60, true, "a"), (60, false, "b"), (5, true, "b")] {
        let a = Peer::new(Dial::Accept).heard(heard);
        let net = Net::with([("a", a), ("b", Peer::new(Dial::Accept))]);
        let link = net.link(&["a", "b"], schedule()).build();
        sleep(secs(up)).await;
        net.peer("a").hang_up();
        sleep(secs(5)).await;
        assert!(is_at(&link, then), "up {up} s, heard {heard}");
        assert_eq!(link.health().failing, usize::from(then == "b"));
    }
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_success_ends_the_round_of_a_fail_over_and_clears_the_peer() {
    let dead = Peer::new(Dial::Accept).script(&[Dial::Refuse]);
    let a = dead.refusal(unreachable_peer);
    let b = Peer::new(Dial::Accept).death(unreachable_peer);
    let net = Net::with([("a", a), ("b", b)]);
    let link = net.link(&["a", "b"], schedule()).build();
    // The herd forms when all lose one server.
    sleep(ms(500)).await;
    assert_eq!(net.peer("b").dials(), 0, "the first wait is splayed");
    sleep(ms(1000)).await;
    assert!(is_at(&link, "b"));
    assert_eq!(link.health().failing, 1);
    net.peer("b").hang_up();
    // Sooner than the backoff, which is at 2 s.
    sleep(ms(1900)).await;
    assert!(is_at(&link, "a"), "who was tried in the round before");
    assert_eq!(link.health().failing, 1, "that is `b` now");
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn redirects_count_only_those_in_a_row() {
    let net = Net::new(&["a", "b"]);
    let link = net.link(&["a"], schedule()).redirects_max(2).build();
    for (here, there) in [("a", "b"), ("b", "a")].repeat(4) {
        sleep(secs(60)).await;
        assert!(is_at(&link, here));
        net.peer(here).go(&soon().redirect(at(there)));
        sleep(secs(5)).await;
        assert!(is_at(&link, there), "one each minute is no circle");
    }
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_layer_makes_links_that_fail_over_each_by_itself() {
    let net = Net::new(&["a", "b"]);
    net.peer("a").set_otherwise(Dial::Refuse);
    let maker = backoff::Maker::new(schedule(), 7);
    let layer = ReconnectLayer::new(at("a"), maker)
        .endpoints(&targets(&["a", "b"]), &ordered(3))
        .unwrap();
    let [one, other] = [(); 2].map(|()| layer.layer(net.connector()));
    sleep(secs(30)).await;
    assert!(is_at(&one, "b") && is_at(&other, "b"));
    one.set_endpoints(&targets(&["a"])).unwrap();
    assert_eq!((one.health().endpoints, other.health().endpoints), (1, 2));
    let few = Settings::new(Choice::Ordered).endpoints_max(1).unwrap();
    let refused = layer.endpoints(&targets(&["a", "b"]), &Maker::new(few, 3));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "2 endpoints are over the limit of 1"
    );
}
