//! A link that has stopped trying says so, and can be told to go on.

use bowline_link::discovery::{Target, Targets};
use bowline_reconnect::{Hint, Kind, Sent, State, Verdict};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::fake::{Dial, Peer, endpoint, ms, recorder, schedule, secs};
use crate::net::{Net, targets};

// contract: again-5
#[tokio::test(start_paused = true)]
async fn an_exhausted_link_is_parked_in_sight_and_revived_on_request() {
    let peer = Peer::new(Dial::Refuse);
    let (observer, record) = recorder();
    let builder = peer.link_with(schedule().take(2)).observer(observer);
    let link = builder.build();
    sleep(secs(600)).await;
    assert_eq!(peer.dials(), 3);
    match &*link.state().borrow() {
        State::Parked { attempts, error } => {
            assert_eq!((*attempts, error.to_string()), (3, "refused".to_owned()));
        }
        state => panic!("{state:?}"),
    }
    let began = Instant::now();
    let error = link.clone().oneshot("hello").await.unwrap_err();
    assert_eq!(
        (error.kind, error.sent, error.attempt),
        (Kind::Parked, Sent::No, 3)
    );
    assert_eq!(Instant::now() - began, secs(5), "in case it is revived");

    peer.set_otherwise(Dial::Accept);
    link.reconnect_now();
    assert_eq!(link.oneshot("hello").await.unwrap(), 4);
    assert_eq!(
        record.lock().unwrap()[7..11],
        [
            "failed 3: refused",
            "parked after 3: refused",
            "revived",
            "connecting 1",
        ]
    );
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_revived_link_has_its_whole_schedule_again() {
    let peer = Peer::new(Dial::Refuse);
    let link = peer.link_with(schedule().take(2)).build();
    for dials in [3, 6, 9] {
        sleep(secs(600)).await;
        assert_eq!(peer.dials(), dials);
        assert!(matches!(*link.state().borrow(), State::Parked { .. }));
        link.reconnect_now();
    }
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_fatal_reason_parks_at_once_be_it_of_a_dial_or_of_a_loss() {
    let fatal = |reason: &'static str| {
        move |error: &(dyn std::error::Error + 'static)| {
            if error.to_string() == reason {
                Verdict::Fatal
            } else {
                Verdict::Retry
            }
        }
    };
    let peer = Peer::new(Dial::Refuse);
    let link = peer.link().classify(fatal("refused")).build();
    sleep(secs(600)).await;
    assert_eq!(peer.dials(), 1);
    assert!(matches!(
        *link.state().borrow(),
        State::Parked { attempts: 1, .. }
    ));

    let peer = Peer::new(Dial::Accept);
    let link = peer.link().classify(fatal("the peer hung up")).build();
    sleep(secs(1)).await;
    peer.hang_up();
    sleep(secs(600)).await;
    assert_eq!(peer.dials(), 1);
    link.reconnect_now();
    assert_eq!(link.oneshot("hello").await.unwrap(), 2);
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_request_to_reconnect_cuts_a_backoff_short_and_is_not_kept_for_another() {
    let peer = Peer::new(Dial::Accept).script(&[Dial::Refuse; 6]);
    let link = peer.link().build();
    let mut state = link.state();
    // The sixth wait is 32 s.
    state
        .wait_for(|state| matches!(state, State::Backoff { attempt: 7, .. }))
        .await
        .unwrap();
    let began = Instant::now();
    link.reconnect_now();
    assert_eq!(
        link.clone().oneshot("hello").await.unwrap(),
        7,
        "the seventh dial"
    );
    assert_eq!(Instant::now() - began, ms(100));

    for _ in 0..3 {
        link.reconnect_now();
    }
    sleep(secs(60)).await;
    assert_eq!(peer.dials(), 7);
    peer.hang_up();
    sleep(ms(900)).await;
    assert_eq!(peer.dials(), 7, "the backoff after the loss was kept");
    sleep(ms(200)).await;
    assert_eq!(peer.dials(), 8);
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_parked_link_tries_once_in_a_while_and_comes_back_by_itself() {
    let peer = Peer::new(Dial::Refuse).latency(ms(1));
    let (observer, record) = recorder();
    let link = peer.link_with(schedule().take(2));
    let link = link
        .probe_parked_every(secs(600))
        .observer(observer)
        .build();
    sleep(secs(60)).await;
    assert_eq!(peer.dials(), 3);
    sleep(secs(1900)).await;
    // At most one in 600 s and at least one, since a quarter is jitter.
    let probes = peer.dials() - 3;
    assert!((3..=4).contains(&probes), "{probes}");
    assert!(matches!(*link.state().borrow(), State::Parked { .. }));
    let slow = record
        .lock()
        .unwrap()
        .iter()
        .filter(|line| *line == "revived")
        .count();
    assert_eq!(slow, probes);

    peer.set_otherwise(Dial::Accept);
    sleep(secs(601)).await;
    link.oneshot("hello").await.unwrap();
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_link_that_is_told_never_to_probe_stays_parked() {
    let peer = Peer::new(Dial::Refuse);
    let link = peer
        .link_with(schedule().take(0))
        .probe_parked_every(None)
        .build();
    sleep(secs(1_000_000)).await;
    assert_eq!(peer.dials(), 1);
    drop(link);
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_new_list_revives_a_parked_link_after_a_splay_even_a_fatal_one() {
    for verdict in [Verdict::Fatal, Verdict::Retry] {
        let net = Net::new(&["a", "b"]);
        net.peer("a").set_otherwise(Dial::Refuse);
        let link = net.link(&["a"], schedule().take(0));
        let link = link.classify(move |_| verdict.clone()).build();
        sleep(secs(60)).await;
        assert!(matches!(*link.state().borrow(), State::Parked { .. }));
        link.set_endpoints(&targets(&["b"])).unwrap();
        link.clone().oneshot("hello").await.unwrap();
        assert_eq!(net.peer("a").dials(), 1);
    }
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_backoff_that_is_reset_begins_with_its_first_wait_again() {
    let peer = Peer::new(Dial::Refuse);
    let link = peer.link().build();
    let mut state = link.state();
    let long = |state: &State| matches!(state, State::Backoff { attempt: 7, .. });
    state.wait_for(long).await.unwrap();
    peer.set_otherwise(Dial::Accept);
    link.reset_backoff();
    let began = Instant::now();
    link.oneshot("hello").await.unwrap();
    assert_eq!(
        Instant::now() - began,
        ms(1100),
        "the first wait, and the dial"
    );

    let parked = Peer::new(Dial::Refuse);
    let link = parked.link_with(schedule().take(0)).build();
    sleep(secs(60)).await;
    parked.set_otherwise(Dial::Accept);
    link.reset_backoff();
    link.oneshot("hello").await.unwrap();
}

// contract: again-5
#[tokio::test(start_paused = true)]
async fn a_reset_while_a_connection_is_up_does_not_revive_what_is_parked_later() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().classify(|_| Verdict::Fatal).build();
    sleep(secs(60)).await;
    link.reset_backoff();
    sleep(secs(60)).await;
    peer.hang_up();
    sleep(secs(3600)).await;
    assert!(matches!(*link.state().borrow(), State::Parked { .. }));
    assert_eq!(peer.dials(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reset_cuts_the_wait_for_a_successor_short() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().build();
    sleep(secs(60)).await;
    peer.set_otherwise(Dial::Refuse);
    peer.go(&Hint::default().retry_after(secs(1)));
    // 1, 2, 4 .. 32 s, and then one of 60 s begins.
    sleep(secs(70)).await;
    let dials = peer.dials();
    peer.set_otherwise(Dial::Accept);
    link.reset_backoff();
    sleep(ms(1200)).await;
    assert_eq!(peer.dials(), dials + 1);
    assert!(matches!(
        *link.state().borrow(),
        State::Ready { epoch: 2, .. }
    ));
}

#[tokio::test(start_paused = true)]
async fn the_same_list_again_is_no_reason_to_call() {
    let peer = Peer::new(Dial::Refuse);
    let (observer, record) = recorder();
    let link = peer.link().observer(observer).build();
    for _ in 0..600 {
        sleep(secs(1)).await;
        let same = Targets::new([Target::new(endpoint())]).unwrap();
        link.set_endpoints(&same).unwrap();
    }
    assert!(peer.dials() <= 17, "{} in ten minutes", peer.dials());
    let record = record.lock().unwrap();
    assert!(!record.iter().any(|line| line.starts_with("listed")));
}

#[tokio::test(start_paused = true)]
async fn nothing_that_is_to_come_sooner_is_put_off() {
    // A backoff that is reset at its end.
    let peer = Peer::new(Dial::Refuse);
    let link = peer.link().build();
    sleep(ms(1050)).await;
    link.reset_backoff();
    sleep(secs(1)).await;
    assert_eq!(peer.gaps()[0], ms(1100));

    // A parked link whose list changes shortly before its slow probe.
    let peer = Peer::new(Dial::Refuse);
    let link = peer.link_with(schedule().take(0)).move_splay(secs(3600));
    let link = link.probe_parked_every(secs(20)).build();
    sleep(secs(10)).await;
    assert!(matches!(*link.state().borrow(), State::Parked { .. }));
    link.set_endpoints(&targets(&["b"])).unwrap();
    sleep(secs(11)).await;
    assert!(peer.dials() >= 2, "{}", peer.dials());
}
