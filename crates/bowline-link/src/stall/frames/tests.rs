//! Frames that trickle, on a paused clock.

use futures_util::{FutureExt, SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::codec::{LengthDelimitedCodec, LinesCodec, LinesCodecError};

use super::*;
use crate::stall::{Limited, Settings, stalled};

const S: fn(u64) -> Duration = Duration::from_secs;

type Ours<C> = Frames<Limited<DuplexStream>, C>;

fn limits() -> Limits {
    Limits::new(Settings {
        read: Some(S(20)),
        write: Some(S(20)),
        frame_read: Some(S(60)),
        frame_write: Some(S(60)),
        request: None,
    })
    .unwrap()
}

fn frames<C>(codec: C, window: usize) -> (Ours<C>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(window);
    let stream = Limited::new(ours, &limits());
    let reads = stream.reads();
    let frames = Frames::new(Framed::new(stream, codec), &limits()).expecting(reads);
    (frames, theirs)
}

fn told(error: &LinesCodecError) -> (Step, u64) {
    // It does not name its cause as others do.
    let LinesCodecError::Io(error) = error else {
        panic!("{error}");
    };
    let stalled = stalled(error).unwrap();
    (stalled.which, stalled.progressed.unwrap())
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_byte_a_second_is_cut_off_when_the_frame_is_due() {
    let (mut frames, mut peer) = frames(LinesCodec::new(), 64);
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        sleep(S(1000)).await;
        loop {
            peer.write_all(b"x").await.unwrap();
            sleep(S(1)).await;
        }
    });
    let start = Instant::now();
    let end = timeout(S(5000), frames.next()).await;
    let error = end.expect("cut off").unwrap().unwrap_err();
    let (which, bytes) = told(&error);
    assert_eq!(which, Step::FrameRead);
    assert!((60..=61).contains(&bytes), "{bytes}");
    assert_eq!(
        Instant::now() - start,
        S(1000 + 60),
        "nothing counts before a first byte"
    );
    assert!(
        frames.next().now_or_never().unwrap().is_none(),
        "it is told once"
    );
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_slow_frame_within_its_limit_arrives_and_the_next_has_its_own() {
    let (mut frames, mut peer) = frames(LinesCodec::new(), 64);
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        for byte in b"abcd\nefgh\n" {
            sleep(S(14)).await;
            peer.write_u8(*byte).await.unwrap();
        }
        peer
    });
    assert_eq!(frames.next().await.unwrap().unwrap(), "abcd");
    assert_eq!(frames.next().await.unwrap().unwrap(), "efgh");
    assert!(
        timeout(S(100_000), frames.next()).await.is_err(),
        "idle is not stalled"
    );
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_frame_that_stops_in_the_middle_is_a_read_that_stalled() {
    let (mut frames, mut peer) = frames(LinesCodec::new(), 64);
    peer.write_all(b"whole\nhal").await.unwrap();
    let start = Instant::now();
    assert_eq!(frames.next().await.unwrap().unwrap(), "whole");
    let error = frames.next().await.unwrap().unwrap_err();
    assert_eq!(told(&error), (Step::Read, 0), "no byte since it was owed");
    assert_eq!(Instant::now() - start, S(20));
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_header_that_the_codec_took_already_is_a_frame_begun() {
    let (ours, mut peer) = tokio::io::duplex(64);
    let mut frames = Frames::new(Framed::new(ours, LengthDelimitedCodec::new()), &limits());
    peer.write_all(&[0, 0, 0, 9]).await.unwrap();
    let error = frames.next().await.unwrap().unwrap_err();
    let stalled = stalled(&error).unwrap();
    assert_eq!(
        (stalled.which, stalled.progressed),
        (Step::FrameRead, Some(4))
    );
}

#[tokio::test(start_paused = true)]
async fn a_skipped_blank_is_no_beginning_where_blanks_are_skipped() {
    for skipping in [false, true] {
        let (ours, mut peer) = tokio::io::duplex(64);
        let mut frames = Frames::new(Framed::new(ours, Blanks), &limits());
        if skipping {
            frames = frames.skipping();
        }
        peer.write_all(b"   ").await.unwrap();
        let end = timeout(S(1000), frames.next()).await;
        assert_eq!(end.is_err(), skipping);
        if skipping {
            peer.write_all(b" x").await.unwrap();
            let error = frames.next().await.unwrap().unwrap_err();
            assert_eq!(stalled(&error).unwrap().which, Step::FrameRead);
        }
    }
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn giving_up_a_next_every_second_neither_loses_a_byte_nor_buys_time() {
    let (mut frames, mut peer) = frames(LinesCodec::new(), 64);
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        for byte in b"whole\nxxxxxx".iter().cycle() {
            peer.write_u8(*byte).await.unwrap();
            sleep(if *byte == b'\n' { S(0) } else { S(11) }).await;
        }
    });
    let start = Instant::now();
    let mut got = Vec::new();
    let mut cut = None;
    while cut.is_none() && Instant::now() - start < S(5000) {
        match timeout(S(1), frames.next()).await.map(Option::unwrap) {
            Err(_given_up) => {}
            Ok(Ok(frame)) => got.push(frame),
            Ok(Err(error)) => cut = Some(error),
        }
    }
    let error = cut.expect("cut off");
    assert_eq!(got, ["whole"]);
    assert_eq!(told(&error).0, Step::FrameRead);
    assert_eq!(Instant::now() - start, S(5 * 11 + 60));
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn a_frame_that_is_taken_too_slowly_fails_though_each_write_moves() {
    let (mut frames, mut peer) = frames(LinesCodec::new(), 1);
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        loop {
            sleep(S(14)).await;
            peer.read_u8().await.unwrap();
        }
    });
    let start = Instant::now();
    let error = frames.send("twelve bytes").await.unwrap_err();
    assert_eq!(told(&error), (Step::FrameWrite, 5));
    assert_eq!(Instant::now() - start, S(60));
    let again = frames.send("more").now_or_never().unwrap().unwrap_err();
    assert_eq!(told(&again), (Step::FrameWrite, 5));
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn each_frame_in_a_long_buffer_has_a_limit_of_its_own() {
    let (mut frames, mut peer) = frames(LinesCodec::new(), 1);
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        for _ in 0..400 {
            sleep(S(14)).await;
            peer.read_u8().await.unwrap();
        }
        peer
    });
    for _ in 0..100 {
        frames.feed("abc").await.unwrap();
    }
    SinkExt::<&str>::flush(&mut frames).await.unwrap();

    frames.send("abc").await.unwrap_err();
}

