//! Histories edited until exactly one rule breaks: who is held by no fault is served.

use std::time::Duration;

use super::super::Availability;
use super::super::story::{
    acked, breaks, failed, gauge, healed, invoked, ms, ordeal, passes, relieved, replaced, struck,
    unknown,
};
use crate::history::Record;

/// In the ordeal bob is held from 500 to 3000; he is refused what he asks for at 3200,
/// and never learns of what he asks for at 3300. All that ann asks for she gets.
fn share(percent: u8, grace_ms: u64) -> Availability {
    Availability::new(percent, Duration::from_millis(grace_ms))
}

fn refused() -> [Record; 2] {
    [
        invoked("bob", 4).at(ms(3_200)),
        failed("bob", 4).at(ms(3_240)),
    ]
}

// contract: sim-3
#[test]
fn what_is_asked_for_under_a_fault_or_soon_after_is_not_owed() {
    passes(&share(100, 301), ordeal());
}

// contract: sim-3
#[test]
fn less_than_the_share_is_too_little() {
    // Two of ann's, and one or two of bob's.
    passes(&share(66, 201), ordeal());
    let given_up = [
        invoked("bob", 5).at(ms(3_300)),
        unknown("bob", 5).at(ms(3_900)),
    ];
    breaks(&share(67, 201), ordeal(), "available", &given_up);
    passes(&share(50, 200), ordeal());
    breaks(&share(51, 200), ordeal(), "available", &refused());
}

// contract: sim-3
#[test]
fn a_fault_before_the_outcome_excuses_it() {
    let struck_then = [
        invoked("bob", 5).at(ms(3_300)),
        struck("bob", "reset", false).at(ms(3_301)),
        relieved("bob", "reset").at(ms(3_301)),
    ];
    let records = replaced(ordeal(), &struck_then[0], struck_then.clone());
    passes(&share(66, 200), records);
}

// contract: sim-3
#[test]
fn a_fault_holds_until_the_last_of_its_name_is_over() {
    let records = vec![
        struck("ann", "stall", false).at(ms(0)),
        struck("ann", "stall", false).at(ms(1)),
        relieved("ann", "stall").at(ms(2)),
        invoked("ann", 1).at(ms(900)),
        failed("ann", 1).at(ms(901)),
    ];
    passes(&share(100, 10), records.clone());
    let over = relieved("ann", "stall").at(ms(3));
    let records = replaced(records.clone(), &records[2], [records[2].clone(), over]);
    breaks(&share(100, 10), records.clone(), "available", &records[4..]);
}

// contract: sim-3
#[test]
fn a_call_that_is_still_open_is_held_against_it_only_after_the_grace() {
    let open = invoked("ann", 9).at(ms(3_950));
    let last = gauge("server", 0).at(ms(4_000));
    let records = replaced(ordeal(), &last, [open.clone(), last.clone()]);
    passes(&share(67, 301), records.clone());
    let later = gauge("server", 0).at(ms(4_252));
    let records = [records, vec![later.clone()]].concat();
    breaks(
        &share(67, 301),
        records.clone(),
        "available",
        &[open, later],
    );
    passes(&share(66, 301), records);
}

// contract: sim-3
#[test]
fn what_has_no_time_is_not_judged() {
    let [asked, _] = refused();
    let records = replaced(ordeal(), &asked, [invoked("bob", 4)]);
    passes(&share(66, 200), records);
    let relief = relieved("bob", "stall");
    let records = replaced(ordeal(), &relief.clone().at(ms(3_000)), [relief]);
    passes(&share(100, 0), records);
}

// contract: sim-3
#[test]
fn nothing_asked_for_is_nothing_owed() {
    passes(&share(100, 0), vec![healed(), acked("ann", 1, 1)]);
}
