//! What all checks have in common.

use std::time::Duration;

use super::story::{
    at, delivered, delivered_at, held, invoked, lost, ordeal, passes, replaced, story, then,
    unknown, with, without,
};
use super::{
    Availability, Check, DetectedInTime, EveryCallEnds, NoLeak, NoStampede, OneOrder, Store,
    WithinLimits, all, every,
};
use crate::history::{History, Record};

fn violations(records: Vec<Record>) -> Vec<&'static str> {
    let checks = every(Store::Durable, ["ann".into(), "bob".into()]);
    let history: History = records.into_iter().collect();
    let found = all(&checks, &history);
    found.iter().map(|violation| violation.rule).collect()
}

// contract: sim-3
#[test]
fn a_run_in_which_all_goes_well_breaks_no_promise() {
    assert_eq!(violations(story()), [""; 0]);
}

/// Every check that there is, with bounds that the ordeal keeps.
fn every_single() -> Vec<Box<dyn Check>> {
    let second = Duration::from_secs(1);
    let mut checks = every(Store::Durable, ["ann".into(), "bob".into()]);
    checks.extend([
        Box::new(EveryCallEnds::new(["ann".into(), "bob".into()], second)) as Box<dyn Check>,
        Box::new(DetectedInTime::new(2 * second, second)),
        Box::new(WithinLimits),
        Box::new(NoLeak::new([("open".into(), 0)])),
        Box::new(NoStampede::new(second, 1).spread(2, second)),
        Box::new(Availability::new(100, second)),
    ]);
    checks
}

// contract: sim-3
#[test]
fn a_fault_that_is_got_over_breaks_no_promise() {
    for check in every_single() {
        passes(&*check, ordeal());
    }
}

#[test]
fn each_check_names_another_promise() {
    let checks = every_single();
    let promises: std::collections::BTreeSet<_> =
        checks.iter().map(|check| check.promise()).collect();
    assert_eq!(promises.len(), checks.len());
}

// contract: sim-3
#[test]
fn every_check_that_fails_is_told() {
    let gone = with(&held(1, &[(1, 1), (2, 2), (3, 3)]), held(1, &[(1, 1)]));
    let out_of_turn = replaced(gone, &delivered("bob", 2, 2, 1), []);
    assert_eq!(
        violations(out_of_turn),
        ["shown-lost", "no-gap", "whole-replay"],
    );
}

// contract: sim-3
#[test]
fn an_unknown_outcome_is_neither_lost_nor_refused() {
    let never = story();
    let gone = without(&unknown("bob", 5));
    let there = appended_late();
    for records in [never, gone, there] {
        assert_eq!(violations(records), [""; 0]);
    }
}

// contract: sim-3
#[test]
fn an_unknown_outcome_may_appear_once_and_no_more() {
    let log = held(1, &[(1, 1), (2, 2), (3, 3), (4, 5)]);
    let twice = held(1, &[(1, 1), (2, 2), (3, 3), (4, 5), (5, 5)]);
    let mut records = replaced(appended_late(), &log, []);
    records.extend([delivered("ann", 5, 5, 4), delivered("bob", 5, 5, 4), twice]);
    assert_eq!(violations(records), ["once-in-log", "once-each"]);
}

#[test]
fn a_violation_prints_the_promise_the_finding_and_the_proof() {
    let twice = then(
        &delivered("ann", 3, 3, 2),
        delivered("ann", 3, 3, 2).at(1_250_000),
    );
    let history: History = twice.into_iter().collect();
    let violation = OneOrder.verify(&history).unwrap_err();
    let id = "00000000000000000000000000000003";
    let place = "000000000000000e:3";
    let expected = format!(
        "broken: {}\n  ann was handed {id} of lobby at {place}, again at {place} (rule once-each)\
         \n    ann was handed {id} at {place} in lobby, after offset 2\
         \n    [1.250000 s] ann was handed {id} at {place} in lobby, after offset 2",
        OneOrder.promise(),
    );
    assert_eq!(violation.to_string(), expected);
}

/// Histories without times, prevs or joins are what plain lines of a process give.
#[test]
fn a_history_that_says_little_is_judged_by_what_it_says() {
    let little = vec![
        invoked("ann", 1),
        delivered_at("ann", 1, at(4), None),
        lost("ann"),
        delivered_at("ann", 2, at(9), None),
        invoked("ann", 2),
        held(1, &[(4, 1), (9, 2)]),
    ];
    for check in every(Store::Durable, ["ann".into()]) {
        passes(&*check, little.clone());
    }
    let unread: [&dyn Check; 4] = [
        &DetectedInTime::new(Duration::ZERO, Duration::MAX),
        &WithinLimits,
        &NoStampede::new(Duration::MAX, 0).spread(2, Duration::MAX),
        &Availability::new(100, Duration::ZERO),
    ];
    for check in unread {
        passes(check, little.clone());
    }
}

/// The story in which what bob gave up on is appended all the same.
fn appended_late() -> Vec<Record> {
    let late = [
        delivered("ann", 5, 4, 3),
        delivered("bob", 5, 4, 3),
        held(1, &[(1, 1), (2, 2), (3, 3), (4, 5)]),
    ];
    replaced(story(), &held(1, &[(1, 1), (2, 2), (3, 3)]), late)
}
