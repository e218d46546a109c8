//! The listener over a listener that is a channel: nobody waits for the silent, nothing ends.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bowline_policy::{Observe, from_fn};
use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::*;
use crate::Listen;
use crate::log::testing::Written;

const DEADLINE: Duration = Duration::from_secs(5);

struct Door {
    arrivals: mpsc::UnboundedReceiver<io::Result<DuplexStream>>,
    taken: u16,
}

impl Listen for Door {
    type Io = DuplexStream;

    async fn accept(&mut self) -> io::Result<(DuplexStream, SocketAddr)> {
        let arrived = self.arrivals.recv().await.unwrap()?;
        self.taken += 1;
        Ok((arrived, SocketAddr::from(([192, 0, 2, 1], self.taken))))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from(([192, 0, 2, 99], 7400)))
    }
}

/// A listener with its door, its clients' settings, and what happened there.
struct House {
    listener: Listener<Door>,
    door: mpsc::UnboundedSender<io::Result<DuplexStream>>,
    connector: Connector,
    events: Arc<Mutex<Vec<Event>>>,
    clients: JoinSet<Shaken>,
}

impl House {
    fn new(max: usize) -> Self {
        let ca = Ca::new("harbour");
        let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
        let (door, arrivals) = mpsc::unbounded_channel();
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let observer: Arc<dyn Observe<Event>> = Arc::new(from_fn(move |event: &Event| {
            seen.lock().unwrap().push(event.clone());
        }));
        let door_below = Door { arrivals, taken: 0 };
        Self {
            listener: Listener::new(door_below, acceptor)
                .handshakes(Handshakes::new(max, DEADLINE).unwrap())
                .observer(observer),
            door,
            connector: client(&ca).build().unwrap(),
            events,
            clients: JoinSet::new(),
        }
    }

    /// Somebody comes in and says nothing of their own accord.
    fn silent(&self) -> DuplexStream {
        let (near, far) = duplex(ROOM);
        self.door.send(Ok(far)).unwrap();
        near
    }

    /// Somebody comes in and shakes hands.
    fn polite(&mut self) {
        let near = self.silent();
        let connector = self.connector.clone();
        self.clients
            .spawn(async move { connector.connect(HOST, near).await });
    }

