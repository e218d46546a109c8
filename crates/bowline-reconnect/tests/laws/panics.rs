//! Code of others that panics: the link closes, in sight, and nobody waits for what
//! is gone.

use std::sync::{Arc, Mutex};

use bowline_link::{BoxError, Endpoint};
use bowline_policy::backoff::Maker;
use bowline_policy::from_fn;
use bowline_reconnect::{
    Builder, ClosedReason, Error, Established, Event, Kind, Reconnect, Verdict,
};
use tokio::time::{sleep, timeout};
use tower::{ServiceExt, service_fn};

use crate::fake::{Dial, Peer, Wire, endpoint, ms, recorder, schedule, secs};
use crate::net::Wall;

/// Whoever looks at a closed link sees that it is, and the events have an end.
async fn check_closed(link: Reconnect<Wire>, what: &str) -> Error {
    let mut events = link.events();
    let mut state = link.state();
    let closed = state.wait_for(|state| matches!(state, bowline_reconnect::State::Closed));
    timeout(secs(600), closed).await.expect(what).unwrap();
    let read = async { while events.next().await.is_some() {} };
    timeout(secs(1), read).await.expect(what);
    let error = timeout(secs(1), link.oneshot("hello")).await.expect(what);
    let error = error.unwrap_err();
    assert_eq!(error.kind, Kind::Closed, "{what}");
    error
}

fn mistake<T>() -> T {
    panic!("a mistake")
}

/// A link over a connection that `change` makes worse.
fn link_over(peer: &Peer, change: fn(Established<Wire>) -> Established<Wire>) -> Builder<Wire> {
    let peer = peer.clone();
    let connect = service_fn(move |_: Endpoint| {
        let dial = peer.clone().dial();
        async move { Ok::<_, BoxError>(change(dial.await?)) }
    });
    Reconnect::builder(connect, endpoint(), &Maker::new(schedule(), 7))
}

// contract: again-2, again-10
#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_closes_the_link_and_nobody_waits_for_it() {
    type Seen = fn(&Event) -> bool;
    let seen: [(&str, Seen); 5] = [
        ("always", |_| true),
        ("of a connection", |event| {
            matches!(event, Event::Connected { .. })
        }),
        ("of a loss", |event| matches!(event, Event::Lost { .. })),
        ("of a wait", |event| {
            matches!(event, Event::BackingOff { .. })
        }),
        ("of the end", |event| matches!(event, Event::Closed { .. })),
    ];
    for (what, panics) in seen {
        let peer = Peer::new(Dial::Accept);
        let observer = from_fn(move |event: &Event| assert!(!panics(event), "a mistake"));
        let link = peer.link().observer(Arc::new(observer)).build();
        sleep(secs(1)).await;
        peer.hang_up();
        sleep(ms(1)).await;
        link.close();
        check_closed(link, what).await;
        assert_eq!(peer.services(), 0, "{what}");
    }
}

// contract: again-2
#[tokio::test(start_paused = true)]
async fn a_panic_in_what_the_link_asks_closes_it() {
    let peer = Peer::new(Dial::Accept);
    let (observer, record) = recorder();
    let wall = Wall::new();
    let connect = service_fn(|_: Endpoint| async {
        let made: Result<_, BoxError> = mistake();
        made
    });
    let connector = Reconnect::builder(connect, endpoint(), &Maker::new(schedule(), 7));
    let cases: Vec<(&str, Builder<Wire>)> = vec![
        ("connector", connector),
        ("classifier", peer.link().classify(|_| mistake::<Verdict>())),
        (
            "closed",
            link_over(&peer, |it| it.closed(async { mistake::<BoxError>() })),
        ),
        ("heard", link_over(&peer, |it| it.heard(mistake))),
        (
            "check",
            link_over(&peer, |it| {
                it.check(|| async { mistake::<Result<(), BoxError>>() })
            }),
        ),
        (
            "going",
            link_over(&peer, |it| it.going(async { mistake() })),
        ),
    ];
    for (what, link) in cases {
        let link = link.observer(observer.clone()).wall_clock(wall.clone());
        let link = link.build();
        sleep(secs(20)).await;
        wall.leap(secs(600));
        sleep(secs(10)).await;
        peer.hang_up();
        let error = check_closed(link, what).await;
        assert!(error.source.is_some(), "{what}: nobody asked for it");
        let last = record.lock().unwrap().last().cloned();
        let closed = format!("closed {:?}", ClosedReason::Panicked);
        assert_eq!(last, Some(closed), "{what}");
        assert_eq!(peer.services(), 0, "{what}");
    }
}

// contract: again-10
#[tokio::test(start_paused = true)]
async fn a_list_that_comes_when_all_is_over_is_no_event() {
    let peer = Peer::new(Dial::Accept);
    let last = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&last);
    let observer = from_fn(move |event: &Event| *seen.lock().unwrap() = Some(event.clone()));
    let link = peer.link().observer(Arc::new(observer)).build();
    link.close_within(secs(0)).await;
    link.set_endpoints(&crate::net::targets(&["b"])).unwrap();
    let last = last.lock().unwrap().take();
    assert!(matches!(last, Some(Event::Closed { .. })), "{last:?}");
}
