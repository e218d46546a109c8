//! Packets that an attacker kept, and those that a wide network delays.

use std::time::Duration;

use super::super::super::packet::Kind;
use super::*;
use crate::beat::Beat;

fn session(number: u64) -> Session {
    Session(number.try_into().unwrap())
}

#[expect(
    clippy::disallowed_methods,
    reason = "any instant will do as the first"
)]
fn start() -> Instant {
    Instant::now()
}

/// What `from` says with this sequence to a node whose session is `to`.
fn says(from: u64, to: u64, sequence: u32, timestamp: u64) -> Packet {
    Packet {
        beat: Beat {
            node_id: 2,
            timestamp,
            status: crate::beat::Status::Ok,
            sequence,
        },
        kind: Kind::Probe,
        key_id: 0,
        to: 1,
        session: from,
        their_session: to,
    }
}

/// An exchange of session 1 with a peer of session 2, whose first probe was
/// answered.
fn known() -> (Exchange, Instant) {
    let now = start();
    let mut exchange = Exchange::new(session(1));
    assert_eq!(exchange.probe(now, 10), 1);
    exchange.answered(now, &says(2, 1, 1, 10)).unwrap();
    (exchange, now)
}

#[test]
fn a_session_is_believed_only_in_an_answer_that_was_waited_for() {
    let now = start();
    let mut exchange = Exchange::new(session(1));
    assert_eq!(exchange.probed(&says(2, 1, 1, 0)), Ok(Probed::Stranger));
    for forged in [says(2, 1, 1, 10), says(2, 9, 1, 10)] {
        assert_eq!(exchange.answered(now, &forged), Err(Refusal::Unasked));
    }

    exchange.probe(now, 10);
    let late = now + Duration::from_millis(30);
    let other_stamp = says(2, 1, 1, 11);
    assert_eq!(exchange.answered(late, &other_stamp), Err(Refusal::Unasked));
    assert_eq!(
        exchange.answered(late, &says(2, 1, 1, 10)),
        Ok(Answered {
            rtt: Duration::from_millis(30),
            newest: true,
            restarted: false
        })
    );
    assert_eq!(
        exchange.probed(&says(2, 1, 1, 0)),
        Ok(Probed::New { newest: true })
    );
    assert_eq!(exchange.probed(&says(2, 1, 1, 0)), Err(Refusal::Replayed));
    assert_eq!(
        exchange.answered(late, &says(2, 1, 1, 10)),
        Err(Refusal::Replayed)
    );
}

#[test]
fn nothing_recorded_before_our_own_restart_is_new() {
    let (mut exchange, _) = known();
    // Said to the session that we had before.
    assert_eq!(exchange.probed(&says(2, 77, 5, 0)), Ok(Probed::Stranger));
}

#[test]
fn a_restart_is_noticed_in_an_answer_and_cannot_be_undone_by_an_old_one() {
    let (mut exchange, now) = known();
    for timestamp in [20, 30] {
        exchange.probe(now, timestamp);
    }
    // Probes 2 and 3 were answered by the old process and the new one; the old
    // answer was held back.
    let held_back = says(2, 1, 2, 20);
    let restarted = exchange.answered(now, &says(3, 1, 3, 30)).unwrap();
    assert!(restarted.restarted && restarted.newest);
    assert_eq!(exchange.answered(now, &held_back), Err(Refusal::Unasked));
    assert_eq!(exchange.their_session(), 3);

    assert_eq!(exchange.probed(&says(2, 1, 9, 0)), Ok(Probed::Stranger));
    assert_eq!(
        exchange.probed(&says(3, 1, 1, 0)),
        Ok(Probed::New { newest: true })
    );
}

#[test]
fn answers_may_overtake_each_other() {
    let (mut exchange, now) = known();
    for timestamp in [20, 30] {
        exchange.probe(now, timestamp);
    }
    assert!(exchange.answered(now, &says(2, 1, 3, 30)).unwrap().newest);
    assert!(!exchange.answered(now, &says(2, 1, 2, 20)).unwrap().newest);
}

#[test]
fn a_used_up_sequence_begins_another_session() {
    let (mut exchange, now) = known();
    exchange.sequence = u32::MAX - 1;
    assert_eq!(exchange.probe(now, 20), u32::MAX);
    assert_eq!(exchange.probe(now, 30), 1);
    assert_eq!(exchange.session(), 2);
    assert_eq!(exchange.waiting.len(), 1);
    let old = exchange.answered(now, &says(2, 1, u32::MAX, 20));
    assert_eq!(old, Err(Refusal::Unasked));
    let answered = exchange.answered(now, &says(2, 2, 1, 30)).unwrap();
    assert!(!answered.restarted, "it was we who began anew");
}

#[test]
fn unanswered_probes_are_forgotten_in_order() {
    let (mut exchange, now) = known();
    for timestamp in 0..1000 {
        exchange.probe(now, timestamp);
    }
    assert_eq!(exchange.waiting.len(), WAITING_MAX);
    let forgotten = exchange.answered(now, &says(2, 1, 2, 0));
    assert_eq!(forgotten, Err(Refusal::Unasked));
    assert!(exchange.answered(now, &says(2, 1, 1001, 999)).is_ok());
}
