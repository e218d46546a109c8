//! Who is probed, who is given up, and when.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::harness::*;
use crate::protocol::{CloseCode, JoinFrom, Ping, Reply, Request, Status, Wire};
use crate::server::connection::LAST_WORD_TIMEOUT;
use crate::server::{EndReason, Event};

const INTERVAL: Duration = Duration::from_secs(25);
const TIMEOUT: Duration = Duration::from_secs(5);
const MISSES: u32 = 2;
/// By how much a timer may be late.
const TICK: Duration = Duration::from_millis(1250);

/// The next thing heard, which must be a probe, and when it came.
async fn probe(client: &mut Client) -> (Ping, Instant) {
    match client.hear().await {
        Some(Reply::Ping(ping)) => (ping, Instant::now()),
        other => panic!("{other:?}"),
    }
}

fn assert_about(took: Duration, expected: Duration) {
    assert!(took >= expected, "{took:?} is before {expected:?}");
    let late = took - expected;
    assert!(late < Duration::from_millis(100), "{late:?} late");
}

fn silent(world: &World) -> usize {
    let silent = |reason: &&EndReason| matches!(reason, EndReason::Closed(it) if it.code == CloseCode::SILENT);
    world.events.ends().iter().filter(silent).count()
}

// contract: heart-2, heart-3
#[tokio::test(start_paused = true)]
async fn a_silent_client_is_probed_and_then_closed_on_time() {
    for wire in [Wire::Binary, Wire::Json] {
        let world = World::usual();
        let mut ann = world.connect(wire).await;
        // Some time after it connected, so that only the HELLO can be what counts.
        sleep(Duration::from_secs(3)).await;
        let welcome = ann.hello("ann").await;
        assert_eq!(welcome.ping_ms, 25_000);
        assert_eq!(welcome.timeout_ms, 5_000);
        assert_eq!(welcome.misses, MISSES);
        let last_byte = Instant::now();
        for sequence in 1..=MISSES {
            let (ping, at) = probe(&mut ann).await;
            assert_about(at - last_byte, INTERVAL + TIMEOUT * (sequence - 1));
            assert_eq!(ping.beat.sequence, sequence);
            assert_eq!(ping.beat.node_id, welcome.node_id);
            assert_eq!(ping.beat.status, Status::Ok);
            assert_eq!(ping.interval_ms, 25_000);
        }
        let closed = ann.hear().await;
        assert!(
            matches!(&closed, Some(Reply::Close(it)) if it.code == CloseCode::SILENT),
            "{closed:?}"
        );
        assert_about(Instant::now() - last_byte, INTERVAL + TIMEOUT * MISSES);
        assert_eq!(ann.hear().await, None);
        drop(ann);
        settle().await;
        assert_eq!(silent(&world), 1);
    }
}

// contract: heart-1
#[tokio::test(start_paused = true)]
async fn half_a_frame_is_a_sign_of_life_once_and_no_more() {
    let world = World::usual();
    let mut ann = world.guest(Wire::Binary, "ann").await;
    sleep(Duration::from_secs(20)).await;
    ann.send(b"\xB0\x1E").await;
    let last_byte = Instant::now();
    // One for the client's sake, which had heard nothing; then those of the silence.
    for after in [TIMEOUT, INTERVAL, INTERVAL + TIMEOUT] {
        let (_, at) = probe(&mut ann).await;
        assert_about(at - last_byte, after);
    }
    let closed = ann.hear().await;
    assert!(matches!(closed, Some(Reply::Close(it)) if it.code == CloseCode::SILENT));
    assert_about(Instant::now() - last_byte, INTERVAL + TIMEOUT * MISSES);
}

