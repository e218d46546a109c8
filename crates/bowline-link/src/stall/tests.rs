//! Random trickles and pauses: a limit passes if and only if the step took longer, and the error
//! names that step.

use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

use super::*;
use crate::BoxError;

mod slices;

use slices::Slices;

const MS: fn(u64) -> Duration = Duration::from_millis;

// Pauses are whole tens of milliseconds, so no two limits ever pass together,
// and none when a byte comes.
const PART_MAX: u64 = 1_003;
const FRAME_MAX: u64 = 2_505;

/// What the other side does next: after a pause, with so many bytes or these.
type Script<T> = Vec<(u64, T)>;

fn settings() -> Settings {
    Settings {
        read: Some(MS(PART_MAX)),
        write: Some(MS(PART_MAX)),
        frame_read: Some(MS(FRAME_MAX)),
        frame_write: Some(MS(FRAME_MAX)),
        request: None,
    }
}

fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..60_u64, 2 => 60..100_u64, 1 => 90..150_u64].prop_map(|tens| tens * 10)
}

fn frames(window: usize, slice: usize) -> (Frames<Limited<Slices>, LinesCodec>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(window);
    let limits = Limits::new(settings()).unwrap();
    let stream = Limited::new(Slices::new(ours, slice), &limits);
    let reads = stream.reads();
    let framed = Framed::new(stream, LinesCodec::new());
    (Frames::new(framed, &limits).expecting(reads), theirs)
}

fn on_a_paused_clock<T>(run: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(run)
}

/// What stalled and when, in milliseconds after `start`.
fn end(error: &LinesCodecError, start: Instant) -> (Step, u128) {
    // It does not name its cause as others do.
    let LinesCodecError::Io(error) = error else {
        panic!("{error}");
    };
    let stalled = stalled(error).unwrap();
    (stalled.which, (Instant::now() - start).as_millis())
}

/// Whichever of two limits passes first.
fn first(part: Step, last: u64, whole: Step, begun: u64) -> (Step, u128) {
    let (part_at, whole_at) = (last + PART_MAX, begun + FRAME_MAX);
    match part_at < whole_at {
        true => (part, part_at.into()),
        false => (whole, whole_at.into()),
    }
}

/// What is to be expected of a reader: the lines that come, and what stalls when.
fn reading(script: &Script<String>) -> (usize, Option<(Step, u128)>) {
    let (mut now, mut lines, mut begun) = (0, 0, None::<u64>);
    let mut last = 0;
    for (pause, text) in script {
        let next = now + pause;
        if let Some(begun) = begun {
            let passes = first(Step::Read, last, Step::FrameRead, begun);
            if passes.1 < next.into() {
                return (lines, Some(passes));
            }
        }
        now = next;
        let ended = text.matches('\n').count();
        lines += ended;
        if ended > 0 {
            begun = None;
        }
        if !text.ends_with('\n') && !text.is_empty() {
            begun = begun.or(Some(now));
        }
        if !text.is_empty() {
            last = now;
        }
    }
    let passes = begun.map(|begun| first(Step::Read, last, Step::FrameRead, begun));
    (lines, passes)
}

/// What is to be expected of a writer of lines of these lengths, breaks included, to a peer that
/// keeps `window` bytes: how many are taken, and what stalls when.
fn writing(
    lines: &[usize],
    window: usize,
    script: &Script<usize>,
) -> (usize, Option<(Step, u128)>) {
    let ends: Vec<usize> = lines
        .iter()
        .scan(0, |end, bytes| {
            *end += bytes;
            Some(*end)
        })
        .collect();
    let total = ends.last().copied().unwrap_or_default();
    let taken_of = |taken: usize| ends.iter().filter(|end| **end <= taken).count();
    let (mut now, mut read, mut taken) = (0, 0, window.min(total));
    let (mut last, mut begun) = (0, 0);
    for (pause, bytes) in script {
        if taken == total {
            break;
        }
        let passes = first(Step::Write, last, Step::FrameWrite, begun);
        if passes.1 < (now + pause).into() {
            return (taken_of(taken), Some(passes));
        }
        now += pause;
        read = (read + bytes).min(total);
        let before = taken;
        taken = (read + window).min(total);
        if taken > before {
            last = now;
        }
        if taken_of(taken) > taken_of(before) {
            begun = now;
        }
    }
    let passes = (taken < total).then(|| first(Step::Write, last, Step::FrameWrite, begun));
    (taken_of(taken), passes)
}

