//! Histories edited until exactly one rule breaks: what was acknowledged comes first.

use super::super::RealTimeOrder;
use super::super::story::{
    EPOCH, acked, acked_again, acked_at, breaks, delivered, held, invoked, is_minimal, lost, ms,
    ordeal, passes, replaced, story, verdict, with,
};
use crate::history::{Position, Record};

// contract: sim-3
#[test]
fn what_was_asked_for_after_an_acknowledgement_and_stands_behind_it_passes() {
    passes(&RealTimeOrder, story());
    passes(&RealTimeOrder, ordeal());
}

// contract: sim-3
#[test]
fn what_one_process_asked_for_after_an_acknowledgement_stands_behind_it() {
    let late = acked("ann", 1, 9);
    let proof = [late.clone(), invoked("ann", 3), acked("ann", 3, 3)];
    let records = with(&acked("ann", 1, 1), late);
    breaks(&RealTimeOrder, records, "real-time", &proof);
}

// contract: sim-3
#[test]
fn so_does_what_another_asked_for_where_one_clock_saw_both() {
    let late = acked("ann", 1, 9).at(ms(440));
    let proof = [
        late.clone(),
        invoked("bob", 2).at(ms(510)),
        delivered("ann", 2, 2, 1).at(ms(600)),
    ];
    let records = replaced(ordeal(), &acked("ann", 1, 1).at(ms(440)), [late]);
    breaks(&RealTimeOrder, records, "real-time", &proof);
    for untimed in [0, 1] {
        let mut records = proof.to_vec();
        records[untimed].at = None;
        passes(&RealTimeOrder, records);
    }
}

// contract: sim-3
#[test]
fn the_log_alone_may_say_where_it_stands() {
    let records = vec![acked("ann", 1, 2), invoked("ann", 2), held(1, &[(1, 2)])];
    breaks(&RealTimeOrder, records.clone(), "real-time", &records);
}

// contract: sim-3
#[test]
fn what_was_under_way_when_it_was_acknowledged_may_stand_anywhere() {
    let mut records = vec![
        invoked("ann", 1).at(1),
        acked("bob", 2, 2).at(2),
        acked("ann", 1, 1).at(3),
    ];
    passes(&RealTimeOrder, records.clone());
    records.swap(0, 1);
    breaks(&RealTimeOrder, records.clone(), "real-time", &records);
}

// contract: sim-3
#[test]
fn no_repetition_is_taken_for_the_first() {
    // Asked for twice: it was under way before the other was acknowledged.
    let asked_twice = vec![
        invoked("ann", 1),
        acked("ann", 2, 2),
        invoked("ann", 1),
        acked("ann", 1, 1),
    ];
    passes(&RealTimeOrder, asked_twice);
    // Acknowledged twice: only of the first is it known that it came before.
    let acked_twice = vec![
        acked("ann", 2, 2),
        invoked("ann", 3),
        acked_again("ann", 2, 5),
        acked("ann", 3, 3),
        invoked("ann", 4),
        acked("ann", 4, 4),
    ];
    passes(&RealTimeOrder, acked_twice);
    let told_before = vec![
        delivered("bob", 1, 1, 0),
        acked("ann", 2, 2),
        invoked("ann", 1),
    ];
    passes(&RealTimeOrder, told_before);
}

// contract: sim-3
#[test]
fn positions_of_two_epochs_are_in_no_order() {
    let other = Position {
        epoch: EPOCH - 1,
        offset: 1,
    };
    let records = vec![
        acked("ann", 1, 9),
        lost("ann"),
        invoked("ann", 2),
        acked_at("ann", 2, other, false),
    ];
    passes(&RealTimeOrder, records);
}

// contract: sim-3
#[test]
fn every_inversion_is_found_and_its_witness_is_minimal() {
    // Eight are asked for and acknowledged one after the other, except that two change
    // places: exactly the pairs between them are inverted.
    for (one, other) in (0..8).flat_map(|one| (one + 1..8).map(move |other| (one, other))) {
        let offset = |id| match id {
            _ if id == one => other,
            _ if id == other => one,
            _ => id,
        };
        let call = |id| -> [Record; 2] {
            let (who, offset) = (["ann", "bob"][id as usize % 2], offset(id));
            let call = [invoked(who, id.into()), acked(who, id.into(), offset)];
            let [asked, told] = call;
            [asked.at(2 * id), told.at(2 * id + 1)]
        };
        let records: Vec<Record> = (0..8).flat_map(call).collect();
        let violation = verdict(&RealTimeOrder, records).unwrap_err();
        is_minimal(&RealTimeOrder, "real-time", &violation.witness);
    }
}
