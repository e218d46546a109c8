//! The world repeats itself, and its checks can fail.

use super::*;

/// Seeds until `mutation` breaks a promise whose words hold `promise`.
fn found_within(seeds: u64, mutation: Mutation, rules: &[&str]) -> bool {
    (0..seeds).any(|seed| {
        let outcome = run(&plan(seed), Some(mutation));
        outcome
            .violations
            .iter()
            .any(|violation| rules.contains(&violation.rule))
    })
}

// contract: sim-1
#[test]
fn a_seed_leaves_the_same_trace_each_time() {
    for seed in [3, 4] {
        let hash = |_| run(&plan(seed), None).trace.hash();
        assert_eq!(hash(1), hash(2), "seed {seed}");
    }
    assert_ne!(
        run(&plan(3), None).trace.hash(),
        run(&plan(4), None).trace.hash()
    );
}

// The order in which a runtime drops its tasks depends on how many tasks the whole
// process has had: taking the world down left another trace beside other worlds.
// contract: sim-1
#[test]
fn worlds_on_other_threads_leave_no_trace_in_this_one() {
    let alone = run(&plan(3), None).trace.hash();
    let others = std::thread::spawn(|| {
        for seed in 4..8 {
            run(&plan(seed), None);
        }
    });
    let beside = run(&plan(3), None).trace.hash();
    others.join().unwrap();
    assert_eq!(alone, beside);
}

// contract: chat-1, chat-2, chat-3
#[test]
fn nothing_is_lost_repeated_or_torn_whatever_happens() {
    for seed in 0..4 {
        let outcome = run(&plan(seed), None);
        assert!(outcome.is_good(), "seed {seed}: {:?}", outcome.violations);
    }
}

#[test]
fn no_seed_fails_a_second_time() {
    let seeds = include_str!("../../../seeds/chat.txt");
    let seeds = seeds.lines().filter(|line| !line.starts_with('#'));
    for line in seeds {
        let (seed, why) = line.split_once(' ').expect("a seed and why");
        let outcome = run(&plan(seed.parse().expect("a seed")), None);
        assert!(outcome.is_good(), "again: {why}: {:?}", outcome.violations);
    }
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
