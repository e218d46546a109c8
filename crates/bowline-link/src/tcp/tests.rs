//! Dialer and listener on real loopback sockets; nothing here leaves the machine.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bowline_policy::heartbeat;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tower::ServiceExt;

use super::*;
use crate::race::Race;
use crate::{Dial, Endpoint, Listen, Resolve};

const LOOPBACK: &str = "127.0.0.1:0";

fn listener() -> (Listener, SocketAddr) {
    let listener = Listener::bind(LOOPBACK.parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// An address that refuses: bound, so that nobody else takes it, and not listened on.
fn refused() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(LOOPBACK.parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn cause(error: &DialError) -> io::ErrorKind {
    let source = error.source().unwrap();
    source.downcast_ref::<io::Error>().unwrap().kind()
}

#[tokio::test]
async fn a_dialed_stream_reaches_the_listener_and_delays_nothing() {
    fn assert_dial<D: Dial>(dialer: D) -> D {
        dialer
    }
    let (mut listener, address) = listener();
    let mut near = assert_dial(Dialer::new())
        .oneshot(address.into())
        .await
        .unwrap();
    let (mut far, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, near.local_addr().unwrap());
    assert!(near.nodelay().unwrap());
    assert!(far.nodelay().unwrap());

    near.write_all(b"ahoy").await.unwrap();
    let mut heard = [0; 4];
    far.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ahoy");
}

// contract: link-3
#[cfg(target_os = "linux")]
#[tokio::test]
async fn both_ends_of_a_connection_take_their_kernel_timers_from_the_silence() {
    let (listener, address) = listener();
    let mut listener = listener.silence(Duration::from_secs(60));
    let dialer = Dialer::new().silence(Duration::from_secs(60));
    let near = dialer.oneshot(address.into()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    for stream in [&near, &far] {
        let socket = socket2::SockRef::from(stream);
        let user_timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(user_timeout, Some(Duration::from_secs(60)));
        assert!(socket.keepalive().unwrap());
        let idle = socket.tcp_keepalive_time().unwrap();
        assert_eq!(idle, Duration::from_secs(30));
        let interval = socket.tcp_keepalive_interval().unwrap();
        assert_eq!(interval, Duration::from_secs(10));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
    }
}

// contract: link-3
#[cfg(target_os = "linux")]
#[tokio::test]
async fn one_heartbeat_sets_every_option_of_both_ends() {
    let (second, ms) = (Duration::from_secs(1), Duration::from_millis(500));
    let heartbeat = heartbeat::Fixed::new(25 * second, 17 * ms, 2).unwrap();
    let (listener, address) = listener();
    let mut listener = listener.heartbeat(&heartbeat);
    let dialer = Dialer::new().heartbeat(&heartbeat);
    let near = dialer.clone().oneshot(address.into()).await.unwrap();
    let (far, _) = listener.accept().await.unwrap();
    for stream in [&near, &far] {
        let socket = socket2::SockRef::from(stream);
        let user_timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(user_timeout, Some(heartbeat.silence_max()));
        assert_eq!(socket.tcp_keepalive_time().unwrap(), 21 * second);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), 7 * second);
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), NOT_SENT_MAX);
    }

    // What was said in particular stands, in either order.
    for dialer in [
        dialer.not_sent_max(1),
        Dialer::new().not_sent_max(1).heartbeat(&heartbeat),
    ] {
        let near = dialer.oneshot(address.into()).await.unwrap();
        let socket = socket2::SockRef::from(&near);
        assert_eq!(socket.tcp_notsent_lowat().unwrap(), NOT_SENT_MIN);
    }
}

#[tokio::test]
async fn a_refused_dial_names_the_address() {
    let (_bound, address) = refused();
    let error = Dialer::new().oneshot(address.into()).await.unwrap_err();
    let DialError::Connect {
        address: tried_last,
        tried,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!((*tried_last, *tried), (address, 1));
    assert_eq!(cause(&error), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().contains(&address.to_string()));
}

/// Answers every name with the same addresses.
#[derive(Clone)]
struct Fixed(Vec<SocketAddr>);

impl Resolve for Fixed {
    type Error = io::Error;

    fn resolve(
        &self,
        _endpoint: Endpoint,
    ) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static {
        std::future::ready(Ok(self.0.clone()))
    }
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let (_bound, closed) = refused();
    let (_listener, open) = listener();
    let dialer = Dialer::new().resolver(Fixed(vec![closed, open]));
    let two = Endpoint::new("two.example", 1);
    let stream = dialer.oneshot(two).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), open);
}

// contract: link-2
#[tokio::test]
async fn both_loopbacks_are_raced_and_the_one_that_listens_is_reached() {
    let (_listener, v4) = listener();
    // Whatever the machine has of IPv6, nobody listens on that port of ::1.
    let v6 = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v4.port()));
    let race = Race::new();
    assert_eq!(race.order(&[v4, v6]), [v6, v4]);
    let dialer = Dialer::new().race(race).resolver(Fixed(vec![v4, v6]));
    let both = Endpoint::new("both.example", v4.port());
    let stream = dialer.clone().oneshot(both.clone()).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), v4);

    // A machine without IPv6 has the first half only.
    if let Ok(_listener) = Listener::bind(v6) {
        let stream = dialer.oneshot(both).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), v6);
    }
}

