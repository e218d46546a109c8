//! Stall limits of a connection meet a network that stalls, trickles and cuts everything small:
//! each limit is seen to pass, by name and in time, and none passes where bytes move fast enough.
//! What a peer means by its frames is of no interest here.
#![expect(
    clippy::unwrap_used,
    reason = "what fails here fails the test, and says where"
)]

use std::time::Duration;

use bowline_link::codec::{FRAME_BYTES_MAX, Limits as Sizes, LineCodec};
use bowline_link::stall::{
    Frames, Limited, Limits, RequestLayer, Settings, StallLayer, Step, stalled,
};
use bowline_link::{BoxError, Endpoint, Io, Listen};
use bowline_sim::{Direction, Fault, Node, Plan, Scenario};
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};
use tokio_util::codec::Framed;
use tower::{Layer, ServiceExt, service_fn};

const PORT: u16 = 7400;
const SEEDS: u64 = 4;
const ANSWER_BYTES: usize = 8_000;

/// When the exchange begins, and when a fault may strike: before it, or while the second half of
/// the answer is still to come.
const BEGINS: Duration = Duration::from_millis(1_000);
const BEFORE_MS: u64 = 900;
const WITHIN_MS: u64 = 1_500;
const LASTS_MS: u64 = 20_000;

const PART: Duration = Duration::from_secs(2);
const FRAME: Duration = Duration::from_secs(6);
const REQUEST: Duration = Duration::from_secs(15);

/// More than a stream takes before its reader must read, and less.
const LARGE: usize = 1_000_000;
const SMALL: usize = 10_000;

fn limits() -> Limits {
    Limits::new(Settings {
        read: Some(PART),
        write: Some(PART),
        frame_read: Some(FRAME),
        frame_write: Some(FRAME),
        request: Some(REQUEST),
    })
    .unwrap()
}

fn lines() -> LineCodec {
    LineCodec::new(Sizes::new(FRAME_BYTES_MAX, FRAME_BYTES_MAX).unwrap())
}

/// Answers each line with another one, in two halves.
async fn serve(node: Node) -> Result<(), BoxError> {
    let (mut listener, mut sessions) = (node.listen(PORT).await?, JoinSet::new());
    loop {
        let (stream, _) = listener.accept().await?;
        sessions.spawn(answer(stream));
    }
}

async fn answer(stream: impl Io) {
    let mut framed = Framed::new(stream, lines());
    while let Some(Ok(_)) = framed.next().await {
        let half = vec![b'a'; ANSWER_BYTES / 2];
        let stream = framed.get_mut();
        if stream.write_all(&half).await.is_err() {
            return;
        }
        sleep(Duration::from_secs(1)).await;
        if stream.write_all(&half).await.is_err() || stream.write_all(b"\n").await.is_err() {
            return;
        }
    }
}

/// Sends a line and takes the answer.
async fn exchange<I: Io>(
    mut frames: Frames<Limited<I>, LineCodec>,
    bytes: usize,
) -> Result<(), BoxError> {
    frames.send(vec![b'q'; bytes]).await?;
    let answer = frames.next().await.ok_or("hung up")??;
    assert_eq!(answer.len(), ANSWER_BYTES);
    Ok(())
}

/// One exchange under all limits: what stalled, and how long that took.
async fn ask(node: &Node, bytes: usize) -> Result<(Option<Step>, Duration), BoxError> {
    let dialer = StallLayer::new(limits()).layer(node.dialer());
    let stream = dialer.oneshot(Endpoint::new("server", PORT)).await?;
    let reads = stream.reads();
    let frames = Frames::new(Framed::new(stream, lines()), &limits()).expecting(reads);
    let mut frames = Some(frames);
    let call =
        service_fn(move |bytes| exchange(frames.take().expect("there is one exchange"), bytes));

    sleep(BEGINS.saturating_sub(node.elapsed())).await;
    let start = Instant::now();
    let end = RequestLayer::new(&limits())
        .layer(call)
        .oneshot(bytes)
        .await;
    let took = Instant::now() - start;
    match end {
        Ok(()) => Ok((None, took)),
        Err(error) => match stalled(&*error) {
            Some(stalled) => Ok((Some(stalled.which), took)),
            None => Err(error),
        },
    }
}

