//! The world repeats itself, and its checks can fail.

use bowline_sim::scenario::{Outcome, Play};

use super::*;

fn play(seed: u64, mutation: Option<Mutation>) -> Outcome {
    scenario(mutation).play_seed(seed)
}

fn hash(seed: u64) -> u64 {
    play(seed, None).trace.hash()
}

/// Whether one of so many seeds finds that `mutation` breaks one of `rules`.
fn found_within(seeds: u64, mutation: Mutation, rules: &[&str]) -> bool {
    (0..seeds).any(|seed| {
        let violations = play(seed, Some(mutation)).violations;
        let mut broken = violations.iter().map(|violation| violation.rule);
        broken.any(|rule| rules.contains(&rule))
    })
}

// contract: sim-1
#[test]
fn a_seed_leaves_the_same_trace_each_time() {
    for seed in [3, 4] {
        assert_eq!(hash(seed), hash(seed), "seed {seed}");
    }
    assert_ne!(hash(3), hash(4));
}

// The order in which a runtime drops its tasks depends on how many tasks the whole
// process has had: taking the world down left another trace beside other worlds.
// contract: sim-1
#[test]
fn worlds_on_other_threads_leave_no_trace_in_this_one() {
    let alone = hash(3);
    let others = std::thread::spawn(|| (4..8).for_each(|seed| drop(play(seed, None))));
    let beside = hash(3);
    others.join().unwrap();
    assert_eq!(alone, beside);
}

// contract: chat-1, chat-2, chat-3, chat-4
#[test]
fn nothing_is_lost_repeated_or_torn_whatever_happens() {
    for seed in 0..8 {
        let outcome = play(seed, None);
        assert!(outcome.is_good(), "{outcome}");
    }
}

#[test]
fn no_seed_fails_a_second_time() {
    let seeds = include_str!("../../../seeds/chat.txt");
    let seeds = seeds.lines().filter(|line| !line.starts_with('#'));
    for line in seeds {
        let (seed, why) = line.split_once(' ').expect("a seed and why");
        let outcome = play(seed.parse().expect("a seed"), None);
        assert!(outcome.is_good(), "again: {why}: {outcome}");
    }
}

/// Whether something like `said` is in the trace of one of so many seeds.
fn is_reached(seeds: u64, said: &str) -> bool {
    (0..seeds).any(|seed| {
        let world = scenario(None);
        let outcome = world.play_keeping(world.plan_of(seed), usize::MAX);
        let lines = outcome.trace.lines();
        lines.iter().any(|line| line.text.contains(said))
    })
}

// What a world never comes to it cannot judge.
#[test]
fn readers_are_slow_gaps_outgrow_the_log_disks_fill_and_ids_repeat() {
    assert!(is_reached(20, "cut a slow reader"));
    assert!(is_reached(20, ", not recovered: "));
    assert!(is_reached(20, "CommitFailed"));
    assert!(is_reached(40, "had been said before"));
}

// contract: chat-1, sim-3
#[test]
fn a_disk_that_lies_about_syncing_is_found_out() {
    assert!(found_within(
        20,
        Mutation::ForgetToSync,
        &["ack-lost", "shown-lost", "one-epoch"]
    ));
}

// contract: chat-2, sim-3
#[test]
fn a_replay_that_swaps_two_messages_is_found_out() {
    assert!(found_within(
        20,
        Mutation::SwapNeighbours,
        &["one-id", "one-place"]
    ));
}

// contract: chat-3, sim-3
#[test]
fn a_recovery_without_its_last_message_is_found_out() {
    assert!(found_within(
        20,
        Mutation::LeaveOutLast,
        &["counts-all", "whole-replay"]
    ));
}

// contract: chat-3, sim-3
#[test]
fn a_replay_that_begins_a_message_late_is_found_out() {
    assert!(found_within(20, Mutation::BeginLate, &["replay-ends"]));
}

// contract: chat-4, sim-3
#[test]
fn a_store_that_forgets_ids_is_found_out() {
    assert!(found_within(40, Mutation::ForgetIds, &["once-in-log"]));
}

// contract: chat-1, sim-3
#[test]
fn an_acknowledgement_of_what_a_full_disk_refused_is_found_out() {
    assert!(found_within(
        20,
        Mutation::AckAnyway,
        &["ack-lost", "one-id", "duplicate-told"]
    ));
}

// contract: sim-3
#[test]
fn a_server_whose_store_never_comes_back_is_found_out() {
    let ends = |seed| play(seed, Some(Mutation::StayClosed)).end;
    assert!((0..20).any(|seed| ends(seed).is_err()));
}
