//! Who does not read: bounded, cut, and no burden to anybody else.

use std::time::Duration;

use bowline_link::codec::Limits;
use tokio::time::Instant;

use super::harness::*;
use super::nonsense::{bytes_of, frame};
use crate::log::Offset;
use crate::protocol::{CloseCode, ErrorCode, JoinFrom, Reply, Request, RoomMessage, RoomRef, Wire};
use crate::server::{EndReason, Event, Settings};

const OUTBOX_BYTES: usize = 16 << 10;

fn small_outbox() -> Settings {
    let heartbeat = settings().heartbeat;
    let limits = Limits::new(1 << 10, 1 << 10).unwrap();
    Settings::new(limits, heartbeat)
        .unwrap()
        .outbox_bytes_max(OUTBOX_BYTES)
        .unwrap()
}

fn cut_as_slow(world: &World) -> usize {
    let slow =
        |reason: &EndReason| matches!(reason, EndReason::Closed(it) if it.code == CloseCode::SLOW);
    world.events.ends().iter().filter(|it| slow(it)).count()
}

// contract: chat-5
#[tokio::test(start_paused = true)]
async fn a_slow_member_is_cut_at_its_bound_delays_nobody_and_recovers_the_gap() {
    for wire in [Wire::Binary, Wire::Json] {
        let (world, _) = World::inline(small_outbox(), keep(1000));
        let mut ann = world.member(Wire::Binary, "ann").await;
        let mut bob = world.member(wire, "bob").await;
        let mut slow = world.connect_through(wire, 64).await;
        slow.hello("slow").await;
        let joined = slow.join(LOBBY, JoinFrom::Live).await;

        let began = Instant::now();
        for n in 1..=100 {
            ann.say(publish_to(LOBBY, n, "x".repeat(500))).await;
            ann.published().await;
            assert_eq!(bob.message().await.message.offset, Offset(n));
        }
        assert_eq!(Instant::now() - began, Duration::ZERO);

        let (heard, close) = slow.closed().await;
        assert_eq!(close.code, CloseCode::SLOW);
        let heard: Vec<RoomMessage> = heard
            .into_iter()
            .map(|reply| match reply {
                Reply::Message(message) => message,
                other => panic!("{other:?}"),
            })
            .collect();
        let last = heard.len() as u64;
        assert_contiguous(&heard, 1, last);
        // What was queued is thrown away with it: at most what was being written came.
        assert!(last <= 2, "{last}");
        drop(slow);
        settle().await;
        assert_eq!(cut_as_slow(&world), 1);

        let mut slow = world.guest(wire, "slow").await;
        let back = slow.join(LOBBY, since(&joined, last)).await;
        assert_eq!((back.recovered, back.count), (Some(true), 100 - last));
        assert_contiguous(&slow.messages(100 - last).await, last + 1, 100);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_stays_below_its_bound_is_not_cut() {
    let (world, _) = World::inline(small_outbox(), keep(1000));
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.connect_through(Wire::Binary, 64).await;
    bob.hello("bob").await;
    bob.join(LOBBY, JoinFrom::Live).await;
    // Less than the outbox holds, each time.
    for round in 0..10 {
        for n in 1..=20 {
            let n = 20 * round + n;
            ann.say(publish_to(LOBBY, n, "x".repeat(500))).await;
            ann.published().await;
        }
        assert_contiguous(&bob.messages(20).await, 20 * round + 1, 20 * round + 20);
    }
    assert_eq!(cut_as_slow(&world), 0);
}

// contract: chat-8
#[tokio::test(start_paused = true)]
async fn answers_to_a_client_that_reads_none_do_not_pile_up() {
    for wire in [Wire::Binary, Wire::Json] {
        let (world, _) = World::inline(small_outbox(), keep(10));
        let mut greedy = world.connect_through(wire, 1024).await;
        greedy.hello("greedy").await;
        // Each is refused: it is in no room.
        greedy.send_greedily(&publish(1)).await;
        assert_eq!(cut_as_slow(&world), 1);
        // A refusal takes 40 bytes at least; one read may bring 16 KiB of them.
        let refused = world.events.seen(&Event::RequestRefused);
        assert!(refused < OUTBOX_BYTES / 40 + 1024, "{refused}");
    }
}

// contract: chat-8
#[tokio::test(start_paused = true)]
async fn replays_to_a_client_that_reads_none_do_not_pile_up() {
    for wire in [Wire::Binary, Wire::Json] {
        let (world, _) = World::inline(small_outbox(), keep(1000));
        let mut ann = world.member(Wire::Binary, "ann").await;
        for n in 1..=100 {
            ann.say(publish_to(LOBBY, n, "x".repeat(500))).await;
            ann.published().await;
        }
        let mut greedy = world.connect_through(wire, 1024).await;
        greedy.hello("greedy").await;
        let joined = greedy.join(LOBBY, JoinFrom::Live).await;
        let join = greedy.join_request(LOBBY, since(&joined, 0));
        greedy.send_greedily(&join).await;
        assert_eq!(cut_as_slow(&world), 1);
        // A JOINED takes 30 bytes at least; pages wait until the outbox is empty.
        let recovered = true;
        let replays = world.events.seen(&Event::Recovered {
            recovered,
            count: 100,
        });
        assert!(replays < OUTBOX_BYTES / 30 + 512, "{replays}");
    }
}

/// A server whose outbox holds two of its pages, ten rooms of more than two pages
/// each, and the requests for all of them.
async fn ten_long_logs() -> (World, Vec<Request>) {
    let settings = small_outbox().replay_page_bytes(OUTBOX_BYTES / 2).unwrap();
    let (world, _) = World::inline(settings, keep(100));
    let mut ann = world.guest(Wire::Binary, "ann").await;
    let mut joins = Vec::new();
    for n in 0..10 {
        let room = format!("room {n}");
        ann.join(&room, JoinFrom::Live).await;
        for n in 1..=40 {
            ann.say(publish_to(&room, n, "x".repeat(500))).await;
            ann.published().await;
        }
        joins.push(ann.join_request(&room, JoinFrom::History(40)));
    }
    (world, joins)
}

async fn assert_gets_ten_long_logs(client: &mut Client) {
    let seen = client.messages(400).await;
    for n in 0..10 {
        let room = RoomRef::Name(format!("room {n}").into());
        let of_room: Vec<_> = seen.iter().filter(|it| it.room == room).cloned().collect();
        assert_contiguous(&of_room, 1, 40);
    }
}

// contract: chat-3
#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_many_long_replays_is_no_slow_consumer() {
    let (world, joins) = ten_long_logs().await;
    let mut bob = world.connect_through(Wire::Json, 64).await;
    bob.hello("bob").await;
    for join in joins {
        bob.say(join).await;
    }
    settle().await;
    assert_gets_ten_long_logs(&mut bob).await;
    assert_eq!(cut_as_slow(&world), 0);
}

// contract: chat-3
#[tokio::test(start_paused = true)]
async fn pages_come_one_by_one_to_a_client_that_talks_all_the_while() {
    let (world, joins) = ten_long_logs().await;
    let mut bob = world.connect_through(Wire::Binary, 8 << 20).await;
    bob.hello("bob").await;
    // What it says may be ignored, but it keeps the connection busy.
    let mut talk = bytes_of(Wire::Binary, &joins);
    talk.extend(frame(0x4FFF, 1000, &[b'?'; 1000]).repeat(8000));
    bob.send(&talk).await;
    assert_gets_ten_long_logs(&mut bob).await;
    assert_eq!(cut_as_slow(&world), 0);
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_joins_is_answered_each_and_costs_no_connection() {
    for wire in [Wire::Binary, Wire::Json] {
        let world = World::usual();
        let mut ann = world.guest(wire, "ann").await;
        let joins: Vec<Request> = (0..1000)
            .map(|_| ann.join_request(LOBBY, JoinFrom::Live))
            .collect();
        ann.say_all(&joins).await;
        let mut answered = 0;
        let mut joined = 0;
        while answered < joins.len() {
            match ann.next().await {
                Reply::Joined(_) => joined += 1,
                Reply::Error(refused) => assert_eq!(refused.code, ErrorCode::TOO_MANY_ROOMS),
                other => panic!("{other:?}"),
            }
            answered += 1;
        }
        assert!(joined > 0);
        ann.published_as(1).await;
        assert_contiguous(&ann.messages(1).await, 1, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_in_as_many_rooms_as_granted_and_no_more() {
    let world = World::usual();
    let mut ann = world.connect(Wire::Binary).await;
    let rooms = ann.hello("ann").await.rooms_max;
    for n in 0..rooms {
        ann.join(&format!("room {n}"), JoinFrom::Live).await;
    }
    let more = ann.join_request("one more", JoinFrom::Live);
    ann.say(more).await;
    assert_eq!(ann.failure().await.code, ErrorCode::TOO_MANY_ROOMS);
    // Where it is already it may join again.
    ann.join("room 0", JoinFrom::Live).await;
    assert_eq!(world.events.seen(&Event::RequestRefused), 1);
}
