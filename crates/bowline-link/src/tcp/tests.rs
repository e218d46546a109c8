//! Dialer and listener on real loopback sockets; nothing here leaves the machine.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tower::ServiceExt;

use super::*;
use crate::{Dial, Endpoint, Listen};

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

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let (_bound, closed) = refused();
    let (_listener, open) = listener();
    let endpoint = Endpoint::new("two.example", 1);
    let mut step = DialStep::Resolving;
    let stream = Dialer::new()
        .connect_any(&endpoint, &[closed, open], &mut step)
        .await
        .unwrap();
    assert_eq!(stream.peer_addr().unwrap(), open);
    assert_eq!(step, DialStep::Connecting(open));
}

#[tokio::test]
async fn a_dial_that_no_address_takes_says_how_many_were_tried() {
    let endpoint = Endpoint::new("two.example", 1);
    let (_bound, other) = refused();
    let (_bound_too, last) = refused();
    let closed = [other, last];
    let mut step = DialStep::Resolving;
    let dialer = Dialer::new();
    let error = dialer
        .connect_any(&endpoint, &closed, &mut step)
        .await
        .unwrap_err();
    assert!(
        matches!(error, DialError::Connect { address, tried: 2, .. } if address == last),
        "{error:?}"
    );

    let error = dialer
        .connect_any(&endpoint, &[], &mut step)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "two.example:1 has no address");
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