// contract: link-4
#[tokio::test(start_paused = true)]
async fn the_halves_of_a_split_each_hear_of_their_own_frame() {
    let (frames, mut peer) = frames(LinesCodec::new(), 1);
    let (mut sink, mut stream) = frames.split();
    let start = Instant::now();
    let mut halves = JoinSet::new();
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        loop {
            peer.write_u8(b'x').await.unwrap();
            sleep(S(10)).await;
            peer.read_u8().await.unwrap();
        }
    });
    halves.spawn(async move { sink.send("twelve bytes").await.unwrap_err() });
    halves.spawn(async move { stream.next().await.unwrap().unwrap_err() });
    let mut ends = Vec::new();
    while let Some(error) = halves.join_next().await {
        ends.push((told(&error.unwrap()).0, Instant::now() - start));
    }
    ends.sort_unstable();
    assert_eq!(ends, [(Step::FrameRead, S(60)), (Step::FrameWrite, S(60))]);
}

#[tokio::test(start_paused = true)]
async fn what_is_given_back_is_whole() {
    let (mut frames, mut peer) = frames(LinesCodec::new(), 4);
    peer.write_all(b"ha").await.unwrap();
    assert!(frames.next().now_or_never().is_none());
    assert!(frames.send("unsent").now_or_never().is_none());
    let mut framed = frames.into_inner();
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        peer.write_all(b"lf\n").await.unwrap();
        let mut text = [0; 7];
        peer.read_exact(&mut text).await.unwrap();
        text
    });
    assert_eq!(framed.next().await.unwrap().unwrap(), "half");
    // And limits taken up again count what waits as one frame.
    let mut frames = Frames::new(framed, &limits());
    SinkExt::<&str>::flush(&mut frames).await.unwrap();
    assert_eq!(&peers.join_next().await.unwrap().unwrap(), b"unsent\n");
}

/// A frame is a semicolon's worth of anything; blanks before it are skipped.
struct Blanks;

impl Decoder for Blanks {
    type Item = ();
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut bytes::BytesMut) -> io::Result<Option<()>> {
        let blanks = bytes.iter().take_while(|byte| **byte == b' ').count();
        drop(bytes.split_to(blanks));
        let end = bytes.iter().position(|byte| *byte == b';');
        Ok(end.map(|at| drop(bytes.split_to(at + 1))))
    }
}
