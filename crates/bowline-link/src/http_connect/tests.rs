//! Calls through scripted proxies, over a pipe that carries one byte at a time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::*;
use crate::{ConnectTimeout, ConnectTimeoutError};

const TIME: Duration = Duration::from_secs(1);
const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";

fn chat() -> Endpoint {
    Endpoint::new("chat.example", 7400)
}

fn proxy() -> Endpoint {
    Endpoint::new("proxy", 3128)
}

/// A dialer whose proxy is the other end of one pipe.
fn pipe(room: usize) -> (Dialer<impl Dial<Io = DuplexStream>>, DuplexStream) {
    let (near, far) = tokio::io::duplex(room);
    let near = Arc::new(Mutex::new(Some(near)));
    let inner = tower::service_fn(move |called: Endpoint| {
        assert_eq!(called, proxy());
        let near = near.lock().unwrap().take();
        std::future::ready(near.ok_or_else(|| io::Error::other("called twice")))
    });
    (Dialer::new(inner, proxy()), far)
}

/// Calls; the proxy says `says` once it has read a request, and hangs up. Returns how the
/// call ended, and the request.
async fn play(
    login: bool,
    says: &str,
    room: usize,
) -> (Result<Tunnel<DuplexStream>, Error>, String) {
    let (dialer, mut far) = pipe(room);
    let dialer = if login {
        dialer.login("Aladdin", "open sesame").unwrap()
    } else {
        dialer
    };
    let says = says.to_owned();
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(far.read_u8().await.unwrap());
        }
        // A caller who has heard enough hangs up.
        far.write_all(says.as_bytes()).await.ok();
        String::from_utf8(request).unwrap()
    });
    let called = dialer.oneshot(chat()).await;
    let Err(error) = called else {
        return (called, peer.join_next().await.unwrap().unwrap());
    };
    (Err(error), peer.join_next().await.unwrap().unwrap())
}

async fn fails(says: &str) -> Error {
    play(false, says, 1).await.0.unwrap_err()
}

#[tokio::test]
async fn what_is_said_is_what_the_rfcs_show() {
    let (called, request) = play(false, OK, 64).await;
    called.unwrap();
    assert_eq!(
        HEXLOWER.encode(request.as_bytes()),
        "434f4e4e45435420636861742e6578616d706c653a3734303020485454502f312e310d0a\
         486f73743a20636861742e6578616d706c653a373430300d0a0d0a"
    );
    // The user and password of RFC 7617, section 2.
    let (called, request) = play(true, OK, 64).await;
    called.unwrap();
    let header = "\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n";
    assert!(request.ends_with(header), "{request}");
}

#[test]
fn an_address_is_named_as_a_url_would() {
    for (endpoint, expected) in [
        ("192.0.2.7:80", "192.0.2.7:80"),
        ("[2001:db8::7]:443", "[2001:db8::7]:443"),
    ] {
        let endpoint: Endpoint = endpoint.parse().unwrap();
        assert_eq!(authority(&endpoint).unwrap(), expected);
    }
}

#[tokio::test]
async fn any_success_opens_the_stream_and_keeps_what_came_with_it() {
    for head in [
        OK,
        "HTTP/1.0 204 \r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nVia: 1.1 x\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ] {
        for room in [1, 7, 4096] {
            let says = format!("{head}ahoy\r\n\r\nthere");
            let (near, mut far) = tokio::io::duplex(room);
            let mut peer = JoinSet::new();
            peer.spawn(async move { far.write_all(says.as_bytes()).await });
            let mut near = near;
            let answer = response(&mut near, "").await.unwrap();
            let mut tunnel = Tunnel::new(near, answer.early);
            let mut heard = String::new();
            tunnel.read_to_string(&mut heard).await.unwrap();
            assert_eq!(heard, "ahoy\r\n\r\nthere", "{head:?}, {room} at a time");
        }
    }
}

#[tokio::test]
async fn the_stream_behind_the_head_carries_both_ways() {
    let (near, mut far) = tokio::io::duplex(64);
    let mut tunnel = Tunnel::new(near, Bytes::from_static(b"early "));
    far.write_all(b"late").await.unwrap();
    let mut heard = [0; 10];
    tunnel.read_exact(&mut heard[..3]).await.unwrap();
    tunnel.read_exact(&mut heard[3..]).await.unwrap();
    assert_eq!(&heard, b"early late");
    tunnel.write_all(b"back").await.unwrap();
    tunnel.shutdown().await.unwrap();
    let mut back = String::new();
    far.read_to_string(&mut back).await.unwrap();
    assert_eq!(back, "back");
}

