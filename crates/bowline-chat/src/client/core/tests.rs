//! The client's bookkeeping, frame by frame.

use super::*;
use crate::log::{Epoch, Message, Offset};
use crate::protocol::ErrorCode;

const EPOCH: Epoch = Epoch(7);

type Out = Vec<Effect<u32>>;

fn lobby() -> Arc<str> {
    "lobby".into()
}

fn id(n: u8) -> MsgId {
    MsgId([n; 16])
}

fn at(offset: u64) -> Position {
    Position {
        epoch: EPOCH,
        offset: Offset(offset),
    }
}

fn joined(offset: u64, recovered: Option<bool>, count: u64) -> Joined {
    Joined {
        seq: 1,
        room: lobby(),
        number: 1,
        position: at(offset),
        recovered,
        count,
    }
}

fn message(offset: u64, msg_id: MsgId) -> RoomMessage {
    RoomMessage {
        room: RoomRef::Number(1),
        epoch: EPOCH,
        message: Message {
            offset: Offset(offset),
            prev: Offset(offset - 1),
            msg_id,
            from: "bob".into(),
            guest: true,
            ts: 0,
            body: Bytes::from_static(b"hi"),
        },
    }
}

fn published(offset: u64) -> Published {
    Published {
        seq: 1,
        position: at(offset),
        duplicate: false,
        msg_id: None,
    }
}

/// A client that stands at `offset` of the lobby on connection 1.
fn standing_at(offset: u64) -> Core<u32> {
    let mut core = Core::new();
    core.join(lobby(), JoinFrom::Live, &mut Vec::new());
    connect(&mut core, 1);
    core.joined(1, &joined(offset, None, 0), &mut Vec::new());
    core
}

fn connect(core: &mut Core<u32>, conn: u64) -> Vec<(Arc<str>, JoinFrom)> {
    core.connected(conn, 64, 1 << 16, &mut Vec::new())
}

fn publish(core: &mut Core<u32>, n: u8) -> Vec<MsgId> {
    let mut out = Vec::new();
    let body = Bytes::from_static(b"x");
    core.publish(&lobby(), id(n), body, n.into(), &mut out);
    let asked = sent(&out);
    for msg_id in &asked {
        core.sent(&lobby(), *msg_id);
    }
    asked
}

fn sent(out: &Out) -> Vec<MsgId> {
    out.iter()
        .filter_map(|effect| match effect {
            Effect::Publish { msg_id, .. } => Some(*msg_id),
            _ => None,
        })
        .collect()
}

fn shown(out: &Out) -> Vec<u64> {
    out.iter()
        .filter_map(|effect| match effect {
            Effect::Tell(Event::Message { message, .. }) => Some(message.offset.0),
            _ => None,
        })
        .collect()
}

fn resolved(out: &Out) -> Vec<(u32, bool)> {
    out.iter()
        .filter_map(|effect| match effect {
            Effect::Resolve(ticket, outcome) => Some((*ticket, outcome.is_ok())),
            _ => None,
        })
        .collect()
}

// contract: chat-2
#[test]
fn what_the_client_has_already_is_not_shown_again() {
    let mut core = standing_at(4);
    let mut out = Vec::new();
    for offset in [4, 5, 5, 6, 3] {
        core.message(1, message(offset, id(9)), &mut out);
    }
    assert_eq!(shown(&out), [5, 6]);
}

// contract: chat-2
#[test]
fn a_hole_means_entering_again_from_where_the_client_stands() {
    let mut core = standing_at(4);
    let mut out = Vec::new();
    core.message(1, message(6, id(9)), &mut out);
    core.message(1, message(7, id(9)), &mut out);
    let again = Effect::Join {
        room: lobby(),
        from: JoinFrom::Since(at(4)),
    };
    assert_eq!(out, [again], "asked once, and nothing shown");
    core.joined(1, &joined(4, Some(true), 3), &mut out);
    for offset in [5, 6, 7] {
        core.message(1, message(offset, id(9)), &mut out);
    }
    assert_eq!(shown(&out), [5, 6, 7]);
}

// contract: chat-2
#[test]
fn frames_of_an_older_connection_count_no_more() {
    let mut core = standing_at(4);
    assert_eq!(connect(&mut core, 2), [(lobby(), JoinFrom::Since(at(4)))]);
    let mut out = Vec::new();
    core.message(1, message(5, id(9)), &mut out);
    core.joined(1, &joined(9, None, 0), &mut out);
    assert_eq!(out, []);
    core.joined(2, &joined(4, Some(true), 1), &mut out);
    core.message(2, message(5, id(9)), &mut out);
    assert_eq!(shown(&out), [5]);
}

#[test]
fn unanswered_publishes_are_repeated_in_order_after_the_replay() {
    let mut core = standing_at(0);
    assert_eq!(publish(&mut core, 1), [id(1)]);
    assert_eq!(publish(&mut core, 2), [id(2)]);
    connect(&mut core, 2);
    assert_eq!(publish(&mut core, 3), [], "nothing newer goes before them");
    let mut out = Vec::new();
    core.joined(2, &joined(0, Some(true), 1), &mut out);
    assert_eq!(sent(&out), [], "the replay may hold one of them");
    core.message(2, message(1, id(1)), &mut out);
    assert_eq!(resolved(&out), [(1, true)]);
    assert_eq!(sent(&out), [id(2), id(3)]);
}

