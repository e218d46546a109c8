//! The client against a server that misbehaves, and an application that is slow.

mod peer;

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::*;
use peer::{Call, Peer};

/// Longer than anything may take.
const LONG: Duration = Duration::from_secs(3600);

const FRAME: u64 = 65_536;

const MOMENT: Duration = Duration::from_millis(1);

/// A client in room "a", and its server.
async fn in_room_a(pipe: usize) -> (Call, Peer) {
    let mut call = Call::new(pipe);
    call.client.join("a", JoinFrom::Live).await.unwrap();
    let mut peer = call.accept().await;
    peer.welcome(FRAME).await;
    peer.joined(0, None).await;
    sleep(MOMENT).await;
    (call, peer)
}

/// The fail-fast timer of the link fired while the second room was entered: the
/// publish was granted a dead call, and nobody sent it again.
#[tokio::test(start_paused = true)]
async fn a_publish_waits_for_a_slow_second_room() {
    let mut call = Call::new(1 << 16);
    let _listening = call.listen();
    call.client.join("a", JoinFrom::Live).await.unwrap();
    call.client.join("b", JoinFrom::Live).await.unwrap();
    let mut peer = call.accept().await;
    peer.welcome(FRAME).await;
    peer.joined(0, None).await;
    let _first = call.client.publish("a", "first").await.unwrap();
    // Less than an attempt may take.
    sleep(Duration::from_secs(6)).await;
    peer.joined(0, None).await;
    let publish = timeout(LONG, peer.next_publish()).await.unwrap();
    assert_eq!(publish.body, "first");
}

/// The same timer, armed in the outage before.
#[tokio::test(start_paused = true)]
async fn a_long_outage_lets_no_publish_overtake_another() {
    let mut call = Call::new(1 << 16);
    let _listening = call.listen();
    call.client.join("a", JoinFrom::Live).await.unwrap();
    call.client.join("b", JoinFrom::Live).await.unwrap();
    let mut peer = call.accept().await;
    peer.welcome(FRAME).await;
    peer.joined(0, None).await;
    peer.joined(0, None).await;
    sleep(MOMENT).await;
    drop(peer);
    sleep(MOMENT).await;
    let _one = call.client.publish("a", "one").await.unwrap();
    let mut peer = call.accept().await;
    sleep(Duration::from_millis(4850)).await;
    peer.welcome(FRAME).await;
    for _ in 0..2 {
        sleep(Duration::from_millis(100)).await;
        peer.joined(0, Some(true)).await;
    }
    sleep(Duration::from_millis(100)).await;
    let _two = call.client.publish("a", "two").await.unwrap();
    for body in ["one", "two"] {
        let publish = timeout(LONG, peer.next_publish()).await.unwrap();
        assert_eq!(publish.body, body);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_said_in_an_outage_was_never_sent_and_so_is_not_maybe() {
    let (mut call, peer) = in_room_a(1 << 16).await;
    let _listening = call.listen();
    drop(peer);
    sleep(Duration::from_millis(50)).await;
    let _publishing = call.client.publish("a", "in the outage").await.unwrap();
    let mut peer = call.accept().await;
    peer.welcome(FRAME).await;
    // Everything the client knew was trimmed away meanwhile.
    peer.joined(500, Some(false)).await;
    let publish = timeout(LONG, peer.next_publish()).await.unwrap();
    assert_eq!(publish.body, "in the outage");
}

#[tokio::test(start_paused = true)]
async fn closing_ends_although_the_server_reads_nothing() {
    let (mut call, _peer) = in_room_a(1024).await;
    let _listening = call.listen();
    let _publishing = call.client.publish("a", vec![0; 4096]).await.unwrap();
    sleep(MOMENT).await;
    timeout(LONG, call.client.close()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn closing_ends_although_the_application_takes_no_events() {
    let (call, mut peer) = in_room_a(1 << 20).await;
    for offset in 1..=300 {
        peer.message(offset).await;
    }
    sleep(MOMENT).await;
    timeout(LONG, call.client.close()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_receipt_comes_although_the_application_takes_no_events() {
    let (call, mut peer) = in_room_a(1 << 20).await;
    for offset in 1..=300 {
        peer.message(offset).await;
    }
    sleep(MOMENT).await;
    let publishing = call.client.publish("a", "x").await.unwrap();
    let publish = timeout(LONG, peer.next_publish()).await.unwrap();
    peer.published(publish.seq, 301).await;
    let receipt = timeout(LONG, publishing.receipt()).await.unwrap();
    assert!(receipt.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_room_busier_than_the_application_does_not_keep_it_from_speaking() {
    let (mut call, mut peer) = in_room_a(1 << 14).await;
    let mut tasks = JoinSet::new();
    let (_, none) = mpsc::channel(1);
    let mut events = std::mem::replace(&mut call.events, none);
    tasks.spawn(async move {
        while events.recv().await.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    });
    let _publishing = call.client.publish("a", "me too").await.unwrap();
    let said = async {
        for offset in 1.. {
            tokio::select! {
                biased;
                publish = peer.next_publish() => return publish,
                () = sleep(Duration::from_micros(100)) => {}
            }
            peer.message(offset).await;
        }
        unreachable!("offsets do not run out")
    };
    let publish = timeout(Duration::from_secs(60), said).await.unwrap();
    assert_eq!(publish.body, "me too");
}

/// The pause was unlimited: paused reads were not polled, and so never failed.
// contract: heart-6
#[tokio::test(start_paused = true)]
async fn a_pause_of_reading_has_its_limit() {
    let (mut call, mut peer) = in_room_a(1 << 20).await;
    for offset in 1..=2000 {
        peer.message(offset).await;
    }
    // The server falls silent, and nobody takes the events.
    let again = timeout(LONG, call.accepted.recv()).await;
    assert!(again.is_ok(), "after an hour it still counts as alive");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_would_take_anything_gets_no_frame_beyond_our_own_limit() {
    let mut call = Call::new(1 << 22);
    let _listening = call.listen();
    call.client.join("a", JoinFrom::Live).await.unwrap();
    let mut peer = call.accept().await;
    peer.welcome(1 << 30).await;
    peer.joined(0, None).await;
    sleep(MOMENT).await;
    let publishing = call.client.publish("a", vec![0; 2 << 20]).await.unwrap();
    let receipt = timeout(LONG, publishing.receipt()).await.unwrap();
    assert!(matches!(receipt, Err(PublishError::TooLarge { .. })));
}
