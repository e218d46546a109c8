//! A connection is replaced before it is left: when its server goes, when it is
//! old, and what becomes of the calls on it.

use bowline_policy::lifetime;
use bowline_reconnect::{Hint, Kind, Reason, Resumption, Sent, State, TurnedAway, Verdict};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceExt};

use crate::fake::{Dial, Manner, Peer, Wire, ms, recorder, schedule, secs};
use crate::net::{Net, at};

fn soon() -> Hint {
    Hint::default().window(secs(1), secs(1))
}

// contract: again-3, again-9
#[tokio::test(start_paused = true)]
async fn a_server_that_goes_is_left_for_another_and_no_call_fails() {
    let net = Net::new(&["a", "b"]);
    net.peer("a").set_manner(Manner::Slow);
    let (observer, record) = recorder();
    let link = net.link(&["a", "b"], schedule());
    let link = link.observer(observer).build();
    sleep(secs(1)).await;
    net.peer("a").go(&soon());
    // This call is on its way when the other connection takes over.
    let mut calls = JoinSet::new();
    let mut last = link.clone();
    sleep(secs(1)).await;
    calls.spawn(async move { last.ready().await.unwrap().call("last words").await });
    let mut state = link.state();
    let up = state.wait_for(|state| matches!(state, State::Ready { epoch: 2, .. }));
    timeout(secs(2), up).await.unwrap().unwrap();
    link.clone().oneshot("hello").await.unwrap();
    assert_eq!(net.peer("b").received(), ["1: hello"]);
    calls.join_next().await.unwrap().unwrap().unwrap();
    sleep(ms(10)).await;
    let record = record.lock().unwrap();
    assert_eq!(record[2], "hinted");
    assert_eq!(record[3], "connecting 1 beside: Drain");
    assert_eq!(record[4], "connected 2 at 1 in 100ms Fresh");
    assert_eq!(record[5], "retiring 1: Drain");
    assert!(
        record[6].starts_with("lost 1 after") && record[6].contains("Retired"),
        "{record:?}"
    );
    assert_eq!(net.peer("a").services(), 0, "nobody holds on to it");
    assert_eq!(record.len(), 7, "it stays there: {record:?}");
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_server_that_goes_may_say_where_to_and_by_when() {
    let net = Net::new(&["a", "x"]);
    let link = net.link(&["a"], schedule()).build();
    sleep(secs(1)).await;
    let hint = Hint::default().redirect(at("x")).deadline(secs(2));
    net.peer("a").go(&hint);
    let began = Instant::now();
    let mut state = link.state();
    let up = |state: &State| matches!(state, State::Ready { endpoint, .. } if *endpoint == at("x"));
    state.wait_for(up).await.unwrap();
    assert!(Instant::now() - began <= ms(2102));
}

// A redirect that another server gave was followed to the very one that goes.
// contract: again-6, again-9
#[tokio::test(start_paused = true)]
async fn nobody_is_sent_back_to_a_server_that_goes() {
    let net = Net::new(&["a", "b"]);
    let link = net.link(&["a", "b"], schedule()).build();
    sleep(secs(1)).await;
    net.peer("b").set_otherwise(Dial::Refuse);
    let refusing = net.peer("b").clone().refusal(|| {
        let hint = Hint::default().redirect(at("a"));
        let source = "ask a".into();
        TurnedAway { hint, source }.into()
    });
    net.peer("a").go(&soon());
    sleep(secs(10)).await;
    assert!(refusing.dials() > 1);
    assert_eq!(net.peer("a").dials(), 1, "the first one");
    net.peer("b").set_otherwise(Dial::Accept);
    let mut state = link.state();
    let up = |state: &State| matches!(state, State::Ready { endpoint, .. } if *endpoint == at("b"));
    timeout(secs(60), state.wait_for(up))
        .await
        .unwrap()
        .unwrap();
}

// The notice came while a better endpoint was being called, and was forgotten when that failed.
// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_notice_counts_although_a_better_endpoint_was_being_called() {
    let net = Net::new(&["a", "b", "c"]);
    net.peer("a").set_otherwise(Dial::Refuse);
    let (observer, record) = recorder();
    let link = net.link(&["a", "b", "c"], schedule()).observer(observer);
    let link = link.on_session(|_, context| async move {
        if context.reason == Reason::Better {
            sleep(secs(5)).await;
            return Err("not now".into());
        }
        Ok(Resumption::Fresh)
    });
    let link = link.build();
    sleep(secs(10)).await;
    net.peer("a").set_otherwise(Dial::Accept);
    let is_trying = || {
        record
            .lock()
            .unwrap()
            .iter()
            .any(|it| it.contains("Better"))
    };
    while !is_trying() {
        sleep(ms(100)).await;
    }
    net.peer("b").go(&soon());
    let mut state = link.state();
    let up = |state: &State| matches!(state, State::Ready { endpoint, .. } if *endpoint != at("b"));
    timeout(secs(20), state.wait_for(up))
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_cannot_be_had_leaves_the_old_one_up() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().build();
    sleep(secs(60)).await;
    peer.set_otherwise(Dial::Refuse);
    peer.go(&soon());
    sleep(secs(30)).await;
    assert!(peer.dials() > 3, "it is tried again");
    assert!(matches!(
        *link.state().borrow(),
        State::Ready { epoch: 1, .. }
    ));
    link.clone().oneshot("hello").await.unwrap();
    peer.set_otherwise(Dial::Accept);
    sleep(secs(60)).await;
    assert!(matches!(
        *link.state().borrow(),
        State::Ready { epoch: 2, .. }
    ));
    assert_eq!(peer.dialing_max(), 1);
}

