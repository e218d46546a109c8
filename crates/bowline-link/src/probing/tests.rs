//! A peer that answers, or does not, on a paused clock.

use std::sync::Mutex;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bowline_policy::heartbeat::Fixed;
use futures_util::{SinkExt, Stream, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::codec::{Framed, LinesCodec, LinesCodecError};

use super::*;
use crate::Stamped;
use crate::log::testing::Written;

mod adaptive;

const S: fn(u64) -> Duration = Duration::from_secs;

/// Lines, of which `ping` and `pong` are the heartbeat's.
#[derive(Debug, Default)]
struct Lines {
    answers: u32,
}

impl Probe for Lines {
    type Frame = String;

    fn ping(&mut self, next_interval: Duration) -> String {
        format!("ping {}", next_interval.as_secs_f64())
    }

    fn sort(&mut self, line: String) -> Sorted<String> {
        if line.starts_with("ping") {
            return Sorted::Probe {
                answer: "pong".to_owned(),
            };
        }
        if line == "pong" {
            self.answers += 1;
            return Sorted::Answer;
        }
        Sorted::Item(line)
    }
}

type Ours = Probing<Framed<Stamped<DuplexStream>, LinesCodec>, Lines>;
type Theirs = Framed<DuplexStream, LinesCodec>;

/// Probes at 10 s and 14 s of silence, death at 18 s; a pause may last 30 s.
/// Each direction holds `capacity` bytes.
fn linked(capacity: usize) -> (Ours, Theirs) {
    let policy = Fixed::new(S(10), S(4), 2).unwrap();
    linked_by(policy.pause_max(S(30)).unwrap(), capacity)
}

fn linked_by(policy: impl Into<Policy>, capacity: usize) -> (Ours, Theirs) {
    let (ours, theirs) = tokio::io::duplex(capacity);
    let stamped = Stamped::new(ours);
    let stamp = stamped.stamp();
    let frames = Framed::new(stamped, LinesCodec::new());
    (
        Probing::new(frames, stamp, policy, Lines::default()),
        Framed::new(theirs, LinesCodec::new()),
    )
}

/// Sends frames enough to be busy with, in one go.
async fn work(theirs: &mut Theirs, frames: usize) {
    for _ in 1..frames {
        theirs.feed("work".to_owned()).await.unwrap();
    }
    theirs.send("work".to_owned()).await.unwrap();
}

fn about(found: Duration, expected: Duration) {
    let slack = Duration::from_millis(3);
    assert!(
        found >= expected && found <= expected + slack,
        "{found:?} is not {expected:?}"
    );
}

/// Waits for the end, and says how and after how long.
async fn dies(ours: &mut Ours) -> (Death, Duration) {
    let start = Instant::now();
    loop {
        match ours.next().await.expect("an end is told") {
            Ok(_) => {}
            Err(Error::Dead(death)) => return (death, Instant::now() - start),
            Err(Error::Frames(error)) => panic!("{error}"),
        }
    }
}

// contract: heart-2
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_probed_and_dead_at_the_bound() {
    let (mut ours, mut theirs) = linked(1024);
    let (death, after) = dies(&mut ours).await;
    assert!(matches!(death, Death::Silence { .. }));
    about(after, S(18));
    assert!(ours.next().await.is_none(), "told once");
    let refused = ours.send("too late".to_owned()).await.unwrap_err();
    assert!(matches!(refused, Error::Dead(_)), "{refused}");

    assert_eq!(theirs.next().await.unwrap().unwrap(), "ping 10");
    assert_eq!(theirs.next().await.unwrap().unwrap(), "ping 10");
    drop(ours);
    assert!(theirs.next().await.is_none(), "two misses, two probes");
}

// contract: heart-1, heart-2
#[tokio::test(start_paused = true)]
async fn a_full_send_buffer_postpones_no_verdict() {
    let (ours, _theirs) = linked(16);
    let (mut sink, mut stream) = ours.split();
    let mut writer = JoinSet::new();
    writer.spawn(async move {
        loop {
            if let Err(error) = sink.send("x".repeat(100)).await {
                return error;
            }
        }
    });
    let start = Instant::now();
    let end = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(end, Error::Dead(Death::Silence { .. })), "{end:?}");
    about(Instant::now() - start, S(18));
    // The writer waits for no room any more.
    let told = timeout(S(1), writer.join_next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(matches!(told, Error::Dead(_)), "{told:?}");
}

// contract: heart-1
#[tokio::test(start_paused = true)]
async fn what_we_send_postpones_no_verdict() {
    let (ours, mut theirs) = linked(1024);
    let (mut sink, mut stream) = ours.split();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while sink.send("data".to_owned()).await.is_ok() {
            sleep(S(1)).await;
        }
    });
    tasks.spawn(async move { while let Some(Ok(_)) = theirs.next().await {} });
    let start = Instant::now();
    let end = stream.next().await.unwrap().unwrap_err();
    assert!(matches!(end, Error::Dead(_)), "{end:?}");
    about(Instant::now() - start, S(18));
}