/// Plays one exchange of a client that `fault` strikes at `at_ms`, for each seed, and asks that
/// `expected` stalls, after its limit and no more than two seconds for what came before.
fn check(at_ms: u64, fault: Option<Fault>, bytes: usize, expected: Option<Step>) {
    let limit = match expected {
        None => Duration::ZERO,
        Some(step) => limits().of(step).unwrap(),
    };
    let campaign = Scenario::new("stall")
        .hosts(["server"], serve)
        .clients(["ann"], move |node| async move {
            let (found, took) = ask(&node, bytes).await?;
            let in_time =
                found.is_none() || (took >= limit && took <= limit + Duration::from_secs(2));
            match found == expected && in_time {
                true => Ok(()),
                false => {
                    Err(format!("{expected:?} was to stall: {found:?} did after {took:?}").into())
                }
            }
        })
        .trouble(Duration::from_millis(WITHIN_MS + LASTS_MS))
        .plan(move |seed, topology| {
            let mut plan = Plan::calm(seed, topology.clone());
            plan.steps.extend(fault.map(|fault| bowline_sim::Step {
                at_ms,
                for_ms: Some(LASTS_MS),
                target: "ann".to_owned(),
                fault,
            }));
            plan
        })
        .seeds(0..SEEDS)
        .run()
        .unwrap();
    assert_eq!(campaign.played, SEEDS);
}

fn stall(direction: Direction) -> Option<Fault> {
    Some(Fault::Stall { direction })
}

/// Packets are what trickles: at 1,000 bytes a second one comes each second and a half.
fn slow(direction: Direction, bytes_per_s: u64) -> Option<Fault> {
    Some(Fault::Bandwidth {
        direction,
        bytes_per_s,
    })
}

// contract: link-4
#[test]
fn a_peer_that_falls_silent_inside_a_frame_is_a_read_that_stalled() {
    check(
        WITHIN_MS,
        stall(Direction::Inbound),
        SMALL,
        Some(Step::Read),
    );
    check(WITHIN_MS, stall(Direction::Both), SMALL, Some(Step::Read));
}

// contract: link-4
#[test]
fn a_network_that_takes_nothing_more_is_a_write_that_stalled() {
    check(
        BEFORE_MS,
        stall(Direction::Outbound),
        LARGE,
        Some(Step::Write),
    );
    check(BEFORE_MS, stall(Direction::Both), LARGE, Some(Step::Write));
}

// contract: link-4
#[test]
fn a_frame_that_trickles_in_for_too_long_is_cut_off() {
    check(
        BEFORE_MS,
        slow(Direction::Inbound, 1_000),
        SMALL,
        Some(Step::FrameRead),
    );
}

// contract: link-4
#[test]
fn a_frame_that_trickles_out_for_too_long_is_cut_off() {
    check(
        BEFORE_MS,
        slow(Direction::Outbound, 20_000),
        LARGE,
        Some(Step::FrameWrite),
    );
}

// contract: link-4
#[test]
fn a_request_of_which_nothing_more_is_heard_ends_by_name() {
    check(
        BEFORE_MS,
        stall(Direction::Inbound),
        SMALL,
        Some(Step::Request),
    );
    check(
        BEFORE_MS,
        stall(Direction::Outbound),
        SMALL,
        Some(Step::Request),
    );
}

// contract: link-4
#[test]
fn nothing_stalls_on_a_link_that_is_slow_and_moves() {
    let both = Direction::Both;
    check(BEFORE_MS, None, LARGE, None);
    check(BEFORE_MS, slow(Direction::Inbound, 2_000), SMALL, None);
    check(BEFORE_MS, slow(Direction::Outbound, 200_000), LARGE, None);
    let late = Fault::Latency {
        direction: both,
        ms: 1_500,
        jitter_ms: 500,
    };
    check(BEFORE_MS, Some(late), SMALL, None);
    let sliced = Fault::Slice {
        direction: both,
        bytes_max: 1,
    };
    check(BEFORE_MS, Some(sliced), SMALL, None);
}
