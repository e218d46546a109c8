//! The dialer over a dialer that is a function: names, layers, and whose error it is.

use std::convert::Infallible;
use std::io;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::{Dial, Endpoint};

type Calls = mpsc::UnboundedReceiver<DuplexStream>;

/// A network with one peer, who answers every call.
fn network() -> (impl Dial<Io = DuplexStream> + Clone, Calls) {
    let (called, calls) = mpsc::unbounded_channel();
    let dial = service_fn(move |_: Endpoint| {
        let (near, far) = duplex(ROOM);
        called.send(far).unwrap();
        std::future::ready(Ok::<_, Infallible>(near))
    });
    (dial, calls)
}

async fn call<D>(dialer: D, calls: &mut Calls, acceptor: &Acceptor, host: &str) -> Called
where
    D: Dial<Io = MaybeTls<DuplexStream>>,
    D: tower::Service<Endpoint, Response = MaybeTls<DuplexStream>, Error = DialError>,
{
    let answer = async { acceptor.accept(calls.recv().await.unwrap()).await };
    let dial = dialer.oneshot(Endpoint::new(host, 7400));
    join(dial, answer).await.0
}

type Called = Result<MaybeTls<DuplexStream>, DialError>;

#[tokio::test(start_paused = true)]
async fn the_host_that_is_called_is_the_name_that_is_asked_for() {
    let ca = Ca::new("harbour");
    let acceptor = server(&ca.issue(1, &[HOST, "192.0.2.7", "2001:db8::7"]));
    let acceptor = acceptor.build().unwrap();
    let (network, mut calls) = network();
    let layer = DialLayer::new(client(&ca).build().unwrap());
    let dialer = ServiceBuilder::new().layer(layer).service(network);
    for host in [HOST, "CHAT.example", "192.0.2.7", "2001:db8::7"] {
        let called = call(dialer.clone(), &mut calls, &acceptor, host).await;
        assert!(called.unwrap().is_tls());
    }
    for host in ["irc.example", "192.0.2.8", "2001:db8::8"] {
        let error = call(dialer.clone(), &mut calls, &acceptor, host).await;
        let DialError::Handshake { endpoint, source } = error.unwrap_err() else {
            panic!("another error");
        };
        assert_eq!(endpoint.host(), host);
        let Error::WrongName { asked, .. } = source else {
            panic!("{source:?}");
        };
        assert_eq!(asked, host);
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_no_certificate_can_have_is_refused() {
    let ca = Ca::new("harbour");
    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
    let (network, mut calls) = network();
    let dialer = Dialer::new(network, client(&ca).build().unwrap());
    let error = call(dialer, &mut calls, &acceptor, "not a name").await;
    let DialError::Handshake { source, .. } = error.unwrap_err() else {
        panic!("another error");
    };
    assert!(matches!(source, Error::ServerName { .. }), "{source:?}");
}

#[tokio::test(start_paused = true)]
async fn a_server_can_be_asked_for_another_name_than_it_is_called_by() {
    let ca = Ca::new("harbour");
    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
    let (network, mut calls) = network();
    let connector = client(&ca).server_name(HOST).build().unwrap();
    let dialer = Dialer::new(network, connector);
    let called = call(dialer, &mut calls, &acceptor, "10.0.0.1").await;
    called.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_dialer_below_speaks_for_itself() {
    let broken = service_fn(|_: Endpoint| {
        let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "nobody at home");
        std::future::ready(Err::<DuplexStream, _>(refused))
    });
    let connector = client(&Ca::new("harbour")).build().unwrap();
    let dialer = Dialer::new(broken, connector);
    let error = dialer.oneshot(Endpoint::new(HOST, 1)).await.unwrap_err();
    assert_eq!(error.to_string(), "nobody at home");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_dial_closes_what_it_opened() {
    let (network, mut calls) = network();
    let connector = client(&Ca::new("harbour")).build().unwrap();
    let mut dial = Box::pin(Dialer::new(network, connector).oneshot(Endpoint::new(HOST, 1)));
    assert!((&mut dial).now_or_never().is_none());
    let mut far = calls.recv().await.unwrap();
    drop(dial);
    let mut hello = Vec::new();
    far.read_to_end(&mut hello).await.unwrap();
    assert_eq!(hello.first(), Some(&22));
}

// contract: link-2
#[tokio::test(start_paused = true)]
async fn a_deadline_that_strikes_in_the_handshake_says_so() {
    let ca = Ca::new("harbour");
    let (network, _calls) = network();
    let dialer = Dialer::new(network, client(&ca).build().unwrap());
    let limit = std::time::Duration::from_secs(2);
    let error = crate::ConnectTimeout::new(dialer, limit)
        .oneshot(Endpoint::new(HOST, 7400))
        .await
        .unwrap_err();
    let crate::ConnectTimeoutError::Elapsed { step, after, .. } = error else {
        panic!("the server says nothing, so the time is up: {error}");
    };
    assert_eq!(
        (step, after),
        (Some(crate::DialStep::Handshake("TLS")), limit)
    );
}
