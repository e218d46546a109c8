//! Who sees what, in which order, and not before it is safe.

use super::fake::{BIRTH_MS, Fake};
use super::harness::*;
use crate::log::{MsgId, Offset};
use crate::protocol::{CloseCode, ErrorCode, JoinFrom, Publish, Request, RoomRef, Wire};
use crate::server::Settings;
use crate::store::Committer;

// contract: chat-1
#[tokio::test]
async fn nothing_is_acknowledged_or_shown_before_its_commit() {
    let (store, orders) = Fake::new(keep(10));
    let world = World::start(settings(), Committer::thread(store).unwrap());
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.member(Wire::Json, "bob").await;

    let mut held = orders.hold_append();
    ann.publish(1).await;
    held.entered().await;
    ann.assert_silent().await;
    bob.assert_silent().await;

    held.release();
    assert_eq!(ann.published().await.position.offset, Offset(1));
    assert_eq!(ann.message().await.message.offset, Offset(1));
    assert_eq!(bob.message().await.message.offset, Offset(1));
}

// contract: chat-2
#[tokio::test(start_paused = true)]
async fn all_members_see_one_order_on_both_wires() {
    let world = World::usual();
    let mut members = Vec::new();
    for (wire, nick) in [
        (Wire::Binary, "ann"),
        (Wire::Json, "bob"),
        (Wire::Binary, "cat"),
    ] {
        members.push(world.member(wire, nick).await);
    }
    // All at once, so that their publishes meet in the server.
    for round in 0..4 {
        for (who, member) in members.iter_mut().enumerate() {
            let first = 1 + 20 * who as u64 + 5 * round;
            let publishes: Vec<_> = (first..first + 5).map(publish).collect();
            member.say_all(&publishes).await;
        }
    }

    let seen = members[0].messages(60).await;
    assert_contiguous(&seen, 1, 60);
    for member in &mut members[1..] {
        assert_eq!(member.messages(60).await, seen);
        member.assert_no_more_messages().await;
    }
    // And each sender's own messages stand in the order in which it sent them.
    for nick in ["ann", "bob", "cat"] {
        let sent = seen.iter().filter(|it| &*it.message.from == nick);
        let ids: Vec<MsgId> = sent.map(|it| it.message.msg_id).collect();
        assert_eq!(ids.len(), 20);
        assert!(ids.is_sorted_by_key(|id| id.0), "{ids:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_gets_its_acknowledgement_and_its_own_message() {
    for wire in [Wire::Binary, Wire::Json] {
        let world = World::usual();
        let mut ann = world.member(wire, "ann").await;
        let acknowledged = ann.published_as(7).await;
        assert_eq!(acknowledged.seq, 7);
        assert!(!acknowledged.duplicate);
        assert_eq!(acknowledged.msg_id, None);

        let it = ann.message().await;
        assert_eq!(it.room, RoomRef::Name(LOBBY.into()));
        assert_eq!(it.epoch, acknowledged.position.epoch);
        assert_eq!(it.message.offset, acknowledged.position.offset);
        assert_eq!(it.message.prev, Offset(0));
        assert_eq!(it.message.msg_id, id(7));
        assert_eq!(&*it.message.from, "ann");
        assert!(it.message.guest);
        assert_eq!(it.message.ts, BIRTH_MS);
        assert_eq!(it.message.body, "message 7");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_the_server_draws_is_told_to_the_sender() {
    let world = World::usual();
    let mut ann = world.member(Wire::Json, "ann").await;
    let mut drawn = Vec::new();
    for seq in 1..=2 {
        let room = RoomRef::Name(LOBBY.into());
        ann.say(Request::Publish(Publish {
            seq,
            room,
            msg_id: None,
            body: "hello".into(),
        }))
        .await;
        drawn.push(ann.published().await.msg_id.unwrap());
        assert_eq!(ann.message().await.message.msg_id, *drawn.last().unwrap());
    }
    assert_ne!(drawn[0], drawn[1]);
}

// contract: chat-4
#[tokio::test(start_paused = true)]
async fn a_repeated_publish_gets_the_first_place_and_is_delivered_once() {
    let world = World::usual();
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.member(Wire::Json, "bob").await;

    // Twice in one commit, and again after it.
    ann.say_all(&[publish(1), publish(1), publish(2)]).await;
    let first = ann.published().await;
    let second = ann.published().await;
    assert!(!first.duplicate && second.duplicate);
    assert_eq!(first.position, second.position);
    assert_eq!(ann.published().await.position.offset, Offset(2));
    let again = ann.published_as(1).await;
    assert!(again.duplicate);
    assert_eq!(again.position, first.position);

    // Whoever repeats it: the id names the message, not the sender.
    let from_bob = bob.published_as(1).await;
    assert!(from_bob.duplicate);
    assert_eq!(from_bob.position, first.position);

    for member in [&mut ann, &mut bob] {
        let seen = member.messages(2).await;
        assert_contiguous(&seen, 1, 2);
        assert_eq!(&*seen[0].message.from, "ann");
        member.assert_no_more_messages().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_names_a_message_in_its_room_only() {
    let world = World::usual();
    let mut ann = world.member(Wire::Binary, "ann").await;
    ann.join("attic", JoinFrom::Live).await;
    assert!(!ann.published_as(1).await.duplicate);
    ann.say(publish_to("attic", 1, "up here")).await;
    assert!(!ann.published().await.duplicate);
}

#[tokio::test(start_paused = true)]
async fn a_join_and_a_publish_in_one_breath_bring_the_own_message() {
    for wire in [Wire::Binary, Wire::Json] {
        let world = World::usual();
        let mut ann = world.connect(wire).await;
        let join = ann.join_request(LOBBY, JoinFrom::Live);
        ann.say_all(&[hello("ann", None), join, publish(1)]).await;
        assert_eq!(ann.joined().await.position.offset, Offset(0));
        assert_eq!(ann.published().await.position.offset, Offset(1));
        assert_contiguous(&ann.messages(1).await, 1, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_room_is_heard_and_written_by_its_members_only() {
    let world = World::usual();
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.guest(Wire::Json, "bob").await;
    bob.join("attic", JoinFrom::Live).await;

    bob.publish(1).await;
    let refused = bob.failure().await;
    assert_eq!(refused.code, ErrorCode::NOT_JOINED);
    assert_eq!(refused.seq, Some(1));
    assert!(!refused.temporary);

    bob.say(publish_to("attic", 2, "up here")).await;
    assert_eq!(bob.message().await.message.body, "up here");
    ann.assert_silent_for(PATIENCE).await;
    assert_eq!(ann.published_as(3).await.position.offset, Offset(1));
    bob.assert_no_more_messages().await;
}

#[tokio::test(start_paused = true)]
async fn a_room_has_one_number_for_everybody_and_may_be_written_by_it() {
    let world = World::usual();
    let mut ann = world.guest(Wire::Binary, "ann").await;
    let mut bob = world.guest(Wire::Json, "bob").await;
    let attic = ann.join("attic", JoinFrom::Live).await;
    let lobby = ann.join(LOBBY, JoinFrom::Live).await;
    assert_ne!(attic.number, lobby.number);
    assert_eq!(bob.join(LOBBY, JoinFrom::Live).await.number, lobby.number);

    ann.say(Request::Publish(Publish {
        seq: 1,
        room: RoomRef::Number(lobby.number),
        msg_id: Some(id(1)),
        body: "by number".into(),
    }))
    .await;
    assert_eq!(bob.message().await.message.body, "by number");
}

#[tokio::test(start_paused = true)]
async fn one_publish_more_than_granted_ends_the_connection_and_none_of_the_rest_is_taken() {
    for wire in [Wire::Binary, Wire::Json] {
        let granted = Settings {
            inflight_max: 2,
            ..settings()
        };
        let (world, _) = World::inline(granted, keep(100));
        let mut ann = world.connect(wire).await;
        assert_eq!(ann.hello("ann").await.inflight_max, 2);
        ann.join(LOBBY, JoinFrom::Live).await;
        let publishes: Vec<_> = (1..=5).map(publish).collect();
        ann.say_all(&publishes).await;
        assert_eq!(ann.close_code().await, CloseCode::INFLIGHT);

        let mut bob = world.guest(wire, "bob").await;
        let log = bob.join(LOBBY, JoinFrom::History(100)).await;
        assert_eq!(log.count, 2);
        assert_contiguous(&bob.messages(2).await, 1, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_publishes_as_granted_are_always_in_order() {
    let world = World::usual();
    let mut ann = world.member(Wire::Binary, "ann").await;
    for round in 0..5 {
        let publishes: Vec<_> = (1..=64).map(|n| publish(64 * round + n)).collect();
        ann.say_all(&publishes).await;
        for n in 1..=64 {
            let acknowledged = ann.published().await;
            assert_eq!(acknowledged.seq, 64 * round + n);
            assert_eq!(acknowledged.position.offset, Offset(64 * round + n));
        }
    }
}
