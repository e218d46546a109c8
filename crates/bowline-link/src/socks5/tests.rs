//! Handshakes with scripted proxies, over a pipe that carries one byte at a time.

use std::time::Duration;

use data_encoding::HEXLOWER;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tower::ServiceExt;

use super::*;
use crate::{ConnectTimeout, ConnectTimeoutError};

/// One byte fits in, so every read and every write is sliced.
const PIPE: usize = 1;
const NONE: &str = "050100";
const EITHER: &str = "05020002";
const LOGIN: &str = "01 03 616e6e 06 736563726574";
const CHAT: &str = "05010003 0c 636861742e6578616d706c65 1ce8";
const DONE: &str = "05000001 00000000 0000";
const TIME: Duration = Duration::from_secs(1);

fn hex(text: &str) -> Vec<u8> {
    HEXLOWER.decode(text.replace(' ', "").as_bytes()).unwrap()
}

fn chat() -> Endpoint {
    Endpoint::new("chat.example", 7400)
}

fn proxy() -> Endpoint {
    Endpoint::new("proxy", 1080)
}

/// A dialer whose proxy is the other end of one pipe.
fn pipe() -> (Dialer<impl Dial<Io = DuplexStream>>, DuplexStream) {
    let (near, far) = tokio::io::duplex(PIPE);
    let near = std::sync::Arc::new(std::sync::Mutex::new(Some(near)));
    let inner = tower::service_fn(move |called: Endpoint| {
        assert_eq!(called, proxy());
        let near = near.lock().unwrap().take();
        std::future::ready(near.ok_or_else(|| io::Error::other("called twice")))
    });
    (Dialer::new(inner, proxy()), far)
}

/// What the proxy expects to hear, and then says.
type Script<'a> = &'a [(&'a str, &'a str)];

/// Plays the script with a caller; says how the call ended and what the proxy heard after.
async fn play(
    login: bool,
    to: Endpoint,
    script: Script<'_>,
) -> (Result<DuplexStream, Error>, JoinSet<Vec<u8>>) {
    let (dialer, mut far) = pipe();
    let dialer = if login {
        dialer.login("ann", "secret").unwrap()
    } else {
        dialer
    };
    let script: Vec<_> = script
        .iter()
        .map(|(hears, says)| (hex(hears), hex(says)))
        .collect();
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        for (hears, says) in script {
            let mut heard = vec![0; hears.len()];
            far.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, hears);
            // A caller who has heard enough hangs up.
            if far.write_all(&says).await.is_err() {
                break;
            }
        }
        far.shutdown().await.unwrap();
        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.unwrap();
        rest
    });
    (dialer.oneshot(to).await, peer)
}

#[tokio::test]
async fn what_is_said_is_what_the_rfcs_show() {
    let v4 = "192.0.2.7:80".parse().unwrap();
    let v6 = "[2001:db8::7]:443".parse().unwrap();
    let ask_v4 = "05010001 c0000207 0050";
    let ask_v6 = "05010004 20010db8000000000000000000000007 01bb";
    let from_v6 = "05000004 20010db8000000000000000000000001 0001";
    let from_name = format!("05000003 ff {} 0001", "61".repeat(255));
    let plain = (NONE, "0500");
    for (login, to, script) in [
        (false, chat(), &[plain, (CHAT, DONE)][..]),
        (
            true,
            chat(),
            &[(EITHER, "0502"), (LOGIN, "0100"), (CHAT, DONE)],
        ),
        (true, chat(), &[(EITHER, "0500"), (CHAT, DONE)]),
        (false, v4, &[plain, (ask_v4, from_v6)]),
        (false, v6, &[plain, (ask_v6, &from_name)]),
        (
            false,
            Endpoint::new("a", 0),
            &[plain, ("05010003 01 61 0000", "05000003 00 0001")],
        ),
    ] {
        let (called, mut peer) = play(login, to, script).await;
        drop(called.unwrap());
        assert_eq!(
            peer.join_next().await.unwrap().unwrap(),
            [0_u8; 0],
            "nothing more is said"
        );
    }
}

#[tokio::test]
async fn no_byte_behind_the_answer_is_taken_from_the_stream() {
    let ahoy = format!("{DONE} 61686f79");
    let (called, _peer) = play(false, chat(), &[(NONE, "0500"), (CHAT, &ahoy)]).await;
    let mut heard = String::new();
    called.unwrap().read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "ahoy");
}

