//! How a server begins, how many it serves, and what it leaves when it ends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{CryptoRng, SeedableRng};
use tokio::time::{Instant, timeout};

use super::fake::Fake;
use super::harness::*;
use crate::log::Offset;
use crate::protocol::{Close, CloseCode, JoinFrom, Reply, Wire};
use crate::server::connection::LAST_WORD_TIMEOUT;
use crate::server::{EndReason, Event};
use crate::store::{Committer, Redb, Store};

fn secrets() -> Box<dyn CryptoRng + Send> {
    Box::new(ChaCha8Rng::seed_from_u64(7))
}

/// Waits until the server has ended, which it must within the drain's limit.
async fn ended(world: &mut World) {
    let ended = timeout(PATIENCE, world.server.join_next()).await;
    ended
        .expect("the server should have ended")
        .unwrap()
        .unwrap();
}

// contract: chat-1
#[tokio::test(start_paused = true)]
async fn a_shutdown_tells_everybody_and_leaves_a_closed_store_with_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("chat");
    let store = Redb::open(&path, keep(100), secrets()).unwrap();
    let mut world = World::start(settings(), Committer::inline(store));
    let mut ann = world.connect(Wire::Binary).await;
    assert!(ann.hello("ann").await.durable);
    ann.join(LOBBY, JoinFrom::Live).await;
    let mut bob = world.member(Wire::Json, "bob").await;
    let mut mute = world.connect(Wire::Json).await;
    for n in 1..=3 {
        ann.published_as(n).await;
    }
    ann.messages(3).await;
    bob.messages(3).await;

    let began = Instant::now();
    world.stop.cancel();
    for client in [&mut ann, &mut bob] {
        let (before, close) = client.closed().await;
        assert_eq!(before, []);
        assert_eq!(close.code, CloseCode::SHUTDOWN);
        assert!(close.code.may_reconnect());
    }
    assert_eq!(mute.hear().await, None);
    drop((ann, bob, mute));
    ended(&mut world).await;
    assert_eq!(Instant::now() - began, Duration::ZERO);
    let told = EndReason::Closed(Close::new(CloseCode::SHUTDOWN));
    assert_eq!(world.events.seen(&Event::Ended { reason: told }), 2);

    // One process at a time has the store, so opening it shows that it was closed.
    let store = Redb::open(&path, keep(100), secrets()).unwrap();
    let mut replay = store.replay(LOBBY, Offset(0)).unwrap();
    assert_eq!(replay.next_page(usize::MAX).unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_will_not_go_delays_a_shutdown_by_its_last_word_only() {
    let mut world = World::usual();
    let _stays = world.member(Wire::Binary, "ann").await;
    let mut stuck = world.connect_through(Wire::Json, 16).await;
    stuck.hello("stuck").await;
    stuck.join(LOBBY, JoinFrom::Live).await;
    let began = Instant::now();
    world.stop.cancel();
    ended(&mut world).await;
    let took = Instant::now() - began;
    assert!(
        took <= LAST_WORD_TIMEOUT + Duration::from_millis(10),
        "{took:?}"
    );
}

#[tokio::test]
async fn what_was_taken_before_a_shutdown_is_committed_by_its_end() {
    let (store, orders) = Fake::new(keep(100));
    let mut world = World::start(settings(), Committer::thread(store).unwrap());
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut held = orders.hold_append();
    ann.publish(1).await;
    held.entered().await;
    // These wait for the next commit.
    ann.say_all(&[publish(2), publish(3)]).await;
    settle().await;
    world.stop.cancel();
    assert_eq!(ann.close_code().await, CloseCode::SHUTDOWN);
    drop(ann);
    settle().await;
    assert!(
        world.server.try_join_next().is_none(),
        "it waits for the store"
    );
    held.release();
    ended(&mut world).await;
    assert_eq!(orders.appended.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_server_leaves_nothing_running() {
    let (mut world, orders) = World::inline(settings(), keep(100));
    let mut ann = world.member(Wire::Binary, "ann").await;
    let mut mute = world.connect(Wire::Json).await;
    ann.published_as(1).await;
    ann.message().await;
    assert!(Arc::strong_count(&world.events) > 1);
    world.server.abort_all();
    while world.server.join_next().await.is_some() {}
    settle().await;
    assert_eq!(Arc::strong_count(&world.events), 1);
    assert_eq!(Arc::strong_count(&orders), 1);
    assert_eq!(ann.hear().await, None);
    assert_eq!(mute.hear().await, None);
}

#[tokio::test(start_paused = true)]
async fn one_connection_too_many_is_refused_counted_and_may_come_again() {
    let two = settings().connections_max(2).unwrap();
    let (world, _) = World::inline(two, keep(100));
    let mut ann = world.member(Wire::Binary, "ann").await;
    let bob = world.member(Wire::Json, "bob").await;
    let mut cat = world.connect(Wire::Binary).await;
    assert_eq!(cat.hear().await, None);
    assert_eq!(world.events.seen(&Event::Refused { max: 2 }), 1);
    assert_eq!(world.events.seen(&Event::Accepted), 2);

    drop(bob);
    settle().await;
    let mut cat = world.member(Wire::Binary, "cat").await;
    ann.published_as(1).await;
    assert_contiguous(&cat.messages(1).await, 1, 1);
    assert_eq!(world.events.seen(&Event::Refused { max: 2 }), 1);
}

#[tokio::test(start_paused = true)]
async fn a_failed_accept_ends_nothing() {
    let world = World::usual();
    let mut ann = world.member(Wire::Binary, "ann").await;
    // Out of descriptors, then a peer that gave up.
    world.fail_accept(io::Error::from_raw_os_error(24)).await;
    world
        .fail_accept(io::ErrorKind::ConnectionAborted.into())
        .await;
    let mut bob = world.member(Wire::Json, "bob").await;
    ann.published_as(1).await;
    assert_contiguous(&bob.messages(1).await, 1, 1);
    let failed = |event: &Event| matches!(event, Event::AcceptFailed { .. });
    assert_eq!(world.events.count(failed), 2);
}

#[tokio::test(start_paused = true)]
async fn connections_are_told_apart_and_the_server_is_one() {
    let world = World::usual();
    let mut conn_ids = Vec::new();
    let mut node_ids = Vec::new();
    for wire in [Wire::Binary, Wire::Json, Wire::Binary] {
        let mut client = world.connect(wire).await;
        // One nick for all: it proves nothing and is nobody's.
        client.say(hello("ann", None)).await;
        match client.next().await {
            Reply::Welcome(welcome) => {
                conn_ids.push(welcome.conn_id);
                node_ids.push(welcome.node_id);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(conn_ids, [1, 2, 3]);
    assert!(node_ids.iter().all(|it| *it == node_ids[0]));
}
