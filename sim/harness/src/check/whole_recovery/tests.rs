//! Histories edited until exactly one rule breaks: recovery is whole or refused.

use super::super::WholeRecovery;
use super::super::story::{
    acked, at, breaks, delivered, delivered_at, fresh, joined, left, lost, passes, recovered,
    refused, replaced, story, then, with, without,
};

// contract: sim-3
#[test]
fn a_whole_replay_passes() {
    passes(&WholeRecovery, story());
}

// contract: sim-3
#[test]
fn a_refusal_passes_if_nothing_older_follows() {
    let records = with(&recovered("bob", 1, 2), refused("bob", 1, 1));
    passes(&WholeRecovery, records);
    let part = joined("bob", Some(at(1)), Some(false), at(1), 2);
    let records = with(&recovered("bob", 1, 2), part.clone());
    breaks(&WholeRecovery, records, "refusal-replays-nothing", &[part]);
}

// contract: sim-3
#[test]
fn who_asks_is_told_and_who_does_not_is_not() {
    let silent = joined("bob", Some(at(1)), None, at(1), 2);
    let records = with(&recovered("bob", 1, 2), silent.clone());
    breaks(&WholeRecovery, records, "answered", &[silent]);
    let unasked = joined("ann", None, Some(true), at(0), 0);
    let records = with(&fresh("ann", 0, 0), unasked.clone());
    breaks(&WholeRecovery, records, "answered", &[unasked]);
}

// contract: sim-3
#[test]
fn recovery_goes_on_from_where_it_was_asked() {
    let elsewhere = joined("bob", Some(at(1)), Some(true), at(2), 1);
    let records = with(&recovered("bob", 1, 2), elsewhere.clone());
    breaks(&WholeRecovery, records, "from-since", &[elsewhere]);
}

// contract: sim-3
#[test]
fn a_process_asks_from_its_last_delivery() {
    let early = recovered("bob", 0, 3);
    let proof = [delivered("bob", 1, 1, 0), early.clone()];
    let records = with(&recovered("bob", 1, 2), early);
    breaks(&WholeRecovery, records, "asks-from-stand", &proof);
}

// contract: sim-3
#[test]
fn a_process_that_lost_its_connection_does_not_forget_where_it_stood() {
    let forgot = fresh("bob", 3, 0);
    let proof = [delivered("bob", 1, 1, 0), lost("bob"), forgot.clone()];
    let records = with(&recovered("bob", 1, 2), forgot);
    breaks(&WholeRecovery, records.clone(), "asks-from-stand", &proof);
    // One that left the stream of its own will may.
    let records = replaced(records, &lost("bob"), [left("bob"), lost("bob")]);
    let records = replaced(records, &delivered("bob", 2, 2, 1), []);
    passes(
        &WholeRecovery,
        replaced(records, &delivered("bob", 3, 3, 2), []),
    );
}

// contract: sim-3
#[test]
fn a_replay_without_its_last_counts_too_few() {
    let short = recovered("bob", 1, 1);
    let proof = [
        delivered("ann", 2, 2, 1),
        acked("ann", 3, 3),
        lost("bob"),
        short.clone(),
    ];
    let records = with(&recovered("bob", 1, 2), short);
    breaks(&WholeRecovery, records, "counts-all", &proof);
}

// contract: sim-3
#[test]
fn what_became_known_only_after_the_loss_need_not_be_counted() {
    let short = recovered("bob", 1, 1);
    let records = with(&recovered("bob", 1, 2), short);
    let records = replaced(records, &lost("bob"), []);
    let early = [lost("bob"), acked("ann", 3, 3)];
    passes(
        &WholeRecovery,
        replaced(records, &acked("ann", 3, 3), early),
    );
}

// contract: sim-3
#[test]
fn a_process_that_joins_again_without_a_loss_is_owed_what_was_known_where_it_stands() {
    let records = vec![
        acked("ann", 8, 2),
        delivered("bob", 1, 1, 0),
        recovered("bob", 1, 0),
    ];
    breaks(&WholeRecovery, records.clone(), "counts-all", &records);
}

// contract: sim-3
#[test]
fn a_replay_with_a_hole_is_not_whole() {
    let skipped = delivered("bob", 3, 3, 2);
    let proof = [recovered("bob", 1, 2), skipped];
    let records = without(&delivered("bob", 2, 2, 1));
    breaks(&WholeRecovery, records, "whole-replay", &proof);
}

// contract: sim-3
#[test]
fn a_replay_that_skips_what_another_was_shown_is_not_whole() {
    let skipped = delivered_at("bob", 3, at(3), Some(1));
    let proof = [
        delivered("ann", 2, 2, 1),
        recovered("bob", 1, 2),
        skipped.clone(),
    ];
    let records = without(&delivered("bob", 2, 2, 1));
    let records = replaced(records, &delivered("bob", 3, 3, 2), [skipped]);
    breaks(&WholeRecovery, records, "whole-replay", &proof);
}

// contract: sim-3
#[test]
fn a_replay_that_runs_dry_is_not_whole() {
    let proof = [recovered("bob", 1, 2)];
    let records = without(&delivered("bob", 3, 3, 2));
    breaks(&WholeRecovery, records, "replay-ends", &proof);
}

// contract: sim-3
#[test]
fn a_replay_that_is_joined_away_from_is_not_whole() {
    let proof = [recovered("bob", 1, 2)];
    let records = then(&delivered("bob", 2, 2, 1), recovered("bob", 2, 1));
    breaks(&WholeRecovery, records, "replay-ends", &proof);
}

// contract: sim-3
#[test]
fn a_replay_cut_by_a_loss_is_asked_for_again_from_where_it_was_cut() {
    let cut = [
        delivered("bob", 2, 2, 1),
        lost("bob"),
        lost("bob"),
        recovered("bob", 2, 1),
    ];
    passes(
        &WholeRecovery,
        replaced(story(), &delivered("bob", 2, 2, 1), cut),
    );
    let again = recovered("bob", 1, 2);
    let cut = [delivered("bob", 2, 2, 1), lost("bob"), again.clone()];
    let proof = [delivered("bob", 2, 2, 1), again];
    let records = replaced(story(), &delivered("bob", 2, 2, 1), cut);
    breaks(&WholeRecovery, records, "asks-from-stand", &proof);
}

// contract: sim-3
#[test]
fn a_history_may_end_in_a_replay_only_with_a_loss() {
    let records = without(&delivered("bob", 3, 3, 2));
    let stopped = [delivered("bob", 2, 2, 1), lost("bob")];
    passes(
        &WholeRecovery,
        replaced(records, &delivered("bob", 2, 2, 1), stopped),
    );
}

// contract: sim-3
#[test]
fn a_fresh_start_with_older_messages_is_a_replay_too() {
    let records = vec![
        fresh("ann", 4, 2),
        delivered("ann", 5, 5, 4),
        delivered("ann", 6, 6, 5),
    ];
    passes(&WholeRecovery, records.clone());
    let proof = [records[0].clone()];
    breaks(&WholeRecovery, records[..2].to_vec(), "replay-ends", &proof);
}