#[tokio::test]
async fn every_reply_is_told_apart_in_words() {
    let mut words = std::collections::BTreeSet::new();
    for (code, expected) in [
        (1, Reply::GeneralFailure),
        (2, Reply::NotAllowed),
        (3, Reply::NetworkUnreachable),
        (4, Reply::HostUnreachable),
        (5, Reply::ConnectionRefused),
        (6, Reply::TtlExpired),
        (7, Reply::CommandNotSupported),
        (8, Reply::AddressTypeNotSupported),
        (9, Reply::Unassigned(9)),
        (255, Reply::Unassigned(255)),
    ] {
        // Two bytes are enough: some proxies send no more.
        let says = format!("05{code:02x}");
        let (called, _peer) = play(false, chat(), &[(NONE, "0500"), (CHAT, &says)]).await;
        let error = called.unwrap_err();
        assert!(
            matches!(&error, Error::Refused { reply, .. } if *reply == expected),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(
            text.contains("proxy:1080") && text.contains("chat.example:7400"),
            "{text}"
        );
        assert!(words.insert(text));
    }
}

#[tokio::test]
async fn what_is_no_socks5_is_refused_by_its_first_wrong_byte() {
    for (login, script, expected) in [
        (false, &[(NONE, "4854")][..], ("version", 0x48)),
        (false, &[(NONE, "0502")], ("way to log in", 2)),
        (true, &[(EITHER, "0501")], ("way to log in", 1)),
        (
            true,
            &[(EITHER, "0502"), (LOGIN, "0500")],
            ("login version", 5),
        ),
        (false, &[(NONE, "0500"), (CHAT, "0400")], ("version", 4)),
        (
            false,
            &[(NONE, "0500"), (CHAT, "05000002")],
            ("kind of address", 2),
        ),
    ] {
        let (called, _peer) = play(login, chat(), script).await;
        let error = called.unwrap_err();
        assert!(
            matches!(&error, Error::Garbled { what, byte, .. } if (*what, *byte) == expected),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_refused_login_is_no_missing_login() {
    let refused: Script<'_> = &[(EITHER, "0502"), (LOGIN, "0101")];
    let (called, _peer) = play(true, chat(), refused).await;
    assert!(matches!(called, Err(Error::LoginRefused { status: 1, .. })));
    for (login, hears, words) in [(false, NONE, "log in"), (true, EITHER, "neither")] {
        let (called, _peer) = play(login, chat(), &[(hears, "05ff")]).await;
        let error = called.unwrap_err();
        assert!(matches!(error, Error::NoLogin { login: said, .. } if said == login));
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn an_answer_cut_short_anywhere_is_a_proxy_that_hung_up() {
    let way = "0500";
    let name = "05000003 02 6161 0001".replace(' ', "");
    for cut in (0..way.len()).step_by(2) {
        let (called, _peer) = play(false, chat(), &[(NONE, &way[..cut])]).await;
        assert!(matches!(called, Err(Error::HungUp { .. })), "{called:?}");
    }
    for cut in (0..name.len()).step_by(2) {
        let script: Script<'_> = &[(NONE, way), (CHAT, &name[..cut])];
        let (called, _peer) = play(false, chat(), script).await;
        assert!(matches!(called, Err(Error::HungUp { .. })), "{called:?}");
    }
}

#[tokio::test]
async fn what_no_request_can_carry_is_refused_before_the_proxy_is_called() {
    for (endpoint, why) in [
        (Endpoint::new("a".repeat(256), 1), "longer than 255"),
        (Endpoint::new("", 1), "empty"),
        (Endpoint::new("a\0b", 1), "control"),
        (Endpoint::new("fe80::1%2", 1), "zone"),
        (Endpoint::new("fe80::1%eth0", 1), "zone"),
        (Endpoint::unix("/run/x"), "unix"),
    ] {
        let (dialer, mut far) = pipe();
        let error = dialer.oneshot(endpoint).await.unwrap_err();
        assert!(matches!(error, Error::Target { .. }), "{error:?}");
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0, "nothing was said");
    }
    for (user, password, field, len) in [
        ("", "x", "user", 0),
        ("x", "", "password", 0),
        ("x", &*"y".repeat(256), "password", 256),
    ] {
        let invalid = pipe().0.login(user, password).err().unwrap();
        assert_eq!(invalid, InvalidLogin { field, len });
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_proxy_costs_the_deadline_which_names_it_and_closes_the_stream() {
    let (dialer, mut far) = pipe();
    let error = ConnectTimeout::new(dialer, TIME).oneshot(chat());
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        heard
    });
    let error = error.await.unwrap_err();
    let step = DialStep::Handshake("SOCKS5");
    assert!(
        matches!(&error, ConnectTimeoutError::Elapsed { step: Some(named), .. } if *named == step),
        "{error:?}"
    );
    assert_eq!(peer.join_next().await.unwrap().unwrap(), hex(NONE));
}

#[tokio::test]
async fn user_and_password_stay_out_of_every_text() {
    let (dialer, _far) = pipe();
    let dialer = dialer.login("ann", "secret").unwrap();
    let text = format!(
        "{:?} {:?}",
        dialer.login,
        dialer.login.as_ref().map(Login::message).map(<[u8]>::len)
    );
    assert_eq!(text, "Some(Login(..)) Some(12)");
}

#[tokio::test]
async fn proxies_are_chained_by_nesting() {
    let (inner, mut far) = pipe();
    let dialer = Dialer::new(inner, chat());
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        for (hears, says) in [(NONE, "0500"), (CHAT, DONE), (NONE, "0500")] {
            let mut heard = vec![0; hex(hears).len()];
            far.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, hex(hears));
            far.write_all(&hex(says)).await.unwrap();
        }
        let mut heard = vec![0; hex(CHAT).len()];
        far.read_exact(&mut heard).await.unwrap();
        far.write_all(&hex("0505")).await.ok();
    });
    let error = dialer.oneshot(chat()).await.unwrap_err();
    let refused = Reply::ConnectionRefused;
    assert!(
        matches!(error, Error::Refused { reply, .. } if reply == refused),
        "{error:?}"
    );
}

proptest! {
    #[test]
    fn garbage_ends_in_an_error_or_a_stream_and_never_in_a_wait(
        garbage in proptest::collection::vec(any::<u8>(), 0..600),
        opening in 0..3_usize,
    ) {
        let says = [&hex("0500 05000003")[..opening * 2], &garbage].concat();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(4096);
            far.write_all(&says).await.unwrap();
            far.shutdown().await.unwrap();
            let near = std::sync::Arc::new(std::sync::Mutex::new(Some(near)));
            let inner = tower::service_fn(move |_: Endpoint| {
                std::future::ready(near.lock().unwrap().take().ok_or_else(|| io::Error::other("twice")))
            });
            let called = Dialer::new(inner, proxy()).oneshot(chat());
            tokio::time::timeout(TIME, called).await.map(drop).unwrap();
        });
    }
}