// contract: again-3
#[tokio::test(start_paused = true)]
async fn an_attempt_under_way_goes_on_when_the_old_connection_dies() {
    let peer = Peer::new(Dial::Accept).latency(ms(500));
    let (observer, record) = recorder();
    let link = peer.link().observer(observer).build();
    sleep(secs(60)).await;
    peer.go(&soon());
    sleep(ms(1300)).await;
    assert_eq!(peer.dialing(), 1);
    peer.hang_up();
    sleep(ms(1)).await;
    assert!(matches!(*link.state().borrow(), State::Connecting { .. }));
    link.oneshot("hello").await.unwrap();
    assert_eq!(peer.dials(), 2, "{:?}", record.lock().unwrap());
}

#[tokio::test(start_paused = true)]
async fn calls_on_a_connection_that_is_left_have_a_limit() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Silence);
    let link = peer.link().retire_within(secs(3)).build();
    let mut calls = JoinSet::new();
    calls.spawn(link.clone().oneshot("hello"));
    sleep(secs(60)).await;
    peer.go(&soon());
    let error = calls.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Lost, Sent::Maybe));
    assert_eq!(error.epoch, Some(1));
    assert_eq!(
        error.source.unwrap().to_string(),
        "we moved to another connection"
    );
    assert!(matches!(
        *link.state().borrow(),
        State::Ready { epoch: 2, .. }
    ));
}

// contract: again-1
#[tokio::test(start_paused = true)]
async fn a_grant_on_a_connection_that_is_left_is_still_good() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().build();
    let mut granted = link.clone();
    let mut asked_again = link.clone();
    granted.ready().await.unwrap();
    asked_again.ready().await.unwrap();
    assert_eq!(granted.granted(), Some(1));
    peer.go(&soon());
    sleep(secs(5)).await;
    assert!(matches!(
        *link.state().borrow(),
        State::Ready { epoch: 2, .. }
    ));
    assert_eq!(
        granted.call("hello").await.unwrap(),
        1,
        "its own connection"
    );
    asked_again.ready().await.unwrap();
    assert_eq!(asked_again.call("hello").await.unwrap(), 2, "exchanged");
    sleep(ms(1)).await;
    assert_eq!(peer.services(), 1, "the old connection is gone");
}

