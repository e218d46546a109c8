//! What a link does about a failure, by its cause.

use std::io::{self, ErrorKind};
use std::time::Duration;

use bowline_policy::backoff::Schedule;
use bowline_policy::heartbeat::Death;
use bowline_reconnect::{Hint, Kind, State, TurnedAway, Unauthorized, Verdict};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::fake::{Dial, Peer, ms, recorder, schedule, secs};
use crate::net::{Net, at};

/// Its delays are 2 to 8 s, then 2 to 16 s.
fn jittered() -> Schedule {
    Schedule::exponential(secs(8), secs(64)).unwrap()
}

/// The first two waits of a link, for each of many seeds.
async fn waits(peer: impl Fn() -> Peer, hang_up_at: Option<Duration>) -> Vec<[Duration; 2]> {
    let mut waits = Vec::new();
    for seed in 0..24 {
        let net = Net::with([("a", peer())]);
        let link = net.link_seeded(&["a"], jittered(), seed);
        let link = link.connect_timeout(secs(1)).build();
        if let Some(after) = hang_up_at {
            sleep(after).await;
            net.peer("a").set_otherwise(Dial::Refuse);
            net.peer("a").hang_up();
        }
        let mut state = link.state();
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let backoff = state.wait_for(|state| matches!(state, State::Backoff { .. }));
            if let State::Backoff { delay, .. } = &*backoff.await.unwrap() {
                seen.push(*delay);
            }
            state.changed().await.unwrap();
        }
        waits.push([seen[0], seen[1]]);
    }
    waits
}

#[tokio::test(start_paused = true)]
async fn a_time_out_is_tried_again_at_once_but_splayed_and_then_ever_later() {
    let waits = waits(|| Peer::new(Dial::Hang), None).await;
    assert!(waits.iter().all(|[first, _]| *first <= secs(8)));
    assert!(waits.iter().any(|[first, _]| *first < secs(1)), "{waits:?}");
    assert!(waits.iter().any(|[first, _]| *first > secs(3)), "{waits:?}");
    let grown = waits.iter().map(|[_, second]| *second);
    assert!(grown.clone().all(|second| second >= secs(2)));
    assert!(grown.max() > Some(secs(8)));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_fell_silent_is_called_again_fast() {
    let silent = || {
        Peer::new(Dial::Accept).death(|| {
            let (silent, allowed) = (secs(35), secs(35));
            let death = Death::Silence { silent, allowed };
            io::Error::new(ErrorKind::TimedOut, death).into()
        })
    };
    let waits = waits(silent, Some(secs(60))).await;
    assert!(waits.iter().any(|[first, _]| *first < secs(1)), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_turns_us_away_is_left_alone_for_the_backoff() {
    let busy = || {
        Peer::new(Dial::Refuse).refusal(|| {
            let (hint, source) = (Hint::default(), "busy".into());
            TurnedAway { hint, source }.into()
        })
    };
    let waits = waits(busy, None).await;
    assert!(
        waits.iter().all(|[first, _]| *first >= secs(2)),
        "{waits:?}"
    );
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn who_cannot_be_reached_has_a_standby_which_is_called_without_waiting() {
    let refused = || io::Error::from(ErrorKind::ConnectionRefused).into();
    let dead = || Peer::new(Dial::Refuse).refusal(refused);
    let net = Net::with([("a", dead()), ("b", dead()), ("c", Peer::new(Dial::Accept))]);
    let schedule = Schedule::exponential(secs(20), secs(60)).unwrap();
    let link = net.link(&["a", "b", "c"], schedule);
    let link = link.failfast_after(secs(60)).build();
    let began = Instant::now();
    link.clone().oneshot("hello").await.unwrap();
    // One wait before the first standby, drawn from nothing to 20 s as everybody
    // heard of it together; then at most the floor of the schedule.
    assert!(
        Instant::now() - began < secs(26),
        "the backoff was waited out"
    );
    assert!(
        matches!(&*link.state().borrow(), State::Ready { endpoint, .. } if *endpoint == at("c"))
    );
    let dials = ["a", "b", "c"].map(|name| net.peer(name).dials());
    assert_eq!(dials, [1, 1, 1]);
}

// contract: again-6
#[tokio::test(start_paused = true)]
async fn when_all_were_tried_in_vain_the_backoff_is_waited() {
    let refused = || io::Error::from(ErrorKind::ConnectionRefused).into();
    let dead = || Peer::new(Dial::Refuse).refusal(refused).latency(ms(1));
    let net = Net::with([("a", dead()), ("b", dead())]);
    let link = net.link(&["a", "b"], schedule()).build();
    sleep(secs(200)).await;
    let dials = net.peer("a").dials() + net.peer("b").dials();
    // Rounds of two after 1, 2, 4 .. 60 s: eight in that time, and not hundreds.
    assert!((12..=20).contains(&dials), "{dials} dials");
    drop(link);
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn bad_credentials_park_the_link_and_are_a_security_event() {
    let peer = Peer::new(Dial::Refuse).refusal(|| Unauthorized("token expired".into()).into());
    let (observer, record) = recorder();
    let link = peer.link().observer(observer).build();
    // Far longer than a slow probe would take: those are for others.
    sleep(secs(48 * 3600)).await;
    assert_eq!(peer.dials(), 1, "asking again looks like an attack");
    assert_eq!(
        record.lock().unwrap()[1..],
        [
            "failed 1: the peer does not accept our credentials",
            "unauthorized: the peer does not accept our credentials",
            "parked after 1: the peer does not accept our credentials",
        ]
    );
    let error = link.clone().oneshot("hello").await.unwrap_err();
    assert_eq!(error.kind, Kind::Parked);
    peer.set_otherwise(Dial::Accept);
    link.reconnect_now();
    link.oneshot("hello").await.unwrap();
}

// contract: again-5, again-6
#[tokio::test(start_paused = true)]
async fn who_does_not_prove_its_name_is_a_security_event_has_a_standby_and_is_called_again() {
    let judge = |_: &(dyn std::error::Error + 'static)| Verdict::Unproven;
    let net = Net::new(&["a", "b"]);
    net.peer("a").set_otherwise(Dial::Refuse);
    let (observer, record) = recorder();
    let link = net.link(&["a", "b"], schedule()).observer(observer);
    let link = link.classify(judge).build();
    link.clone().oneshot("hello").await.unwrap();
    let dials = ["a", "b"].map(|name| net.peer(name).dials());
    assert_eq!(dials, [1, 1]);
    assert_eq!(
        record.lock().unwrap()[1..3],
        ["failed 1: refused", "unproven: refused"]
    );

    let peer = Peer::new(Dial::Refuse).latency(ms(1));
    let link = peer
        .link()
        .classify(judge)
        .failfast_after(secs(200))
        .build();
    // 1, 2, 4 .. 60 s between: it is neither left for good nor asked in a hurry.
    sleep(secs(100)).await;
    assert_eq!(peer.dials(), 7);
    peer.set_otherwise(Dial::Accept);
    link.oneshot("hello").await.unwrap();
}
