//! What one connection leaves for the next: the resume token, the
//! subscriptions, and never a reply.

use std::sync::{Arc, Mutex};

use bowline_link::{BoxError, Endpoint};
use bowline_reconnect::{
    Hint, Kind, RESUME_TOKEN_BYTES_MAX, Reconnect, Restored, ResumeToken, Resumption, Sent,
    Subscriptions,
};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt, service_fn};

use crate::fake::{Dial, Manner, Peer, Wire, endpoint, ms, schedule, secs};

fn token(text: &str) -> ResumeToken {
    ResumeToken::new(text.as_bytes()).unwrap()
}

// contract: again-8
#[tokio::test(start_paused = true)]
async fn the_token_of_one_session_is_given_to_the_hook_of_the_next() {
    let peer = Peer::new(Dial::Accept);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tokens = Arc::clone(&seen);
    let link = peer
        .link()
        .on_session(move |_: Wire, context| {
            let before = context.resume.token();
            let text = before.as_ref().map(|token| token.as_bytes().to_vec());
            tokens.lock().unwrap().push(text);
            async move {
                context
                    .resume
                    .keep(token(&format!("session {}", context.epoch)));
                Ok(match before {
                    Some(_) => Resumption::Resumed,
                    None => Resumption::Fresh,
                })
            }
        })
        .build();
    for _ in 0..2 {
        sleep(secs(30)).await;
        peer.hang_up();
    }
    sleep(secs(30)).await;
    let expected = [None, Some("session 1"), Some("session 2")];
    assert_eq!(
        *seen.lock().unwrap(),
        expected.map(|text| text.map(|text| text.as_bytes().to_vec()))
    );
    drop(link);
}

