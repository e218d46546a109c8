//! A set asked and told, and what no order of reports can break.

mod choice;
mod ejection;
mod failback;

use std::time::{Duration, Instant};

use super::*;
use crate::{InvalidSetting, Share};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

#[expect(
    clippy::disallowed_methods,
    reason = "an arbitrary origin: only differences from it are used"
)]
fn origin() -> Instant {
    Instant::now()
}

fn list(keys: &str) -> Vec<Endpoint<char>> {
    keys.chars().map(Endpoint::new).collect()
}

fn set(settings: Settings, keys: &str, now: Instant) -> Set<char> {
    Maker::new(settings, 7).set(list(keys), now).unwrap()
}

/// Penalties of 10, 20, 30 s to the letter, one forgiven in a minute.
fn exact(choice: Choice) -> Settings {
    let penalty = Penalty::new(S(10), S(30), S(60), Share::NONE).unwrap();
    Settings::new(choice).penalty(penalty)
}

fn fail(set: &mut Set<char>, key: char, times: u32, now: Instant) {
    for _ in 0..times {
        set.failed(&key, now);
    }
}

fn chosen(set: &mut Set<char>, now: Instant) -> (char, Why) {
    let chosen = set.choose(now).unwrap();
    (chosen.key, chosen.why)
}

#[test]
fn contradictions_are_refused_with_both_values() {
    fn check<T: std::fmt::Debug>(made: Result<T, InvalidSetting>, message: &str) {
        assert_eq!(made.unwrap_err().to_string(), message);
    }
    let settings = || Settings::new(Choice::Ordered);
    check(
        settings().endpoints_max(0),
        "endpoints 0 is not within 1 and 4096",
    );
    check(
        settings().eject_after(0),
        "failures 0 is not within 1 and 1024",
    );
    check(
        settings().panic_over(Share::NONE),
        "panic share 0 is not within 1 and 1000",
    );
    check(
        settings().latency_half_life(Duration::ZERO),
        "latency_half_life 0ns is not within 1ms and 31536000s",
    );
    check(
        settings().failure_cost(Duration::ZERO),
        "failure_cost 0ns is not within 1ms and 31536000s",
    );
    check(
        Penalty::new(S(9), S(8), S(1), Share::NONE),
        "penalty 9s is over penalty_max 8s",
    );
    check(
        Failback::new(S(9), S(1), S(10)),
        "probe_every 10s is over prefer_after 9s",
    );
    check(
        Endpoint::new('a').weight(0),
        "weight 0 is not within 1 and 65535",
    );
}

#[test]
fn a_list_too_long_or_with_one_twice_is_refused_and_changes_nothing() {
    let settings = Settings::new(Choice::Ordered).endpoints_max(3).unwrap();
    let now = origin();
    let mut set = set(settings, "abc", now);
    let long = set.replace(list("wxyz"), now).unwrap_err();
    assert_eq!(long.to_string(), "4 endpoints are over the limit of 3");
    let twice = set.replace(list("aba"), now).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "endpoint 2 of the list is the same as endpoint 0"
    );
    assert!(set.keys().eq(&['a', 'b', 'c']));
}

#[test]
fn an_empty_set_chooses_nobody_and_a_stranger_is_nobody() {
    for choice in [Choice::Ordered, Choice::Weighted, Choice::Fastest] {
        let now = origin();
        let mut set = set(Settings::new(choice), "", now);
        assert_eq!(set.choose(now), None);
        set.failed(&'a', now);
        set.succeeded(&'a', MS(1), now);
        assert_eq!(set.latency(&'a', now), None);
        assert_eq!(set.health(now).endpoints, 0);
        set.replace(list("a"), now).unwrap();
        assert_eq!(set.choose(now).unwrap().key, 'a');
    }
}
