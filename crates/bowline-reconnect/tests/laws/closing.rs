//! The end of a link that somebody closes, and what its callers are told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::Maker;
use bowline_reconnect::{Error, Established, Kind, Reconnect, Sent, State};
use futures_util::future::{BoxFuture, FutureExt, join};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::{Service, ServiceExt, service_fn};

use crate::fake::{Dial, Manner, Peer, endpoint, ms, schedule, secs};

#[tokio::test(start_paused = true)]
async fn a_grant_that_nobody_uses_does_not_delay_a_graceful_close() {
    let peer = Peer::new(Dial::Accept);
    let link = peer.link().build();
    let mut granted = link.clone();
    granted.ready().await.unwrap();
    let began = Instant::now();
    assert_eq!(link.close_within(secs(30)).await, 0, "no call was cut off");
    assert_eq!(Instant::now() - began, secs(0));
    let error = granted.call("too late").await.unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Closed, Sent::No));
}

#[tokio::test(start_paused = true)]
async fn a_call_by_an_old_grant_is_refused_while_the_link_is_being_left() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Slow);
    let link = peer.link().build();
    let mut granted = link.clone();
    granted.ready().await.unwrap();
    let mut calls = JoinSet::new();
    calls.spawn(link.clone().oneshot("hello"));
    sleep(ms(10)).await;
    let late = async {
        let error = granted.call("too late").await.unwrap_err();
        assert_eq!((error.kind, error.sent), (Kind::Closed, Sent::No));
    };
    let (cut_off, ()) = join(link.close_within(secs(30)), late).await;
    assert_eq!(cut_off, 0);
    calls.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(peer.received(), ["1: hello"]);
}

#[tokio::test(start_paused = true)]
async fn a_close_that_somebody_cuts_short_still_counts_what_was_cut_off() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Silence);
    let link = peer.link().build();
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        calls.spawn(link.clone().oneshot("hello"));
    }
    sleep(secs(1)).await;
    let impatient = async {
        sleep(secs(1)).await;
        link.close();
    };
    let (cut_off, ()) = join(link.close_within(secs(30)), impatient).await;
    assert_eq!(cut_off, 3);
}

#[tokio::test(start_paused = true)]
async fn a_close_may_take_for_ever_and_may_be_asked_for_twice() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Slow);
    let link = peer.link().build();
    let mut calls = JoinSet::new();
    calls.spawn(link.clone().oneshot("hello"));
    sleep(ms(500)).await;
    let both = join(link.close_within(Duration::MAX), link.close_within(ms(1)));
    assert_eq!(both.await, (0, 0), "the first limit counts");
    calls.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(link.close_within(secs(1)).await, 0, "it is closed already");
}

#[tokio::test(start_paused = true)]
async fn a_link_can_be_closed_whatever_it_is_doing() {
    for dial in [
        Dial::Accept,
        Dial::Refuse,
        Dial::Hang,
        Dial::AcceptAndHangUp,
    ] {
        for at in [0, 1, 50, 150, 1500] {
            let peer = Peer::new(dial);
            let link = peer.link().build();
            sleep(ms(at)).await;
            let closed = timeout(ms(1), link.close_within(secs(5))).await;
            assert_eq!(closed, Ok(0), "{dial:?} at {at} ms");
            assert!(matches!(*link.state().borrow(), State::Closed));
            assert_eq!((peer.services(), peer.dialing()), (0, 0));
        }
    }
}

/// A connection whose work is done by its `closed` future: calls fail once that is gone,
/// each with the error of the service.
fn worker(
    limit: Duration,
) -> Reconnect<impl Service<(), Response = (), Error = BoxError, Future: Send> + Clone + Send> {
    let connect = service_fn(move |_: Endpoint| async move {
        let (work, worked) = tokio::sync::watch::channel(());
        let service = service_fn(move |()| {
            let mut worked = worked.clone();
            async move {
                worked
                    .changed()
                    .await
                    .map_err(|_| "nobody works here".into())
            }
        });
        Ok::<_, BoxError>(Established::new(service).closed(async move {
            sleep(limit).await;
            drop(work);
            BoxError::from("the work is done")
        }))
    });
    Reconnect::builder(connect, endpoint(), &Maker::new(schedule(), 7)).build()
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn a_call_that_fails_since_its_connection_ended_says_so() {
    let link = worker(secs(3600));
    let mut calls = JoinSet::new();
    calls.spawn(link.clone().oneshot(()));
    sleep(secs(1)).await;
    link.close();
    let error = calls.join_next().await.unwrap().unwrap().unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Closed, Sent::Maybe));

    let link = worker(secs(10));
    let error = link.oneshot(()).await.unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Lost, Sent::Maybe));
    assert_eq!(error.source.unwrap().to_string(), "nobody works here");
}

// contract: again-2
#[test]
fn a_handle_outlives_the_runtime_of_its_link() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let peer = Peer::new(Dial::Accept);
    let mut link = first.block_on(async {
        let link = peer.link().build();
        link.clone().oneshot("hello").await.unwrap();
        link
    });
    // From another runtime, or from none.
    let granted = second.block_on(async { link.ready().await.map(|_| ()) });
    granted.unwrap();
    let call = link.call("in flight");
    drop(first);
    second.block_on(async {
        call.await.ok();
        let error = timeout(secs(1), link.ready()).await.unwrap().err().unwrap();
        assert_eq!(error.kind, Kind::Closed);
    });
    assert!(matches!(*link.state().borrow(), State::Closed));
    link.close();
    link.reconnect_now();
    link.reset_backoff();
    // The one that was in flight.
    assert_eq!(second.block_on(link.close_within(secs(1))), 1);
}

/// What a thread sees that looks at a call while the link is being torn down.
struct Looks(Arc<Mutex<Looking>>);

#[derive(Default)]
struct Looking {
    at: Option<BoxFuture<'static, Result<usize, Error>>>,
    saw: Option<Result<usize, Error>>,
}

impl Drop for Looks {
    fn drop(&mut self) {
        let mut looking = self.0.lock().unwrap();
        looking.saw = looking.at.take().and_then(FutureExt::now_or_never);
    }
}

// contract: again-4
#[tokio::test(start_paused = true)]
async fn calls_hear_of_a_close_before_their_connection_is_torn_down() {
    let peer = Peer::new(Dial::Accept).manner(Manner::Silence);
    let looking = Arc::<Mutex<Looking>>::default();
    let connect = service_fn({
        let (peer, looking) = (peer.clone(), Arc::clone(&looking));
        move |_: Endpoint| {
            let (dial, looks) = (peer.clone().dial(), Looks(Arc::clone(&looking)));
            async move {
                let established = dial.await?;
                Ok::<_, BoxError>(established.closed(async move {
                    std::future::pending::<()>().await;
                    drop(looks);
                    BoxError::from("never")
                }))
            }
        }
    });
    let maker = Maker::new(schedule(), 7);
    let mut link = Reconnect::builder(connect, endpoint(), &maker).build();
    let call = link.ready().await.unwrap().call("hello");
    looking.lock().unwrap().at = Some(Box::pin(call));
    link.close_within(secs(0)).await;
    let saw = looking.lock().unwrap().saw.take();
    let error = saw.expect("it has ended").unwrap_err();
    assert_eq!((error.kind, error.sent), (Kind::Closed, Sent::Maybe));
}
