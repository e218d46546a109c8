//! The world repeats itself, ours neither misses nor kills, and others' do.

use bowline_sim::scenario::{Outcome, Play};

use super::*;

fn play(seed: u64) -> Outcome {
    scenario(None).play_seed(seed)
}

/// Whether `rival` breaks `rule` in one of the first seeds.
fn found_within(seeds: u64, rival: Rival, rule: &str) -> bool {
    let scenario = scenario(Some(rival));
    (0..seeds).any(|seed| {
        let violations = scenario.play_seed(seed).violations;
        violations.iter().any(|violation| violation.rule == rule)
    })
}

// contract: sim-1
#[test]
fn a_seed_leaves_the_same_trace_each_time() {
    for seed in [2, 3] {
        let hash = |_| play(seed).trace.hash();
        assert_eq!(hash(1), hash(2), "seed {seed}");
    }
    assert_ne!(play(2).trace.hash(), play(3).trace.hash());
}

// contract: heart-1, heart-2, heart-3, heart-4, heart-5, heart-6
#[test]
fn a_dead_peer_is_noticed_in_time_and_a_living_one_is_kept() {
    for seed in 0..8 {
        let outcome = play(seed);
        assert!(outcome.is_good(), "{outcome}");
    }
}

#[test]
fn every_seed_has_a_plan_that_can_be_carried_out() {
    let scenario = scenario(None);
    for seed in 0..200 {
        scenario.plan_of(seed).validate().unwrap();
    }
}

#[test]
fn no_seed_fails_a_second_time() {
    let seeds = include_str!("../../../seeds/heartbeat.txt");
    for line in seeds.lines().filter(|line| !line.starts_with('#')) {
        let (seed, why) = line.split_once(' ').expect("a seed and why");
        let outcome = play(seed.parse().expect("a seed"));
        assert!(outcome.is_good(), "again: {why}: {outcome}");
    }
}

// contract: sim-3
#[test]
fn a_heartbeat_of_their_kind_without_a_mistake_neither_misses_nor_kills() {
    for rule in ["noticed", "deserved"] {
        assert!(!found_within(8, Rival::Sound, rule), "{rule}");
    }
}

// contract: heart-1, sim-3
#[test]
fn a_heartbeat_that_never_reads_its_answers_misses_a_dead_peer() {
    assert!(found_within(4, Rival::NeverReads, "noticed"));
}

// contract: heart-1, sim-3
#[test]
fn a_heartbeat_that_counts_its_own_sends_misses_a_dead_peer() {
    assert!(found_within(4, Rival::CountsSends, "noticed"));
}

// contract: heart-1, sim-3
#[test]
fn a_heartbeat_that_counts_any_reply_misses_a_dead_peer() {
    assert!(found_within(4, Rival::CountsAnyReply, "noticed"));
}

// contract: heart-2, sim-3
#[test]
fn a_heartbeat_that_keeps_its_count_kills_the_next_connection() {
    assert!(found_within(4, Rival::KeepsItsCount, "deserved"));
}
