//! Histories edited until exactly one rule breaks: one order, once each.

use super::super::OneOrder;
use super::super::story::{
    EPOCH, acked, at, breaks, delivered, delivered_at, failed, fresh, held, invoked, lost, passes,
    recovered, refused, replaced, story, then, unknown, with, without,
};
use crate::history::Position;

// contract: sim-3
#[test]
fn one_order_for_all_passes() {
    passes(&OneOrder, story());
}

// contract: sim-3
#[test]
fn two_processes_shown_different_ids_at_one_position_disagree() {
    let other = delivered("bob", 3, 2, 1);
    let proof = [delivered("ann", 2, 2, 1), other.clone()];
    let records = with(&delivered("bob", 2, 2, 1), other);
    breaks(&OneOrder, records, "one-id", &proof);
}

// contract: sim-3
#[test]
fn an_acknowledgement_may_not_disagree_with_what_is_shown() {
    let other = acked("ann", 3, 2);
    let proof = [delivered("ann", 2, 2, 1), other.clone()];
    let records = with(&acked("ann", 3, 3), other);
    breaks(&OneOrder, records, "one-id", &proof);
}

// contract: sim-3
#[test]
fn a_replay_that_overlaps_what_came_live_shows_an_id_twice() {
    let again = delivered("bob", 1, 1, 0);
    let proof = [again.clone(), again.clone()];
    let records = then(&recovered("bob", 1, 2), again);
    breaks(&OneOrder, records, "once-each", &proof);
}

// contract: sim-3
#[test]
fn an_id_appended_twice_is_shown_twice() {
    let again = delivered("ann", 2, 4, 3);
    let proof = [delivered("ann", 2, 2, 1), again.clone()];
    let records = then(&delivered("ann", 3, 3, 2), again);
    breaks(&OneOrder, records.clone(), "once-each", &proof);
    // Unless retention had dropped the first of the two.
    let whole = held(1, &[(1, 1), (2, 2), (3, 3)]);
    let just_kept = held(2, &[(2, 2), (3, 3), (4, 2)]);
    let kept = replaced(records.clone(), &whole, [just_kept]);
    breaks(&OneOrder, kept, "once-each", &proof);
    let trimmed = held(3, &[(3, 3), (4, 2)]);
    passes(&OneOrder, replaced(records, &whole, [trimmed]));
}

// contract: sim-3
#[test]
fn after_a_fresh_start_or_a_refusal_all_may_be_shown_again() {
    for told in [fresh("bob", 0, 3), refused("bob", 1, 0)] {
        let again = [told, delivered("bob", 1, 1, 0)];
        passes(&OneOrder, replaced(story(), &recovered("bob", 1, 2), again));
    }
}

// contract: sim-3
#[test]
fn a_position_never_falls_across_a_reconnect() {
    let back = delivered("bob", 9, 0, 0);
    let proof = [delivered("bob", 1, 1, 0), back.clone()];
    let records = then(&recovered("bob", 1, 2), back);
    breaks(&OneOrder, records, "rising", &proof);
}

// contract: sim-3
#[test]
fn a_delivery_that_names_another_before_it_shows_a_gap() {
    let proof = [delivered("bob", 1, 1, 0), delivered("bob", 3, 3, 2)];
    let records = without(&delivered("bob", 2, 2, 1));
    breaks(&OneOrder, records, "no-gap", &proof);
}

// contract: sim-3
#[test]
fn what_another_was_shown_between_two_deliveries_is_a_gap_though_nobody_names_it() {
    let records = without(&delivered("bob", 2, 2, 1));
    let unnamed = delivered_at("bob", 3, at(3), None);
    let proof = [
        delivered("bob", 1, 1, 0),
        delivered("ann", 2, 2, 1),
        unnamed.clone(),
    ];
    let records = replaced(records, &delivered("bob", 3, 3, 2), [unnamed]);
    breaks(&OneOrder, records, "no-gap", &proof);
}

// contract: sim-3
#[test]
fn the_first_delivery_fits_to_where_the_join_put_the_process() {
    let elsewhere = fresh("ann", 5, 0);
    let proof = [elsewhere.clone(), delivered("ann", 1, 1, 0)];
    let records = with(&fresh("ann", 0, 0), elsewhere);
    breaks(&OneOrder, records, "rising", &proof);
}

// contract: sim-3
#[test]
fn an_epoch_changes_only_where_the_process_was_told() {
    let position = Position {
        epoch: EPOCH + 1,
        offset: 1,
    };
    let unannounced = delivered_at("ann", 9, position, Some(0));
    let proof = [delivered("ann", 3, 3, 2), unannounced.clone()];
    let records = then(&lost("bob"), unannounced);
    breaks(&OneOrder, records, "epoch-announced", &proof);
}

// contract: sim-3
#[test]
fn what_nobody_asked_for_is_a_phantom() {
    let records = without(&invoked("ann", 3));
    breaks(
        &OneOrder,
        records,
        "no-phantom",
        &[delivered("ann", 3, 3, 2)],
    );
}

// contract: sim-3
#[test]
fn what_nobody_asked_for_is_a_phantom_in_the_log_too() {
    let log = held(1, &[(1, 1), (2, 2), (3, 3), (4, 9)]);
    let proof = [log.clone()];
    let records = with(&held(1, &[(1, 1), (2, 2), (3, 3)]), log);
    breaks(&OneOrder, records, "no-phantom", &proof);
}

// contract: sim-3
#[test]
fn what_was_definitely_refused_may_not_appear() {
    let shown = delivered("ann", 4, 4, 3);
    let mut records = story();
    records.push(shown.clone());
    let proof = [invoked("bob", 4), failed("bob", 4), shown];
    breaks(&OneOrder, records.clone(), "no-refused", &proof);
    // Where nobody knows the outcome of an attempt, that one may be what is seen.
    for tried in [
        vec![invoked("bob", 4), unknown("bob", 4)],
        vec![invoked("bob", 4), unknown("bob", 4), invoked("bob", 4)],
        vec![invoked("bob", 4), invoked("bob", 4)],
    ] {
        let records = replaced(records.clone(), &invoked("bob", 4), tried);
        passes(&OneOrder, records);
    }
}
