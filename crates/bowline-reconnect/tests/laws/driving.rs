//! When a link dials, when it notices a death, and when it ends.

use bowline_link::breaker::{BreakerLayer, Breakers};
use bowline_policy::backoff::{Maker, Schedule};
use bowline_policy::breaker;
use bowline_reconnect::{ConnectTimeout, Kind, Reconnect, ReconnectLayer, Resumption, State, Step};
use tokio::time::{Instant, sleep, timeout};
use tower::{Layer, ServiceExt};

use crate::fake::{Dial, Manner, Peer, endpoint, ms, recorder, schedule, secs};

// contract: backoff-4
#[tokio::test(start_paused = true)]
async fn a_peer_that_accepts_and_hangs_up_is_asked_ever_less_often() {
    let peer = Peer::new(Dial::AcceptAndHangUp).latency(ms(1));
    let link = peer.link().build();
    sleep(secs(200)).await;
    let gaps: Vec<_> = peer.gaps().iter().map(|gap| gap.as_millis()).collect();
    assert_eq!(gaps, [1001, 2001, 4001, 8001, 16001, 32001, 60001, 60001]);
    drop(link);
}

// contract: backoff-4
#[tokio::test(start_paused = true)]
async fn only_a_stable_connection_that_was_heard_from_starts_the_backoff_over() {
    for (heard, next) in [(None, 1), (Some(true), 1), (Some(false), 8)] {
        let peer = Peer::new(Dial::Accept).script(&[Dial::Refuse; 3]);
        let peer = match heard {
            Some(heard) => peer.heard(heard),
            None => peer,
        };
        let link = peer.link().failfast_after(secs(60)).build();
        link.clone().oneshot("hello").await.unwrap();
        sleep(secs(30)).await;
        peer.hang_up();
        sleep(ms(1)).await;
        let state = link.state().borrow().clone();
        let State::Backoff { delay, .. } = state else {
            panic!("{state:?}");
        };
        assert_eq!(delay, secs(next), "heard: {heard:?}");
    }
}

// contract: again-3
#[tokio::test(start_paused = true)]
async fn a_death_is_noticed_while_nobody_calls() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().build();
    let mut state = link.state();
    sleep(secs(60)).await;
    peer.hang_up();
    let back = state.wait_for(|state| matches!(state, State::Ready { epoch: 2, .. }));
    timeout(secs(5), back).await.unwrap().unwrap();
    assert_eq!(link.oneshot("hello").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_first_retry_after_a_loss_waits_its_splayed_delay() {
    let splayed = || {
        let schedule = Schedule::exponential(secs(1), secs(30)).unwrap();
        schedule.splay(secs(3)).unwrap()
    };
    let peer = Peer::new(Dial::Accept).latency(ms(0));
    let link = peer.link_with(splayed()).build();
    sleep(secs(60)).await;
    peer.hang_up();
    sleep(secs(30)).await;
    let delay = Maker::new(splayed(), 7)
        .session()
        .next_delay(Instant::now().into_std())
        .unwrap();
    let waited = peer.gaps()[0] - secs(60);
    // The timer counts in milliseconds.
    assert!(waited >= delay && waited <= delay + ms(2), "{waited:?}");
    drop(link);
}

#[tokio::test(start_paused = true)]
async fn two_links_of_one_layer_do_not_retry_in_step() {
    let schedule = Schedule::exponential(secs(1), secs(30)).unwrap();
    let layer = ReconnectLayer::new(endpoint(), Maker::new(schedule, 1))
        .configure(|link| link.failfast_after(secs(1)));
    let peers = [Peer::new(Dial::Refuse), Peer::new(Dial::Refuse)];
    let links = [0, 1].map(|i: usize| layer.layer(peers[i].connector()));
    sleep(secs(60)).await;
    assert_ne!(peers[0].gaps(), peers[1].gaps());
    drop(links);
}

// contract: again-3
#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_given_up_before_the_next_begins() {
    let peer = Peer::new(Dial::Accept).script(&[Dial::Hang]);
    let link = peer.link().connect_timeout(secs(3)).build();
    sleep(ms(3500)).await;
    let State::Backoff { error, .. } = link.state().borrow().clone() else {
        panic!("{link:?}");
    };
    let error = error.downcast_ref::<ConnectTimeout>().unwrap();
    assert_eq!((error.limit, error.step), (secs(3), Step::Connect));
    link.oneshot("hello").await.unwrap();
    assert_eq!((peer.dials(), peer.dialing_max()), (2, 1));
}