#[tokio::test(start_paused = true)]
async fn an_old_connection_is_replaced_at_an_age_of_its_own() {
    let mut ages = std::collections::BTreeSet::new();
    for seed in 0..12 {
        let peer = Peer::new(Dial::Accept).latency(ms(0));
        let settings = lifetime::Settings::new(secs(600), secs(600)).unwrap();
        let maker = lifetime::Maker::new(settings, seed);
        let link = peer.link().lifetime(&maker).on_session(|_: Wire, context| {
            let expected = [Reason::First, Reason::Age][usize::from(context.epoch > 1)];
            assert_eq!(context.reason, expected);
            async { Ok(Resumption::Resumed) }
        });
        let link = link.build();
        let mut state = link.state();
        let second = state.wait_for(|state| matches!(state, State::Ready { epoch: 2, .. }));
        second.await.unwrap();
        ages.insert(peer.gaps()[0]);
        link.oneshot("hello").await.unwrap();
    }
    let (first, last) = (*ages.first().unwrap(), *ages.last().unwrap());
    assert!(first >= secs(450) && last <= secs(600) + ms(2), "{ages:?}");
    assert!(last - first > secs(60), "{ages:?}");
}

#[tokio::test(start_paused = true)]
async fn connections_that_are_being_left_are_few_at_a_time() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Silence);
    let link = peer.link().retire_within(secs(100_000)).build();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        calls.spawn(link.clone().oneshot("hello"));
        sleep(secs(30)).await;
        peer.go(&soon());
        sleep(secs(30)).await;
    }
    // Eight were left: four may wait, the four before them were cut.
    let mut cut = 0;
    while let Some(ended) = calls.try_join_next() {
        assert_eq!(ended.unwrap().unwrap_err().kind, Kind::Lost);
        cut += 1;
    }
    assert_eq!(cut, 4);
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_a_link_that_is_moving() {
    // A notice at 200 ms, a wait, an attempt, a second hook, the old one's calls.
    for at in (0..4000).step_by(50) {
        let peer = Peer::new(Dial::Accept);
        let (observer, record) = recorder();
        let link = peer
            .link()
            .observer(observer)
            .on_session(|wire, _| async move {
                sleep(ms(200)).await;
                drop(wire);
                Ok(Resumption::Fresh)
            })
            .build();
        let mut state = link.state();
        let mut granted = link.clone();
        let moving = async {
            granted.ready().await.unwrap();
            peer.go(&soon());
            std::future::pending::<()>().await;
        };
        assert!(timeout(ms(at + 1), moving).await.is_err());
        drop((granted, link));
        let closed = state.wait_for(|state| matches!(state, State::Closed));
        timeout(ms(1), closed).await.unwrap().unwrap();
        assert_eq!((peer.services(), peer.dialing()), (0, 0), "at {at} ms");
        let record = record.lock().unwrap();
        assert_eq!(record.last().unwrap(), "closed Released");
        let count = |what| record.iter().filter(|line| line.starts_with(what)).count();
        assert_eq!(count("connected"), count("lost"), "{record:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_dies_while_it_is_left_takes_its_calls_along_at_once() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Silence);
    let link = peer.link().build();
    let mut calls = JoinSet::new();
    calls.spawn(link.clone().oneshot("hello"));
    sleep(secs(60)).await;
    peer.go(&soon());
    sleep(secs(5)).await;
    assert!(calls.try_join_next().is_none());
    peer.hang_up();
    let ended = timeout(ms(1), calls.join_next()).await.unwrap();
    let error = ended.unwrap().unwrap().unwrap_err();
    assert_eq!(error.epoch, Some(1));
    assert_eq!(error.source.unwrap().to_string(), "the peer hung up");
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_final_reason_ends_the_try_for_a_successor_too() {
    let peer = Peer::new(Dial::Accept).latency(ms(500));
    let link = peer.link().classify(|_| Verdict::Fatal).build();
    sleep(secs(60)).await;
    peer.go(&soon());
    sleep(ms(1300)).await;
    assert_eq!(peer.dialing(), 1);
    peer.hang_up();
    sleep(ms(1)).await;
    assert!(matches!(*link.state().borrow(), State::Parked { .. }));
    assert_eq!(peer.dialing(), 0);
    sleep(secs(60)).await;
    assert_eq!(peer.dials(), 2);
}
