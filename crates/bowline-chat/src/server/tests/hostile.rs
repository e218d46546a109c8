//! Whatever bytes arrive: a typed close, or an end; and nobody else notices.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::Instant;

use super::harness::*;
use super::nonsense::{bytes_of, fatal, frame, greeting};
use crate::protocol::{CloseCode, ErrorCode, Failure, JoinFrom, Reply, Wire};
use crate::server::{EndReason, Event, HELLO_TIMEOUT};

/// Two clients who talk all the while.
struct Healthy {
    ann: Client,
    bob: Client,
    said: u64,
}

impl Healthy {
    async fn new(world: &World) -> Self {
        Self {
            ann: world.member(Wire::Binary, "ann").await,
            bob: world.member(Wire::Json, "bob").await,
            said: 0,
        }
    }

    /// Panics unless they hear each other, and nothing else.
    async fn talk(&mut self) {
        self.said += 1;
        self.ann.published_as(self.said).await;
        for client in [&mut self.ann, &mut self.bob] {
            let message = client.message().await.message;
            assert_eq!(message.offset.0, self.said);
            client.assert_silent().await;
        }
    }
}

// contract: chat-8
#[tokio::test(start_paused = true)]
async fn each_kind_of_nonsense_gets_its_code_and_is_counted() {
    let world = World::usual();
    let mut healthy = Healthy::new(&world).await;
    for (ended, (name, wire, bytes, code)) in fatal().into_iter().enumerate() {
        let mut mallory = world.connect_through(wire, 1 << 20).await;
        mallory.send(&bytes).await;
        assert_eq!(mallory.close_code().await, code, "{name}");
        drop(mallory);
        healthy.talk().await;

        let ends = world.events.ends();
        assert_eq!(ends.len(), ended + 1, "{name}");
        match ends.last() {
            Some(EndReason::Closed(close)) => assert_eq!(close.code, code, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
}

// contract: chat-8
#[tokio::test(start_paused = true)]
async fn nonsense_byte_by_byte_is_the_same_nonsense() {
    let world = World::usual();
    for (name, wire, bytes, code) in fatal() {
        if bytes.len() > 1000 {
            continue;
        }
        let mut mallory = world.connect(wire).await;
        for byte in bytes {
            mallory.send(&[byte]).await;
            settle().await;
        }
        assert_eq!(mallory.close_code().await, code, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_follows_what_was_answered_before_it() {
    for wire in [Wire::Binary, Wire::Json] {
        let world = World::usual();
        let mut ann = world.connect(wire).await;
        let requests = [hello("ann", None), publish(5), hello("ann", None)];
        ann.say_all(&requests).await;
        let (before, close) = ann.closed().await;
        assert_eq!(close.code, CloseCode::HELLO_TWICE);
        match &before[..] {
            [
                Reply::Welcome(_),
                Reply::Error(Failure { seq: Some(5), .. }),
            ] => {}
            other => panic!("{other:?}"),
        }
    }
}

// contract: chat-8
#[tokio::test(start_paused = true)]
async fn a_first_byte_of_no_format_ends_the_connection_without_an_answer() {
    let world = World::usual();
    let mut healthy = Healthy::new(&world).await;
    for first in [0x00, 0x16, 0x80, 0xB1, 0xFF, b'G', b'1', b'"'] {
        let mut mallory = world.connect(Wire::Binary).await;
        mallory.send(&[first]).await;
        assert_eq!(mallory.hear().await, None, "{first:#x}");
        healthy.talk().await;
        assert_eq!(world.events.seen(&Event::UnknownFirstByte { first }), 1);
    }
    assert_eq!(world.events.ends(), vec![EndReason::UnknownFormat; 8]);
}

// contract: chat-8
#[tokio::test(start_paused = true)]
async fn what_may_be_refused_or_ignored_ends_nothing() {
    let world = World::usual();
    let mut ann = world.connect(Wire::Json).await;
    // A bad nick is a person's mistake: it may be corrected.
    ann.say(hello(" ann", None)).await;
    assert_eq!(ann.failure().await.code, ErrorCode::BAD_NICK);
    ann.hello("ann").await;
    ann.send(b"{\"op\":\"sing\",\"seq\":9,\"key\":\"c\"}\n")
        .await;
    let refused = ann.failure().await;
    assert_eq!(
        (refused.code, refused.seq),
        (ErrorCode::UNKNOWN_OP, Some(9))
    );
    ann.send(b"\r\n  \n\n").await;
    let bad_room = ann.join_request("a\nroom", JoinFrom::Live);
    ann.say(bad_room).await;
    assert_eq!(ann.failure().await.code, ErrorCode::BAD_ROOM);
    ann.join(LOBBY, JoinFrom::Live).await;
    assert_eq!(world.events.seen(&Event::RequestRefused), 3);

    let mut bob = world.guest(Wire::Binary, "bob").await;
    let sing = frame(0x4FFF, 3, b"la!");
    bob.send(&sing).await;
    bob.assert_silent().await;
    bob.join(LOBBY, JoinFrom::Live).await;
    assert_eq!(world.events.ends(), []);
}

#[tokio::test(start_paused = true)]
async fn the_largest_frame_granted_is_taken_and_delivered_even_right_behind_hello() {
    let world = World::usual();
    let mut bob = world.member(Wire::Json, "bob").await;
    let mut ann = world.connect_through(Wire::Binary, 1 << 20).await;
    let join = ann.join_request(LOBBY, JoinFrom::Live);
    // The least text that JSON can make of a byte is six bytes long for these.
    let around = bytes_of(Wire::Binary, &[publish_to(LOBBY, 1, "")]).len() - 8;
    let body = vec![0x01; 65_536 - around];
    let largest = publish_to(LOBBY, 1, body.clone());
    ann.say_all(&[hello("ann", None), join, largest]).await;
    ann.published().await;
    assert_eq!(ann.message().await.message.body, body);
    assert_eq!(bob.message().await.message.body, body);
}

// contract: chat-8
#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_half_a_hello_is_gone_when_the_time_for_it_is() {
    let world = World::usual();
    let began = Instant::now();
    let mut mute = world.connect(Wire::Binary).await;
    let mut half = world.connect(Wire::Binary).await;
    let mut drip = world.connect(Wire::Json).await;
    let greeting = greeting(Wire::Binary);
    half.send(&greeting[..greeting.len() / 2]).await;
    drip.send(b"{\"op\":").await;
    tokio::time::sleep(HELLO_TIMEOUT - Duration::from_secs(1)).await;
    // A byte now and then buys no time.
    drip.send(b" ").await;
    assert_eq!(world.events.ends(), []);

    assert_eq!(half.close_code().await, CloseCode::HELLO_TIMEOUT);
    assert_eq!(drip.close_code().await, CloseCode::HELLO_TIMEOUT);
    // Nobody knows what the mute one would have understood.
    assert_eq!(mute.hear().await, None);
    let took = Instant::now() - began;
    assert!(took >= HELLO_TIMEOUT, "{took:?}");
    assert!(
        took < HELLO_TIMEOUT + Duration::from_millis(100),
        "{took:?}"
    );
    drop((half, drip));
    settle().await;
    let ends = world.events.ends();
    assert_eq!(ends.len(), 3);
    assert!(ends.contains(&EndReason::UnknownFormat));
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_and_a_hang_up_are_no_failure() {
    let world = World::usual();
    let mut ann = world.member(Wire::Json, "ann").await;
    ann.send(b"{\"op\":\"close\",\"code\":1000}\n").await;
    let mut rest = Vec::new();
    ann.io.read_to_end(&mut rest).await.unwrap();
    assert_eq!(rest, b"");
    drop(world.member(Wire::Binary, "bob").await);
    settle().await;
    assert_eq!(world.events.ends(), vec![EndReason::Left; 2]);
}
