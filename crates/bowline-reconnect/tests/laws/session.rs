//! The session hook: before user traffic, or no user traffic.

use std::sync::{Arc, Mutex};

use bowline_link::BoxError;
use bowline_reconnect::{ConnectTimeout, Resumption, State, Step};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt};

use crate::fake::{Dial, Peer, Wire, ms, recorder, secs};

// contract: again-8
#[tokio::test(start_paused = true)]
async fn the_hook_runs_before_user_traffic_on_every_connection() {
    let peer = Peer::new(Dial::Accept);
    let link = peer
        .link()
        .on_session(|mut wire: Wire, _| async move {
            wire.ready().await?.call("join").await?;
            sleep(ms(500)).await;
            wire.call("joined").await?;
            Ok(Resumption::Fresh)
        })
        .build();
    for call in ["one", "two"] {
        let mut waiting = JoinSet::new();
        waiting.spawn(link.clone().oneshot(call));
        waiting.join_all().await.pop().unwrap().unwrap();
        peer.hang_up();
        sleep(ms(1)).await;
    }
    assert_eq!(
        peer.received(),
        [
            "1: join",
            "1: joined",
            "1: one",
            "2: join",
            "2: joined",
            "2: two"
        ]
    );
}

// contract: again-8
#[tokio::test(start_paused = true)]
async fn a_failing_hook_fails_the_attempt_and_waits_the_backoff() {
    let peer = Peer::new(Dial::Accept);
    let (observer, record) = recorder();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let contexts = Arc::clone(&seen);
    let builder = peer.link().observer(observer);
    let link = builder
        .on_session(move |_, context| {
            contexts
                .lock()
                .unwrap()
                .push((context.epoch, context.attempt));
            async move {
                match context.epoch {
                    1 => Err(BoxError::from("no such room")),
                    2 => Ok(Resumption::Fresh),
                    _ => Ok(Resumption::Resumed),
                }
            }
        })
        .build();
    let began = Instant::now();
    assert_eq!(link.clone().oneshot("hello").await.unwrap(), 2);
    assert_eq!(Instant::now() - began, ms(1200));
    assert_eq!(peer.received(), ["2: hello"]);
    assert_eq!(
        *record.lock().unwrap(),
        [
            "connecting 1",
            "failed 1: no such room",
            "backing off 1s for 2",
            "connecting 2",
            "connected 2 at 2 in 100ms Fresh",
        ]
    );

    sleep(secs(60)).await;
    peer.hang_up();
    link.clone().ready().await.unwrap();
    let state = link.state();
    sleep(secs(2)).await;
    assert!(matches!(
        *state.borrow(),
        State::Ready {
            epoch: 3,
            resumption: Resumption::Resumed,
            ..
        }
    ));
    assert_eq!(*seen.lock().unwrap(), [(1, 1), (2, 2), (3, 1)]);
}

// contract: again-8
#[tokio::test(start_paused = true)]
async fn a_hook_ends_with_its_connection_and_with_the_deadline_of_the_attempt() {
    let peer = Peer::new(Dial::Accept);
    let link = peer
        .link()
        .connect_timeout(secs(3))
        .on_session(|_, context| async move {
            match context.epoch {
                1 | 2 => std::future::pending().await,
                _ => Ok(Resumption::Fresh),
            }
        })
        .build();
    let error = || match &*link.state().borrow() {
        State::Backoff { error, .. } => Arc::clone(error),
        state => panic!("{state:?}"),
    };
    sleep(secs(1)).await;
    peer.hang_up();
    sleep(ms(1)).await;
    assert_eq!(error().to_string(), "the peer hung up");

    // The next attempt begins at 2 s and may last until 5 s.
    sleep(ms(4500)).await;
    let timeout = *error().downcast_ref::<ConnectTimeout>().unwrap();
    assert_eq!((timeout.limit, timeout.step), (secs(3), Step::Session));
    sleep(secs(3)).await;
    assert_eq!(link.oneshot("hello").await.unwrap(), 3);
}