#[tokio::test]
async fn a_refusal_carries_status_and_words_and_407_is_a_matter_of_login() {
    let error = fails("HTTP/1.1 503 Out to\tlunch\r\nX: y\r\n\r\nbody").await;
    assert_eq!(
        error.to_string(),
        "the HTTP proxy proxy:3128 opened no connection to chat.example:7400: 503 Out to\tlunch"
    );
    let long = format!("HTTP/1.1 403 {}\r\n\r\n", "x".repeat(1_000));
    let Error::Refused {
        status: 403,
        reason,
        ..
    } = fails(&long).await
    else {
        panic!("no refusal");
    };
    assert_eq!(reason.len(), REASON_MAX);

    for (login, words) in [(false, "log in"), (true, "refused user")] {
        let says = "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
        let error = play(login, says, 1).await.0.unwrap_err();
        assert!(matches!(error, Error::LoginRequired { login: said, .. } if said == login));
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_answer_is_refused_as_soon_as_that_shows() {
    // None of these ends, or ends its head: nobody waits for that.
    for (says, words) in [
        ("SSH-2.0-OpenSSH_9.6\r\n", "begin with HTTP/1"),
        ("\u{5}\0", "begin with HTTP/1"),
        ("HTTP/2 200\r\n\r\n", "begin with HTTP/1"),
        ("HTTP/1.1 abc\r\n\r\n", "malformed"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "malformed"),
        ("HTTP/1.1 099 x\r\n\r\n", "status"),
        ("HTTP/1.1 999 x\r\n\r\n", "status"),
        ("HTTP/1.1 101 Switching\r\n\r\n", "switches"),
        ("HTTP/1.1 200 OK\n\r\nx", ""),
    ] {
        let called = play(false, says, 1).await.0;
        if words.is_empty() {
            called.unwrap();
            continue;
        }
        let error = called.unwrap_err();
        assert!(
            matches!(error, Error::Garbled { .. }),
            "{says:?}: {error:?}"
        );
        assert!(error.to_string().contains(words), "{error}");
    }
    let interim = "HTTP/1.1 100 Continue\r\n\r\n";
    let error = fails(&interim.repeat(INTERIM_MAX + 1)).await;
    assert!(error.to_string().contains("final"), "{error}");
    let patient = interim.repeat(INTERIM_MAX) + OK;
    play(false, &patient, 1).await.0.unwrap();
}

#[tokio::test]
async fn an_answer_has_its_limits_to_the_byte() {
    let padded = |len: usize| {
        let frame = "HTTP/1.1 200 OK\r\nX: \r\n\r\n".len();
        format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(len - frame))
    };
    for room in [1, 4096] {
        let (called, _) = play(false, &padded(HEAD_MAX), room).await;
        called.unwrap();
        let (called, _) = play(false, &padded(HEAD_MAX + 1), room).await;
        assert!(matches!(called, Err(Error::TooLong { .. })), "{called:?}");
    }
    let headers = |n: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(n));
    play(false, &headers(HEADERS_MAX), 64).await.0.unwrap();
    let error = fails(&headers(HEADERS_MAX + 1)).await;
    assert!(error.to_string().contains("more headers"), "{error}");
}

#[tokio::test]
async fn an_answer_cut_short_anywhere_is_a_proxy_that_hung_up() {
    for cut in 0..OK.len() {
        let error = fails(&OK[..cut]).await;
        assert!(
            matches!(error, Error::HungUp { heard, .. } if heard == cut),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn what_could_forge_a_line_is_refused_before_the_proxy_is_called() {
    for (endpoint, why) in [
        (Endpoint::new("a\r\nX: y", 1), "characters"),
        (Endpoint::new("a b", 1), "characters"),
        (Endpoint::new("ann@b", 1), "characters"),
        (Endpoint::new("::g", 1), "characters"),
        (Endpoint::new("a".repeat(256), 1), "longer than 255"),
        (Endpoint::new("", 1), "empty"),
        (Endpoint::new("fe80::1%2", 1), "zone"),
        (Endpoint::unix("/run/x"), "unix"),
    ] {
        let (dialer, mut far) = pipe(64);
        let error = dialer.oneshot(endpoint).await.unwrap_err();
        assert!(matches!(error, Error::Target { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(why) && !text.contains('\n'), "{text}");
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "nothing was said");
    }
    let login = |user, password| pipe(1).0.login(user, password).map(drop);
    assert_eq!(login("a:b", "c"), Err(InvalidLogin::Colon));
    assert_eq!(login("a", "b\r\n"), Err(InvalidLogin::Control));
    assert_eq!(login("a", "b:c"), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_silent_proxy_costs_the_deadline_which_names_it_and_closes_the_stream() {
    let (dialer, mut far) = pipe(256);
    let error = ConnectTimeout::new(dialer, TIME)
        .oneshot(chat())
        .await
        .unwrap_err();
    let step = DialStep::Handshake("HTTP CONNECT");
    assert!(
        matches!(&error, ConnectTimeoutError::Elapsed { step: Some(named), .. } if *named == step),
        "{error:?}"
    );
    let mut heard = String::new();
    far.read_to_string(&mut heard).await.unwrap();
    assert!(heard.starts_with("CONNECT "), "{heard}");
}

#[tokio::test]
async fn user_and_password_stay_out_of_every_text() {
    let dialer = pipe(1).0.login("ann", "secret").unwrap();
    assert_eq!(format!("{:?}", dialer.login), "Some(Login(..))");
}

proptest! {
    #[test]
    fn garbage_ends_in_an_answer_or_a_fault_and_never_in_a_wait(
        opening in prop_oneof![Just(""), Just("HTTP/1."), Just("HTTP/1.1 200 OK\r\n")],
        garbage in "[ -~\r\n\u{80}]{0,300}",
        room in 1..64_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let says = format!("{opening}{garbage}");
        runtime.block_on(async {
            let (mut near, mut far) = tokio::io::duplex(room);
            let mut peer = JoinSet::new();
            let said = says.clone();
            peer.spawn(async move { far.write_all(said.as_bytes()).await });
            let answer = tokio::time::timeout(TIME, response(&mut near, "")).await.unwrap();
            if let Ok(mut answer) = answer.map(|answer| answer.early.to_vec()) {
                near.read_to_end(&mut answer).await.unwrap();
                assert!(says.as_bytes().ends_with(&answer), "no byte is lost or made up");
            }
        });
    }
}