// contract: heart-1
#[tokio::test(start_paused = true)]
async fn half_a_frame_is_life() {
    let (mut ours, theirs) = linked(1024);
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        let mut io = theirs.into_inner();
        for _ in 0..20 {
            sleep(S(9)).await;
            io.write_all(b"part of a line ").await.unwrap();
        }
        io
    });
    about(dies(&mut ours).await.1, S(180 + 18));
}

// contract: heart-3
#[tokio::test(start_paused = true)]
async fn an_idle_link_costs_one_probe_and_one_answer_per_interval() {
    let (mut ours, mut theirs) = linked(1024);
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        let mut probes = 0;
        while let Ok(line) = timeout(S(30), theirs.next()).await {
            assert_eq!(line.unwrap().unwrap(), "ping 10");
            probes += 1;
            sleep(S(1)).await;
            theirs.send("pong".to_owned()).await.unwrap();
        }
        probes
    });
    assert!(timeout(S(105), ours.next()).await.is_err());
    assert_eq!(ours.probe().answers, 10);
    let probes = peer.join_next().await.unwrap().unwrap();
    assert_eq!(probes, 10);
}

// contract: heart-3
#[tokio::test(start_paused = true)]
async fn probes_jump_the_queue() {
    let (mut ours, mut theirs) = linked(8);
    // The first is stuck half-way in the pipe; the second waits behind it here.
    ours.frames.set_backpressure_boundary(1);
    ours.feed("the first, too long".to_owned()).await.unwrap();
    assert!(timeout(S(1), ours.flush()).await.is_err());
    ours.feed("the second".to_owned()).await.unwrap();
    assert!(timeout(S(1), ours.flush()).await.is_err());

    assert!(timeout(S(9), ours.next()).await.is_err());
    let mut reader = JoinSet::new();
    reader.spawn(async move {
        let mut lines = Vec::new();
        while lines.len() < 3 {
            lines.push(theirs.next().await.unwrap().unwrap());
        }
        lines
    });
    assert!(timeout(S(1), ours.flush()).await.unwrap().is_ok());
    let lines = reader.join_next().await.unwrap().unwrap();
    assert_eq!(lines, ["the first, too long", "ping 10", "the second"]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_of_the_peer_is_answered_unseen_and_a_flood_costs_one_place() {
    let (mut ours, mut theirs) = linked(4096);
    // And one line, all in one turn.
    for _ in 1..SORTED_PER_POLL {
        theirs.feed("ping".to_owned()).await.unwrap();
    }
    theirs.send("hello".to_owned()).await.unwrap();
    assert_eq!(ours.next().await.unwrap().unwrap(), "hello");
    drop(ours);
    assert_eq!(theirs.next().await.unwrap().unwrap(), "pong");
    assert!(theirs.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_writer_that_waits_is_woken_though_the_reader_writes_too() {
    let (ours, theirs) = linked(16);
    let (mut sink, mut stream) = ours.split();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        sink.send("y".repeat(100)).await.unwrap();
    });
    let mut reader = JoinSet::new();
    reader.spawn(async move { stream.next().await });
    // The reader's probe at 10 s polls the same pipe, after the writer did.
    sleep(S(11)).await;
    let mut io = theirs.into_inner();
    let mut lines = [0; 101 + 8];
    timeout(S(1), io.read_exact(&mut lines))
        .await
        .unwrap()
        .unwrap();
    assert!(lines.ends_with(b"\nping 10\n"));
    timeout(S(1), tasks.join_next())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    reader.abort_all();
}

// contract: heart-6
#[tokio::test(start_paused = true)]
async fn a_paused_reader_keeps_probing_and_is_not_killed() {
    let (mut ours, mut theirs) = linked(1024);
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        theirs.send("hello".to_owned()).await.unwrap();
        let mut probes = 0;
        while let Ok(Some(line)) = timeout(S(16), theirs.next()).await {
            assert_eq!(line.unwrap(), "ping 10");
            probes += 1;
        }
        (probes, theirs)
    });
    ours.pause_reading();
    assert!(timeout(S(25), ours.next()).await.is_err());
    ours.resume_reading();
    assert_eq!(ours.next().await.unwrap().unwrap(), "hello");
    let silent_for = dies(&mut ours).await.1;
    about(silent_for, S(18));
    drop(ours);
    let (probes, _theirs) = peer.join_next().await.unwrap().unwrap();
    assert_eq!(
        probes, 5,
        "two in the pause, one for the peer's sake, two of the silence"
    );
}

