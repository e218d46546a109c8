//! Histories edited until exactly one rule breaks: every call ends, and in time.

use std::time::Duration;

use super::super::EveryCallEnds;
use super::super::story::{
    acked, acked_again, breaks, failed, healed, invoked, ms, ordeal, passes, replaced, story,
    unknown, without,
};

fn both() -> EveryCallEnds {
    let within = Duration::from_millis(600);
    EveryCallEnds::new(["ann".into(), "bob".into()], within)
}

// contract: sim-3
#[test]
fn calls_that_end_in_time_pass_whatever_their_end() {
    passes(&both(), story());
    passes(&both(), ordeal());
}

// contract: sim-3
#[test]
fn a_call_without_an_outcome_never_ended() {
    for (asked, outcome) in [
        (invoked("ann", 3), acked("ann", 3, 3)),
        (invoked("bob", 2), acked_again("bob", 2, 2)),
        (invoked("bob", 4), failed("bob", 4)),
        (invoked("bob", 5), unknown("bob", 5)),
    ] {
        breaks(&both(), without(&outcome), "ends", &[asked]);
    }
    let ann = EveryCallEnds::new(["ann".into()], Duration::ZERO);
    passes(&ann, without(&unknown("bob", 5)));
}

// contract: sim-3
#[test]
fn a_repetition_is_part_of_the_call_until_that_ends() {
    let records = vec![
        invoked("ann", 1).at(0),
        invoked("ann", 1).at(ms(500)),
        acked("ann", 1, 1).at(ms(601)),
    ];
    let proof = [records[0].clone(), records[2].clone()];
    breaks(&both(), records.clone(), "in-time", &proof);
    let again = [records, vec![invoked("ann", 1).at(ms(700))]].concat();
    breaks(&both(), again.clone(), "ends", &again[3..]);
}

// contract: sim-3
#[test]
fn an_outcome_that_takes_longer_than_the_bound_is_late() {
    let (asked, late) = (
        invoked("bob", 5).at(ms(3_300)),
        unknown("bob", 5).at(ms(3_901)),
    );
    let records = replaced(ordeal(), &unknown("bob", 5).at(ms(3_900)), [late.clone()]);
    breaks(&both(), records, "in-time", &[asked, late]);
}

// contract: sim-3
#[test]
fn what_was_asked_for_during_the_faults_is_owed_once_all_is_healed() {
    let (asked, told) = (invoked("bob", 2).at(ms(510)), acked_again("bob", 2, 2));
    let on_time = told.clone().at(ms(3_130));
    let just = replaced(ordeal(), &on_time, [told.clone().at(ms(3_600))]);
    passes(&both(), just);
    let late = told.at(ms(3_601));
    let records = replaced(ordeal(), &on_time, [late.clone()]);
    breaks(&both(), records, "in-time", &[asked.clone(), late]);
    // In a run that is never healed nothing excuses it.
    let records = replaced(ordeal(), &healed().at(ms(3_000)), []);
    breaks(&both(), records, "in-time", &[asked, on_time]);
}

// contract: sim-3
#[test]
fn what_has_no_time_is_not_late() {
    let on_time = unknown("bob", 5).at(ms(3_900));
    passes(&both(), replaced(ordeal(), &on_time, [unknown("bob", 5)]));
    let untimed = replaced(ordeal(), &healed().at(ms(3_000)), [healed()]);
    passes(&both(), untimed);
}
