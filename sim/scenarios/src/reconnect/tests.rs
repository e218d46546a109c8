//! The world repeats itself, and its checks can fail.

use bowline_sim::scenario::Play;

use super::*;

/// Whether `mutation` breaks one of `rules` within so many seeds: a rule by its name or by
/// what is said of it, or `error` where a run does not come to its end.
fn found_within(seeds: u64, mutation: Mutation, rules: &[&str]) -> bool {
    let scenario = scenario(Some(mutation));
    (0..seeds).any(|seed| {
        let outcome = scenario.play_seed(seed);
        let ended = outcome.end.is_err() && rules.contains(&"error");
        let violations = &outcome.violations;
        let broken = |rule: &str| {
            violations
                .iter()
                .any(|violation| violation.rule == rule || violation.explanation.contains(rule))
        };
        ended || rules.iter().any(|rule| broken(rule))
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

// contract: again-1, again-2, again-3, again-4, again-5, again-6, again-7, again-8, again-9, again-10, heart-2
#[test]
fn a_link_keeps_its_promises_whatever_happens() {
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
        let stopped =
            |step: &&Step| step.fault.stops_software() && !SERVERS.contains(&step.target.as_str());
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
    assert!(found_within(
        20,
        Mutation::DialTwice,
        &["again-3: connections"]
    ));
}

// contract: sim-3
#[test]
fn clients_that_come_back_in_step_are_found_out() {
    assert!(found_within(60, Mutation::NoJitter, &["lockstep"]));
}

// contract: again-1, again-2, again-3, again-5, again-6, again-7, again-8, again-9, again-10, sim-3
#[test]
fn what_is_broken_at_a_seam_of_a_link_is_found_out() {
    let planted = [
        (Mutation::MissWakeUps, "ends"),
        (Mutation::TakeGrantsBack, "again-1: grants"),
        (Mutation::SkipRestore, "error"),
        (Mutation::RestoreBackwards, "error"),
        (Mutation::LieOfSessions, "again-8: sessions"),
        (Mutation::ForgetToken, "again-8: tokens"),
        (Mutation::IgnoreHints, "again-9: waits"),
        (Mutation::DialBeside, "again-7"),
        (Mutation::CutOnMove, "again-3: calls"),
        (Mutation::LoseEvents, "again-10: events"),
        (Mutation::LookLate, "again-10: states"),
        (Mutation::StayAway, "again-6: links"),
        (Mutation::EjectAll, "again-6: ejections"),
        (Mutation::KeepOldLists, "again-6: moves"),
        (Mutation::NeverProbe, "error"),
    ];
    let missed = planted.map(|(mutation, rule)| (mutation, found_within(60, mutation, &[rule])));
    let missed: Vec<_> = missed.iter().filter(|(_, found)| !found).collect();
    assert!(missed.is_empty(), "{missed:?}");
}
