//! What a caller may rely on: grants, wake-ups, and what an error says.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bowline_reconnect::{Error, Kind, Reconnect, Sent, State};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceExt};

use crate::fake::{Dial, Manner, Peer, Wire, ms, secs};

async fn is_ready(link: &mut Reconnect<Wire>) -> bool {
    poll_fn(|cx| match link.poll_ready(cx) {
        Poll::Ready(ready) => {
            ready.unwrap();
            Poll::Ready(true)
        }
        Poll::Pending => Poll::Ready(false),
    })
    .await
}

/// Starts `count` calls in tasks of their own.
fn calls(link: &Reconnect<Wire>, count: usize) -> JoinSet<Result<usize, Error>> {
    let mut calls = JoinSet::new();
    for _ in 0..count {
        calls.spawn(link.clone().oneshot("hello"));
    }
    calls
}

// contract: again-2, again-3
#[tokio::test(start_paused = true)]
async fn four_clones_waiting_for_one_connect_all_finish() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().build();
    let answers = timeout(secs(1), calls(&link, 4).join_all()).await.unwrap();
    assert!(answers.iter().all(|answer| matches!(answer, Ok(1))));
    assert_eq!(peer.dials(), 1);
}

// contract: again-2, again-4
#[tokio::test(start_paused = true)]
async fn five_calls_in_flight_on_a_connection_that_breaks_all_fail() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Silence);
    let link = peer.link().build();
    let calls = calls(&link, 5);
    sleep(secs(1)).await;
    assert_eq!(peer.received().len(), 5, "all are in flight");
    peer.hang_up();
    for answer in timeout(ms(1), calls.join_all()).await.unwrap() {
        let error = answer.unwrap_err();
        assert_eq!((error.kind, error.sent), (Kind::Lost, Sent::Maybe));
        assert_eq!(error.source.unwrap().to_string(), "the peer hung up");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_came_before_the_end_still_counts() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Slow);
    let mut link = peer.link().build();
    let mut call = pin!(link.ready().await.unwrap().call("hello"));
    assert!(timeout(ms(0), &mut call).await.is_err());
    sleep(ms(1001)).await;
    peer.hang_up();
    sleep(ms(1)).await;
    assert_eq!(call.await.unwrap(), 1);
}

// contract: again-2, again-3
#[tokio::test(start_paused = true)]
async fn a_hundred_handles_wait_for_one_dial_at_a_time() {
    let peer = Peer::new(Dial::Accept).script(&[Dial::Refuse, Dial::AcceptAndHangUp]);
    let link = peer.link().build();
    let answers = timeout(secs(5), calls(&link, 100).join_all())
        .await
        .unwrap();
    let served = answers.iter().filter(|answer| answer.is_ok()).count();
    let unsent = answers
        .iter()
        .filter(|answer| matches!(answer, Err(error) if error.sent == Sent::No));
    assert_eq!(served + unsent.count(), 100);
    assert!(served > 0);
    assert_eq!((peer.dials(), peer.dialing_max()), (3, 1));
}

// contract: again-1, again-4
#[tokio::test(start_paused = true)]
async fn a_grant_lasts_while_every_dial_fails() {
    let peer = Peer::new(Dial::Refuse);
    let mut link = peer.link().build();
    let began = Instant::now();
    timeout(secs(60), link.ready()).await.unwrap().unwrap();
    assert_eq!(Instant::now() - began, secs(5), "fails fast, not faster");
    for _ in 0..60 {
        assert!(is_ready(&mut link).await);
        sleep(secs(1)).await;
    }
    let error = link.call("hello").await.unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Unavailable, Sent::No));
    assert_eq!(error.source.unwrap().to_string(), "refused");
    assert!(!is_ready(&mut link).await, "one grant, one call");
}

// contract: again-1, again-4
#[tokio::test(start_paused = true)]
async fn a_grant_outlives_its_connection_and_the_call_was_not_sent() {
    let peer = Peer::new(Dial::Refuse).script(&[Dial::Accept]);
    let mut link = peer.link().build();
    link.ready().await.unwrap();
    peer.hang_up();
    sleep(ms(10)).await;
    assert!(is_ready(&mut link).await);
    let error = link.call("hello").await.unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Lost, Sent::No));
    assert!(peer.received().is_empty());
}

// contract: again-1
#[tokio::test(start_paused = true)]
async fn a_worthless_grant_is_exchanged_when_the_link_is_back() {
    let peer = Peer::new(Dial::Refuse);
    let mut refused = peer.link().build();
    timeout(secs(60), refused.ready()).await.unwrap().unwrap();
    peer.set_otherwise(Dial::Accept);
    sleep(secs(60)).await;
    assert!(is_ready(&mut refused).await);
    let first = refused.call("hello").await.unwrap();

    refused.ready().await.unwrap();
    peer.hang_up();
    sleep(secs(120)).await;
    assert!(is_ready(&mut refused).await);
    assert_eq!(refused.call("again").await.unwrap(), first + 1);
}

// contract: again-1
#[tokio::test(start_paused = true)]
async fn an_unwilling_service_costs_its_connection_and_not_the_handle() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Unwilling);
    let mut link = peer.link().build();
    {
        let mut ready = pin!(link.ready());
        assert!(timeout(ms(500), &mut ready).await.is_err());
        peer.set_manner(Manner::Answer);
        ready.await.unwrap();
    }
    assert_eq!(link.call("hello").await.unwrap(), 2);
}

