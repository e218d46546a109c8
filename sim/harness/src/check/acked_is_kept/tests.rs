//! Histories edited until exactly one rule breaks: what was acknowledged is kept.

use super::super::story::{
    EPOCH, acked, acked_again, acked_at, at, breaks, delivered, failed, held, invoked, joined,
    lost, passes, replaced, story, then, with, without,
};
use super::super::{AckedIsKept, Store};
use crate::history::{Position, Record};

const DURABLE: AckedIsKept = AckedIsKept {
    store: Store::Durable,
};
const VOLATILE: AckedIsKept = AckedIsKept {
    store: Store::Volatile,
};

fn whole_log() -> Record {
    held(1, &[(1, 1), (2, 2), (3, 3)])
}

// contract: sim-3
#[test]
fn a_kept_log_passes_whatever_the_store_claims() {
    passes(&DURABLE, story());
    passes(&VOLATILE, story());
}

// contract: sim-3
#[test]
fn an_acknowledged_id_that_is_gone_is_lost() {
    let log = held(1, &[(1, 1), (2, 2)]);
    let proof = [acked("ann", 3, 3), log.clone()];
    breaks(&DURABLE, with(&whole_log(), log), "ack-lost", &proof);
}

// contract: sim-3
#[test]
fn an_acknowledged_id_whose_place_holds_another_is_lost() {
    let log = held(1, &[(1, 1), (2, 2), (3, 9)]);
    let proof = [acked("ann", 3, 3), log.clone()];
    breaks(&DURABLE, with(&whole_log(), log), "ack-lost", &proof);
}

// contract: sim-3
#[test]
fn what_was_shown_and_taken_back_by_a_crash_is_lost_though_nobody_was_acknowledged() {
    let shown = delivered("ann", 5, 4, 3);
    let records = then(&delivered("ann", 3, 3, 2), shown.clone());
    breaks(&DURABLE, records, "shown-lost", &[shown, whole_log()]);
}

// contract: sim-3
#[test]
fn what_retention_dropped_is_not_lost_and_may_be_appended_again() {
    let trimmed = held(3, &[(3, 3)]);
    passes(&DURABLE, with(&whole_log(), trimmed));
    let mut records = without(&whole_log());
    records.extend([invoked("ann", 1), acked("ann", 1, 4)]);
    records.push(held(3, &[(3, 3), (4, 1)]));
    passes(&DURABLE, records);
}

// contract: sim-3
#[test]
fn an_id_stands_in_the_log_once() {
    let log = held(1, &[(1, 1), (2, 2), (3, 3), (4, 2)]);
    let proof = [log.clone()];
    breaks(&DURABLE, with(&whole_log(), log), "once-in-log", &proof);
}

// contract: sim-3
#[test]
fn a_final_log_rises() {
    let log = held(1, &[(1, 1), (3, 3), (2, 2)]);
    let proof = [log.clone()];
    breaks(&DURABLE, with(&whole_log(), log), "log-order", &proof);
}

// contract: sim-3
#[test]
fn an_acknowledged_position_does_not_move() {
    let moved = acked("ann", 3, 4);
    let records = then(&delivered("ann", 3, 3, 2), moved.clone());
    breaks(&DURABLE, records, "one-place", &[acked("ann", 3, 3), moved]);
}

// contract: sim-3
#[test]
fn a_duplicate_bears_the_position_of_the_first() {
    let moved = acked_again("bob", 2, 4);
    let proof = [delivered("ann", 2, 2, 1), moved.clone()];
    let records = with(&acked_again("bob", 2, 2), moved);
    breaks(&DURABLE, records, "duplicate-place", &proof);
}

// contract: sim-3
#[test]
fn a_repetition_is_told_that_it_is_one() {
    let again = acked("bob", 1, 1);
    let proof = [acked("ann", 1, 1), again.clone()];
    let records = then(&acked_again("bob", 2, 2), again);
    breaks(&DURABLE, records, "duplicate-told", &proof);
}

// contract: sim-3
#[test]
fn an_acknowledgement_is_not_taken_back() {
    let refusal = failed("ann", 3);
    let proof = [acked("ann", 3, 3), refusal.clone()];
    let records = then(&delivered("ann", 3, 3, 2), refusal.clone());
    breaks(&DURABLE, records.clone(), "ack-taken-back", &proof);
    // A refusal of a second attempt says nothing of the first.
    let attempt = [invoked("ann", 3), refusal.clone()];
    passes(&DURABLE, replaced(records, &refusal, attempt));
}

// contract: sim-3
#[test]
fn only_a_volatile_store_may_change_its_epoch_and_owes_then_what_bears_the_last() {
    let other = |offset| Position {
        epoch: EPOCH + 1,
        offset,
    };
    let came_back = joined("bob", Some(at(1)), Some(false), other(0), 0);
    let records = vec![
        acked("ann", 1, 1),
        lost("bob"),
        came_back.clone(),
        acked_at("bob", 2, other(1), false),
        Record::new(
            "store",
            crate::history::What::Final {
                stream: "lobby".into(),
                first_kept: other(1),
                log: vec![(other(1), crate::history::Id(2))],
            },
        ),
    ];
    let proof = [acked("ann", 1, 1), came_back];
    breaks(&DURABLE, records.clone(), "one-epoch", &proof);
    passes(&VOLATILE, records.clone());
    let forgot = acked_at("bob", 3, other(2), false);
    let proof = [forgot.clone(), records[4].clone()];
    let records = replaced(records.clone(), &records[3], [records[3].clone(), forgot]);
    breaks(&VOLATILE, records, "ack-lost", &proof);
}

// contract: sim-3
#[test]
fn without_a_final_log_nothing_is_proved() {
    let proof = [acked("ann", 1, 1)];
    breaks(&DURABLE, without(&whole_log()), "final-log", &proof);
}