#[tokio::test]
async fn a_dial_that_no_address_takes_names_them_all() {
    let (_bound, other) = refused();
    let (_bound_too, last) = refused();
    let endpoint = Endpoint::new("two.example", 1);
    let dialer = Dialer::new().resolver(Fixed(vec![other, last]));
    let error = dialer.oneshot(endpoint.clone()).await.unwrap_err();
    let DialError::Connect {
        address,
        tried: 2,
        others,
        ..
    } = &error
    else {
        panic!("{error:?}");
    };
    assert_eq!(*address, last);
    let others: Vec<_> = others.iter().map(|(at, why)| (at, why.kind())).collect();
    assert_eq!(others, [(other, io::ErrorKind::ConnectionRefused)]);
    for address in [last, other] {
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }

    let dialer = Dialer::new().resolver(Fixed(vec![]));
    let error = dialer.oneshot(endpoint).await.unwrap_err();
    assert_eq!(error.to_string(), "two.example:1 has no address");
}

#[tokio::test]
async fn a_call_that_reaches_itself_is_nobody_there() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let own = socket.local_addr().unwrap();
    // The system may choose this port by itself, where nobody listens on it.
    let error = dialer::call(socket, own).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused, "{error}");
    assert!(error.to_string().contains("itself"), "{error}");
    // Nothing is left in the way of the server that comes back.
    Listener::bind(own).unwrap();
}

#[tokio::test]
async fn a_dial_comes_from_the_source_it_was_told_or_not_at_all() {
    let (_listener, address) = listener();
    let source = "127.0.0.1".parse().unwrap();
    let dialer = Dialer::new().source(source);
    let stream = dialer.oneshot(address.into()).await.unwrap();
    assert_eq!(stream.local_addr().unwrap().ip(), source);

    for (source, word) in [("::1", "family"), ("192.0.2.1", "connect")] {
        let dialer = Dialer::new().source(source.parse().unwrap());
        let error = dialer.oneshot(address.into()).await.unwrap_err();
        assert_eq!(cause(&error), io::ErrorKind::AddrNotAvailable);
        let words = format!("{error}: {}", error.source().unwrap());
        assert!(words.contains(word), "{words}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_not_dialed_over_tcp() {
    let error = Dialer::new()
        .oneshot(Endpoint::unix("/run/x.sock"))
        .await
        .unwrap_err();
    assert!(matches!(error, DialError::NotTcp { .. }), "{error:?}");
}

#[tokio::test]
async fn a_name_without_an_answer_is_a_resolve_error() {
    // No query can carry a label of more than 63 bytes, so none is sent.
    let name = format!("{}.invalid", "a".repeat(64));
    let error = Dialer::new()
        .oneshot(Endpoint::new(name.as_str(), 7400))
        .await
        .unwrap_err();
    assert!(matches!(error, DialError::Resolve { .. }), "{error:?}");
    assert!(error.to_string().contains(&name));
    assert!(error.source().is_some());
}

// A listener that accepts nothing and whose backlog is full swallows packets.
// contract: link-2
#[cfg(target_os = "linux")]
#[tokio::test(start_paused = true)]
async fn a_peer_that_never_answers_costs_the_connect_timeout_and_no_more() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(LOOPBACK.parse().unwrap()).unwrap();
    let full = socket.listen(1).unwrap();
    let address = full.local_addr().unwrap();

    let mut waiting = Vec::new();
    let error = loop {
        assert!(waiting.len() < 8, "the backlog never filled");
        let began = tokio::time::Instant::now();
        match Dialer::new().oneshot(address.into()).await {
            Ok(stream) => waiting.push(stream),
            Err(error) => {
                let spent = tokio::time::Instant::now() - began;
                assert!(spent >= CONNECT_TIMEOUT, "{spent:?}");
                assert!(
                    spent < CONNECT_TIMEOUT + Duration::from_secs(1),
                    "{spent:?}"
                );
                break error;
            }
        }
    };
    let DialError::Timeout { after, step, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(after, CONNECT_TIMEOUT);
    assert_eq!(step, DialStep::Connecting(address));
}

#[tokio::test]
async fn a_port_in_use_is_refused_with_its_address() {
    let (_listener, address) = listener();
    let error = Listener::bind(address).unwrap_err();
    assert!(
        matches!(error, BindError::InUse { address: named, .. } if named == address),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_port_can_be_bound_again_while_its_connections_linger() {
    let (mut first, address) = listener();
    let near = Dialer::new().oneshot(address.into()).await.unwrap();
    let (far, _) = first.accept().await.unwrap();
    // The server's side closes first, and so it is the one that lingers.
    drop(far);
    drop((near, first));
    Listener::bind(address).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_dropped_accept_leaves_the_connection_in_the_backlog() {
    let (mut listener, address) = listener();
    let early = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
    assert!(early.is_err());
    let near = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(1)).unwrap();
    let (_far, peer) = listener.accept().await.unwrap();
    assert_eq!(peer, near.local_addr().unwrap());
}
