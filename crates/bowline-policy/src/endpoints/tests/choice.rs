//! Who is chosen, of those that may be.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn counts(set: &mut Set<char>, draws: u32, now: Instant) -> BTreeMap<char, u32> {
    let mut counts = BTreeMap::new();
    for _ in 0..draws {
        *counts.entry(chosen(set, now).0).or_default() += 1;
    }
    counts
}

#[test]
fn order_is_kept_and_a_failure_moves_on_to_the_next() {
    let now = origin();
    let mut set = set(Settings::new(Choice::Ordered), "abc", now);
    assert_eq!(chosen(&mut set, now), ('a', Why::Trusted));
    set.failed(&'a', now);
    assert_eq!(chosen(&mut set, now), ('b', Why::Trusted));
    set.failed(&'b', now);
    assert_eq!(chosen(&mut set, now), ('c', Why::Trusted));
    set.failed(&'c', now);
    // None is trusted: round and round, each as often as the others.
    let tried: String = (0..6)
        .map(|_| {
            let (key, why) = chosen(&mut set, now);
            assert_eq!(why, Why::Doubted);
            set.failed(&key, now);
            key
        })
        .collect();
    assert_eq!(tried, "abcabc");
}

#[test]
fn a_weighted_set_gives_each_its_share() {
    for seed in 0..20 {
        let now = origin();
        let weights = [('a', 1), ('b', 2), ('c', 7), ('d', 90)];
        let list = weights.map(|(key, weight)| Endpoint::new(key).weight(weight).unwrap());
        let maker = Maker::new(Settings::new(Choice::Weighted), seed);
        let mut set = maker.set(list, now).unwrap();
        let counts = counts(&mut set, 100_000, now);
        for (key, weight) in weights {
            let (found, share) = (i64::from(counts[&key]), i64::from(weight) * 1000);
            // Four standard deviations of a binomial, at most.
            let slack = 4 * share.isqrt();
            assert!((found - share).abs() <= slack, "{key}: {found} of {share}");
        }
    }
}

#[test]
fn the_slowest_of_three_is_never_the_faster_of_two() {
    let now = origin();
    let mut set = set(Settings::new(Choice::Fastest), "abc", now);
    for (key, took) in [('a', 300), ('b', 200), ('c', 500)] {
        set.succeeded(&key, MS(took), now);
    }
    let counts = counts(&mut set, 9_000, now);
    assert_eq!(counts.get(&'c'), None);
    // Of the three pairs, the fastest wins two.
    assert!((5_800..=6_200).contains(&counts[&'b']), "{counts:?}");
}

#[test]
fn latency_jumps_to_a_peak_and_sinks_by_halves() {
    let now = origin();
    let mut set = set(Settings::new(Choice::Fastest), "a", now);
    assert_eq!(set.latency(&'a', now), Some(LATENCY_GUESS));
    set.succeeded(&'a', MS(800), now);
    let at = |set: &Set<char>, second| set.latency(&'a', now + S(second)).unwrap();
    assert_eq!(at(&set, 0), MS(800), "a peak counts at once");
    assert_eq!(at(&set, 10), MS(400));
    assert_eq!(at(&set, 20), MS(200));
    assert_eq!(at(&set, 15), MS(300));
    assert_eq!(at(&set, 1_000_000), Duration::ZERO);
    // Half of what was, and half of what is.
    set.succeeded(&'a', MS(100), now + S(10));
    assert_eq!(at(&set, 10), MS(450));
    // A quick refusal does not look quick.
    set.failed(&'a', now + S(10));
    assert_eq!(at(&set, 10), S(1));
    set.failed(&'a', now + S(10));
    assert_eq!(at(&set, 10), S(2));
}

#[test]
fn a_slow_one_is_tried_again_in_time() {
    let now = origin();
    let mut set = set(Settings::new(Choice::Fastest), "ab", now);
    set.succeeded(&'a', S(3), now);
    set.succeeded(&'b', MS(100), now);
    assert_eq!(chosen(&mut set, now).0, 'b');
    let later = now + S(60);
    for second in 0..60 {
        set.succeeded(&'b', MS(100), now + S(second));
    }
    assert_eq!(chosen(&mut set, later).0, 'a', "six half-lives of silence");
}

#[test]
fn one_seed_chooses_alike_and_two_sets_do_not() {
    let now = origin();
    let run = |maker: &Maker| -> String {
        let mut set = maker.set(list("abcdefgh"), now).unwrap();
        (0..40).map(|_| chosen(&mut set, now).0).collect()
    };
    for choice in [Choice::Weighted, Choice::Fastest] {
        let maker = || Maker::new(Settings::new(choice), 5);
        let (one, again) = (maker(), maker());
        let first = run(&one);
        assert_eq!(first, run(&again));
        assert_ne!(first, run(&one));
    }
}

#[test]
fn the_choices_of_a_seed_stay_the_same_across_releases() {
    let now = origin();
    let mut set = set(Settings::new(Choice::Weighted), "abcdefgh", now);
    let chosen: String = (0..16).map(|_| chosen(&mut set, now).0).collect();
    assert_eq!(chosen, "faeacefafcfhcfgb");
}

proptest! {
    // contract: again-6
    #[test]
    fn an_ordered_set_never_passes_over_one_that_is_trusted(
        size in 1..12_usize,
        reports in prop::collection::vec((0..12_usize, any::<bool>(), 0..20_000_u64), 0..200),
        seed: u64,
    ) {
        let keys: Vec<usize> = (0..size).collect();
        let mut now = origin();
        let maker = Maker::new(Settings::new(Choice::Ordered), seed);
        let mut set = maker.set(keys.iter().copied().map(Endpoint::new), now).unwrap();
        let mut failed = vec![false; size];
        for (which, well, after) in reports {
            let which = which % size;
            now += MS(after);
            if well { set.succeeded(&which, MS(5), now) } else {
                set.failed(&which, now);
                failed[which] = true;
            }
            let chosen = set.choose(now).unwrap();
            if let Some(untouched) = failed.iter().position(|failed| !failed) {
                prop_assert!(chosen.key <= untouched, "{} before {untouched}", chosen.key);
                prop_assert_eq!(chosen.why, Why::Trusted);
            }
            if let Some(better) = set.prefer(&chosen.key, now) {
                prop_assert!(false, "{better} would be better than {}", chosen.key);
            }
        }
    }
}

#[test]
fn who_was_tried_is_not_chosen_again_however_the_choice_is_made() {
    for choice in [Choice::Ordered, Choice::Weighted, Choice::Fastest] {
        let now = origin();
        let mut set = set(Settings::new(choice), "abc", now);
        let mut tried = BTreeSet::new();
        while let Some(other) = set.choose_other(&tried, now) {
            assert!(tried.insert(other.key), "{choice:?}: {}", other.key);
        }
        assert_eq!(tried.len(), 3);
        assert!(set.contains(&'a') && !set.contains(&'x'));
    }
}
