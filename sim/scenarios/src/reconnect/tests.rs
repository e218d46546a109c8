//! The world repeats itself, and its checks can fail.

use bowline_sim::scenario::Play;

use super::*;

/// Whether `mutation` breaks one of `rules` within so many seeds.
fn found_within(seeds: u64, mutation: Mutation, rules: &[&str]) -> bool {
    let scenario = scenario(Some(mutation));
    (0..seeds).any(|seed| {
        let violations = scenario.play_seed(seed).violations;
        violations
            .iter()
            .any(|violation| rules.contains(&violation.rule))
    })
}

// contract: sim-1
#[test]
fn a_seed_leaves_the_same_trace_each_time() {
    let hash = |seed| scenario(None).play_seed(seed).trace.hash();
    for seed in [3, 4] {
        assert_eq!(hash(seed), hash(seed), "seed {seed}");
    }
    assert_ne!(hash(3), hash(4));
}

// contract: again-2, again-3, again-8, heart-2
#[test]
fn every_call_ends_and_says_truly_whether_it_was_sent() {
    let scenario = scenario(None);
    for seed in 0..4 {
        let outcome = scenario.play_seed(seed);
        assert!(outcome.is_good(), "{outcome}");
    }
}

#[test]
fn no_seed_fails_a_second_time() {
    let scenario = scenario(None);
    let seeds = include_str!("../../../seeds/reconnect.txt");
    for line in seeds.lines().filter(|line| !line.starts_with('#')) {
        let (seed, why) = line.split_once(' ').expect("a seed and why");
        let outcome = scenario.play_seed(seed.parse().expect("a seed"));
        assert!(outcome.is_good(), "again: {why}: {outcome}");
    }
}

#[test]
fn what_may_happen_to_the_clients_never_stops_them() {
    let scenario = scenario(None);
    for seed in 0..200 {
        let plan = scenario.plan_of(seed);
        plan.validate().unwrap();
        let stopped = |step: &&Step| step.fault.stops_software() && step.target != SERVER;
        assert_eq!(plan.steps.iter().find(stopped), None, "seed {seed}");
    }
}

// contract: again-2, sim-3
#[test]
fn a_session_that_forgets_its_calls_is_found_out() {
    assert!(found_within(20, Mutation::ForgetCalls, &["ends"]));
}

// contract: heart-2, sim-3
#[test]
fn a_connector_that_ignores_its_heartbeat_is_found_out() {
    assert!(found_within(20, Mutation::IgnoreVerdict, &["noticed"]));
}

// contract: again-4, sim-3
#[test]
fn a_client_that_calls_again_what_may_have_been_done_is_found_out() {
    assert!(found_within(20, Mutation::ReplayMaybe, &["once-in-log"]));
}

// contract: again-4, sim-3
#[test]
fn a_connector_that_denies_what_it_sent_is_found_out() {
    assert!(found_within(20, Mutation::DenySending, &["no-refused"]));
}

// contract: again-3, sim-3
#[test]
fn a_connector_that_keeps_two_streams_is_found_out() {
    assert!(found_within(20, Mutation::DialTwice, &["at-most"]));
}

// contract: sim-3
#[test]
fn clients_that_come_back_in_step_are_found_out() {
    assert!(found_within(20, Mutation::NoJitter, &["lockstep"]));
}
