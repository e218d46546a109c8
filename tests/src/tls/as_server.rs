//! Our server against `openssl s_client`.

use std::io::Write;
use std::net::SocketAddr;
use std::process::Stdio;

use bowline_link::tls::{Error, Listener, MaybeTls, Server};
use bowline_link::{Listen, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::services::Running;

/// A client that never outlives its test.
struct Caller {
    openssl: Running,
}

impl Caller {
    /// Calls `address`; `arguments` come after those that all calls have.
    fn start(ca: &Ca, address: SocketAddr, shown: Option<&Issued>, arguments: &[&str]) -> Self {
        let mut command = ca.openssl("s_client");
        if let Some(shown) = shown {
            shown.show(&mut command);
        }
        command.args(["-connect", &address.to_string()]);
        command.args(["-servername", HOST, "-verify_hostname", HOST]);
        command.args(arguments).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        Self {
            openssl: Running::start(&mut command),
        }
    }

    fn say(&mut self, line: &str) {
        let stdin = self
            .openssl
            .child()
            .stdin
            .as_mut()
            .expect("its input was kept");
        stdin.write_all(line.as_bytes()).unwrap();
    }

    /// Waits until it has ended and returns all it said. The other side must have hung up.
    fn ended(self) -> String {
        let output = self.openssl.ended();
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8_lossy(&said).into_owned()
    }
}

fn bind() -> (tcp::Listener, SocketAddr) {
    let listener = tcp::Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// One handshake with an OpenSSL that is called like that, and what that said in the end.
fn meet(
    ca: &Ca,
    server: Server,
    shown: Option<&Issued>,
    arguments: &[&str],
) -> (Result<MaybeTls<TcpStream>, Error>, String) {
    run(async {
        let acceptor = server.build().unwrap();
        let (mut listener, address) = bind();
        let caller = Caller::start(ca, address, shown, arguments);
        let (io, _) = listener.accept().await.unwrap();
        let shaken = acceptor.accept(io).await;
        let shaken = match shaken {
            Ok(mut stream) => {
                // Whoever was refused by the other side says so now.
                let heard = stream.read(&mut [0; 64]).await;
                match heard.as_ref().err().and_then(Error::of) {
                    Some(error) => panic!("{error}"),
                    None => Ok(stream),
                }
            }
            Err(error) => Err(error),
        };
        (shaken, caller.ended())
    })
}

#[test]
fn our_server_talks_to_openssl_in_both_versions() {
    let Some(ca) = Ca::new() else { return };
    let shown = ca.issue(1, HOST, Time::Now);
    let person = ca.issue(2, "ana", Time::Now);
    let list = ca.revoke(&[99]);
    for (version, only, spoken) in VERSIONS {
        run(async {
            let server = Server::new(shown.identity())
                .require_clients(ca.roots())
                .revocation_lists(lists(&list))
                .alpn(["chat/1"]);
            let (tcp, address) = bind();
            let mut listener = Listener::new(tcp, server.build().unwrap());
            let arguments = [only, "-alpn", "chat/2,chat/1"];
            let mut caller = Caller::start(&ca, address, Some(&person), &arguments);
            let (mut stream, _) = listener.accept().await.unwrap();
            assert_eq!(stream.version(), Some(version));
            assert_eq!(stream.alpn(), Some(b"chat/1".as_slice()));
            assert_eq!(stream.server_name(), Some(HOST));
            // OpenSSL sends its root along.
            assert_eq!(stream.peer_certificates().len(), 2);

            caller.say("ahoy\n");
            let mut heard = [0; 5];
            stream.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"ahoy\n");
            stream.write_all(b"and ahoy to you\n").await.unwrap();
            stream.shutdown().await.unwrap();
            drop(stream);
            let said = caller.ended();
            for words in [
                "Verify return code: 0 (ok)",
                "ALPN protocol: chat/1",
                "and ahoy to you",
                spoken,
            ] {
                assert!(said.contains(words), "{only}: {words}: {said}");
            }
        });
    }
}

#[test]
fn our_server_tells_apart_why_it_refuses_an_openssl() {
    let Some(ca) = Ca::new() else { return };
    let shown = ca.issue(1, HOST, Time::Now);
    let left = ca.issue(2, "left", Time::Now);
    let late = ca.issue(3, "late", Time::Past);
    let list = ca.revoke(&[2]);
    for (_, only, _) in VERSIONS {
        let server = Server::new(shown.identity())
            .require_clients(ca.roots())
            .revocation_lists(lists(&list));
        let (shaken, said) = meet(&ca, server.clone(), Some(&left), &[only]);
        assert!(matches!(shaken, Err(Error::Revoked)), "{only}: {shaken:?}");
        assert!(said.contains("certificate revoked"), "{only}: {said}");
        let (shaken, said) = meet(&ca, server.clone(), Some(&late), &[only]);
        assert!(
            matches!(shaken, Err(Error::Expired { .. })),
            "{only}: {shaken:?}"
        );
        assert!(said.contains("certificate expired"), "{only}: {said}");
        let (shaken, said) = meet(&ca, server, None, &[only]);
        assert!(
            matches!(shaken, Err(Error::NoCertificate)),
            "{only}: {shaken:?}"
        );
        // The alert number: TLS 1.2 has no name for it.
        assert!(said.contains("alert number 116"), "{only}: {said}");
    }
}

#[test]
fn an_openssl_refuses_our_server_for_what_our_client_would() {
    let Some(ca) = Ca::new() else { return };
    let list = ca.revoke(&[3]);
    let list = list.to_str().unwrap();
    for (shown, arguments, words) in [
        (
            ca.issue(1, "irc.example", Time::Now),
            vec![],
            "ostname mismatch",
        ),
        (
            ca.issue(2, HOST, Time::Past),
            vec![],
            "certificate has expired",
        ),
        (
            ca.issue(3, HOST, Time::Now),
            vec!["-crl_check", "-CRL", list],
            "certificate revoked",
        ),
    ] {
        let (shaken, said) = meet(&ca, Server::new(shown.identity()), None, &arguments);
        assert!(
            matches!(shaken, Err(Error::Alert { .. })),
            "{words}: {shaken:?}"
        );
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn our_server_and_an_openssl_without_anything_in_common_say_what() {
    let Some(ca) = Ca::new() else { return };
    let server = Server::new(ca.issue(1, HOST, Time::Now).identity());
    let new = server.clone().versions(Version::V1_3, Version::V1_3);
    let (shaken, said) = meet(&ca, new, None, &["-tls1_2"]);
    assert!(
        matches!(shaken, Err(Error::NoCommonVersion { .. })),
        "{shaken:?}"
    );
    assert!(said.contains("protocol version"), "{said}");
    let other = server.clone().alpn(["chat/1"]);
    let (shaken, said) = meet(&ca, other, None, &["-alpn", "chat/2"]);
    assert!(
        matches!(shaken, Err(Error::NoCommonProtocol { .. })),
        "{shaken:?}"
    );
    assert!(said.contains("no application protocol"), "{said}");
    let suites = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"];
    let (shaken, _) = meet(&ca, server, None, &suites);
    assert!(
        matches!(shaken, Err(Error::NoCommonCipherSuite { .. })),
        "{shaken:?}"
    );
}
