//! Histories edited until exactly one rule breaks: those who come back do so apart.

use std::time::Duration;

use super::super::NoStampede;
use super::super::story::{breaks, connected, dialed, healed, ms, ordeal, passes};
use crate::history::Record;

const WINDOW: Duration = Duration::from_millis(100);

/// What is dialed after the ordeal, by when and by whom.
fn dials(each: &[(u64, &str)]) -> Vec<Record> {
    let dials = each.iter();
    let dials = dials.map(|(at, who)| dialed(who, "server").at(ms(*at)));
    dials.collect()
}

fn after_the_ordeal(each: &[(u64, &str)]) -> Vec<Record> {
    [ordeal(), dials(each)].concat()
}

// contract: sim-3
#[test]
fn dials_that_keep_apart_pass() {
    let apart = after_the_ordeal(&[
        (5_000, "ann"),
        (5_001, "cid"),
        (5_100, "dan"),
        (5_101, "eve"),
    ]);
    passes(&NoStampede::new(WINDOW, 2), apart);
}

// contract: sim-3
#[test]
fn one_dial_too_many_in_a_window_is_a_herd() {
    let herd = [(5_000, "ann"), (5_001, "cid"), (5_099, "cid")];
    let records = after_the_ordeal(&[&herd[..], &[(5_100, "dan")]].concat());
    breaks(&NoStampede::new(WINDOW, 2), records, "herd", &dials(&herd));
}

// contract: sim-3
#[test]
fn what_is_dialed_before_all_is_healed_is_no_herd_unless_it_never_is() {
    let early = dials(&[(1, "ann"), (2, "cid"), (3, "dan")]);
    let records = [early, ordeal()].concat();
    passes(&NoStampede::new(WINDOW, 2), records.clone());
    let never = records.into_iter();
    let never = never.filter(|record| record.what != healed().what);
    // With what ann dials at the beginning of the ordeal.
    let proof = dials(&[(1, "ann"), (2, "cid"), (0, "ann")]);
    breaks(&NoStampede::new(WINDOW, 2), never.collect(), "herd", &proof);
}

// contract: sim-3
#[test]
fn targets_are_dialed_apart_from_each_other_and_connecting_is_no_dialing() {
    let records = vec![
        healed(),
        dialed("ann", "server").at(0),
        dialed("bob", "spare").at(0),
        connected("ann", "server").at(0),
        dialed("cid", "server"),
    ];
    passes(&NoStampede::new(WINDOW, 1), records);
}

// contract: sim-3
#[test]
fn first_dials_in_too_few_slots_are_in_lockstep() {
    let spread = NoStampede::new(WINDOW, 9).spread(3, WINDOW);
    // Bob dialed at 3100.
    let few = [(3_200, "ann"), (3_210, "cid"), (3_290, "dan")];
    let first = [(3_100, "bob"), (3_200, "ann"), (3_210, "cid")];
    breaks(&spread, after_the_ordeal(&few), "lockstep", &dials(&first));
    let enough = [(3_200, "ann"), (3_210, "cid"), (3_300, "dan")];
    passes(&spread, after_the_ordeal(&enough));
    // Too few to be judged, and second dials are not first ones.
    passes(&spread, after_the_ordeal(&few[..1]));
    let second = [(3_200, "ann"), (3_210, "ann"), (3_220, "bob")];
    passes(&spread, after_the_ordeal(&second));
}

// contract: sim-3
#[test]
fn a_second_dial_elsewhere_does_not_spread_the_first_ones() {
    let spread = NoStampede::new(WINDOW, 9).spread(2, WINDOW);
    let firsts = [(0, "ann"), (1, "bob")];
    let records = dials(&[&firsts[..], &[(500, "ann")]].concat());
    breaks(&spread, records, "lockstep", &dials(&firsts));
}
