//! Each way in which a certificate or the two sides' settings do not fit is an error of its own.

use std::time::Duration;

use rcgen::ExtendedKeyUsagePurpose;
use rustls::ClientConfig;
use rustls::crypto::{CryptoProvider, ring};

use super::*;

/// The client's error, and what it says.
async fn refused(client: Client, server: Server) -> (Error, String) {
    let (near, far) = shake(client, server).await;
    far.unwrap_err();
    let error = near.unwrap_err();
    let text = told(&error);
    (error, text)
}

#[tokio::test(start_paused = true)]
async fn a_wrong_name_is_told_with_the_names_that_are_right() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &["mail.example", "*.irc.example", "192.0.2.7"]);
    let (error, text) = refused(client(&ca), server(&shown)).await;
    assert_eq!(
        text,
        "the certificate is not for chat.example but for mail.example, *.irc.example, 192.0.2.7"
    );
    let Error::WrongName { asked, names } = error else {
        panic!("{error:?}");
    };
    assert_eq!(asked, HOST);
    assert_eq!(names, ["mail.example", "*.irc.example", "192.0.2.7"]);
}

#[tokio::test(start_paused = true)]
async fn the_clock_that_was_given_says_what_is_expired() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &[HOST]);
    let clock = Told::new();
    let connector = client(&ca).clock(Arc::new(clock.clone())).build().unwrap();
    let acceptor = server(&shown).build().unwrap();

    meet(&connector, &acceptor).await.0.unwrap();

    clock.tell(2027, 3, 1);
    let error = meet(&connector, &acceptor).await.0.unwrap_err();
    assert!(matches!(error, Error::Expired { .. }), "{error:?}");
    assert_eq!(
        told(&error),
        "the certificate expired on 2026-12-31 00:00:00 UTC (it is 2027-03-01 00:00:00 UTC here)"
    );

    clock.tell(2024, 3, 1);
    let error = meet(&connector, &acceptor).await.0.unwrap_err();
    assert!(matches!(error, Error::NotYetValid { .. }), "{error:?}");
    assert_eq!(
        told(&error),
        "the certificate is not valid before 2025-01-01 00:00:00 UTC (it is 2024-03-01 00:00:00 UTC here)"
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_before_1970_is_no_fault_of_the_peers() {
    let ca = Ca::new("harbour");
    let clock = Told::new();
    clock.tell(1960, 1, 1);
    let connector = client(&ca).clock(Arc::new(clock)).build().unwrap();
    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
    let error = meet(&connector, &acceptor).await.0.unwrap_err();
    assert!(matches!(error, Error::NotYetValid { .. }), "{error:?}");
    assert!(told(&error).contains("it is 1970-01-01"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_expired_client_is_told_apart_by_the_server_and_tells_its_user() {
    let ca = Ca::new("harbour");
    let (shown, person) = (ca.issue(1, &[HOST]), ca.issue(2, &["ana"]));
    let clock = Told::new();
    clock.tell(2027, 3, 1);
    let server = server(&shown)
        .require_clients(ca.roots())
        .clock(Arc::new(clock));
    let client = client(&ca)
        .identity(person.identity())
        .versions(Version::V1_2, Version::V1_2);
    let (near, far) = shake(client, server).await;
    let far = far.unwrap_err();
    assert!(matches!(far, Error::Expired { .. }), "{far:?}");
    assert_eq!(
        told(&near.unwrap_err()),
        "the peer refused: certificate_expired (45): it says that our certificate is out of its time"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stranger_is_told_from_a_namesake() {
    let shown = Ca::new("harbour").issue(1, &[HOST]);
    let (error, _) = refused(client(&Ca::new("lighthouse")), server(&shown)).await;
    assert!(matches!(error, Error::UnknownIssuer), "{error:?}");
    let (error, _) = refused(client(&Ca::new("harbour")), server(&shown)).await;
    assert!(matches!(error, Error::BadSignature), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_server_is_told_why() {
    let shown = Ca::new("harbour").issue(1, &[HOST]);
    for version in [Version::V1_2, Version::V1_3] {
        let client = client(&Ca::new("lighthouse")).versions(version, version);
        let (_, heard) = shake(client, server(&shown)).await;
        let Err(Error::Alert { alert }) = heard else {
            panic!("{version}: {heard:?}");
        };
        assert_eq!(alert.name(), "unknown_ca", "{version}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_server_is_refused_and_its_neighbour_is_not() {
    let ca = Ca::new("harbour");
    let (good, bad) = (ca.issue(1, &[HOST]), ca.issue(2, &[HOST]));
    let client = client(&ca).revocation_lists(ca.revocation_lists(&[&bad]));
    let (error, _) = refused(client.clone(), server(&bad)).await;
    assert!(matches!(error, Error::Revoked), "{error:?}");
    shake(client, server(&good)).await.0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_no_list_covers_is_refused_unless_allowed() {
    let (ca, other) = (Ca::new("harbour"), Ca::new("lighthouse"));
    let shown = ca.issue(1, &[HOST]);
    let lists = other.revocation_lists(&[&shown]);
    let strict = client(&ca).revocation_lists(lists.clone());
    let (error, _) = refused(strict, server(&shown)).await;
    assert!(matches!(error, Error::UnknownRevocation), "{error:?}");
    let easy = client(&ca).revocation_lists(lists.accept_uncovered());
    shake(easy, server(&shown)).await.0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_list_that_nobody_renewed_is_not_believed_unless_allowed() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &[HOST]);
    let clock = Told::new();
    clock.tell(2026, 6, 2);
    let lists = ca.revocation_lists(&[]);
    let client = client(&ca).clock(Arc::new(clock));
    let strict = client.clone().revocation_lists(lists.clone());
    let (error, text) = refused(strict, server(&shown)).await;
    assert!(
        matches!(error, Error::StaleRevocationList { .. }),
        "{error:?}"
    );
    assert!(text.contains("2026-06-01"), "{text}");
    let easy = client.revocation_lists(lists.believe_stale());
    shake(easy, server(&shown)).await.0.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_certificate_for_clients_proves_no_server() {
    let ca = Ca::new("harbour");
    let shown = ca.issue_with(1, &[HOST], |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    let (error, text) = refused(client(&ca), server(&shown)).await;
    assert!(matches!(error, Error::BadCertificate { .. }), "{error:?}");
    assert!(text.starts_with("the certificate was refused: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_client_without_the_certificate_that_is_demanded_is_told_so() {
    let ca = Ca::new("harbour");
    let server = server(&ca.issue(1, &[HOST])).require_clients(ca.roots());
    let old = client(&ca).versions(Version::V1_2, Version::V1_2);
    let (near, far) = shake(old, server.clone()).await;
    assert!(matches!(far.unwrap_err(), Error::NoCertificate));
    let Error::Alert { alert } = near.unwrap_err() else {
        panic!("another error");
    };
    assert_eq!((alert.code(), alert.name()), (116, "certificate_required"));
    assert!(alert.is_about_our_certificate());

    // With TLS 1.3 the client is done before the server has judged: the first read says it.
    let (near, far) = shake(client(&ca), server).await;
    assert!(matches!(far.unwrap_err(), Error::NoCertificate));
    let error = near.unwrap().read_u8().await.unwrap_err();
    let text = Error::of(&error).unwrap().to_string();
    assert_eq!(
        text,
        "the peer refused: certificate_required (116): it demands a certificate from us"
    );
}

#[tokio::test(start_paused = true)]
async fn a_revoked_client_is_refused_by_name_on_both_sides() {
    let ca = Ca::new("harbour");
    let (shown, left) = (ca.issue(1, &[HOST]), ca.issue(2, &["left"]));
    let server = server(&shown)
        .ask_clients(ca.roots())
        .revocation_lists(ca.revocation_lists(&[&left]));
    let client = client(&ca).identity(left.identity());
    let (near, far) = shake(client, server).await;
    assert!(matches!(far.unwrap_err(), Error::Revoked));
    let error = near.unwrap().read_u8().await.unwrap_err();
    let Some(Error::Alert { alert }) = Error::of(&error) else {
        panic!("{error:?}");
    };
    assert_eq!(alert.name(), "certificate_revoked");
}

#[tokio::test(start_paused = true)]
async fn a_server_fails_closed_by_its_lists_as_a_client_does() {
    let (ca, other) = (Ca::new("harbour"), Ca::new("lighthouse"));
    let (shown, person) = (ca.issue(1, &[HOST]), ca.issue(2, &["ana"]));
    let clock = Told::new();
    clock.tell(2026, 6, 2);
    let asks = || {
        let server = server(&shown).require_clients(ca.roots());
        server.clock(Arc::new(clock.clone()))
    };
    let client = client(&ca).identity(person.identity());
    let stale = ca.revocation_lists(&[]);
    let error = shake(client.clone(), asks().revocation_lists(stale.clone())).await;
    let error = error.1.unwrap_err();
    let overdue = matches!(error, Error::StaleRevocationList { .. });
    assert!(overdue, "{error:?}");
    let easy = asks().revocation_lists(stale.believe_stale());
    shake(client.clone(), easy).await.1.unwrap();

    let elsewhere = other.revocation_lists(&[]).believe_stale();
    let strict = asks().revocation_lists(elsewhere.clone());
    let error = shake(client.clone(), strict).await.1.unwrap_err();
    assert!(matches!(error, Error::UnknownRevocation), "{error:?}");
    let easy = asks().revocation_lists(elsewhere.accept_uncovered());
    shake(client, easy).await.1.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_version_in_common_is_found_by_one_side_and_told_to_the_other() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &[HOST]);
    let (old, new) = (Version::V1_2, Version::V1_3);
    for (ours, theirs) in [(old, new), (new, old)] {
        let client = client(&ca).versions(ours, ours);
        let server = server(&shown).versions(theirs, theirs);
        let (near, far) = shake(client, server).await;
        let (near, far) = (near.unwrap_err(), far.unwrap_err());
        assert!(
            matches!(near, Error::NoCommonVersion { by: Side::Peer }),
            "{near:?}"
        );
        assert!(
            matches!(far, Error::NoCommonVersion { by: Side::Us }),
            "{far:?}"
        );
        assert_eq!(told(&near), "no version of TLS in common, says the peer");
    }
}

#[tokio::test(start_paused = true)]
async fn no_protocol_in_common_is_found_by_the_server_and_told_to_the_client() {
    let ca = Ca::new("harbour");
    let server = server(&ca.issue(1, &[HOST])).alpn(["chat/1"]);
    let (near, far) = shake(client(&ca).alpn(["chat/2"]), server).await;
    let (near, far) = (near.unwrap_err(), far.unwrap_err());
    assert!(
        matches!(near, Error::NoCommonProtocol { by: Side::Peer }),
        "{near:?}"
    );
    assert!(
        matches!(far, Error::NoCommonProtocol { by: Side::Us }),
        "{far:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn no_cipher_suite_in_common_is_no_matter_of_versions() {
    let ca = Ca::new("harbour");
    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
    // The server's key is for ECDSA; this client has only suites for RSA.
    let provider = CryptoProvider {
        cipher_suites: vec![ring::cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256],
        ..ring::default_provider()
    };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(ca.roots().store)
        .with_no_client_auth();
    let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
    let (near, far) = duplex(ROOM);
    let host = HOST.try_into().unwrap();
    let (near, far) = join(connector.connect(host, near), acceptor.accept(far)).await;
    let far = far.unwrap_err();
    assert!(matches!(far, Error::NoCommonCipherSuite { .. }), "{far:?}");

    // Seen from the client it is a word of the peer's, which says less.
    let Error::Alert { alert } = error::of_handshake(near.unwrap_err()) else {
        panic!("another error");
    };
    assert_eq!(alert.name(), "handshake_failure");
}

#[tokio::test(start_paused = true)]
async fn who_does_not_speak_tls_is_no_attacker_but_a_wrong_port() {
    let ca = Ca::new("harbour");
    let connector = client(&ca).build().unwrap();
    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();

    let (near, mut far) = duplex(ROOM);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .unwrap();
    let error = connector.connect(HOST, near).await.unwrap_err();
    assert!(matches!(error, Error::NotTls), "{error:?}");

    for greeting in ["GET / HTTP/1.1\r\n\r\n", "{\"cmd\":1}\n"] {
        let (mut near, far) = duplex(ROOM);
        near.write_all(greeting.as_bytes()).await.unwrap();
        near.shutdown().await.unwrap();
        drop(near);
        let error = acceptor.accept(far).await.unwrap_err();
        assert!(matches!(error, Error::NotTls), "{greeting}: {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_early_is_no_protocol_error() {
    let ca = Ca::new("harbour");
    let (near, far) = duplex(ROOM);
    drop(far);
    let connector = client(&ca).build().unwrap();
    let error = connector.connect(HOST, near).await.unwrap_err();
    assert!(matches!(error, Error::HungUp { .. }), "{error:?}");

    let (near, far) = duplex(ROOM);
    drop(near);
    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
    let error = acceptor.accept(far).await.unwrap_err();
    assert!(matches!(error, Error::HungUp { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_peer_that_stays_costs_a_server_one_second() {
    let ca = Ca::new("harbour");
    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
    let (mut near, far) = duplex(ROOM);
    near.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    let before = tokio::time::Instant::now();
    acceptor.accept(far).await.unwrap_err();
    let took = tokio::time::Instant::now() - before;
    let slack = Duration::from_millis(2);
    assert!(
        (FAREWELL_MAX..FAREWELL_MAX + slack).contains(&took),
        "{took:?}"
    );
    drop(near);
}
