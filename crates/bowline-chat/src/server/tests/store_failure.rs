//! A commit that fails: nobody knows its outcome, and what the store then holds is it.

use std::time::Duration;

use tokio::time::sleep;

use super::fake::{Fake, Outcome};
use super::harness::*;
use crate::log::Offset;
use crate::protocol::{CloseCode, ErrorCode, JoinFrom, Reply, Wire};
use crate::server::{Event, Settings};
use crate::store::Committer;

fn reopened(world: &World) -> usize {
    world.events.seen(&Event::StoreReopened)
}

fn failed(world: &World, publishes: usize) -> usize {
    let of = |event: &Event| matches!(event, Event::CommitFailed { publishes: it, .. } if *it == publishes);
    world.events.count(of)
}

/// Panics unless each of these publishes is refused for now, in order, and then the
/// connection is closed.
async fn assert_refused(client: &mut Client, seqs: &[u64]) {
    let (before, close) = client.closed().await;
    assert_eq!(close.code, CloseCode::STORE_FAILED);
    assert!(close.code.may_reconnect());
    let mut refused = Vec::new();
    for reply in before {
        match reply {
            Reply::Error(failure) => {
                assert_eq!(failure.code, ErrorCode::UNAVAILABLE);
                assert!(failure.temporary);
                refused.extend(failure.seq);
            }
            Reply::Message(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, seqs);
}

// contract: chat-1, chat-4
#[tokio::test(start_paused = true)]
async fn a_failed_commit_ends_its_publishers_and_what_was_committed_is_delivered() {
    for (outcome, wire) in [
        (Outcome::Committed, Wire::Binary),
        (Outcome::Committed, Wire::Json),
        (Outcome::Lost, Wire::Binary),
        (Outcome::Lost, Wire::Json),
    ] {
        let (world, orders) = World::inline(settings(), keep(100));
        let mut ann = world.member(wire, "ann").await;
        let mut bob = world.member(Wire::Json, "bob").await;
        ann.published_as(1).await;
        assert_contiguous(&ann.messages(1).await, 1, 1);

        orders.fail_append(outcome);
        ann.say_all(&[publish(2), publish(3), publish(4)]).await;
        assert_refused(&mut ann, &[2, 3, 4]).await;
        assert_eq!((failed(&world, 3), reopened(&world)), (1, 1));

        // Bob stays, and sees what the store really has.
        let committed = if outcome == Outcome::Committed { 4 } else { 1 };
        assert_contiguous(&bob.messages(committed).await, 1, committed);
        bob.assert_silent().await;

        // Ann comes back and repeats: all of it is there once.
        let mut ann = world.member(wire, "ann").await;
        for n in 2..=4 {
            let again = ann.published_as(n).await;
            assert_eq!(again.position.offset, Offset(n));
            assert_eq!(again.duplicate, outcome == Outcome::Committed);
        }
        assert_contiguous(&bob.messages(4 - committed).await, committed + 1, 4);
        bob.assert_no_more_messages().await;
    }
}

#[tokio::test(start_paused = true)]
async fn several_publishers_of_one_failed_commit_are_each_told_in_order() {
    let (world, orders) = World::inline(settings(), keep(100));
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.member(Wire::Json, "bob").await;
    orders.fail_append(Outcome::Lost);
    // Written without a pause, so both are in the server's hands at once.
    ann.say_all(&[publish(1), publish(2)]).await;
    bob.say_all(&[publish(3), publish(4)]).await;
    assert_refused(&mut ann, &[1, 2]).await;
    assert_refused(&mut bob, &[3, 4]).await;
    assert_eq!((failed(&world, 4), reopened(&world)), (1, 1));
}

// contract: chat-2
#[tokio::test]
async fn later_publishes_of_a_failed_publisher_are_not_taken() {
    for outcome in [Outcome::Committed, Outcome::Lost] {
        let (store, orders) = Fake::new(keep(100));
        let world = World::start(settings(), Committer::thread(store).unwrap());
        let mut ann = world.member(Wire::Binary, "ann").await;
        let mut bob = world.member(Wire::Json, "bob").await;
        let mut held = orders.hold_append();
        orders.fail_append(outcome);
        ann.publish(1).await;
        held.entered().await;
        ann.publish(2).await;
        bob.publish(3).await;
        settle().await;
        held.release();

        assert_refused(&mut ann, &[1]).await;
        // Bob's was in no failed commit, so it is taken as if nothing had happened.
        let first = u64::from(outcome == Outcome::Committed);
        assert_eq!(bob.published().await.position.offset, Offset(first + 1));
        let seen = bob.messages(first + 1).await;
        assert_contiguous(&seen, 1, first + 1);
        assert_eq!(seen.last().unwrap().message.msg_id, id(3));
        bob.assert_silent().await;
    }
}

// contract: chat-1
#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_be_reopened_is_tried_again_until_it_can() {
    let (world, orders) = World::inline(settings(), keep(100));
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.member(Wire::Json, "bob").await;
    let mut cat = world.guest(Wire::Json, "cat").await;
    orders.fail_append(Outcome::Committed);
    orders.fail_reopening(3);
    ann.publish(1).await;
    assert_refused(&mut ann, &[1]).await;

    // Until then nothing is promised to anybody, and nobody is lost for good.
    let mut dan = world.guest(Wire::Binary, "dan").await;
    let join = dan.join_request(LOBBY, JoinFrom::Live);
    dan.say(join).await;
    let refused = dan.failure().await;
    assert_eq!(refused.code, ErrorCode::UNAVAILABLE);
    assert!(refused.temporary);
    dan.publish(9).await;
    assert_eq!(dan.failure().await.code, ErrorCode::NOT_JOINED);
    bob.assert_silent().await;
    assert_eq!(reopened(&world), 0);

    sleep(Duration::from_secs(4)).await;
    assert_eq!(reopened(&world), 1);
    assert_contiguous(&bob.messages(1).await, 1, 1);
    bob.assert_silent().await;
    assert_eq!(
        dan.join(LOBBY, JoinFrom::Live).await.position.offset,
        Offset(1)
    );
    cat.join(LOBBY, JoinFrom::Live).await;
    assert_eq!(cat.published_as(2).await.position.offset, Offset(2));
    assert_eq!(bob.message().await.message.offset, Offset(2));
}

#[tokio::test(start_paused = true)]
async fn a_publisher_meanwhile_is_refused_and_its_message_not_taken() {
    let (world, orders) = World::inline(settings(), keep(100));
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut bob = world.member(Wire::Json, "bob").await;
    orders.fail_append(Outcome::Lost);
    orders.fail_reopening(1);
    ann.publish(1).await;
    assert_refused(&mut ann, &[1]).await;
    bob.say_all(&[publish(2), publish(3)]).await;
    assert_refused(&mut bob, &[2, 3]).await;
    sleep(Duration::from_secs(2)).await;

    let mut bob = world.guest(Wire::Json, "bob").await;
    assert_eq!(bob.join(LOBBY, JoinFrom::History(9)).await.count, 0);
    assert!(!bob.published_as(2).await.duplicate);
}

// contract: chat-3
#[tokio::test(start_paused = true)]
async fn members_of_a_replaced_log_are_sent_away_and_then_told() {
    for wire in [Wire::Binary, Wire::Json] {
        let (world, orders) = World::inline(settings(), keep(100));
        let mut ann = world.member(Wire::Binary, "ann").await;
        let mut bob = world.guest(wire, "bob").await;
        let joined = bob.join(LOBBY, JoinFrom::Live).await;
        ann.published_as(1).await;
        assert_contiguous(&bob.messages(1).await, 1, 1);
        orders.fail_append(Outcome::Lost);
        orders.replace_log();
        ann.publish(2).await;
        assert_eq!(bob.close_code().await, CloseCode::LOG_REPLACED);

        let mut bob = world.guest(wire, "bob").await;
        let back = bob.join(LOBBY, since(&joined, 1)).await;
        assert_eq!(back.recovered, Some(false));
        assert_ne!(back.position.epoch, joined.position.epoch);
        assert_eq!(back.position.offset, Offset(0));
        // And it is a log like any other.
        assert_eq!(bob.published_as(3).await.position.offset, Offset(1));
        assert_contiguous(&bob.messages(1).await, 1, 1);
    }
}

// contract: chat-3
#[tokio::test(start_paused = true)]
async fn a_replay_under_way_survives_the_reopening_and_troubles_nobody() {
    for outcome in [Outcome::Committed, Outcome::Lost] {
        let small_pages = Settings {
            replay_page_bytes: 200,
            ..settings()
        };
        let (world, orders) = World::inline(small_pages, keep(1000));
        let mut ann = world.member(Wire::Binary, "ann").await;
        for n in 1..=50 {
            ann.published_as(n).await;
        }
        let mut bob = world.connect_through(Wire::Binary, 64).await;
        bob.hello("bob").await;
        bob.join(LOBBY, JoinFrom::History(50)).await;
        let mut seen = bob.messages(10).await;

        orders.fail_append(outcome);
        ann.publish(51).await;
        ann.messages(50).await;
        assert_refused(&mut ann, &[51]).await;
        let mut ann = world.member(Wire::Binary, "ann").await;
        ann.published_as(51).await;
        seen.extend(bob.messages(41).await);
        assert_contiguous(&seen, 1, 51);
        assert_eq!((failed(&world, 1), failed(&world, 0)), (1, 0));
        assert_eq!(reopened(&world), 1);
    }
}
