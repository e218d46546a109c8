//! Two reasons to leave a connection at once: neither is forgotten for the other, and
//! no server is called without a pause for want of one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bowline_link::BoxError;
use bowline_policy::endpoints::{Choice, Failback, Maker, Settings};
use bowline_reconnect::{Hint, Reason, Reconnect, Resumption, State, TurnedAway, Unauthorized};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::fake::{Dial, Peer, Wire, ms, recorder, schedule, secs};
use crate::net::{Net, Wall, at, targets};

async fn up_at(link: &Reconnect<Wire>, name: &'static str) {
    let mut state = link.state();
    let up =
        |state: &State| matches!(state, State::Ready { endpoint, .. } if *endpoint == at(name));
    let up = state.wait_for(up);
    timeout(secs(600), up).await.expect(name).unwrap();
}

fn sets() -> Maker {
    let failback = Failback::new(secs(60), secs(30), secs(10)).unwrap();
    Maker::new(Settings::new(Choice::Ordered).failback(failback), 5)
}

// contract: again-6, again-9
#[tokio::test(start_paused = true)]
async fn a_better_endpoint_that_does_not_want_us_is_not_called_without_a_pause() {
    type Case = (fn() -> BoxError, (usize, usize));
    // Between two visits there are seven probes of ten seconds.
    let cases: [Case; 3] = [
        (
            || {
                let hint = Hint::default().retry_after(secs(120));
                let source = "in maintenance".into();
                TurnedAway { hint, source }.into()
            },
            (20, 45),
        ),
        (|| Unauthorized("who are you?".into()).into(), (8, 16)),
        (|| "the wrong version".into(), (200, 500)),
    ];
    for (refusal, expected) in cases {
        let net = Net::new(&["a", "b"]);
        net.peer("a").set_otherwise(Dial::Refuse);
        let (observer, record) = recorder();
        let link = net.link(&["a", "b"], schedule());
        // Who compares clocks looks every five seconds; that is no reason to call.
        let link = link
            .endpoints(&targets(&["a", "b"]), &sets())
            .unwrap()
            .wall_clock(Wall::new())
            .observer(observer)
            .on_session(move |_, context| async move {
                match context.endpoint == at("a") {
                    true => Err(refusal()),
                    false => Ok(Resumption::Fresh),
                }
            })
            .build();
        up_at(&link, "b").await;
        // It can be reached again, so it seems well to who only connects.
        net.peer("a").set_otherwise(Dial::Accept);
        sleep(secs(3600)).await;
        let dials = net.peer("a").dials();
        let (least, most) = expected;
        assert!(dials >= least, "it is still looked at: {dials}");
        assert!(dials <= most, "{dials} in an hour: {}", refusal());
        let hinted = record.lock().unwrap().contains(&"hinted".to_owned());
        assert_eq!(hinted, refusal().is::<TurnedAway>());
    }
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_notice_that_comes_while_a_better_endpoint_is_tried_is_not_forgotten() {
    let net = Net::new(&["a", "b"]);
    net.peer("a").set_otherwise(Dial::Refuse);
    let (observer, record) = recorder();
    let sessions = Arc::new(AtomicUsize::new(0));
    let link = net.link(&["a", "b"], schedule()).observer(observer);
    let link = link
        .endpoints(&targets(&["a", "b"]), &sets())
        .unwrap()
        .on_session(move |_, context| {
            let first = context.endpoint == at("a") && sessions.fetch_add(1, Ordering::SeqCst) < 1;
            async move {
                sleep(secs(2)).await;
                match first {
                    true => Err("not yet".into()),
                    false => Ok(Resumption::Fresh),
                }
            }
        });
    let link = link.build();
    up_at(&link, "b").await;
    let mut events = link.events();
    net.peer("a").set_otherwise(Dial::Accept);
    loop {
        let told = events.next().await.unwrap();
        if let bowline_reconnect::Event::Connecting { reason, .. } = told.event {
            assert_eq!(reason, Reason::Better);
            break;
        }
    }
    sleep(secs(1)).await;
    net.peer("b").go(&Hint::default().window(secs(1), secs(1)));
    // Sooner than `a` could be preferred again.
    let moved = timeout(secs(40), up_at(&link, "a")).await;
    let record = record.lock().unwrap();
    moved.unwrap_or_else(|_| panic!("{record:?}"));
    assert!(
        record.contains(&"failed 1: not yet".to_owned()),
        "{record:?}"
    );
    let drained = record.iter().any(|line| line.ends_with("beside: Drain"));
    assert!(drained, "{record:?}");
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn a_link_whose_endpoint_left_the_list_moves_whatever_else_happens() {
    for leap_after in [ms(0), secs(5), secs(6)] {
        let (net, wall) = (Net::new(&["a", "b"]), Wall::new());
        net.peer("a").set_healthy(true);
        let link = net.link(&["a"], schedule()).wall_clock(wall.clone());
        let link = link.move_splay(secs(60)).build();
        up_at(&link, "a").await;
        sleep(secs(20)).await;
        if leap_after.is_zero() {
            // The leap is noticed, and the check runs, when the list changes.
            wall.leap(secs(600));
            sleep(secs(4)).await;
        }
        link.set_endpoints(&targets(&["b"])).unwrap();
        sleep(leap_after).await;
        wall.leap(secs(600));
        timeout(secs(120), up_at(&link, "b")).await.unwrap();
    }
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_server_that_sends_away_whom_it_let_in_is_called_ever_less_often() {
    let hints = [
        Hint::default(),
        Hint::default().deadline(secs(0)),
        Hint::default().retry_after(secs(0)),
        Hint::default().window(secs(0), secs(1)).deadline(ms(1)),
    ];
    for hint in hints {
        let peer = Peer::new(Dial::Accept);
        let link = peer.link().build();
        let mut server = JoinSet::new();
        let sends = (peer.clone(), hint.clone());
        server.spawn(async move {
            loop {
                sends.0.go(&sends.1);
                sleep(ms(10)).await;
            }
        });
        sleep(secs(600)).await;
        let dials = peer.dials();
        assert!(dials <= 20, "{dials} in ten minutes of {hint:?}");
        assert!(dials >= 10, "{dials} in ten minutes of {hint:?}");
        drop(link);
    }
}

// contract: again-6, again-9
#[tokio::test(start_paused = true)]
async fn who_turns_us_away_does_not_keep_us_from_a_standby() {
    let hints = [
        Hint::default(),
        Hint::default().retry_after(secs(2)),
        Hint::default().redirect(at("a")),
    ];
    for hint in hints {
        let net = Net::new(&["a", "b"]);
        let link = net.link(&["a", "b"], schedule());
        let link = link.endpoints(&targets(&["a", "b"]), &sets()).unwrap();
        let link = link.on_session(move |_, context| {
            let (hint, source) = (hint.clone(), "busy".into());
            async move {
                match context.endpoint == at("a") {
                    true => Err(TurnedAway { hint, source }.into()),
                    false => Ok(Resumption::Fresh),
                }
            }
        });
        let link = link.build();
        timeout(secs(60), up_at(&link, "b")).await.unwrap();
    }
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn servers_that_restart_one_after_the_other_are_each_left_in_time() {
    let hint = Hint::default().window(secs(0), ms(500)).deadline(ms(2500));
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().build();
    sleep(secs(60)).await;
    for _ in 0..4 {
        peer.go(&hint);
        sleep(ms(1500)).await;
    }
    let (first, others) = peer
        .gaps()
        .split_first()
        .map(|(a, b)| (*a, b.to_vec()))
        .unwrap();
    assert!(first <= secs(62), "{first:?}");
    assert!(others.iter().all(|gap| *gap <= secs(3)), "{others:?}");
    assert_eq!(others.len(), 3);
    drop(link);
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_server_that_closes_at_once_is_not_called_back_by_all_in_one_moment() {
    // By when, and when all have left who are to have some time for it.
    for (deadline, left) in [(ms(0), secs(1)), (ms(1500), ms(1500)), (secs(4), secs(2))] {
        let mut moved = std::collections::BTreeSet::new();
        for seed in 0..16 {
            let net = Net::new(&["a"]);
            let link = net.link_seeded(&["a"], schedule(), seed).build();
            sleep(secs(60)).await;
            net.peer("a").go(&Hint::default().deadline(deadline));
            sleep(secs(5)).await;
            moved.insert(net.peer("a").gaps()[0]);
            drop(link);
        }
        assert!(moved.len() > 12, "{deadline:?}: {moved:?}");
        let (first, last) = (moved.first().unwrap(), moved.last().unwrap());
        assert!(*last - *first > ms(150), "{deadline:?}: {moved:?}");
        assert!(*last <= secs(60) + left, "{deadline:?}: {moved:?}");
    }
}

// contract: again-9
#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asked_for_outlasts_a_new_list_and_a_short_sleep() {
    let busy = || -> BoxError {
        let hint = Hint::default().retry_after(secs(60));
        let source = "busy".into();
        TurnedAway { hint, source }.into()
    };
    // Somebody else may be called meanwhile.
    let net = Net::new(&["a", "b"]);
    let peer = net.peer("a").clone().script(&[Dial::Refuse]).refusal(busy);
    let link = net.link(&["a"], schedule()).build();
    sleep(secs(5)).await;
    let began = Instant::now();
    link.set_endpoints(&targets(&["a", "b"])).unwrap();
    up_at(&link, "b").await;
    assert!(Instant::now() - began <= secs(6));
    assert_eq!(peer.dials(), 1);

    // Where it sends us counts from when it said.
    let elsewhere = || -> BoxError {
        let hint = Hint::default().redirect(at("x")).retry_after(secs(60));
        let source = "busy".into();
        TurnedAway { hint, source }.into()
    };
    let net = Net::new(&["a", "b", "x"]);
    let a = net.peer("a").clone();
    let _scripted = a.script(&[Dial::Refuse]).refusal(elsewhere);
    let link = net.link(&["a"], schedule()).build();
    let began = Instant::now();
    sleep(secs(5)).await;
    link.set_endpoints(&targets(&["a", "b"])).unwrap();
    up_at(&link, "x").await;
    assert!(Instant::now() - began >= secs(60));

    // The same server may not, though the list has changed.
    let net = Net::new(&["a", "b"]);
    let peer = net.peer("a").clone().script(&[Dial::Refuse]).refusal(busy);
    let link = net.link(&["a", "b"], schedule()).build();
    sleep(secs(5)).await;
    link.set_endpoints(&targets(&["a"])).unwrap();
    up_at(&link, "a").await;
    assert!(peer.gaps()[0] >= secs(60), "{:?}", peer.gaps());

    // Nor for the time of a sleep that was shorter than the wait.
    for (slept, least, most) in [(20, 40, 58), (600, 5, 20)] {
        let wall = Wall::new();
        let peer = Peer::new(Dial::Accept)
            .script(&[Dial::Refuse])
            .refusal(busy);
        let link = peer.link().wall_clock(wall.clone()).build();
        sleep(secs(5)).await;
        wall.leap(secs(slept));
        let mut state = link.state();
        state.wait_for(State::is_ready).await.unwrap();
        let waited = peer.gaps()[0];
        assert!(waited >= secs(least), "slept {slept}: {waited:?}");
        assert!(waited <= secs(most), "slept {slept}: {waited:?}");
    }
}
