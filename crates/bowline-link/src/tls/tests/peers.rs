//! What both sides know of each other once hands are shaken.

use super::*;

#[tokio::test(start_paused = true)]
async fn both_versions_are_spoken_and_the_newest_is_chosen() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &[HOST]);
    let (old, new) = (Version::V1_2, Version::V1_3);
    for (min, max, spoken) in [(old, old, old), (old, new, new), (new, new, new)] {
        let (near, far) = shake(client(&ca).versions(min, max), server(&shown)).await;
        let (mut near, mut far) = (near.unwrap(), far.unwrap());
        assert_eq!(near.version(), Some(spoken));
        assert_eq!(far.version(), Some(spoken));
        say(&mut near, &mut far).await;
        say(&mut far, &mut near).await;
    }
}

#[tokio::test(start_paused = true)]
async fn each_side_sees_name_protocol_and_certificate_of_the_other() {
    let ca = Ca::new("harbour");
    let (shown, person) = (ca.issue(1, &[HOST]), ca.issue(2, &["ana"]));
    let client = client(&ca)
        .identity(person.identity())
        .alpn(["chat/2", "chat/1"]);
    let server = server(&shown)
        .require_clients(ca.roots())
        .alpn(["chat/1", "chat/0"]);
    let (near, far) = shake(client, server).await;
    let (near, far) = (near.unwrap(), far.unwrap());
    assert_eq!(near.alpn(), Some(b"chat/1".as_slice()));
    assert_eq!(far.alpn(), near.alpn());
    assert_eq!(far.server_name(), Some(HOST));
    let seen = |stream: &MaybeTls<_>| stream.peer_certificates().len();
    assert_eq!((seen(&near), seen(&far)), (1, 1));
    let certificate = pem::Text::new(person.chain.as_bytes(), None)
        .all::<CertificateDer<'_>>(PemKind::Certificate)
        .unwrap();
    assert_eq!(far.peer_certificates(), certificate);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_only_asked_may_come_without() {
    let ca = Ca::new("harbour");
    let server = server(&ca.issue(1, &[HOST])).ask_clients(ca.roots());
    let (near, far) = shake(client(&ca), server).await;
    near.unwrap();
    assert!(far.unwrap().peer_certificates().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_side_that_names_no_protocol_is_let_in_without_one() {
    let ca = Ca::new("harbour");
    let shown = ca.issue(1, &[HOST]);
    for (ours, theirs) in [(vec![], vec!["chat/1"]), (vec!["chat/1"], vec![])] {
        let client = client(&ca).alpn(ours);
        let (near, far) = shake(client, server(&shown).alpn(theirs)).await;
        assert_eq!(near.unwrap().alpn(), None);
        assert_eq!(far.unwrap().alpn(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_stream_is_the_same_type_and_knows_nothing_of_tls() {
    let (near, far) = duplex(ROOM);
    let (mut near, mut far) = (MaybeTls::plain(near), MaybeTls::plain(far));
    say(&mut near, &mut far).await;
    assert!(!near.is_tls());
    assert_eq!((near.version(), near.alpn()), (None, None));
    assert!(near.peer_certificates().is_empty() && !near.is_resumed());
    near.shutdown().await.unwrap();
    assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
}
