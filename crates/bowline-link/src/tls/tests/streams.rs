//! Bytes through TLS: in slices, to the end, cut off, and given up half way.

use std::io::ErrorKind;

use futures_util::FutureExt;

use super::slices::Slices;
use super::*;

/// Longer than a record of TLS, which is 16 KiB.
const LONG: usize = 40_000;

type Pair<I> = (MaybeTls<I>, MaybeTls<I>);

async fn pair(versions: Version) -> Pair<DuplexStream> {
    let ca = Ca::new("harbour");
    let client = client(&ca).versions(versions, versions);
    let (near, far) = shake(client, server(&ca.issue(1, &[HOST]))).await;
    (near.unwrap(), far.unwrap())
}

/// Sends `LONG` bytes there and back, then says goodbye both ways.
async fn there_and_back<I: Io>((mut near, mut far): Pair<I>) {
    let sent: Vec<u8> = (0..LONG).map(|at| (at % 251) as u8).collect();
    let echo = async {
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        far.write_all(&heard).await.unwrap();
        far.shutdown().await.unwrap();
    };
    let ask = async {
        near.write_all(&sent).await.unwrap();
        near.shutdown().await.unwrap();
    };
    join(echo, ask).await;
    let mut answer = Vec::new();
    near.read_to_end(&mut answer).await.unwrap();
    assert!(answer == sent, "{} bytes came back", answer.len());
}

#[tokio::test(start_paused = true)]
async fn a_stream_in_one_byte_slices_loses_nothing() {
    let ca = Ca::new("harbour");
    let (shown, person) = (ca.issue(1, &[HOST]), ca.issue(2, &["ana"]));
    for version in [Version::V1_2, Version::V1_3] {
        let client = client(&ca)
            .versions(version, version)
            .identity(person.identity());
        let server = server(&shown).require_clients(ca.roots());
        let (near, far) = duplex(1 << 20);
        let (connector, acceptor) = (client.build().unwrap(), server.build().unwrap());
        let near = connector.connect(HOST, Slices::new(near));
        let far = acceptor.accept(Slices::new(far));
        let (near, far) = join(near, far).await;
        there_and_back((near.unwrap(), far.unwrap())).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_alert_arrives_whole_in_one_byte_slices() {
    let ca = Ca::new("harbour");
    let server = server(&ca.issue(1, &[HOST])).alpn(["chat/1"]);
    let client = client(&ca).alpn(["chat/2"]);
    let (near, far) = duplex(ROOM);
    let (connector, acceptor) = (client.build().unwrap(), server.build().unwrap());
    let near = connector.connect(HOST, Slices::new(near));
    let far = acceptor.accept(Slices::new(far));
    let (near, far) = join(near, far).await;
    far.unwrap_err();
    let error = near.unwrap_err();
    assert!(
        matches!(error, Error::NoCommonProtocol { by: Side::Peer }),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_reads_as_an_end_and_a_cut_as_a_loss() {
    for version in [Version::V1_2, Version::V1_3] {
        let (mut near, mut far) = pair(version).await;
        say(&mut near, &mut far).await;
        near.shutdown().await.unwrap();
        assert_eq!(far.read(&mut [0]).await.unwrap(), 0);
        // The other direction is still open.
        say(&mut far, &mut near).await;

        let (mut near, mut far) = pair(version).await;
        say(&mut near, &mut far).await;
        drop(near);
        let error = far.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert!(
            matches!(Error::of(&error), Some(Error::Truncated)),
            "{error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_handshake_closes_the_stream_below() {
    let ca = Ca::new("harbour");
    let connector = client(&ca).build().unwrap();
    let (near, mut far) = duplex(ROOM);
    let mut connect = Box::pin(connector.connect(HOST, near));
    // The client has spoken and waits for an answer.
    assert!((&mut connect).now_or_never().is_none());
    let mut hello = [0; 5];
    far.read_exact(&mut hello).await.unwrap();
    assert_eq!(hello[0], 22);
    drop(connect);
    let mut rest = Vec::new();
    far.read_to_end(&mut rest).await.unwrap();
    assert_eq!(
        far.write(b"x").await.unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );

    let acceptor = server(&ca.issue(1, &[HOST])).build().unwrap();
    let (mut near, far) = duplex(ROOM);
    let mut accept = Box::pin(acceptor.accept(far));
    assert!((&mut accept).now_or_never().is_none());
    drop(accept);
    assert_eq!(near.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_read_loses_no_byte() {
    let ca = Ca::new("harbour");
    let (connector, acceptor) = (
        client(&ca).build().unwrap(),
        server(&ca.issue(1, &[HOST])).build().unwrap(),
    );
    let (near, far) = duplex(ROOM);
    let near = connector.connect(HOST, Slices::new(near));
    let (near, far) = join(near, acceptor.accept(far)).await;
    let (mut near, mut far) = (near.unwrap(), far.unwrap());
    far.write_all(b"ahoy").await.unwrap();
    far.flush().await.unwrap();
    let mut given_up = 0;
    let mut heard = [0; 4];
    let read = loop {
        let mut read = Box::pin(near.read(&mut heard));
        match (&mut read).now_or_never() {
            Some(read) => break read.unwrap(),
            None => given_up += 1,
        }
        // A task that never rests is not woken.
        tokio::task::yield_now().await;
    };
    assert!(given_up > 10, "given up {given_up} times");
    assert_eq!(&heard[..read], b"ahoy");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_stops_the_writer_within_its_limit() {
    let (mut near, _far) = pair(Version::V1_3).await;
    let mut taken = 0;
    let chunk = [7; 4096];
    loop {
        let mut write = Box::pin(near.write(&chunk));
        match (&mut write).now_or_never() {
            Some(wrote) => taken += wrote.unwrap(),
            None => break,
        }
    }
    let most = ROOM + BUFFER_MAX + chunk.len();
    assert!((ROOM / 2..=most).contains(&taken), "took {taken} of {most}");
}