// contract: heart-6
#[tokio::test(start_paused = true)]
async fn a_pause_past_its_limit_is_the_end() {
    let (mut ours, _theirs) = linked(1024);
    ours.pause_reading();
    let (death, after) = dies(&mut ours).await;
    assert!(matches!(death, Death::Pause { .. }), "{death}");
    about(after, S(30));
}

// contract: heart-4
#[tokio::test(start_paused = true)]
async fn a_slow_consumer_does_not_kill_a_peer_that_sends() {
    let (mut ours, mut theirs) = linked(64 * 1024);
    work(&mut theirs, 20).await;
    // All twenty come in one read; each costs longer than silence may last.
    for _ in 0..20 {
        assert_eq!(ours.next().await.unwrap().unwrap(), "work");
        sleep(S(60)).await;
    }
    let start = Instant::now();
    let mut peer = JoinSet::new();
    peer.spawn(async move { while let Ok(Some(Ok(_))) = timeout(S(100), theirs.next()).await {} });
    about(dies(&mut ours).await.1, S(4));
    about(Instant::now() - start, S(4));
}

// contract: heart-2
#[tokio::test(start_paused = true)]
async fn a_consumer_that_catches_up_judges_the_peer_at_once() {
    let (mut ours, theirs) = linked(64 * 1024);
    let mut theirs = theirs;
    work(&mut theirs, 17).await;
    // All come in one read, and keep us busy beyond the 10 s at which a probe is due.
    for _ in 0..17 {
        assert_eq!(ours.next().await.unwrap().unwrap(), "work");
        sleep(S(1)).await;
    }
    // One fresh probe and one timeout, not another interval before them.
    about(dies(&mut ours).await.1, S(4));
}

/// A connection on which one answer after the other lies ready.
struct Flood {
    left: usize,
    sent: Vec<String>,
}

impl Stream for Flood {
    type Item = Result<String, LinesCodecError>;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Pending;
        }
        self.left -= 1;
        Poll::Ready(Some(Ok("pong".to_owned())))
    }
}

impl Sink<String> for Flood {
    type Error = LinesCodecError;

    fn poll_ready(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, line: String) -> Result<(), Self::Error> {
        self.sent.push(line);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }
}

// contract: heart-3
#[tokio::test(start_paused = true)]
async fn a_flood_of_answers_keeps_no_probe_waiting() {
    const MANY: usize = 100_000;
    let stamp = Stamped::new(tokio::io::duplex(1).0).stamp();
    let frames = Flood {
        left: MANY,
        sent: Vec::new(),
    };
    let policy = Fixed::new(S(10), S(4), 2).unwrap();
    let mut ours = Probing::new(frames, stamp, policy, Lines::default());
    let polled =
        |ours: &mut Probing<_, _>| ours.poll_next_unpin(&mut Context::from_waker(Waker::noop()));
    assert!(polled(&mut ours).is_pending());
    assert_eq!(ours.get_ref().left, MANY - SORTED_PER_POLL);
    tokio::time::advance(S(30)).await;
    assert!(polled(&mut ours).is_pending());
    assert_eq!(ours.get_ref().sent, ["ping 10"]);
    // What is left to read is read before anybody dies, however long that takes.
    assert_eq!(ours.get_ref().left, MANY - 2 * SORTED_PER_POLL);
}

// contract: heart-3
#[tokio::test(start_paused = true)]
async fn a_consumer_that_always_has_work_still_probes() {
    let (mut ours, mut theirs) = linked(64 * 1024);
    work(&mut theirs, 100).await;
    for _ in 0..100 {
        assert_eq!(ours.next().await.unwrap().unwrap(), "work");
        sleep(S(1)).await;
    }
    drop(ours);
    let mut probes = 0;
    while let Some(Ok(line)) = theirs.next().await {
        assert_eq!(line, "ping 10");
        probes += 1;
    }
    assert_eq!(probes, 9, "one at 10 s, the last at 90 s");
}

