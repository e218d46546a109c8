//! Coming back: the whole gap or a plain no, in one page or in many.

use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;

use super::harness::*;
use crate::log::{Epoch, Offset, Position};
use crate::protocol::{CloseCode, ErrorCode, JoinFrom, Wire};
use crate::server::{Event, Settings};
use crate::store::{Appended, Committer, Draft, Error, Head, Memory, Refused, Replay, Store};

/// A server whose pages hold two of these tests' messages at most.
fn small_pages() -> Settings {
    Settings {
        replay_page_bytes: 200,
        ..settings()
    }
}

// contract: chat-3
#[tokio::test(start_paused = true)]
async fn a_join_gets_the_whole_gap_or_a_plain_no() {
    let (world, _) = World::inline(settings(), keep(5));
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut epoch = Epoch(0);
    for n in 1..=10 {
        epoch = ann.published_as(n).await.position.epoch;
    }
    let since = |epoch, offset| {
        let offset = Offset(offset);
        JoinFrom::Since(Position { epoch, offset })
    };
    let (yes, no) = (Some(true), Some(false));
    let other = Epoch(epoch.0 ^ 1);
    // What was asked for; recovered, JOINED's offset, how many follow it.
    let table = [
        (since(epoch, 10), yes, 10, 0),
        (since(epoch, 7), yes, 7, 3),
        (since(epoch, 5), yes, 5, 5),
        (since(epoch, 4), no, 10, 0),
        (since(epoch, 0), no, 10, 0),
        (since(epoch, 11), no, 10, 0),
        (since(epoch, u64::MAX), no, 10, 0),
        (since(other, 7), no, 10, 0),
        (JoinFrom::Live, None, 10, 0),
        (JoinFrom::History(0), None, 10, 0),
        (JoinFrom::History(2), None, 8, 2),
        (JoinFrom::History(5), None, 5, 5),
        (JoinFrom::History(6), None, 5, 5),
        (JoinFrom::History(u64::MAX), None, 5, 5),
    ];
    for wire in [Wire::Binary, Wire::Json] {
        for (from, recovered, offset, count) in table {
            let mut bob = world.guest(wire, "bob").await;
            let joined = bob.join(LOBBY, from).await;
            assert_eq!(joined.recovered, recovered, "{from:?}");
            assert_eq!(joined.position.epoch, epoch);
            assert_eq!(joined.position.offset, Offset(offset), "{from:?}");
            assert_eq!(joined.count, count, "{from:?}");
            assert_contiguous(&bob.messages(count).await, offset + 1, 10);
            bob.assert_silent().await;
        }
    }
    let observed = |recovered, count| world.events.seen(&Event::Recovered { recovered, count });
    assert_eq!(observed(true, 3), 2);
    assert_eq!(observed(false, 0), 10);
}