// contract: heart-2
#[tokio::test(start_paused = true)]
async fn the_shortest_wish_is_kept_from_the_first_second_on() {
    let world = World::usual();
    let mut ann = world.connect(Wire::Json).await;
    // In two pieces, so that the server has begun to wait for the second one.
    ann.send(b" ").await;
    sleep(Duration::from_millis(10)).await;
    ann.say(hello("ann", Some(1))).await;
    let welcome = ann.next().await;
    assert!(matches!(&welcome, Reply::Welcome(it) if it.ping_ms == 1000 && it.timeout_ms == 1000));
    let last_byte = Instant::now();
    for sequence in 1..=MISSES {
        let (ping, at) = probe(&mut ann).await;
        assert_about(at - last_byte, Duration::from_secs(sequence.into()));
        assert_eq!(ping.interval_ms, 1000);
    }
    assert_eq!(ann.close_code().await, CloseCode::SILENT);
    assert_about(Instant::now() - last_byte, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_wish_is_held_within_its_bounds() {
    let world = World::usual();
    // What was wished for; the interval and the timeout granted.
    let table = [
        (None, 25_000, 5_000),
        (Some(1), 1_000, 1_000),
        (Some(999), 1_000, 1_000),
        (Some(3_000), 3_000, 3_000),
        (Some(60_000), 60_000, 5_000),
        (Some(3_600_001), 3_600_000, 5_000),
        (Some(u64::MAX), 3_600_000, 5_000),
    ];
    for wire in [Wire::Binary, Wire::Json] {
        for (wish, ping_ms, timeout_ms) in table {
            let mut ann = world.connect(wire).await;
            ann.say(hello("ann", wish)).await;
            match ann.next().await {
                Reply::Welcome(it) => {
                    assert_eq!((it.ping_ms, it.timeout_ms), (ping_ms, timeout_ms))
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

// contract: heart-3
#[tokio::test(start_paused = true)]
async fn an_answered_probe_keeps_an_idle_client_and_costs_one_an_interval() {
    for wire in [Wire::Binary, Wire::Json] {
        let world = World::usual();
        let mut ann = world.guest(wire, "ann").await;
        let mut before = Instant::now();
        for sequence in 1..=20 {
            let (ping, at) = probe(&mut ann).await;
            assert_eq!(ping.beat.sequence, sequence);
            assert_about(at - before, INTERVAL);
            before = at;
            ann.say(Request::Pong(ping.beat.answer(7))).await;
        }
        assert_eq!(world.events.ends(), []);
        let trips = |event: &Event| matches!(event, Event::RoundTrip { took } if took.is_zero());
        assert_eq!(world.events.count(trips), 19);
    }
}

// contract: heart-3
#[tokio::test(start_paused = true)]
async fn traffic_both_ways_makes_probes_needless_and_one_way_does_not() {
    let world = World::usual();
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.member(Wire::Json, "bob").await;
    for n in 1..=30 {
        sleep(Duration::from_secs(10)).await;
        ann.published_as(n).await;
        ann.message().await;
    }
    ann.assert_silent().await;
    // Bob only listens: he is probed, and given up although bytes go to him.
    let (heard, close) = bob.closed().await;
    assert_eq!(close.code, CloseCode::SILENT);
    let probes = heard.iter().filter(|it| matches!(it, Reply::Ping(_)));
    assert_eq!(probes.count(), MISSES as usize);
    assert_eq!(heard.len(), 3 + MISSES as usize);
}

// contract: heart-2
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_bytes_is_given_up_as_soon_as_any_silent_one() {
    let world = World::usual();
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut stuck = world.connect_through(Wire::Binary, 64).await;
    stuck.hello("stuck").await;
    stuck.join(LOBBY, JoinFrom::Live).await;
    let last_byte = Instant::now();
    for n in 1..=20 {
        ann.published_as(n).await;
    }
    let limit = INTERVAL + TIMEOUT * MISSES;
    for _ in 0..5 {
        sleep(TIMEOUT).await;
        ann.send(b"\xB0\x1E\x4F\xFF\0\0\0\0").await;
    }
    sleep_until(last_byte + limit + TICK + LAST_WORD_TIMEOUT).await;
    assert_eq!(silent(&world), 1);
    drop(stuck);
    // And it is no member any more from the moment on at which it was given up.
    assert!(!ann.published_as(21).await.duplicate);
    settle().await;
    assert_eq!(world.events.seen(&Event::Delivered { copies: 2 }), 20);
    assert_eq!(world.events.seen(&Event::Delivered { copies: 1 }), 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_goes_ahead_of_what_waits() {
    for wire in [Wire::Binary, Wire::Json] {
        let world = World::usual();
        let mut ann = world.member(Wire::Binary, "ann").await;
        let mut bob = world.connect_through(wire, 16).await;
        bob.hello("bob").await;
        bob.join(LOBBY, JoinFrom::Live).await;
        for n in 1..=20 {
            ann.published_as(n).await;
        }
        sleep(INTERVAL + TICK).await;
        // The message that was being written comes first; it cannot be interrupted.
        assert!(matches!(bob.hear().await, Some(Reply::Message(_))));
        let (ping, _) = probe(&mut bob).await;
        assert_eq!(ping.beat.sequence, 1);
        assert_contiguous(&bob.messages(19).await, 2, 20);
    }
}

// An unasked PONG was taken for the answer to a probe sent in 1970.
#[tokio::test(start_paused = true)]
async fn an_unasked_pong_is_counted_and_is_no_round_trip() {
    let world = World::usual();
    let mut client = world.guest(Wire::Json, "zoe").await;
    client.send(b"{\"op\":\"pong\"}\n").await;
    settle().await;
    let seen = |wanted: fn(&Event) -> bool| world.events.count(wanted);
    assert_eq!(seen(|event| matches!(event, Event::RoundTrip { .. })), 0);
    assert_eq!(seen(|event| matches!(event, Event::StrayAnswer)), 1);
}