// contract: again-8
#[tokio::test(start_paused = true)]
async fn what_an_older_connection_says_late_does_not_replace_a_newer_token() {
    let peer = Peer::new(Dial::Accept);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let resumes = Arc::clone(&kept);
    let link = peer
        .link()
        .on_session(move |_: Wire, context| {
            context.resume.keep(token("at first"));
            resumes.lock().unwrap().push(context.resume);
            async { Ok(Resumption::Fresh) }
        })
        .build();
    sleep(secs(30)).await;
    peer.hang_up();
    sleep(secs(30)).await;
    let kept = kept.lock().unwrap();
    kept[1].keep(token("changed on the way"));
    kept[0].keep(token("too late"));
    kept[0].forget();
    assert_eq!(kept[1].token(), Some(token("changed on the way")));
    let shown = format!("{:?} {:?}", kept[1], kept[1].token());
    assert!(!shown.contains("changed"), "a secret: {shown}");
    kept[1].forget();
    assert_eq!(kept[0].token(), None);
    let long = ResumeToken::new(vec![0; RESUME_TOKEN_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(
        long.to_string(),
        "a resume token of 16385 bytes is over the limit of 16384"
    );
    drop(link);
}

/// A service that answers after a round trip, and what it was asked.
fn far(
    record: &Arc<Mutex<Vec<u32>>>,
) -> impl Service<u32, Response = u32, Error = BoxError, Future: Send> + Clone + use<> {
    let record = Arc::clone(record);
    service_fn(move |room: u32| {
        record.lock().unwrap().push(room);
        async move {
            sleep(ms(50)).await;
            match room {
                66 => Err(BoxError::from("no such room")),
                room => Ok(room),
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_hundred_subscriptions_are_restored_in_the_time_of_one_and_in_order() {
    let mut took = Vec::new();
    for count in [1, 100] {
        let rooms = Subscriptions::new(100);
        // Not in the order of their keys.
        for room in (100..100 + count).rev() {
            rooms.add(room, room).unwrap();
        }
        let record = Arc::default();
        let began = Instant::now();
        let restored = rooms.restore(far(&record)).await.unwrap();
        took.push(Instant::now() - began);
        assert_eq!(restored, count as usize);
        let expected: Vec<_> = (100..100 + count).rev().collect();
        assert_eq!(*record.lock().unwrap(), expected);
    }
    assert!(took[1] <= took[0].mul_f64(1.5), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_restoration_keeps_to_its_pipeline_and_its_places() {
    let rooms = Subscriptions::new(7).pipeline(2);
    for room in [5, 3, 66, 1, 2, 4] {
        rooms.add(room, room).unwrap();
    }
    rooms.add(3, 30).unwrap();
    assert!(rooms.remove(&5) && !rooms.remove(&5));
    rooms.add(5, 5).unwrap();
    let record = Arc::default();
    let began = Instant::now();
    let error = rooms.restore(far(&record)).await.unwrap_err();
    assert_eq!(error.to_string(), "no such room");

    record.lock().unwrap().clear();
    let judge = |_: &u32, answer: Result<_, _>| {
        Ok::<_, BoxError>(match answer {
            Ok(_) => Restored::Keep,
            Err(_) => Restored::Forget,
        })
    };
    let kept = rooms.restore_each(far(&record), judge).await.unwrap();
    assert_eq!((kept, rooms.len()), (5, 5));
    assert_eq!(*record.lock().unwrap(), [30, 66, 1, 2, 4, 5]);
    assert!(Instant::now() - began >= ms(150), "two at a time");

    rooms.add(6, 6).unwrap();
    rooms.add(7, 7).unwrap();
    let refused = rooms.add(8, 8).unwrap_err().to_string();
    assert_eq!(
        refused,
        "7 subscriptions are kept already, and there may be no more"
    );
}

#[tokio::test(start_paused = true)]
async fn a_subscription_made_during_a_restoration_is_restored_too() {
    let rooms = Subscriptions::new(10);
    rooms.add(1, 1).unwrap();
    let record: Arc<Mutex<Vec<u32>>> = Arc::default();
    let restoring = rooms.restore(far(&record));
    let adding = async {
        sleep(ms(20)).await;
        rooms.add(2, 2).unwrap();
    };
    let (restored, ()) = futures_util::future::join(restoring, adding).await;
    assert_eq!((restored.unwrap(), rooms.is_empty()), (2, false));
    assert_eq!(*record.lock().unwrap(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_subscription_replaced_during_a_restoration_is_asked_for_as_it_is_now() {
    let rooms = Subscriptions::new(10);
    for room in [1, 2, 66] {
        rooms.add(room, room).unwrap();
    }
    let record: Arc<Mutex<Vec<u32>>> = Arc::default();
    let restoring = rooms.restore_each(far(&record), |_, answer| match answer {
        Ok(_) => Ok(Restored::Keep),
        Err(_) => Ok(Restored::Forget),
    });
    let replacing = async {
        sleep(ms(20)).await;
        rooms.add(1, 10).unwrap();
        // The answer to its predecessor is not about this one.
        rooms.add(66, 67).unwrap();
        rooms.add(3, 3).unwrap();
    };
    let (restored, ()) = futures_util::future::join(restoring, replacing).await;
    restored.unwrap();
    assert_eq!(*record.lock().unwrap(), [1, 2, 66, 10, 67, 3]);
    assert_eq!(rooms.len(), 4, "none of them is forgotten");
    assert_eq!(rooms.restore(far(&record)).await.unwrap(), 4);
    assert_eq!(
        record.lock().unwrap()[6..],
        [10, 2, 67, 3],
        "in their places"
    );
}

/// Connections whose answers come when the test says so, whatever became of them.
#[derive(Clone, Default)]
struct Late(Arc<Mutex<Vec<oneshot::Sender<&'static str>>>>);

impl Late {
    fn link(
        &self,
        peer: &Peer,
    ) -> Reconnect<tower::util::BoxCloneSyncService<&'static str, &'static str, BoxError>> {
        let (late, peer) = (self.clone(), peer.clone());
        let connect = service_fn(move |_: Endpoint| {
            let (late, peer) = (late.clone(), peer.clone());
            async move {
                let wire = peer.dial().await?;
                let service = service_fn(move |_: &'static str| {
                    let (answer, answered) = oneshot::channel();
                    late.0.lock().unwrap().push(answer);
                    async move { Ok::<_, BoxError>(answered.await?) }
                });
                Ok::<_, BoxError>(wire.map(|_| tower::util::BoxCloneSyncService::new(service)))
            }
        });
        let maker = bowline_policy::backoff::Maker::new(schedule(), 1);
        Reconnect::builder(connect, endpoint(), &maker).build()
    }
}

// contract: again-2, again-4
#[tokio::test(start_paused = true)]
async fn a_late_reply_never_crosses_connections() {
    let (peer, late) = (Peer::new(Dial::Accept), Late::default());
    let mut link = late.link(&peer);
    let first = link.ready().await.unwrap().call("one");
    assert_eq!(first.epoch(), Some(1));
    let mut calls = JoinSet::new();
    calls.spawn(first);
    sleep(secs(1)).await;
    peer.hang_up();
    sleep(secs(5)).await;
    let error = calls.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!(
        (error.kind, error.sent, error.epoch),
        (Kind::Lost, Sent::Maybe, Some(1))
    );

    let second = link.ready().await.unwrap().call("two");
    assert_eq!(second.epoch(), Some(2));
    // The answer to the first arrives now: nobody hears it.
    let answers: Vec<_> = late.0.lock().unwrap().drain(..).collect();
    for (answer, text) in answers.into_iter().zip(["to one", "to two"]) {
        answer.send(text).ok();
    }
    assert_eq!(second.await.unwrap(), "to two");
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn a_pinned_handle_ends_with_its_connection_and_sends_nothing_to_another() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Answer);
    let mut link = peer.link().build();
    link.ready().await.unwrap();
    let pinned = link.pinned(link.granted().unwrap());
    assert_eq!(pinned.clone().oneshot("here").await.unwrap(), 1);
    link.call("used").await.unwrap();

    peer.go(&Hint::default().window(ms(250), ms(250)));
    sleep(secs(5)).await;
    let began = Instant::now();
    let error = pinned.clone().oneshot("there?").await.unwrap_err();
    assert_eq!(
        (error.kind, error.sent, error.epoch),
        (Kind::Lost, Sent::No, Some(1))
    );
    assert_eq!(Instant::now(), began, "it knows at once");
    assert_eq!(link.oneshot("there").await.unwrap(), 2);
    assert_eq!(peer.received(), ["1: here", "1: used", "2: there"]);
}
