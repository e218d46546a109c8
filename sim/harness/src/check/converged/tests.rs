//! Histories edited until exactly one rule breaks: nothing is left out at the end.

use super::super::Converged;
use super::super::story::{
    EPOCH, breaks, delivered, fresh, held, joined, left, lost, passes, recovered, refused,
    replaced, story, then, with, without,
};
use crate::history::{Position, Record};

fn both() -> Converged {
    Converged::new(["ann".into(), "bob".into()])
}

fn whole_log() -> Record {
    held(1, &[(1, 1), (2, 2), (3, 3)])
}

// contract: sim-3
#[test]
fn all_seen_by_all_who_are_there_passes() {
    passes(&both(), story());
}

// contract: sim-3
#[test]
fn what_one_of_them_lacks_is_left_out() {
    let log = held(1, &[(1, 1), (2, 2), (3, 3), (4, 5)]);
    let proof = [fresh("ann", 0, 0), log.clone()];
    breaks(&both(), with(&whole_log(), log), "nothing-left-out", &proof);
}

// contract: sim-3
#[test]
fn what_one_of_them_skipped_is_left_out() {
    let proof = [fresh("bob", 0, 0), whole_log()];
    let records = without(&delivered("bob", 2, 2, 1));
    breaks(&both(), records, "nothing-left-out", &proof);
}

// contract: sim-3
#[test]
fn the_first_behind_the_start_is_owed() {
    let proof = [fresh("ann", 0, 0), whole_log()];
    let records = without(&delivered("ann", 1, 1, 0));
    breaks(&both(), records, "nothing-left-out", &proof);
}

// contract: sim-3
#[test]
fn nobody_is_owed_what_came_before_it_started_or_was_told_that_it_was_not_recovered() {
    let records = with(&fresh("bob", 0, 0), fresh("bob", 1, 0));
    passes(&both(), replaced(records, &delivered("bob", 1, 1, 0), []));
    let records = without(&delivered("bob", 2, 2, 1));
    let told = refused("bob", 1, 2);
    passes(&both(), replaced(records, &recovered("bob", 1, 2), [told]));
}

// contract: sim-3
#[test]
fn who_never_came_back_is_not_joined() {
    let records = then(&delivered("bob", 3, 3, 2), lost("bob"));
    let proof = [delivered("bob", 3, 3, 2), lost("bob")];
    breaks(&both(), records.clone(), "came-back", &proof);
    passes(&Converged::new(["ann".into()]), records);
}

// contract: sim-3
#[test]
fn who_never_joined_or_left_is_not_joined() {
    let third = Converged::new(["cid".into()]);
    breaks(&third, story(), "joined", &[]);
    let mut records = story();
    records.push(left("ann"));
    breaks(&both(), records, "joined", &[]);
}

// contract: sim-3
#[test]
fn who_stands_in_another_epoch_has_not_converged() {
    let start = Position {
        epoch: EPOCH + 1,
        offset: 0,
    };
    let elsewhere = joined("ann", None, None, start, 0);
    let proof = [elsewhere.clone(), whole_log()];
    let records = with(&fresh("ann", 0, 0), elsewhere);
    breaks(&both(), records, "same-epoch", &proof);
}

// contract: sim-3
#[test]
fn without_a_final_log_nothing_is_proved() {
    let proof = [fresh("ann", 0, 0)];
    breaks(&both(), without(&whole_log()), "final-log", &proof);
}
