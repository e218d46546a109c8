//! Connections that nobody uses, on a paused clock.

use std::sync::Mutex;

use futures_util::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;

const S: fn(u64) -> Duration = Duration::from_secs;

fn limited(counts: Use, window: usize) -> (IdleTimeout<DuplexStream>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(window);
    let limit = Limit::new(S(60)).unwrap().counting(counts);
    (IdleTimeout::new(ours, limit), theirs)
}

fn told(error: &io::Error) -> Expired {
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    expired(error).unwrap()
}

fn after_60(idle: Duration) -> Expired {
    Expired { idle, limit: S(60) }
}

/// Reads until that fails, and says how long after `start`.
async fn ends(mut stream: IdleTimeout<DuplexStream>, start: Instant) -> Duration {
    let mut buffer = [0; 64];
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => panic!("ended"),
            Ok(_) => {}
            Err(error) => {
                assert_eq!(told(&error).limit, S(60));
                return Instant::now() - start;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_byte_ends_and_says_how_long_it_was_idle() {
    let (mut stream, _peer) = limited(Use::Bytes, 64);
    let start = Instant::now();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(told(&error), after_60(S(60)));
    assert_eq!(Instant::now() - start, S(60));
    assert_eq!(error.to_string(), "idle for 60s, allowed are 60s");
    for again in [
        stream.read_u8().now_or_never().unwrap().unwrap_err(),
        stream.write_u8(7).now_or_never().unwrap().unwrap_err(),
        stream.flush().now_or_never().unwrap().unwrap_err(),
    ] {
        assert_eq!(told(&again), after_60(S(60)));
    }
    stream.idle().touch();
    assert!(stream.write_u8(7).await.is_err(), "nothing brings it back");
    stream.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn bytes_either_way_are_use_unless_only_received_ones_count() {
    for (counts, sends, lives) in [
        (Use::Bytes, true, true),
        (Use::Bytes, false, true),
        (Use::BytesReceived, true, false),
        (Use::BytesReceived, false, true),
        (Use::Touches, true, false),
        (Use::Touches, false, false),
    ] {
        let (mut stream, mut peer) = limited(counts, 64);
        for round in 0..3 {
            sleep(S(59)).await;
            let used = if sends {
                stream.write_u8(7).await
            } else {
                peer.write_u8(7).await.unwrap();
                timeout(S(0), stream.read_u8()).await.unwrap().map(drop)
            };
            // Bytes that came are read once more than they count.
            let alive = lives || round == 0 || (round == 1 && counts == Use::Touches && !sends);
            assert_eq!(used.is_ok(), alive, "{counts:?} {sends} {round}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn probes_do_not_keep_a_connection_and_touches_do() {
    let (stream, mut peer) = limited(Use::Touches, 64);
    let idle = stream.idle();
    let start = Instant::now();
    let mut others = JoinSet::new();
    others.spawn(async move {
        // Never a moment in which a read finds nothing for long.
        loop {
            peer.write_u8(b'p').await.unwrap();
            sleep(Duration::from_millis(100)).await;
        }
    });
    others.spawn(async move {
        for _ in 0..3 {
            sleep(S(50)).await;
            idle.touch();
        }
        std::future::pending().await
    });
    let lived = ends(stream, start).await;
    assert!(lived >= S(210) && lived <= S(211), "{lived:?}");
}

#[tokio::test(start_paused = true)]
async fn a_flood_that_is_no_use_keeps_nothing() {
    let mut stream = IdleTimeout::new(
        tokio::io::join(tokio::io::repeat(7), tokio::io::sink()),
        Limit::new(S(60)).unwrap().counting(Use::Touches),
    );
    sleep(S(61)).await;
    stream.read_u8().await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(told(&error), after_60(S(61)));
}

#[tokio::test(start_paused = true)]
async fn what_came_in_time_is_read_however_late() {
    let (mut stream, mut peer) = limited(Use::Bytes, 64);
    peer.write_u8(7).await.unwrap();
    sleep(S(1000)).await;
    assert_eq!(stream.read_u8().await.unwrap(), 7);
    stream.write_u8(7).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_to_a_connection_past_its_limit() {
    let (mut stream, mut peer) = limited(Use::Bytes, 64);
    sleep(S(61)).await;
    let error = stream.write_u8(7).await.unwrap_err();
    assert_eq!(told(&error), after_60(S(61)));
    assert!(peer.read_u8().now_or_never().is_none(), "not a byte");
}

#[tokio::test(start_paused = true)]
async fn both_halves_end_in_their_tasks() {
    for writes in [true, false] {
        let (stream, mut peer) = limited(Use::Bytes, 1);
        let start = Instant::now();
        let (mut read, mut write) = tokio::io::split(stream);
        let mut halves = JoinSet::new();
        halves.spawn(async move { read.read_u8().await.map(drop) });
        halves.spawn(async move { write.write_all(&[7; 5]).await });
        let last = if writes {
            sleep(S(40)).await;
            peer.read_u8().await.unwrap();
            S(40)
        } else {
            S(0)
        };
        while let Some(end) = halves.join_next().await {
            let error = end.unwrap().unwrap_err();
            assert_eq!(told(&error), after_60(S(60)));
            assert_eq!(Instant::now() - start, last + S(60));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn giving_up_reads_neither_uses_nor_saves_a_connection() {
    let (mut stream, _peer) = limited(Use::Bytes, 1);
    for _ in 0..59 {
        assert!(timeout(S(1), stream.read_u8()).await.is_err());
    }
    let error = stream.read_u8().await.unwrap_err();
    assert_eq!(told(&error), after_60(S(60)));
}

#[tokio::test(start_paused = true)]
async fn slices_are_passed_on_together() {
    let (mut stream, mut peer) = limited(Use::Bytes, 64);
    assert_eq!(
        stream.is_write_vectored(),
        stream.get_ref().is_write_vectored()
    );
    let slices = [io::IoSlice::new(b"ab"), io::IoSlice::new(b"cd")];
    assert_eq!(stream.write_vectored(&slices).await.unwrap(), 4);
    let mut text = [0; 4];
    peer.read_exact(&mut text).await.unwrap();
    assert_eq!(&text, b"abcd");
}

#[tokio::test(start_paused = true)]
async fn each_stream_draws_its_limit_once() {
    use crate::Wrap;

    let drawn = Mutex::new(0);
    let layer = IdleTimeoutLayer::drawing(move || {
        let mut drawn = drawn.lock().unwrap();
        *drawn += 1;
        Limit::new(S(*drawn)).unwrap()
    });
    let limits = [(); 3].map(|()| layer.wrap(tokio::io::duplex(1).0).limit().after());
    assert_eq!(limits, [S(1), S(2), S(3)]);
}

#[test]
fn no_time_at_all_is_refused() {
    let refused = Limit::new(Duration::ZERO).unwrap_err();
    assert_eq!(refused.to_string(), "an idle limit of 0ns allows nothing");
}
