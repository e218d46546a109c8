//! Reads and writes that get nowhere, on a paused clock.

use std::io::IoSlice;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::*;
use crate::stall::{Settings, stalled};

const S: fn(u64) -> Duration = Duration::from_secs;

fn limits() -> Limits {
    Limits::new(Settings {
        read: Some(S(20)),
        write: Some(S(10)),
        ..Settings::NONE
    })
    .unwrap()
}

/// Our end, of which the peer's kernel takes `window` bytes, and the peer's.
fn limited(window: usize) -> (Limited<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(window);
    (Limited::new(ours, &limits()), theirs)
}

/// What stalled, how many bytes had moved, and how long after `start`.
fn told(error: &io::Error, start: Instant) -> (Step, u64, Duration) {
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    let stalled = stalled(error).unwrap();
    (
        stalled.which,
        stalled.progressed.unwrap(),
        Instant::now() - start,
    )
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_write_that_gets_nowhere_fails_by_name_and_goes_on_failing() {
    let (mut stream, mut peer) = limited(4);
    let start = Instant::now();
    let error = stream.write_all(b"too much").await.unwrap_err();
    assert_eq!(told(&error, start), (Step::Write, 4, S(10)));

    let again = stream
        .write_all(b"more")
        .now_or_never()
        .unwrap()
        .unwrap_err();
    assert_eq!(told(&again, start), (Step::Write, 4, S(10)));
    peer.write_all(b"last").await.unwrap();
    let mut last = [0; 4];
    stream.read_exact(&mut last).await.unwrap();
    assert_eq!(&last, b"last", "what the peer said can still be read");
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_a_byte_just_in_time_is_never_cut_off() {
    let (mut stream, mut peer) = limited(1);
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        for _ in 0..50 {
            sleep(S(9)).await;
            peer.read_u8().await.unwrap();
        }
        peer
    });
    stream.write_all(&[7; 50]).await.unwrap();
    drop(peers.join_next().await);
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_connection_with_nothing_to_say_is_not_stalled() {
    let (mut stream, _peer) = limited(4);
    assert!(timeout(S(100_000), stream.read_u8()).await.is_err());
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_byte_that_is_owed_and_does_not_come_fails_the_read_by_name() {
    let (mut stream, mut peer) = limited(4);
    let expected = stream.reads().expect();
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        for _ in 0..5 {
            sleep(S(19)).await;
            peer.write_u8(7).await.unwrap();
        }
        peer
    });
    let start = Instant::now();
    let mut buffer = [0; 8];
    let error = stream.read_exact(&mut buffer).await.unwrap_err();
    assert_eq!(told(&error, start), (Step::Read, 5, S(5 * 19 + 20)));
    drop(expected);
    let again = stream.read_u8().now_or_never().unwrap().unwrap_err();
    assert_eq!(stalled(&again).unwrap().which, Step::Read);
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_read_that_waits_already_learns_what_is_owed_and_what_is_not_any_more() {
    let (mut stream, _peer) = limited(4);
    let reads = stream.reads();
    let start = Instant::now();
    let mut reader = JoinSet::new();
    reader.spawn(async move { stream.read_u8().await.unwrap_err() });
    sleep(S(100)).await;
    let (first, second) = (reads.expect(), reads.expect());
    sleep(S(15)).await;
    drop(first);
    drop(second);
    sleep(S(100)).await;
    assert!(reader.try_join_next().is_none(), "nothing was owed");

    let _owed = reads.expect();
    let error = reader.join_next().await.unwrap().unwrap();
    assert_eq!(told(&error, start), (Step::Read, 0, S(100 + 15 + 100 + 20)));
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn two_tasks_each_hear_of_their_own_half() {
    for read_first in [false, true] {
        let (ours, _theirs) = tokio::io::duplex(1);
        let (read_max, write_max) = if read_first {
            (S(3), S(7))
        } else {
            (S(7), S(3))
        };
        let settings = Settings {
            read: Some(read_max),
            write: Some(write_max),
            ..Settings::NONE
        };
        let stream = Limited::new(ours, &Limits::new(settings).unwrap());
        let expected = stream.reads().expect();
        let (mut read, mut write) = tokio::io::split(stream);
        let start = Instant::now();
        let mut halves = JoinSet::new();
        halves.spawn(async move { read.read_u8().await.unwrap_err() });
        halves.spawn(async move { write.write_all(&[7; 2]).await.unwrap_err() });
        let mut ends = Vec::new();
        while let Some(error) = halves.join_next().await {
            ends.push(told(&error.unwrap(), start));
        }
        ends.sort_unstable();
        assert_eq!(
            ends,
            [(Step::Read, 0, read_max), (Step::Write, 1, write_max)]
        );
        drop(expected);
    }
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_write_given_up_and_tried_again_in_vain_has_one_limit() {
    let (mut stream, _peer) = limited(1);
    stream.write_u8(7).await.unwrap();
    let start = Instant::now();
    let mut stalled = None;
    for _ in 0..20 {
        if let Ok(end) = timeout(S(1), stream.write_u8(7)).await {
            stalled = end.err();
            break;
        }
        stream.flush().await.unwrap();
    }
    let error = stalled.unwrap();
    assert_eq!(told(&error, start), (Step::Write, 1, S(10)));
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_passed_unseen_is_granted_once_more_and_only_once() {
    let (mut stream, mut peer) = limited(1);
    stream.write_u8(7).await.unwrap();
    assert!(stream.write_u8(7).now_or_never().is_none());
    sleep(S(60)).await;
    let start = Instant::now();
    assert!(timeout(S(9), stream.write_u8(7)).await.is_err());
    peer.read_u8().await.unwrap();
    stream.write_u8(7).await.unwrap();

    assert!(stream.write_u8(7).now_or_never().is_none());
    sleep(S(60)).await;
    assert!(stream.write_u8(7).now_or_never().is_none(), "the one grace");
    sleep(S(60)).await;
    let error = stream.write_u8(7).now_or_never().unwrap().unwrap_err();
    assert_eq!(told(&error, start), (Step::Write, 2, S(9 + 60 + 60)));
}

#[tokio::test(start_paused = true)]
async fn a_half_that_fails_leaves_the_other_its_alarm() {
    let (ours, _theirs) = tokio::io::duplex(1);
    let settings = Settings {
        read: Some(S(300)),
        write: Some(S(10)),
        ..Settings::NONE
    };
    let stream = Limited::new(ours, &Limits::new(settings).unwrap());
    let _owed = stream.reads().expect();
    let (mut read, mut write) = tokio::io::split(stream);
    let start = Instant::now();
    let mut reader = JoinSet::new();
    reader.spawn(async move { read.read_u8().await.unwrap_err() });
    write.write_u8(7).await.unwrap();
    // Looked at late, so that no alarm rings when it fails.
    for _ in 0..2 {
        assert!(write.write_u8(7).now_or_never().is_none());
        sleep(S(60)).await;
    }
    assert!(write.write_u8(7).now_or_never().unwrap().is_err());
    let error = reader.join_next().await.unwrap().unwrap();
    assert_eq!(told(&error, start), (Step::Read, 0, S(300)));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_that_gets_nowhere_is_a_write_that_stalled() {
    let mut stream = Limited::new(Stuck, &limits());
    let start = Instant::now();
    let error = stream.shutdown().await.unwrap_err();
    assert_eq!(told(&error, start), (Step::Write, 0, S(10)));
    let mut stream = Limited::new(Stuck, &limits());
    let error = stream.flush().await.unwrap_err();
    assert_eq!(told(&error, start), (Step::Write, 0, S(20)));
}

#[tokio::test(start_paused = true)]
async fn slices_are_passed_on_together() {
    let mut stream = Limited::new(Stuck, &limits());
    assert!(stream.is_write_vectored());
    let slices = [IoSlice::new(b"ab"), IoSlice::new(b"cd"), IoSlice::new(b"e")];
    assert_eq!(stream.write_vectored(&slices).await.unwrap(), 5);
    assert_eq!(stream.written, 5);
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_ever_fails() {
    let (ours, _theirs) = tokio::io::duplex(1);
    let mut stream = Limited::new(ours, &Limits::new(Settings::NONE).unwrap());
    let _owed = stream.reads().expect();
    assert!(
        timeout(S(100_000), stream.write_all(b"much"))
            .await
            .is_err()
    );
    assert!(timeout(S(100_000), stream.read_u8()).await.is_err());
}

/// Takes any slices, and neither flushes nor shuts down.
#[derive(Debug)]
struct Stuck;

impl AsyncWrite for Stuck {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        panic!("slices were written one by one")
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}