async fn read_all(script: Script<String>, slice: usize) -> (usize, Option<(Step, u128)>) {
    let (mut frames, mut peer) = frames(4096, slice);
    let start = Instant::now();
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        for (pause, text) in script {
            sleep(MS(pause)).await;
            peer.write_all(text.as_bytes()).await.unwrap();
        }
        sleep(MS(100_000)).await;
    });
    let mut lines = 0;
    loop {
        match frames.next().await {
            Some(Ok(_)) => lines += 1,
            Some(Err(error)) => return (lines, Some(end(&error, start))),
            None => return (lines, None),
        }
    }
}

async fn write_all(
    lines: Vec<usize>,
    window: usize,
    script: Script<usize>,
    slice: usize,
) -> (usize, Option<(Step, u128)>) {
    let (mut frames, mut peer) = frames(window, slice);
    let start = Instant::now();
    let total: usize = lines.iter().sum();
    let mut peers = JoinSet::new();
    peers.spawn(async move {
        let mut read = 0;
        for (pause, bytes) in script {
            sleep(MS(pause)).await;
            let bytes = bytes.min(total - read);
            let mut buffer = vec![0; bytes];
            if peer.read_exact(&mut buffer).await.is_err() {
                return;
            }
            read += bytes;
        }
        sleep(MS(100_000)).await;
    });
    let mut sent = 0;
    for bytes in lines {
        if let Err(error) = frames.send("x".repeat(bytes - 1)).await {
            return (sent, Some(end(&error, start)));
        }
        sent += 1;
    }
    (sent, None)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    // contract: link-4
    #[test]
    fn a_reader_is_cut_off_if_and_only_if_a_limit_passed_and_is_told_which(
        script in prop::collection::vec((pauses(), "[x]{0,3}\n?x?"), 0..20),
        slice in 1..5_usize,
    ) {
        let expected = reading(&script);
        let found = on_a_paused_clock(read_all(script, slice));
        prop_assert_eq!(found, expected);
    }

    // contract: link-4
    #[test]
    fn a_writer_is_cut_off_if_and_only_if_a_limit_passed_and_is_told_which(
        lines in prop::collection::vec(1..9_usize, 1..8),
        window in 1..4_usize,
        script in prop::collection::vec((pauses(), 0..4_usize), 0..40),
        slice in 1..5_usize,
    ) {
        let expected = writing(&lines, window, &script);
        let found = on_a_paused_clock(write_all(lines, window, script, slice));
        prop_assert_eq!(found, expected);
    }
}

// contract: link-4
#[test]
fn what_stalled_is_found_below_any_error_that_names_its_cause() {
    let stalled_at = Stalled {
        which: Step::FrameRead,
        after: MS(7),
        progressed: Some(3),
    };
    let io = || io::Error::from(stalled_at);
    assert_eq!(stalled(&io()), Some(stalled_at));
    assert_eq!(stalled(&crate::codec::Error::Io(io())), Some(stalled_at));
    assert_eq!(stalled(&io::Error::other(io())), Some(stalled_at));
    let boxed: BoxError = io().into();
    assert_eq!(stalled(&*boxed), Some(stalled_at));
    assert_eq!(stalled(&io::Error::other("nothing of ours")), None);
    assert_eq!(
        io().to_string(),
        "frame read limit of 7ms passed after 3 bytes"
    );
}

/// What everybody may share and move.
#[test]
fn handles_and_streams_go_where_connections_go() {
    fn goes<T: Send + Sync + Unpin + 'static>() {}
    goes::<Limited<DuplexStream>>();
    goes::<Frames<Limited<DuplexStream>, LinesCodec>>();
    goes::<Reads>();
    goes::<Arc<Stalled>>();
}