// contract: heart-1
#[tokio::test(start_paused = true)]
async fn a_dropped_next_loses_neither_frame_nor_probe() {
    let (mut ours, mut theirs) = linked(8);
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        for number in 0..30 {
            let line = format!("a longer line, number {number}");
            theirs.send(line).await.unwrap();
            sleep(S(1)).await;
        }
        let mut probes = 0;
        while let Ok(Some(Ok(line))) = timeout(S(5), theirs.next()).await {
            assert_eq!(line, "ping 10");
            probes += 1;
        }
        (probes, theirs)
    });
    let mut lines = Vec::new();
    let (probes, _theirs) = loop {
        if let Ok(line) = timeout(Duration::from_millis(7), ours.next()).await {
            lines.push(line.unwrap().unwrap());
        }
        if let Some(done) = peer.try_join_next() {
            break done.unwrap();
        }
    };
    let expected: Vec<_> = (0..30)
        .map(|number| format!("a longer line, number {number}"))
        .collect();
    assert_eq!(lines, expected);
    assert_eq!(probes, 3, "due at 10 s, 20 s and 30 s, none cut in two");
}

#[tokio::test(start_paused = true)]
async fn an_end_or_an_error_below_is_passed_on() {
    let (mut ours, theirs) = linked(64);
    drop(theirs);
    assert!(ours.next().await.is_none());

    let (mut ours, theirs) = linked(64);
    let mut io = theirs.into_inner();
    io.write_all(&[0xff, b'\n']).await.unwrap();
    let error = ours.next().await.unwrap().unwrap_err();
    assert!(
        matches!(error, Error::Frames(LinesCodecError::Io(_))),
        "{error}"
    );
    assert!(ours.next().await.is_none());
}

#[derive(Debug)]
struct Watch(Mutex<SystemTime>);

impl WallClock for Watch {
    fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }
}

// contract: heart-4
#[tokio::test(start_paused = true)]
async fn after_a_suspend_one_probe_and_one_timeout_decide() {
    let (ours, mut theirs) = linked(1024);
    let start = Instant::now();
    let wall = Arc::new(Watch(Mutex::new(SystemTime::UNIX_EPOCH)));
    let mut ours = ours.with_wall_clock(wall.clone());
    let mut world = JoinSet::new();
    world.spawn(async move {
        // The wall clock ticks with tokio's, but for an hour of suspend after 9 s.
        for second in 1..60 {
            sleep_until(start + S(second)).await;
            let suspended = if second >= 9 { 3600 } else { 0 };
            *wall.0.lock().unwrap() = SystemTime::UNIX_EPOCH + S(second + suspended);
            if second == 9 {
                theirs.send("stale".to_owned()).await.unwrap();
            }
        }
        theirs
    });
    let (death, after) = dies(&mut ours).await;
    let Death::Silence { allowed, .. } = death else {
        panic!("{death}");
    };
    assert_eq!(allowed, S(4));
    // Seen when the timer looks, at 10 s; without it: 9 s + 18 s.
    about(after, S(14));
}

#[tokio::test(start_paused = true)]
async fn by_default_a_heartbeat_is_logged_and_what_it_carries_is_not() {
    let lines = Written::here();
    let (mut ours, mut theirs) = linked(1024);
    let mut peer = JoinSet::new();
    peer.spawn(async move {
        theirs.send("token tide".to_owned()).await.unwrap();
        assert_eq!(theirs.next().await.unwrap().unwrap(), "ping 10");
        theirs.send("pong".to_owned()).await.unwrap();
        theirs
    });
    assert_eq!(ours.next().await.unwrap().unwrap(), "token tide");
    dies(&mut ours).await;
    let lines = lines.take();
    let [probed, answered, rest @ ..] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(probed, "TRACE peer probed next_interval=10s");
    assert!(
        answered.starts_with("TRACE peer answered round_trip="),
        "{answered}"
    );
    assert_eq!(
        rest,
        [
            "TRACE peer probed next_interval=10s",
            "DEBUG peer missed a timeout in_a_row=1",
            "TRACE peer probed next_interval=10s",
            "DEBUG peer missed a timeout in_a_row=2",
        ]
    );
    assert!(!lines.concat().contains("tide"));
}
