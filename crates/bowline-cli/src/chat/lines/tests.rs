//! What a person and a program read.

use super::*;

fn message(from: &str, body: &[u8]) -> Message {
    Message {
        offset: Offset(7),
        prev: Offset(6),
        msg_id: MsgId([0xab; 16]),
        from: from.into(),
        guest: true,
        ts: 1_700_000_000_000,
        body: body.to_vec().into(),
    }
}

fn check(body: &[u8], expected: &str) {
    assert_eq!(plain(&message("ann", body)), expected);
}

#[test]
fn a_message_is_its_sender_and_its_text() {
    check(b"ahoy", "ann: ahoy");
    check("Grüße, 世界 👋\tok".as_bytes(), "ann: Grüße, 世界 👋\tok");
    check(b"", "ann: ");
}

#[test]
fn nothing_in_a_message_steers_the_terminal() {
    check(b"\x1b[2Jgone", "ann: \\u{1b}[2Jgone");
    check(
        b"over\rwritten\x08\x07",
        "ann: over\\u{d}written\\u{8}\\u{7}",
    );
    check("\u{9b}31m \u{7f}".as_bytes(), "ann: \\u{9b}31m \\u{7f}");
    check(
        "a\u{202e}b\u{2028}c".as_bytes(),
        "ann: a\\u{202e}b\\u{2028}c",
    );
    check(b"\xff\xfe!", "ann: \\xff\\xfe!");
}

#[test]
fn a_later_line_of_a_message_never_passes_for_a_message() {
    check(b"one\nbob: two", "ann: one\n    bob: two");
}

#[test]
fn a_program_gets_every_field_in_one_line() {
    let line = json("lobby", Epoch(0xfeed), &message("ann", b"a\nb\x1b"));
    assert_eq!(
        line,
        r#"{"room":"lobby","epoch":"000000000000feed","offset":7,"prev":6,"#.to_owned()
            + r#""msg_id":"abababababababababababababababab","from":"ann","guest":true,"#
            + r#""ts":1700000000000,"body":"a\nb\u001b"}"#
    );
    let line = json("lobby", Epoch(0), &message("ann", b"\xff"));
    assert!(line.ends_with(r#""body_b64":"/w=="}"#), "{line}");
}

fn joined_notice(recovered: Option<bool>, count: u64) -> Notice<'static> {
    Notice::Joined {
        room: "lobby",
        since: recovered.map(|_| Position {
            epoch: Epoch(1),
            offset: Offset(2),
        }),
        epoch: Epoch(1),
        offset: Offset(2),
        recovered,
        count,
    }
}

#[test]
fn a_person_reads_whether_anything_was_missed() {
    for (recovered, count, expected) in [
        (None, 0, "* in lobby"),
        (Some(true), 0, "* back in lobby: missed nothing"),
        (Some(true), 1, "* back in lobby: recovered 1 message"),
        (Some(true), 12, "* back in lobby: recovered 12 messages"),
        (
            Some(false),
            0,
            "* back in lobby: what was said meanwhile could not be recovered",
        ),
    ] {
        let notice = joined_notice(recovered, count);
        assert_eq!(notice.plain().as_deref(), Some(expected));
    }
}

#[test]
fn a_reason_is_told_once_and_never_steers_the_terminal() {
    let retrying = |told| Notice::Retrying {
        attempt: 1,
        after_ms: 1250,
        reason: "refused\x1b",
        told,
    };
    assert_eq!(
        retrying(false).plain().as_deref(),
        Some("* retrying in 1.2 s: refused\\u{1b}")
    );
    assert_eq!(
        retrying(true).plain().as_deref(),
        Some("* retrying in 1.2 s")
    );
}

#[test]
fn notices_for_programs_have_the_documented_names() {
    let msg_id = MsgId([1; 16]);
    let check = |notice: Notice<'_>, expected: &str| assert_eq!(notice.json(), expected);
    check(
        joined_notice(None, 0),
        r#"{"notice":"joined","room":"lobby","since":null,"epoch":"0000000000000001","offset":2,"recovered":null,"count":0}"#,
    );
    check(
        joined_notice(Some(true), 4),
        r#"{"notice":"joined","room":"lobby","since":{"epoch":"0000000000000001","offset":2},"epoch":"0000000000000001","offset":2,"recovered":true,"count":4}"#,
    );
    check(
        Notice::Retrying {
            attempt: 2,
            after_ms: 250,
            reason: "refused",
            told: true,
        },
        r#"{"notice":"retrying","attempt":2,"after_ms":250,"reason":"refused"}"#,
    );
    check(
        Notice::Published {
            line: 3,
            msg_id,
            body: b"ahoy".as_slice().into(),
        },
        r#"{"notice":"published","line":3,"msg_id":"01010101010101010101010101010101","body":"ahoy"}"#,
    );
    check(
        Notice::Acked {
            line: 3,
            room: "lobby",
            epoch: Epoch(1),
            offset: Offset(2),
            msg_id,
            duplicate: false,
        },
        r#"{"notice":"acked","line":3,"room":"lobby","epoch":"0000000000000001","offset":2,"msg_id":"01010101010101010101010101010101","duplicate":false}"#,
    );
    check(
        Notice::Failed {
            line: 4,
            msg_id: None,
            published: Published::No,
            reason: "too long".to_owned(),
        },
        r#"{"notice":"failed","line":4,"msg_id":null,"published":"no","reason":"too long"}"#,
    );
}
