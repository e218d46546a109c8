//! How a link begins and how it ends.

use bowline_reconnect::{
    ClosedReason, Event, Hint, InitialConnect, Kind, Sent, State, TurnedAway, Verdict,
};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceExt};

use crate::fake::{Dial, Manner, Peer, ms, recorder, schedule, secs};
use crate::net::{Net, at, targets, weighted};

#[tokio::test(start_paused = true)]
async fn an_eager_link_is_there_when_it_starts_or_not_at_all() {
    let peer = Peer::new(Dial::Accept);
    let link = peer
        .link()
        .initial(InitialConnect::Eager)
        .start()
        .await
        .unwrap();
    assert!(link.state().borrow().is_ready());
    // What is lost later is made again like any other.
    sleep(secs(60)).await;
    peer.hang_up();
    sleep(ms(1)).await;
    assert_eq!(link.oneshot("hello").await.unwrap(), 2);

    let peer = Peer::new(Dial::Refuse);
    let (observer, record) = recorder();
    let eager = peer
        .link()
        .initial(InitialConnect::Eager)
        .observer(observer);
    let error = eager.start().await.unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Closed, Sent::No));
    assert_eq!(error.source.unwrap().to_string(), "refused");
    sleep(secs(60)).await;
    assert_eq!(peer.dials(), 1);
    assert_eq!(record.lock().unwrap().last().unwrap(), "closed FirstFailed");
}

#[tokio::test(start_paused = true)]
async fn an_eager_link_tries_each_endpoint_and_each_once() {
    let net = Net::new(&["a", "b", "c"]);
    for (dead, expected) in [(&["a"][..], true), (&["a", "b", "c"], false)] {
        for dead in dead {
            net.peer(dead).set_otherwise(Dial::Refuse);
        }
        let link = net.link(&["a", "b", "c"], schedule());
        let eager = link.initial(InitialConnect::Eager).start();
        let started = timeout(secs(1), eager).await.unwrap();
        assert_eq!(started.is_ok(), expected);
    }
    let dials = ["a", "b", "c"].map(|name| net.peer(name).dials());
    assert_eq!(dials, [2, 2, 1]);

    // A session that is refused is no connection either.
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().on_session(|_, _| async { Err("no".into()) });
    let eager = link.initial(InitialConnect::Eager).start();
    assert_eq!(eager.await.unwrap_err().source.unwrap().to_string(), "no");
}

#[tokio::test(start_paused = true)]
async fn a_lazy_link_dials_for_its_first_caller() {
    let peer = Peer::new(Dial::Accept);
    let link = peer
        .link()
        .initial(InitialConnect::Lazy)
        .start()
        .await
        .unwrap();
    sleep(secs(60)).await;
    assert_eq!(peer.dials(), 0);
    assert!(matches!(*link.state().borrow(), State::Idle));
    link.clone().oneshot("hello").await.unwrap();
    sleep(secs(60)).await;
    peer.hang_up();
    sleep(secs(60)).await;
    assert_eq!(peer.dials(), 2, "once begun it is kept");

    let link = peer.link().initial(InitialConnect::Lazy).build();
    sleep(secs(1)).await;
    link.reconnect_now();
    sleep(secs(1)).await;
    assert_eq!(peer.dials(), 3);
    drop(link);
}