#[test]
fn an_acknowledgement_and_ones_own_message_answer_a_publish_once() {
    let mut core = standing_at(0);
    publish(&mut core, 1);
    let mut out = Vec::new();
    core.published(1, &lobby(), id(1), &published(1), &mut out);
    core.message(1, message(1, id(1)), &mut out);
    assert_eq!(resolved(&out), [(1, true)]);
    assert_eq!(shown(&out), [1]);
}

#[test]
fn no_more_publishes_are_in_flight_than_granted() {
    let mut core = Core::new();
    let mut out = Vec::new();
    core.join(lobby(), JoinFrom::Live, &mut out);
    core.connected(1, 2, 1 << 16, &mut out);
    core.joined(1, &joined(0, None, 0), &mut out);
    let mut went = Vec::new();
    for n in 1..=3 {
        went.extend(publish(&mut core, n));
    }
    assert_eq!(went, [id(1), id(2)]);
    out.clear();
    core.published(1, &lobby(), id(1), &published(1), &mut out);
    assert_eq!(sent(&out), [id(3)]);
    out.clear();
    // One's own message frees no place: the server has not answered yet.
    core.message(1, message(1, id(1)), &mut out);
    core.message(1, message(2, id(2)), &mut out);
    publish(&mut core, 4);
    assert_eq!(sent(&out), []);
}

#[test]
fn after_an_untold_gap_in_the_same_log_what_was_sent_is_maybe() {
    let mut core = standing_at(4);
    publish(&mut core, 1);
    connect(&mut core, 2);
    publish(&mut core, 2);
    let mut out = Vec::new();
    core.joined(2, &joined(9, Some(false), 0), &mut out);
    assert!(out.contains(&Effect::Resolve(1, Err(PublishError::Maybe))));
    assert_eq!(sent(&out), [id(2)], "what was never sent is sent");
}

#[test]
fn in_another_log_nothing_can_stand_and_all_is_repeated() {
    let mut core = standing_at(4);
    publish(&mut core, 1);
    connect(&mut core, 2);
    let mut out = Vec::new();
    let mut elsewhere = joined(0, Some(false), 0);
    elsewhere.position.epoch = Epoch(8);
    core.joined(2, &elsewhere, &mut out);
    assert_eq!(resolved(&out), []);
    assert_eq!(sent(&out), [id(1)]);
}

#[test]
fn a_temporary_refusal_leaves_the_publish_for_the_next_connection() {
    let refusal = |temporary| Failure {
        seq: Some(1),
        code: ErrorCode::UNAVAILABLE,
        temporary,
        message: String::new(),
    };
    let mut core = standing_at(0);
    publish(&mut core, 1);
    let mut out = Vec::new();
    core.publish_refused(1, &lobby(), id(1), refusal(true), &mut out);
    assert_eq!(out, [], "the server closes the connection next");
    connect(&mut core, 2);
    core.joined(2, &joined(0, Some(true), 0), &mut out);
    assert_eq!(sent(&out), [id(1)]);
    core.publish_refused(2, &lobby(), id(1), refusal(false), &mut out);
    assert_eq!(resolved(&out), [(1, false)]);
}

#[test]
fn a_room_that_cannot_be_entered_answers_what_waited_for_it() {
    let mut core = Core::new();
    let mut out = Vec::new();
    core.join(lobby(), JoinFrom::Live, &mut out);
    publish(&mut core, 1);
    let failure = Failure {
        seq: Some(1),
        code: ErrorCode::ROOMS_FULL,
        temporary: false,
        message: "full".into(),
    };
    core.join_refused(&lobby(), &failure, &mut out);
    assert_eq!(resolved(&out), [(1, false)]);
    assert_eq!(publish(&mut core, 2), []);
}

#[test]
fn a_body_no_server_would_take_is_refused_before_it_is_sent() {
    let mut core = standing_at(0);
    let mut out = Vec::new();
    let large = Bytes::from(vec![0; (1 << 16) + 1]);
    core.publish(&lobby(), id(1), large, 1, &mut out);
    assert!(matches!(
        out[..],
        [Effect::Resolve(1, Err(PublishError::TooLarge { .. }))]
    ));
}

#[test]
fn what_may_be_committed_is_not_called_unsent_because_it_became_too_large() {
    let mut core = standing_at(5);
    publish(&mut core, 1);
    let mut out = Out::new();
    core.connected(2, 64, 0, &mut out);
    assert_eq!(out, [Effect::Resolve(1, Err(PublishError::Maybe))]);
}

#[test]
fn what_may_be_committed_is_not_called_refused_because_the_room_is() {
    let mut core = standing_at(5);
    publish(&mut core, 1);
    connect(&mut core, 2);
    let mut out = Out::new();
    let failure = Failure {
        seq: Some(1),
        code: ErrorCode::ROOMS_FULL,
        temporary: false,
        message: String::new(),
    };
    core.join_refused(&lobby(), &failure, &mut out);
    assert_eq!(out[0], Effect::Resolve(1, Err(PublishError::Maybe)));
}

// contract: chat-2
#[test]
fn what_no_connection_took_is_sent_after_an_untold_gap() {
    let mut core = standing_at(4);
    let mut out = Out::new();
    // Asked for, but the connection went before it took it.
    core.publish(&lobby(), id(1), Bytes::from_static(b"x"), 1, &mut out);
    connect(&mut core, 2);
    out.clear();
    core.joined(2, &joined(9, Some(false), 0), &mut out);
    assert_eq!(resolved(&out), []);
    assert_eq!(sent(&out), [id(1)]);
}
