//! What a server asks for, obeyed within limits and never by all at once.

use std::collections::BTreeSet;
use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::backoff::HintLimits;
use bowline_reconnect::{Hint, Resumption, State, TurnedAway};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::fake::{Dial, Peer, Wire, ms, recorder, schedule, secs};
use crate::net::{Net, at};

fn turned_away(hint: Hint) -> BoxError {
    let source = "the server is full".into();
    TurnedAway { hint, source }.into()
}

/// How long links of many seeds wait whose first dial is refused so.
async fn waits(refusal: fn() -> BoxError) -> BTreeSet<Duration> {
    let mut waits = BTreeSet::new();
    for seed in 0..32 {
        let peer = Peer::new(Dial::Accept)
            .script(&[Dial::Refuse])
            .latency(ms(0));
        let net = Net::with([("a", peer.refusal(refusal))]);
        let link = net.link_seeded(&["a"], schedule(), seed);
        let limits = HintLimits::new(secs(1), secs(120)).unwrap();
        let link = link.hints(limits).failfast_after(None).build();
        link.clone().oneshot("hello").await.unwrap();
        waits.extend(net.peer("a").gaps());
    }
    waits
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asks_for_is_obeyed_within_limits_and_jittered() {
    type Case = (fn() -> BoxError, u64, u64);
    let cases: [Case; 4] = [
        (
            || turned_away(Hint::default().retry_after(secs(20))),
            20,
            25,
        ),
        (
            || turned_away(Hint::default().window(secs(10), secs(30))),
            10,
            30,
        ),
        (|| turned_away(Hint::default().retry_after(secs(0))), 1, 2),
        // A year: a mistake, or malice.
        (
            || turned_away(Hint::default().retry_after(secs(31_536_000))),
            90,
            120,
        ),
    ];
    for (refusal, least, most) in cases {
        let waits = waits(refusal).await;
        let (first, last) = (*waits.first().unwrap(), *waits.last().unwrap());
        assert!(
            first >= secs(least) && last <= secs(most) + ms(2),
            "{waits:?}"
        );
        assert!(waits.len() > 16, "not jittered: {waits:?}");
    }
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_hint_of_the_session_hook_counts_like_one_of_the_connector() {
    let peer = Peer::new(Dial::Accept);
    let (observer, record) = recorder();
    let link = peer
        .link()
        .observer(observer)
        .failfast_after(None)
        .on_session(|_: Wire, context| async move {
            match context.epoch {
                1 => Err(turned_away(Hint::default().retry_after(secs(40)))),
                _ => Ok(Resumption::Fresh),
            }
        })
        .build();
    let began = Instant::now();
    link.oneshot("hello").await.unwrap();
    let waited = Instant::now() - began;
    assert!(waited >= secs(40) && waited <= secs(51), "{waited:?}");
    assert!(record.lock().unwrap().contains(&"hinted".to_owned()));
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_once_and_then_the_list_counts_again() {
    let to_x = || turned_away(Hint::default().redirect(at("x")));
    let net = Net::with([
        (
            "a",
            Peer::new(Dial::Accept)
                .script(&[Dial::Refuse])
                .refusal(to_x),
        ),
        ("x", Peer::new(Dial::Accept)),
    ]);
    let link = net.link(&["a"], schedule()).build();
    link.clone().oneshot("hello").await.unwrap();
    assert_eq!(net.peer("x").received(), ["1: hello"]);
    assert!(
        matches!(&*link.state().borrow(), State::Ready { endpoint, .. } if *endpoint == at("x"))
    );

    sleep(secs(60)).await;
    net.peer("x").set_otherwise(Dial::Refuse);
    net.peer("x").hang_up();
    sleep(secs(10)).await;
    link.oneshot("again").await.unwrap();
    assert_eq!(net.peer("a").received(), ["2: again"]);
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn servers_that_send_us_to_each_other_do_not_keep_us_running() {
    let to_a = || turned_away(Hint::default().redirect(at("a")));
    let to_b = || turned_away(Hint::default().redirect(at("b")));
    let net = Net::with([
        ("a", Peer::new(Dial::Refuse).refusal(to_b).latency(ms(1))),
        ("b", Peer::new(Dial::Refuse).refusal(to_a).latency(ms(1))),
    ]);
    let link = net.link(&["a"], schedule()).redirects_max(3).build();
    sleep(secs(300)).await;
    assert_eq!(
        net.peer("b").dials(),
        2,
        "three redirects: to b, to a, to b"
    );
    assert!(net.peer("a").dials() < 14, "the backoff holds throughout");
    drop(link);
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_drain_window_is_kept_by_each_link_at_a_time_of_its_own() {
    let mut moved = BTreeSet::new();
    for seed in 0..16 {
        let net = Net::new(&["a"]);
        let link = net.link_seeded(&["a"], schedule(), seed).build();
        sleep(secs(60)).await;
        net.peer("a").go(&Hint::default().window(secs(5), secs(25)));
        let began = Instant::now();
        let mut state = link.state();
        let next = state.wait_for(|state| matches!(state, State::Ready { epoch: 2, .. }));
        next.await.unwrap();
        moved.insert(Instant::now() - began);
    }
    let (first, last) = (*moved.first().unwrap(), *moved.last().unwrap());
    assert!(first >= secs(5) && last <= ms(25_102), "{moved:?}");
    assert!(last - first > secs(8), "{moved:?}");
}
