//! Histories edited until exactly one rule breaks: the order of each publisher.

use super::super::PublisherOrder;
use super::super::story::{
    acked, breaks, delivered, failed, held, invoked, passes, story, unknown,
};

// contract: sim-3
#[test]
fn what_was_asked_for_in_order_passes() {
    passes(&PublisherOrder, story());
    let two = [invoked("ann", 1), invoked("ann", 2)];
    let answers = [acked("ann", 2, 2), acked("ann", 1, 1)];
    passes(&PublisherOrder, [two, answers].concat());
}

// contract: sim-3
#[test]
fn a_repetition_that_overtakes_is_an_inversion() {
    let records = vec![
        invoked("ann", 1),
        invoked("ann", 2),
        invoked("ann", 3),
        acked("ann", 1, 1),
        acked("ann", 3, 2),
        acked("ann", 2, 3),
    ];
    let proof = [
        invoked("ann", 2),
        invoked("ann", 3),
        acked("ann", 3, 2),
        acked("ann", 2, 3),
    ];
    breaks(&PublisherOrder, records, "as-asked", &proof);
}

// contract: sim-3
#[test]
fn an_inversion_that_only_another_process_and_the_log_saw_counts() {
    let records = vec![
        invoked("ann", 1),
        invoked("ann", 2),
        delivered("bob", 2, 1, 0),
        held(2, &[(2, 1)]),
    ];
    breaks(&PublisherOrder, records.clone(), "as-asked", &records);
}

// contract: sim-3
#[test]
fn two_processes_are_in_no_order() {
    let records = vec![
        invoked("ann", 1),
        invoked("bob", 2),
        acked("bob", 2, 1),
        acked("ann", 1, 2),
    ];
    passes(&PublisherOrder, records);
}

// contract: sim-3
#[test]
fn what_was_refused_and_asked_for_again_counts_from_then_on() {
    let records = vec![
        invoked("ann", 1),
        failed("ann", 1),
        invoked("ann", 2),
        acked("ann", 2, 1),
        invoked("ann", 1),
        acked("ann", 1, 2),
    ];
    passes(&PublisherOrder, records);
}

// contract: sim-3
#[test]
fn what_was_given_up_as_unknown_may_come_late_even_if_another_attempt_was_refused() {
    let late = [
        invoked("ann", 2),
        acked("ann", 2, 1),
        delivered("ann", 1, 2, 1),
    ];
    let given_up = [invoked("ann", 1), unknown("ann", 1)];
    passes(&PublisherOrder, [&given_up[..], &late].concat());
    let refused = [invoked("ann", 1), failed("ann", 1), invoked("ann", 1)];
    passes(&PublisherOrder, [&given_up[..], &refused, &late].concat());
}