// contract: chat-2
#[tokio::test(start_paused = true)]
async fn what_is_live_follows_the_replay_without_a_gap_or_a_repetition() {
    for wire in [Wire::Binary, Wire::Json] {
        let world = World::usual();
        let mut ann = world.member(Wire::Binary, "ann").await;
        for n in 1..=3 {
            ann.published_as(n).await;
        }
        let mut bob = world.guest(wire, "bob").await;
        bob.join(LOBBY, JoinFrom::History(2)).await;
        ann.published_as(4).await;
        assert_contiguous(&bob.messages(3).await, 2, 4);
        bob.assert_no_more_messages().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_join_that_continues_and_asks_for_history_is_refused() {
    let world = World::usual();
    let mut nina = world.guest(Wire::Json, "nina").await;
    let both = r#"{"op":"join","seq":7,"room":"lobby","since":{"epoch":"00000000000000aa","offset":1},"history":3}"#;
    nina.send(format!("{both}\n").as_bytes()).await;
    let refused = nina.failure().await;
    assert_eq!(refused.code, ErrorCode::SINCE_AND_HISTORY);
    assert_eq!(refused.seq, Some(7));
    assert!(!refused.temporary);
    nina.join(LOBBY, JoinFrom::Live).await;
}

// contract: chat-2, chat-3
#[tokio::test(start_paused = true)]
async fn a_long_replay_is_whole_while_others_publish_and_the_log_is_trimmed() {
    for wire in [Wire::Binary, Wire::Json] {
        let (world, _) = World::inline(small_pages(), keep(250));
        let mut ann = world.member(Wire::Binary, "ann").await;
        for n in 1..=200 {
            ann.published_as(n).await;
        }
        let mut bob = world.connect_through(wire, 256).await;
        bob.hello("bob").await;
        let from = JoinFrom::History(200);
        let joined = bob.join(LOBBY, from).await;
        assert_eq!((joined.position.offset, joined.count), (Offset(0), 200));
        // After 250 of them the first one of the replay is gone from the store.
        let mut seen = Vec::new();
        for n in 201..=300 {
            ann.published_as(n).await;
            seen.extend(bob.messages(2).await);
        }
        seen.extend(bob.messages(100).await);
        assert_contiguous(&seen, 1, 300);
        bob.assert_no_more_messages().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_that_ends_as_others_publish_misses_none_of_theirs() {
    // However many come between its pages.
    for between in 0..6 {
        let (world, _) = World::inline(small_pages(), keep(100));
        let mut ann = world.member(Wire::Binary, "ann").await;
        for n in 1..=5 {
            ann.published_as(n).await;
        }
        let mut bob = world.connect_through(Wire::Binary, 64).await;
        bob.hello("bob").await;
        bob.join(LOBBY, JoinFrom::History(5)).await;
        let mut seen = Vec::new();
        let mut last = 5;
        for _ in 0..5 {
            for _ in 0..between {
                last += 1;
                ann.published_as(last).await;
            }
            seen.extend(bob.messages(1).await);
        }
        seen.extend(bob.messages(last - 5).await);
        assert_contiguous(&seen, 1, last);
    }
}

// contract: chat-3
#[tokio::test(start_paused = true)]
async fn a_replay_whose_continuation_was_trimmed_ends_in_a_cut_and_then_in_a_no() {
    let (world, _) = World::inline(small_pages(), keep(20));
    let mut ann = world.member(Wire::Binary, "ann").await;
    for n in 1..=20 {
        ann.published_as(n).await;
    }
    let mut bob = world.connect_through(Wire::Json, 64).await;
    bob.hello("bob").await;
    let joined = bob.join(LOBBY, JoinFrom::History(20)).await;
    for n in 21..=100 {
        ann.published_as(n).await;
    }
    assert_contiguous(&bob.messages(20).await, 1, 20);
    assert_eq!(bob.close_code().await, CloseCode::SLOW);

    let mut bob = world.guest(Wire::Json, "bob").await;
    let back = bob.join(LOBBY, since(&joined, 20)).await;
    assert_eq!(back.recovered, Some(false));
    assert_eq!(back.position.offset, Offset(100));
}

// contract: chat-3
#[tokio::test(start_paused = true)]
async fn several_rooms_recover_at_once_each_in_its_order() {
    let (world, _) = World::inline(small_pages(), keep(100));
    let rooms = ["a", "b", "c", "d", "e"];
    let mut ann = world.guest(Wire::Binary, "ann").await;
    for room in rooms {
        ann.join(room, JoinFrom::Live).await;
        for n in 1..=30 {
            ann.say(publish_to(room, n, format!("{room} {n}"))).await;
            ann.published().await;
        }
    }
    let mut bob = world.connect_through(Wire::Binary, 256).await;
    bob.hello("bob").await;
    let joins: Vec<_> = rooms
        .iter()
        .map(|room| bob.join_request(room, JoinFrom::History(30)))
        .collect();
    bob.say_all(&joins).await;
    let mut seen = bob.messages(5 * 30).await;
    // And live again in each of them.
    for room in rooms {
        ann.say(publish_to(room, 31, format!("{room} 31"))).await;
    }
    seen.extend(bob.messages(5).await);
    for room in rooms {
        let of_room = |body: &[u8]| body.starts_with(room.as_bytes());
        let of_room: Vec<_> = seen
            .iter()
            .filter(|it| of_room(&it.message.body))
            .cloned()
            .collect();
        assert_contiguous(&of_room, 1, 31);
    }
}

// contract: chat-2
#[tokio::test(start_paused = true)]
async fn a_member_that_joins_again_continues_where_it_says_and_is_told_each_once() {
    let world = World::usual();
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.member(Wire::Json, "bob").await;
    for n in 1..=10 {
        ann.published_as(n).await;
    }
    assert_contiguous(&bob.messages(10).await, 1, 10);
    let joined = bob.join(LOBBY, JoinFrom::Live).await;
    let again = bob.join(LOBBY, since(&joined, 4)).await;
    assert_eq!((again.recovered, again.count), (Some(true), 6));
    ann.published_as(11).await;
    assert_contiguous(&bob.messages(7).await, 5, 11);
    bob.assert_no_more_messages().await;
}

// contract: chat-2
#[tokio::test(start_paused = true)]
async fn a_second_join_ends_the_replay_of_the_first() {
    let (world, _) = World::inline(small_pages(), keep(200));
    let mut ann = world.member(Wire::Binary, "ann").await;
    for n in 1..=100 {
        ann.published_as(n).await;
    }
    // The second one comes after so many messages of the first.
    for heard in [0, 1, 2, 3, 10] {
        let mut bob = world.connect_through(Wire::Binary, 64).await;
        bob.hello("bob").await;
        let first = bob.join(LOBBY, JoinFrom::History(100)).await;
        assert_contiguous(&bob.messages(heard).await, 1, heard);
        bob.join_behind(since(&first, 50)).await;
        assert_contiguous(&bob.messages(10).await, 51, 60);
        // And a third, which leaves nothing to replay.
        bob.join_behind(JoinFrom::Live).await;
        bob.assert_no_more_messages().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_cut_short_by_hanging_up_leaves_nobody_in_the_room() {
    let (world, _) = World::inline(small_pages(), keep(200));
    let mut ann = world.member(Wire::Binary, "ann").await;
    for n in 1..=100 {
        ann.published_as(n).await;
    }
    for heard in 0..8 {
        let mut bob = world.connect_through(Wire::Binary, 64).await;
        bob.hello("bob").await;
        bob.join(LOBBY, JoinFrom::History(100)).await;
        bob.messages(heard).await;
        drop(bob);
        settle().await;
    }
    ann.published_as(101).await;
    settle().await;
    assert_eq!(world.events.seen(&Event::Delivered { copies: 1 }), 101);
}

/// A store whose replays lack what their head promises, consistently enough to be believed.
struct Hollow(Memory);

impl Store for Hollow {
    fn durable(&self) -> bool {
        self.0.durable()
    }

    fn append(&mut self, batch: &[Draft]) -> Result<Vec<Result<Appended, Refused>>, Error> {
        self.0.append(batch)
    }

    fn open_room(&mut self, room: &str) -> Result<Result<Head, Refused>, Error> {
        self.0.open_room(room)
    }

    fn replay(&self, room: &str, _after: Offset) -> Result<Replay, Error> {
        let head = self.0.replay(room, Offset(0))?.head();
        Ok(Replay::new(
            room.into(),
            head,
            head.last,
            std::iter::empty(),
        ))
    }

    fn reopen(&mut self) -> Result<(), Error> {
        self.0.reopen()
    }
}

/// The server asked such a store for the next page again and again, and did nothing else.
#[tokio::test(start_paused = true)]
async fn a_replay_that_yields_nothing_before_its_end_is_not_asked_for_ever() {
    let store = Memory::new(keep(100), Box::new(ChaCha8Rng::seed_from_u64(1)));
    let world = World::start(settings(), Committer::inline(Hollow(store)));
    let mut ann = world.member(Wire::Binary, "ann").await;
    ann.published_as(1).await;
    let mut bob = world.guest(Wire::Binary, "bob").await;
    bob.join(LOBBY, JoinFrom::History(1)).await;
    let (_, close) = bob.closed().await;
    assert_eq!(close.code, CloseCode::STORE_FAILED);
}