    fn errors(&self) -> Vec<Arc<Error>> {
        let events = self.events.lock().unwrap();
        let failed = events.iter().filter_map(|event| match event {
            Event::Failed { error, .. } => Some(Arc::clone(error)),
            Event::Accepted { .. } => None,
        });
        failed.collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_holds_up_nobody_and_is_given_up_at_the_deadline() {
    let mut house = House::new(8);
    let mut silent = house.silent();
    house.polite();
    let began = Instant::now();
    let (_stream, peer) = house.listener.accept().await.unwrap();
    assert_eq!(peer.port(), 2);
    assert_eq!(Instant::now(), began);
    assert!(house.errors().is_empty());

    timeout(DEADLINE * 2, house.listener.accept())
        .await
        .unwrap_err();
    let errors = house.errors();
    let [error] = &errors[..] else {
        panic!("{errors:?}");
    };
    assert_eq!(error.to_string(), "no handshake within 5s");
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_handshake_is_an_event_and_no_error_of_accept() {
    let mut house = House::new(8);
    let mut rude = house.silent();
    rude.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    drop(house.silent());
    house.polite();
    let (stream, peer) = house.listener.accept().await.unwrap();
    assert_eq!((peer.port(), stream.is_tls()), (3, true));
    let errors: Vec<_> = house.errors().iter().map(|error| told(error)).collect();
    assert_eq!(
        errors,
        [
            "the peer does not speak TLS",
            "the peer hung up during the handshake: tls handshake eof"
        ]
    );
    let accepted = house.events.lock().unwrap().iter().any(|event| {
        matches!(event, Event::Accepted { peer, version: Some(Version::V1_3), .. } if peer.port() == 3)
    });
    assert!(accepted);
}

#[tokio::test(start_paused = true)]
async fn a_listener_tells_whom_it_refuses_why() {
    let ca = Ca::new("harbour");
    let acceptor = server(&ca.issue(1, &[HOST])).alpn(["chat/1"]);
    let (door, arrivals) = mpsc::unbounded_channel();
    let door_below = Door { arrivals, taken: 0 };
    let mut listener = Listener::new(door_below, acceptor.build().unwrap());
    let connector = client(&ca).alpn(["irc/1"]).build().unwrap();
    let (near, far) = duplex(ROOM);
    door.send(Ok(far)).unwrap();
    let heard = tokio::select! {
        biased;
        shaken = connector.connect(HOST, near) => shaken.unwrap_err(),
        accepted = listener.accept() => panic!("{accepted:?}"),
    };
    let told = matches!(heard, Error::NoCommonProtocol { by: Side::Peer });
    assert!(told, "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn no_more_handshakes_are_under_way_than_allowed() {
    let mut house = House::new(2);
    let _silent = [house.silent(), house.silent()];
    house.polite();
    let began = Instant::now();
    let (_stream, peer) = house.listener.accept().await.unwrap();
    // The third had to wait until the deadline of the first two made room.
    assert_eq!(peer.port(), 3);
    let waited = Instant::now() - began;
    assert!(
        (DEADLINE..DEADLINE + Duration::from_millis(2)).contains(&waited),
        "{waited:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn those_who_shook_hands_wait_until_they_are_accepted() {
    let mut house = House::new(2);
    for _ in 0..5 {
        house.polite();
    }
    // Each accept is given up at its first wait, again and again: nobody is lost.
    let mut accepted = Vec::new();
    while accepted.len() < 5 {
        if let Some(done) = house.listener.accept().now_or_never() {
            accepted.push(done.unwrap().1.port());
        }
        tokio::task::yield_now().await;
    }
    accepted.sort_unstable();
    assert_eq!(accepted, [1, 2, 3, 4, 5]);
    assert!(house.errors().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_the_listener_below_says_is_passed_on_and_ends_nothing() {
    let mut house = House::new(8);
    house.polite();
    house
        .door
        .send(Err(io::ErrorKind::ConnectionAborted.into()))
        .unwrap();
    let error = house.listener.accept().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    house.listener.accept().await.unwrap();
    assert_eq!(house.listener.local_addr().unwrap().port(), 7400);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_listener_closes_what_was_under_way() {
    let mut house = House::new(8);
    let mut silent = house.silent();
    assert!(house.listener.accept().now_or_never().is_none());
    drop(house.listener);
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

#[test]
fn limits_that_mean_nothing_are_refused_with_their_bounds() {
    let second = Duration::from_secs(1);
    for (max, deadline, said) in [
        (
            0,
            second,
            "0 handshakes at a time are not within 1 and 65536",
        ),
        (
            65_537,
            second,
            "65537 handshakes at a time are not within 1 and 65536",
        ),
        (
            1,
            Duration::ZERO,
            "a handshake's deadline of 0ns is not above 0 and within 600s",
        ),
        (
            1,
            second * 601,
            "a handshake's deadline of 601s is not above 0 and within 600s",
        ),
    ] {
        let error = Handshakes::new(max, deadline).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
    Handshakes::new(1, second).unwrap();
}

#[tokio::test(start_paused = true)]
async fn by_default_handshakes_are_logged_and_only_odd_failures_warn() {
    let lines = Written::here();
    let ca = Ca::new("harbour");
    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
    let (door, arrivals) = mpsc::unbounded_channel();
    let mut listener = Listener::new(Door { arrivals, taken: 0 }, acceptor);
    let mut clients = JoinSet::new();
    let (mut rude, far) = duplex(ROOM);
    door.send(Ok(far)).unwrap();
    rude.write_all(b"GET /?password=tide HTTP/1.1\r\n\r\n")
        .await
        .unwrap();
    for trusted in [Ca::new("elsewhere"), ca] {
        let (near, far) = duplex(ROOM);
        door.send(Ok(far)).unwrap();
        let connector = client(&trusted).build().unwrap();
        clients.spawn(async move { connector.connect(HOST, near).await });
        if let Ok(accepted) = timeout(DEADLINE, listener.accept()).await {
            assert_eq!(accepted.unwrap().1.port(), 3);
        }
    }
    let lines = lines.take();
    let [not_tls, alert, done] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(
        not_tls,
        "DEBUG TLS handshake failed peer=192.0.2.1:1 error=the peer does not speak TLS took=0ns"
    );
    let refused = "WARN TLS handshake failed peer=192.0.2.1:2 error=";
    assert!(alert.starts_with(refused), "{alert}");
    assert_eq!(
        done,
        "DEBUG TLS handshake done peer=192.0.2.1:3 version=Some(V1_3) took=0ns"
    );
    assert!(!lines.concat().contains("tide"));
}
