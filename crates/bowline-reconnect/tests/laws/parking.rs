//! A link that has stopped trying says so, and can be told to go on.

use bowline_reconnect::{Kind, Sent, State, Verdict};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::fake::{Dial, Peer, ms, recorder, schedule, secs};

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