#[tokio::test(start_paused = true)]
async fn a_program_starts_although_its_peer_is_down() {
    let peer = Peer::new(Dial::Refuse);
    let link = timeout(secs(0), peer.link().start())
        .await
        .unwrap()
        .unwrap();
    sleep(secs(10)).await;
    peer.set_otherwise(Dial::Accept);
    link.reconnect_now();
    link.oneshot("hello").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_may_wait_for_ever_does() {
    let peer = Peer::new(Dial::Refuse);
    let link = peer.link().failfast_after(None).build();
    let mut calls = JoinSet::new();
    calls.spawn(link.clone().oneshot("hello"));
    sleep(secs(3600)).await;
    assert!(calls.try_join_next().is_none());
    peer.set_otherwise(Dial::Accept);
    calls.join_next().await.unwrap().unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_fails_fast_hears_when_the_next_try_is() {
    let peer = Peer::new(Dial::Refuse);
    let mut link = peer.link().build();
    let error = link.ready().await.unwrap().call("hello").await.unwrap_err();
    let next = error.next_attempt_at.unwrap();
    // Tries at 0, 1.1 and 3.2 s failed within 100 ms; the fourth is at 7.3 s.
    assert_eq!((next - Instant::now()).as_millis(), 2300);
    assert_eq!((error.attempt, error.epoch), (3, None));
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn a_graceful_close_lets_calls_end_and_says_which_did_not() {
    for (limit, cut) in [(secs(5), 0), (secs(0), 3)] {
        let peer = Peer::new(Dial::Accept).manner(Manner::Slow);
        let link = peer.link().build();
        let mut calls = JoinSet::new();
        for _ in 0..3 {
            calls.spawn(link.clone().oneshot("hello"));
        }
        sleep(secs(1)).await;
        let began = Instant::now();
        let mut late = link.clone();
        let closing = link.close_within(limit);
        let refused = async {
            let error = late.ready().await.err().unwrap();
            assert_eq!(error.kind, Kind::Closed, "no further call");
        };
        let (cut_off, ()) = futures_util::future::join(closing, refused).await;
        assert_eq!(cut_off, cut);
        assert!(
            Instant::now() - began <= secs(1),
            "not a moment longer than needed"
        );
        for ended in calls.join_all().await {
            match ended {
                Ok(_) => assert_eq!(cut, 0),
                Err(error) => {
                    assert_eq!((error.kind, error.sent), (Kind::Closed, Sent::Maybe));
                    assert_eq!(cut, 3);
                }
            }
        }
        assert!(matches!(*link.state().borrow(), State::Closed));
    }
}

#[tokio::test(start_paused = true)]
async fn a_graceful_close_that_nobody_waits_for_closes_all_the_same() {
    for manner in [Manner::Silence, Manner::Answer] {
        let peer = Peer::new(Dial::Accept).manner(manner);
        let link = peer.link().build();
        let mut calls = JoinSet::new();
        calls.spawn(link.clone().oneshot("hello"));
        sleep(secs(1)).await;
        drop(timeout(secs(0), link.close_within(secs(5))).await);
        sleep(secs(6)).await;
        assert!(matches!(*link.state().borrow(), State::Closed));
        calls.join_next().await.unwrap().unwrap().ok();
    }
}

// contract: again-10
#[tokio::test(start_paused = true)]
async fn who_reads_events_slowly_is_told_how_many_were_lost() {
    let peer = Peer::new(Dial::Refuse);
    let link = peer.link().events_max(4).build();
    let mut prompt = link.events();
    let mut slow = link.events();
    let mut seen = 0;
    let reading = async {
        while let Some(told) = prompt.next().await {
            assert_eq!(told.missed, 0);
            seen += 1;
        }
    };
    assert!(timeout(secs(20), reading).await.is_err());
    // Five attempts began, failed and were waited after, the last wait is on.
    assert_eq!(seen, 15);
    let first = slow.next().await.unwrap();
    assert_eq!(first.missed, 11);
    assert!(matches!(first.event, Event::BackingOff { .. }));
    for _ in 0..3 {
        assert_eq!(slow.next().await.unwrap().missed, 0);
    }
    link.close();
    let told = slow.next().await.unwrap();
    let reason = ClosedReason::Asked;
    assert!(matches!(told.event, Event::Closed { reason: closed, .. } if closed == reason));
    assert!(slow.next().await.is_none(), "it is the last");
    assert!(link.events().next().await.is_none(), "nothing more happens");
}

// contract: again-10
#[tokio::test(start_paused = true)]
async fn a_reader_of_the_latest_event_alone_is_told_of_the_others() {
    let peer = Peer::new(Dial::Refuse);
    let link = peer.link().events_max(1).build();
    let mut events = link.events();
    sleep(ms(200)).await;
    let told = events.next().await.unwrap();
    assert_eq!(told.missed, 2, "it began and it failed");
    assert!(matches!(told.event, Event::BackingOff { .. }));
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn an_eager_link_goes_where_it_is_sent() {
    let to_x = || {
        let hint = Hint::default().redirect(at("x"));
        let source = "I am a directory".into();
        TurnedAway { hint, source }.into()
    };
    let net = Net::with([
        ("a", Peer::new(Dial::Refuse).refusal(to_x)),
        ("x", Peer::new(Dial::Accept)),
    ]);
    let (observer, record) = recorder();
    let link = net.link(&["a"], schedule()).observer(observer);
    let link = link.initial(InitialConnect::Eager).start().await.unwrap();
    assert_eq!(net.peer("x").dials(), 1);
    assert!(record.lock().unwrap().contains(&"hinted".to_owned()));
    assert_eq!(link.oneshot("hello").await.unwrap(), 1);

    // But not in circles.
    let net = Net::with([("x", Peer::new(Dial::Refuse).refusal(to_x))]);
    let link = net.link(&["x"], schedule()).initial(InitialConnect::Eager);
    let error = link.redirects_max(2).start().await.unwrap_err();
    assert_eq!(error.kind, Kind::Closed);
    assert_eq!(net.peer("x").dials(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lazy_link_may_be_told_to_begin_before_its_first_caller() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().initial(InitialConnect::Lazy).build();
    // Its task has not run yet.
    link.reconnect_now();
    sleep(secs(1)).await;
    assert!(link.state().borrow().is_ready());
    assert_eq!(peer.dials(), 1);
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn who_fails_fast_hears_why_also_while_the_next_try_is_under_way() {
    let net = Net::new(&["a", "b"]);
    net.peer("a").set_otherwise(Dial::Refuse);
    net.peer("b").set_otherwise(Dial::Hang);
    let fatal = |error: &(dyn std::error::Error + 'static)| match error.to_string().as_str() {
        "refused" => Verdict::Failover,
        _ => Verdict::Retry,
    };
    let link = net.link(&["a", "b"], schedule()).classify(fatal);
    let link = link.failfast_after(secs(2)).build();
    let error = link.clone().oneshot("hello").await.unwrap_err();
    assert!(matches!(*link.state().borrow(), State::Connecting { .. }));
    assert_eq!((error.kind, error.sent), (Kind::Unavailable, Sent::No));
    assert_eq!((&error.endpoint, error.attempt), (&at("b"), 2));
    assert_eq!(error.source.as_ref().unwrap().to_string(), "refused");
    assert_eq!(error.to_string(), "no connection to b:7400 (try 2)");
    link.close_within(secs(0)).await;
    let error = link.oneshot("hello").await.unwrap_err();
    assert_eq!((error.kind, error.attempt), (Kind::Closed, 2));
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_was_given_up_does_not_count_towards_the_next() {
    let peer = Peer::new(Dial::Refuse);
    let mut link = peer.link().failfast_after(secs(5)).build();
    assert!(timeout(secs(1), link.ready()).await.is_err());
    // Shortly after, it is one wait in two parts.
    sleep(secs(3)).await;
    let began = Instant::now();
    link.ready().await.unwrap();
    assert_eq!(Instant::now() - began, secs(1));
    assert_eq!(
        link.call("hello").await.unwrap_err().kind,
        Kind::Unavailable
    );

    // Nor shortly after its time was up.
    assert!(timeout(secs(1), link.ready()).await.is_err());
    sleep(secs(6)).await;
    let began = Instant::now();
    link.ready().await.unwrap();
    assert_eq!(Instant::now() - began, secs(0));
    link.call("hello").await.unwrap_err();

    assert!(timeout(secs(1), link.ready()).await.is_err());
    sleep(secs(3600)).await;
    let began = Instant::now();
    link.ready().await.unwrap();
    assert_eq!(Instant::now() - began, secs(5), "a wait of its own");
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_there_are_are_no_mistake() {
    let longest = std::time::Duration::MAX;
    for dials in [&[Dial::Accept][..], &[Dial::Refuse, Dial::Refuse]] {
        let peer = Peer::new(Dial::Accept).script(dials);
        let few = schedule().take(1);
        let link = peer
            .link_with(few)
            .connect_timeout(longest)
            .failfast_after(longest)
            .retire_within(longest)
            .move_splay(longest)
            .probe_parked_every(longest)
            .build();
        sleep(secs(60)).await;
        // A successor that cannot be had, so often that the schedule ends.
        peer.set_otherwise(Dial::Refuse);
        peer.go(&Hint::default().window(longest, longest).deadline(longest));
        sleep(secs(3600)).await;
        link.set_endpoints(&targets(&["b"])).unwrap();
        peer.go(&Hint::default().deadline(secs(1)));
        sleep(secs(3600)).await;
        assert!(
            !matches!(*link.state().borrow(), State::Closed),
            "{dials:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_state_names_from_the_start_who_is_called() {
    for seed in 0..16 {
        let net = Net::new(&["a", "b", "c", "d"]);
        let list = targets(&["a", "b", "c", "d"]);
        let link = net.link_seeded(&["a"], schedule(), seed);
        let link = link.endpoints(&list, &weighted(seed)).unwrap().build();
        let said = match &*link.state().borrow() {
            State::Connecting { endpoint, .. } => endpoint.clone(),
            other => panic!("{other:?}"),
        };
        sleep(secs(1)).await;
        let called = match &*link.state().borrow() {
            State::Ready { endpoint, .. } => endpoint.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(said, called);
    }
}
