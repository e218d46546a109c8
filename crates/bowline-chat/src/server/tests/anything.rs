//! Whatever a client says, in whatever order and whatever pieces: an answer or a close.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use tokio::runtime;
use tokio::time::timeout;

use super::harness::*;
use crate::log::{Epoch, Offset, Position};
use crate::protocol::{
    Beat, Close, CloseCode, Join, JoinFrom, Publish, Reply, Request, RoomRef, Status, Wire,
};

/// A JOIN that is always answered, and at once: no room has this name.
const MARKER: u64 = 4_000_000;

fn rooms() -> impl Strategy<Value = RoomRef> {
    prop_oneof![
        (0..4_u32).prop_map(RoomRef::Number),
        "[ab]?".prop_map(|name| RoomRef::Name(name.into())),
    ]
}

fn origins() -> impl Strategy<Value = JoinFrom> {
    let offsets = prop_oneof![0..9_u64, Just(u64::MAX)];
    prop_oneof![
        Just(JoinFrom::Live),
        offsets.clone().prop_map(JoinFrom::History),
        (any::<u64>(), offsets).prop_map(|(epoch, offset)| {
            JoinFrom::Since(Position {
                epoch: Epoch(epoch),
                offset: Offset(offset),
            })
        }),
    ]
}

fn requests() -> impl Strategy<Value = Request> {
    let beats = (any::<u64>(), 0..3_u32).prop_map(|(timestamp, sequence)| Beat {
        node_id: 1,
        timestamp,
        status: Status::Ok,
        sequence,
    });
    prop_oneof![
        2 => option::of(any::<u64>()).prop_map(|ping_ms| hello("ann", ping_ms)),
        4 => ("[ab]?", origins()).prop_map(|(room, from)| Request::Join(Join {
            seq: 1,
            room: room.into(),
            from: Some(from),
        })),
        8 => (rooms(), option::of(0..4_u64), vec(any::<u8>(), 0..9)).prop_map(
            |(room, n, body)| Request::Publish(Publish {
                seq: 2,
                room,
                msg_id: n.map(id),
                body: body.into(),
            })
        ),
        2 => beats.prop_map(Request::Pong),
        1 => Just(Request::Close(Close::new(CloseCode::GOODBYE))),
    ]
}

fn wires() -> impl Strategy<Value = Wire> {
    prop_oneof![Just(Wire::Binary), Just(Wire::Json)]
}

/// Runs `test` on a paused clock of its own.
fn paused(test: impl Future<Output = ()>) {
    runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(test);
}

/// Panics unless somebody else is served as if nothing had happened, and the server runs.
async fn assert_well(world: &mut World) {
    let mut ann = world.guest(Wire::Binary, "well").await;
    ann.join("a room of its own", JoinFrom::Live).await;
    ann.say(publish_to("a room of its own", 9, "well?")).await;
    assert_eq!(ann.message().await.message.body, "well?");
    assert!(world.server.try_join_next().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    // contract: chat-8
    #[test]
    fn any_order_of_valid_requests_ends_in_an_answer_or_a_close(
        wire in wires(),
        greets in any::<bool>(),
        requests in vec(requests(), 0..20),
    ) {
        paused(async move {
            let mut world = World::usual();
            let mut client = world.connect(wire).await;
            let mut said = Vec::new();
            if greets {
                said.push(hello("ann", None));
            }
            said.extend(requests);
            let marker = Request::Join(Join {
                seq: MARKER,
                room: "".into(),
                from: Some(JoinFrom::Live),
            });
            said.push(marker);
            client.say_all(&said).await;
            loop {
                let heard = timeout(PATIENCE, client.hear()).await;
                match heard.expect("an answer or an end") {
                    Some(Reply::Error(failure)) if failure.seq == Some(MARKER) => break,
                    Some(Reply::Close(_)) => break,
                    Some(_) => {}
                    // Only who said goodbye is left without a word.
                    None => {
                        assert!(said.iter().any(|it| matches!(it, Request::Close(_))));
                        break;
                    }
                }
            }
            assert_well(&mut world).await;
        });
    }

    // contract: chat-8
    #[test]
    fn any_bytes_end_in_a_close_or_an_end(
        first in prop_oneof![Just(0xB0_u8), Just(b'{'), any::<u8>()],
        pieces in vec(vec(any::<u8>(), 0..300), 0..4),
        greets in option::of(wires()),
    ) {
        paused(async move {
            let mut world = World::usual();
            let wire = match (greets, first) {
                (Some(wire), _) => wire,
                (None, b'{' | b' ' | b'\t' | b'\r' | b'\n') => Wire::Json,
                (None, _) => Wire::Binary,
            };
            let mut client = world.connect(wire).await;
            if greets.is_some() {
                client.hello("mallory").await;
            }
            // It may hang up before it has read them all.
            client.try_send(&[first]).await;
            for piece in pieces {
                client.try_send(&piece).await;
            }
            // The HELLO's deadline or the heartbeat ends what the bytes did not.
            let ended = async { while client.hear().await.is_some() {} };
            timeout(10 * PATIENCE, ended).await.expect("an end");
            assert_well(&mut world).await;
        });
    }
}
