//! Our client against `openssl s_server`, which turns round every line it is sent.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use bowline_link::tls::{Client, DialError, Dialer, Error, MaybeTls};
use bowline_link::{Endpoint, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::*;
use crate::services::Running;

/// A server that never outlives its test.
struct Server {
    _openssl: Running,
    address: SocketAddr,
}

impl Server {
    /// Starts on a free port and waits until it listens.
    fn start(mut command: Command) -> Self {
        command.args(["-accept", "127.0.0.1:0", "-rev"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        // Its complaints about clients are not ours to print.
        let mut openssl = Running::start(command.stderr(Stdio::null()));
        let lines = BufReader::new(openssl.child().stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ")?.trim().parse().ok());
        let address = address.expect("openssl says where it listens");
        Self {
            _openssl: openssl,
            address,
        }
    }
}

async fn dial(client: Client, server: &Server) -> Result<MaybeTls<TcpStream>, Error> {
    let dialer = Dialer::new(tcp::Dialer::new(), client.build().unwrap());
    let dialed = dialer.oneshot(Endpoint::from(server.address)).await;
    dialed.map_err(|error| match error {
        DialError::Handshake { source, .. } => source,
        other => panic!("{other}"),
    })
}

/// A client for `HOST`, wherever that is.
fn client(ca: &Ca) -> Client {
    Client::new(ca.roots()).server_name(HOST)
}

/// Says a line and hears it turned round.
async fn talk(stream: &mut MaybeTls<TcpStream>) -> std::io::Result<()> {
    stream.write_all(b"ahoy\n").await?;
    stream.flush().await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    assert_eq!(&answer, b"yoha\n");
    Ok(())
}

#[test]
fn our_client_talks_to_openssl_in_both_versions() {
    let Some(ca) = Ca::new() else { return };
    let (shown, person) = (ca.issue(1, HOST, Time::Now), ca.issue(2, "ana", Time::Now));
    for (version, only, _) in VERSIONS {
        let mut command = ca.openssl("s_server");
        shown.show(&mut command);
        // With -Verify a client must show a certificate.
        command.args([only, "-alpn", "chat/1", "-Verify", "1"]);
        let server = Server::start(command);
        run(async {
            let client = client(&ca)
                .identity(person.identity())
                .revocation_lists(lists(&ca.revoke(&[99])))
                .alpn(["chat/2", "chat/1"]);
            let mut stream = dial(client, &server).await.unwrap();
            assert_eq!(stream.version(), Some(version));
            assert_eq!(stream.alpn(), Some(b"chat/1".as_slice()));
            // OpenSSL sends its root along.
            assert_eq!(stream.peer_certificates().len(), 2);
            talk(&mut stream).await.unwrap();
            stream.shutdown().await.unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            assert_eq!(rest, b"");
        });
    }
}

#[test]
fn our_client_tells_apart_why_it_refuses_an_openssl() {
    let Some(ca) = Ca::new() else { return };
    let revoked = ca.revoke(&[3]);
    let meet = |shown: Issued, client: Client| {
        let mut command = ca.openssl("s_server");
        shown.show(&mut command);
        let server = Server::start(command);
        run(dial(client, &server)).unwrap_err()
    };
    let error = meet(ca.issue(1, "irc.example", Time::Now), client(&ca));
    let Error::WrongName { asked, names } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        (asked.as_str(), names.as_slice()),
        (HOST, &["irc.example".to_owned()][..])
    );
    let error = meet(ca.issue(2, HOST, Time::Past), client(&ca));
    assert!(matches!(error, Error::Expired { .. }), "{error:?}");
    let client_with_list = client(&ca).revocation_lists(lists(&revoked));
    let error = meet(ca.issue(3, HOST, Time::Now), client_with_list);
    assert!(matches!(error, Error::Revoked), "{error:?}");
    let stranger = Ca::named("stranger").expect("openssl was there a moment ago");
    let error = meet(ca.issue(4, HOST, Time::Now), client(&stranger));
    assert!(matches!(error, Error::UnknownIssuer), "{error:?}");
}

#[test]
fn our_client_understands_why_an_openssl_refuses_it() {
    let Some(ca) = Ca::new() else { return };
    let shown = ca.issue(1, HOST, Time::Now);
    let left = ca.issue(2, "left", Time::Now);
    let list = ca.revoke(&[2]);
    for (_, only, _) in VERSIONS {
        let mut command = ca.openssl("s_server");
        shown.show(&mut command);
        command.args([only, "-Verify", "1", "-crl_check", "-CRL"]);
        command.arg(&list);
        let server = Server::start(command);
        let refused = |client: Client| {
            run(async {
                match dial(client, &server).await {
                    Err(error) => error.to_string(),
                    // With TLS 1.3 it is told at the first read.
                    Ok(mut stream) => {
                        let error = stream.read_u8().await.unwrap_err();
                        Error::of(&error).unwrap().to_string()
                    }
                }
            })
        };
        let text = refused(client(&ca).identity(left.identity()));
        assert!(text.contains("certificate_revoked (44)"), "{only}: {text}");
        let text = refused(client(&ca));
        // OpenSSL says handshake_failure in TLS 1.2, where no alert is made for it.
        let expected = match only {
            "-tls1_3" => "certificate_required (116)",
            _ => "handshake_failure (40)",
        };
        assert!(text.contains(expected), "{only}: {text}");
    }
}

#[test]
fn our_client_and_an_openssl_without_anything_in_common_say_what() {
    let Some(ca) = Ca::new() else { return };
    let shown = ca.issue(1, HOST, Time::Now);
    let meet = |arguments: &[&str], client: Client| {
        let mut command = ca.openssl("s_server");
        shown.show(&mut command);
        command.args(arguments);
        let server = Server::start(command);
        run(dial(client, &server)).unwrap_err()
    };
    let new = client(&ca).versions(Version::V1_3, Version::V1_3);
    let error = meet(&["-tls1_2"], new);
    assert!(matches!(error, Error::NoCommonVersion { .. }), "{error:?}");
    let suites = ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"];
    let error = meet(&suites, client(&ca));
    let Error::Alert { alert } = error else {
        panic!("{error:?}");
    };
    assert_eq!(alert.name(), "handshake_failure");
}