// contract: again-1
#[tokio::test(start_paused = true)]
async fn a_busy_service_may_take_its_time_but_not_after_its_death() {
    let peer = Peer::new(Dial::Refuse)
        .script(&[Dial::Accept])
        .manner(Manner::Busy);
    let mut link = peer.link().build();
    assert!(timeout(secs(60), link.ready()).await.is_err());
    peer.hang_up();
    let died = Instant::now();
    sleep(ms(1)).await;
    assert!(!is_ready(&mut link).await);
    assert_eq!(peer.services(), 0, "nobody holds on to the dead");
    timeout(secs(6), link.ready()).await.unwrap().unwrap();
    assert_eq!(Instant::now() - died, ms(5001));
    assert_eq!(
        link.call("hello").await.unwrap_err().kind,
        Kind::Unavailable
    );
}

#[tokio::test(start_paused = true)]
async fn a_zero_wait_fails_at_once_and_never_waits() {
    let peer = Peer::new(Dial::Hang);
    let link = peer.link().failfast_after(ms(0)).build();
    let began = Instant::now();
    let error = link.oneshot("hello").await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable);
    assert_eq!(Instant::now(), began);
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn a_failed_call_leaves_the_connection_alone() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Fail);
    let mut link = peer.link().build();
    let error = link.ready().await.unwrap().call("hello").await.unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Inner, Sent::Maybe));
    assert_eq!(error.source.unwrap().to_string(), "no such room");

    peer.set_manner(Manner::FailUnsent);
    let error = link.ready().await.unwrap().call("hello").await.unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Inner, Sent::No));

    peer.set_manner(Manner::Answer);
    assert_eq!(link.oneshot("hello").await.unwrap(), 1);
    assert_eq!(peer.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_reach_the_connection_in_the_order_they_were_made() {
    let peer = Peer::new(Dial::Accept);
    let mut link = peer.link().build();
    let mut other = link.clone();
    let first = link.ready().await.unwrap().call("first");
    let second = other.ready().await.unwrap().call("second");
    second.await.unwrap();
    first.await.unwrap();
    assert_eq!(peer.received(), ["1: first", "1: second"]);
}

// contract: again-1, again-2
#[tokio::test(start_paused = true)]
async fn closing_ends_every_wait_and_every_call() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Silence);
    let mut link = peer.link().build();
    let mut granted = link.clone();
    let in_flight = calls(&link, 3);
    sleep(secs(1)).await;
    granted.ready().await.unwrap();
    peer.set_manner(Manner::Busy);
    let waiting = calls(&link, 3);
    sleep(secs(1)).await;

    link.close();
    for answer in timeout(ms(1), in_flight.join_all()).await.unwrap() {
        let error = answer.unwrap_err();
        assert_eq!((error.kind, error.sent), (Kind::Closed, Sent::Maybe));
    }
    for answer in timeout(ms(1), waiting.join_all()).await.unwrap() {
        let error = answer.unwrap_err();
        assert_eq!((error.kind, error.sent), (Kind::Closed, Sent::No));
    }
    assert_eq!(granted.call("late").await.unwrap_err().kind, Kind::Closed);
    assert_eq!(link.ready().await.err().unwrap().kind, Kind::Closed);
    assert!(matches!(*link.state().borrow(), State::Closed));
    assert_eq!(peer.received().len(), 3, "nothing was sent after the end");
}

#[tokio::test(start_paused = true)]
async fn a_handle_waits_without_spinning() {
    let peer = Peer::new(Dial::Refuse);
    let mut link = peer.link().build();
    let mut polls = 0;
    let ready = poll_fn(|cx| {
        polls += 1;
        assert!(polls < 10, "a hot loop");
        link.poll_ready(cx)
    });
    timeout(secs(6), ready).await.unwrap().unwrap();
}

// contract: again-1
#[tokio::test(start_paused = true)]
async fn an_outage_counts_from_its_own_start() {
    // Four seconds of waiting for a connection, then one that is busy for three.
    let peer = Peer::new(Dial::Refuse).latency(secs(4));
    let peer = peer.script(&[Dial::Accept]).manner(Manner::Busy);
    let mut link = peer.link().build();
    assert!(timeout(secs(7), link.ready()).await.is_err());
    peer.hang_up();
    let died = Instant::now();
    link.ready().await.unwrap();
    assert_eq!(Instant::now() - died, secs(5));
}

// contract: again-4, again-10
#[tokio::test(start_paused = true)]
async fn who_gives_up_while_an_attempt_hangs_is_told_what_became_of_the_one_before() {
    let peer = Peer::new(Dial::Hang).script(&[Dial::Hang, Dial::Refuse, Dial::Hang, Dial::Accept]);
    let link = peer.link().failfast_after(secs(2)).build();
    let first = link.clone().oneshot("hello").await.unwrap_err();
    assert_eq!(
        (first.attempt, first.source.is_none()),
        (1, true),
        "nothing has failed"
    );

    let hangs = async |attempt| {
        let mut state = link.state();
        let hangs = |state: &State| matches!(state, State::Connecting { attempt: of, .. } if *of == attempt);
        state.wait_for(hangs).await.unwrap();
        sleep(secs(1)).await;
        link.clone().oneshot("hello").await.unwrap_err()
    };
    let second = hangs(3).await;
    assert_eq!((second.kind, second.attempt), (Kind::Unavailable, 3));
    assert_eq!(second.source.unwrap().to_string(), "refused");

    let mut state = link.state();
    state.wait_for(State::is_ready).await.unwrap();
    sleep(secs(60)).await;
    peer.hang_up();
    let third = hangs(1).await;
    assert_eq!(third.source.unwrap().to_string(), "the peer hung up");
}