// contract: again-10
#[tokio::test(start_paused = true)]
async fn each_turn_of_a_link_is_told_in_order() {
    let peer = Peer::new(Dial::Accept).script(&[Dial::Refuse]);
    let (observer, record) = recorder();
    let link = peer.link().observer(observer).build();
    sleep(secs(2)).await;
    peer.hang_up();
    sleep(secs(4)).await;
    link.close();
    sleep(ms(1)).await;
    assert_eq!(
        *record.lock().unwrap(),
        [
            "connecting 1",
            "failed 1: refused",
            "backing off 1s for 2",
            "connecting 2",
            "connected 1 at 2 in 100ms Fresh",
            "lost 1 after 800ms Died: the peer hung up",
            "backing off 2s for 3",
            "connecting 3",
            "connected 2 at 3 in 100ms Fresh",
            "lost 2 after 1.9s LinkClosed: we closed the link",
            "closed Asked",
        ]
    );
}

// contract: again-10
#[tokio::test(start_paused = true)]
async fn the_state_says_what_the_link_waits_for_and_why() {
    let peer = Peer::new(Dial::Accept).script(&[Dial::Refuse]);
    let link = peer.link().build();
    let state = link.state();
    assert!(matches!(
        *state.borrow(),
        State::Connecting { attempt: 1, .. }
    ));
    sleep(ms(200)).await;
    match &*state.borrow() {
        State::Backoff {
            until,
            delay,
            attempt,
            error,
        } => {
            assert_eq!(*until - Instant::now(), ms(900));
            assert_eq!((*delay, *attempt), (secs(1), 2));
            assert_eq!(error.to_string(), "refused");
        }
        state => panic!("{state:?}"),
    }
    sleep(secs(2)).await;
    let expected = Resumption::Fresh;
    assert!(
        matches!(*state.borrow(), State::Ready { epoch: 1, resumption, .. } if resumption == expected)
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_the_link_whatever_it_was_doing() {
    // 0 ms: never polled; then connecting, up, in backoff, connecting again, and
    // so on: every await of the driver is passed on the way.
    for at in (0..6000).step_by(50) {
        let peer = Peer::new(Dial::AcceptAndHangUp).script(&[Dial::Refuse, Dial::Accept]);
        let (observer, record) = recorder();
        let builder = peer
            .link()
            .observer(observer)
            .on_session(|wire, _| async move {
                sleep(ms(200)).await;
                drop(wire);
                Ok(Resumption::Fresh)
            });
        let link = builder.build();
        let mut state = link.state();
        if at > 0 {
            sleep(ms(at)).await;
        }
        drop((link.clone(), link));
        let closed = state.wait_for(|state| matches!(state, State::Closed));
        timeout(ms(1), closed).await.unwrap().unwrap();
        assert_eq!((peer.services(), peer.dialing()), (0, 0), "at {at} ms");

        let dials = peer.dials();
        sleep(secs(300)).await;
        assert_eq!(peer.dials(), dials, "at {at} ms");
        assert_eq!(record.lock().unwrap().last().unwrap(), "closed Released");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_in_flight_keeps_the_link_when_its_handles_are_gone() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Silence);
    let link = peer.link().build();
    let mut state = link.state();
    let call = link.oneshot("hello");
    assert!(timeout(secs(60), call).await.is_err());
    let closed = state.wait_for(|state| matches!(state, State::Closed));
    timeout(ms(1), closed).await.unwrap().unwrap();
    assert_eq!(peer.received(), ["1: hello"]);
}

// contract: again-2
#[tokio::test(start_paused = true)]
async fn a_panic_in_the_hook_closes_the_link_instead_of_hanging_its_callers() {
    let peer = Peer::new(Dial::Accept);
    let (observer, record) = recorder();
    let builder = peer.link().observer(observer);
    let link = builder
        .on_session(|_, _| async {
            sleep(ms(10)).await;
            panic!("a mistake in the hook")
        })
        .build();
    let error = timeout(secs(1), link.oneshot("hello")).await.unwrap();
    assert_eq!(error.unwrap_err().kind, Kind::Closed);
    assert_eq!(record.lock().unwrap().last().unwrap(), "closed Panicked");
}

#[tokio::test(start_paused = true)]
async fn a_handle_is_send_and_sync_where_its_service_is() {
    fn check<T: Send + Sync>(_: &T) {}
    let link = Peer::new(Dial::Accept).link_with(schedule()).build();
    check(&link);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_hangs_is_a_failure_to_a_breaker_in_the_connector() {
    let peer = Peer::new(Dial::Hang);
    let settings = breaker::Settings::new(2).unwrap();
    let breakers = Breakers::for_all(&breaker::Maker::new(settings, 1));
    let connector = BreakerLayer::new(breakers.clone()).layer(peer.connector());
    let maker = Maker::new(schedule(), 1);
    let link = Reconnect::builder(connector, endpoint(), &maker).connect_timeout(secs(3));
    let link = link.build();
    sleep(secs(8)).await;
    let state = breakers.state(&endpoint());
    assert!(
        matches!(state, Some(breaker::State::Open { .. })),
        "{state:?}"
    );
    drop(link);
}
