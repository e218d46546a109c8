//! What a server asks for, obeyed within limits and never by all at once.

use std::collections::BTreeSet;
use std::time::Duration;

use bowline_link::BoxError;
use bowline_policy::backoff::{HintLimits, Schedule};
use bowline_reconnect::{Hint, Resumption, State, TurnedAway};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::fake::{Dial, Peer, Wire, ms, recorder, schedule, secs};
use crate::net::{Net, at, targets};

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

// contract: again-9
#[tokio::test(start_paused = true)]
async fn nobody_is_sent_to_a_stranger_who_does_not_want_to_be() {
    let to_x = || turned_away(Hint::default().redirect(at("x")).retry_after(secs(20)));
    for notice in [false, true] {
        let net = Net::new(&["a", "x"]);
        let a = net.peer("a").clone();
        if !notice {
            let _scripted = a.clone().script(&[Dial::Refuse]).refusal(to_x);
        }
        let link = net.link(&["a"], schedule());
        let link = link.redirects_to(|to| to.host() != "x").build();
        sleep(secs(60)).await;
        if notice {
            a.go(&Hint::default().redirect(at("x")));
            sleep(secs(60)).await;
        } else {
            assert!(a.gaps()[0] >= secs(20), "the rest of the hint counts");
        }
        assert_eq!((a.dials(), net.peer("x").dials()), (2, 0));
        assert!(link.state().borrow().is_ready());
    }
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn who_asked_to_be_left_alone_is_not_the_one_to_fail_over_to() {
    let net = Net::new(&["a", "b", "c"]);
    let busy = || turned_away(Hint::default().retry_after(secs(300)));
    let a = net.peer("a").clone().script(&[Dial::Refuse]).refusal(busy);
    let link = net.link(&["a"], schedule()).build();
    sleep(secs(1)).await;
    link.set_endpoints(&targets(&["a", "b", "c"])).unwrap();
    sleep(secs(20)).await;
    net.peer("b").set_otherwise(Dial::Refuse);
    net.peer("b").hang_up();
    sleep(secs(200)).await;
    assert!(link.state().borrow().is_ready());
    assert_eq!(a.dials(), 1, "it asked for five minutes");
    sleep(secs(300)).await;
    assert!(a.dials() > 1, "which are over");
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_redirect_without_a_wait_is_followed_soon_but_not_by_all_at_once() {
    let to_x = || turned_away(Hint::default().redirect(at("x")));
    let schedule = Schedule::exponential(secs(20), secs(60)).unwrap();
    let mut waited = Duration::ZERO;
    for seed in 0..64 {
        let a = Peer::new(Dial::Refuse).refusal(to_x).latency(ms(0));
        let net = Net::with([("a", a), ("x", Peer::new(Dial::Accept).latency(ms(0)))]);
        let link = net.link_seeded(&["a"], schedule.clone(), seed).build();
        let began = Instant::now();
        let mut state = link.state();
        state.wait_for(State::is_ready).await.unwrap();
        waited += Instant::now() - began;
    }
    // A wait is 10 s on the average, and a soon one half of that.
    assert!(waited > secs(64) && waited < secs(64 * 8), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_no_more_than_no_gave_no_hint() {
    let nothing = || turned_away(Hint::default());
    let peer = Peer::new(Dial::Refuse).refusal(nothing);
    let (observer, record) = recorder();
    let link = peer.link().observer(observer).build();
    sleep(secs(10)).await;
    assert!(peer.dials() > 2);
    assert!(!record.lock().unwrap().contains(&"hinted".to_owned()));
    drop(link);
}
