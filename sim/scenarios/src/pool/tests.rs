//! The world repeats itself, its limits are reached, and its checks can fail.

use bowline_sim::history::What;
use bowline_sim::scenario::{Outcome, Play};

use super::gauge::Gauge;
use super::*;

fn play(seed: u64) -> Outcome {
    scenario(None).play_seed(seed)
}

/// Whether one of the first seeds breaks one of `rules` under `mutation`.
fn found_within(seeds: u64, mutation: Mutation, rules: &[&str]) -> bool {
    let scenario = scenario(Some(mutation));
    (0..seeds).any(|seed| {
        let violations = scenario.play_seed(seed).violations;
        let mut broken = violations.iter().map(|violation| violation.rule);
        broken.any(|rule| rules.contains(&rule))
    })
}

// contract: sim-1
#[test]
fn a_seed_leaves_the_same_trace_each_time() {
    for seed in [3, 4] {
        let hash = |_| play(seed).trace.hash();
        assert_eq!(hash(1), hash(2), "seed {seed}");
    }
    assert_ne!(play(3).trace.hash(), play(4).trace.hash());
}

// contract: pool-1, pool-2, pool-3, pool-5, pool-6
#[test]
fn no_answer_goes_astray_and_nothing_is_over_its_limit_or_lost() {
    for seed in 0..4 {
        let outcome = play(seed);
        assert!(outcome.is_good(), "{outcome}");
    }
}

// Limits that nobody reaches are kept by whoever forgot them.
#[test]
fn callers_reach_every_limit_there_is() {
    let outcomes: Vec<_> = (0..4).map(play).collect();
    let records = outcomes
        .iter()
        .flat_map(|outcome| outcome.history.records());
    let reached: Vec<_> = records
        .filter_map(|record| match &record.what {
            What::Gauge { of, value, at_most } if value == at_most => Some(of.as_str()),
            _ => None,
        })
        .collect();
    for gauge in [
        Gauge::Open,
        Gauge::Dialing,
        Gauge::InUse,
        Gauge::PoolOpen,
        Gauge::PoolDialing,
        Gauge::PoolWaiting,
    ] {
        assert!(reached.contains(&gauge.name()), "{}", gauge.name());
    }
}

#[test]
fn no_seed_fails_a_second_time() {
    let seeds = include_str!("../../../seeds/pool.txt");
    let seeds = seeds.lines().filter(|line| !line.starts_with('#'));
    for line in seeds {
        let (seed, why) = line.split_once(' ').expect("a seed and why");
        let outcome = play(seed.parse().expect("a seed"));
        assert!(outcome.is_good(), "again: {why}: {outcome}");
    }
}

// contract: pool-3, sim-3
#[test]
fn an_answer_left_to_the_next_caller_is_found_out() {
    let rules = ["ack-lost", "one-id", "duplicate-told"];
    assert!(found_within(20, Mutation::MixUpAnswers, &rules));
}

// contract: pool-3, sim-3
#[test]
fn a_dead_connection_that_plays_healthy_is_found_out() {
    assert!(found_within(50, Mutation::PlayHealthy, &["at-most"]));
}

// contract: pool-2, sim-3
#[test]
fn a_connection_that_never_comes_back_is_found_out() {
    assert!(found_within(20, Mutation::KeepOne, &["at-rest"]));
}

// contract: pool-1, pool-3, pool-6, pool-8, pool-10, sim-3
#[test]
fn what_is_broken_at_a_seam_of_the_pool_is_found_out() {
    let planted = [
        (Mutation::ForgetAge, "at-most"),
        (Mutation::ForgetClears, "at-most"),
        (Mutation::ForgetResizes, "at-most"),
        (Mutation::ForgetBudget, "at-most"),
        (Mutation::OpenMore, "at-most"),
        (Mutation::WaitLonger, "at-most"),
        (Mutation::SkipResets, "at-most"),
        (Mutation::NeverPing, "at-most"),
        (Mutation::PlayAnswering, "at-rest"),
        (Mutation::SleepThroughEnds, "at-most"),
    ];
    let missed = planted.map(|(mutation, rule)| (mutation, found_within(60, mutation, &[rule])));
    let missed: Vec<_> = missed.iter().filter(|(_, found)| !found).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
