//! Deadlines that stay, and ends of age that keep their distance.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::{InvalidSetting, Share, TIME_MAX};

const MS: fn(u64) -> Duration = Duration::from_millis;
const S: fn(u64) -> Duration = Duration::from_secs;

#[expect(
    clippy::disallowed_methods,
    reason = "an arbitrary origin: only differences from it are used"
)]
fn origin() -> Instant {
    Instant::now() + S(10)
}

fn planner(settings: Settings, seed: u64) -> Planner {
    Maker::new(settings, seed).planner()
}

/// How far apart the two nearest are.
fn nearest(mut instants: Vec<Instant>) -> Duration {
    instants.sort();
    let apart = instants.windows(2).map(|pair| pair[1] - pair[0]);
    apart.min().expect("two at least")
}

// contract: life-1
#[test]
fn a_deadline_is_drawn_once_and_looking_draws_nothing() {
    let settings = Settings::new(S(60), S(600)).unwrap();
    let (mut looked, mut left) = (planner(settings.clone(), 3), planner(settings, 3));
    let now = origin();
    let age = looked.born(now);
    assert_eq!(age, left.born(now));
    for second in 0..1000 {
        let over = now + S(second) >= age.at();
        assert_eq!(age.is_over(now + S(second)), over);
    }
    // Had a look drawn anything, the next draw would differ.
    assert_eq!(looked.idle_until(now), left.idle_until(now));
    assert_eq!(looked.born(now), left.born(now));
}

#[test]
fn without_spread_the_limits_hold_to_the_nanosecond() {
    let settings = Settings::new(S(60), S(600)).unwrap();
    let mut exact = planner(settings.spread(Share::NONE).unwrap(), 0);
    let now = origin();
    assert_eq!(exact.born(now).at(), now + S(600));
    let idle = exact.idle_until(now);
    assert_eq!(idle.at(), now + S(60));
    assert!(!idle.is_over(now + S(60) - Duration::from_nanos(1)));
    assert!(idle.is_over(now + S(60)));
}

// contract: life-1
#[test]
fn a_pool_filled_in_one_moment_retires_one_by_one() {
    let settings = Settings::new(S(60), S(1000)).unwrap().gap(S(10)).unwrap();
    let mut planner = planner(settings, 8);
    let now = origin();
    let ends: Vec<_> = (0..12).map(|_| planner.born(now).at()).collect();
    assert!(nearest(ends) >= S(10));
}

#[test]
fn what_does_not_fit_goes_into_the_widest_hole() {
    let settings = Settings::new(S(40), S(40)).unwrap().gap(S(10)).unwrap();
    let mut planner = planner(settings, 1);
    let now = origin();
    // Ten seconds of room: the first anywhere, the second at the far edge.
    let mut ends = vec![planner.born(now).at(), planner.born(now).at()];
    assert!(nearest(ends.clone()) >= S(5));
    ends.push(planner.born(now).at());
    assert!(nearest(ends) >= MS(1_666));
}

#[test]
fn a_place_given_back_is_free_again_and_past_ones_are_forgotten() {
    let settings = Settings::new(S(60), S(600)).unwrap();
    let mut planner = planner(settings, 8);
    let now = origin();
    let ages: Vec<_> = (0..10).map(|_| planner.born(now)).collect();
    assert_eq!(planner.planned(), 10);
    planner.gone(ages[3]);
    planner.gone(ages[3]);
    assert_eq!(
        planner.planned(),
        9,
        "the second time gives nobody else's back"
    );
    let late = planner.born(now + S(5_000));
    assert_eq!(planner.planned(), 1);
    assert!(late.at() > now + S(5_000));
}

#[test]
fn a_full_calendar_still_gives_deadlines() {
    let settings = Settings::new(S(60), S(600))
        .unwrap()
        .gap(Duration::ZERO)
        .unwrap();
    let mut planner = planner(settings, 8);
    let now = origin();
    for _ in 0..PLANNED_MAX + 5 {
        let at = planner.born(now).at();
        assert!(at >= now + S(450) && at <= now + S(600));
    }
    assert_eq!(planner.planned(), PLANNED_MAX);
    let unplanned = planner.born(now);
    planner.gone(unplanned);
    assert_eq!(planner.planned(), PLANNED_MAX);
}

#[test]
fn contradictions_are_refused_with_both_values() {
    let check = |made: Result<Settings, InvalidSetting>, message: &str| {
        assert_eq!(made.unwrap_err().to_string(), message);
    };
    check(Settings::new(S(9), S(8)), "idle 9s is over age 8s");
    check(
        Settings::new(Duration::ZERO, S(8)),
        "idle 0ns is not within 1ms and 31536000s",
    );
    check(
        Settings::new(S(1), TIME_MAX + MS(1)),
        "age 31536000.001s is not within 1ms and 31536000s",
    );
    let settings = || Settings::new(S(10), S(100)).unwrap();
    check(settings().gap(S(26)), "gap 26s is over spread of age 25s");
    let gapped = settings().gap(S(25)).unwrap();
    check(
        gapped.spread(Share::percent(10).unwrap()),
        "gap 25s is over spread of age 10s",
    );
}

proptest! {
    // contract: life-1
    #[test]
    fn ends_of_age_keep_the_gap_or_as_much_as_fits(
        age in 1_000..100_000_u64,
        spread in 1..=1000_u16,
        gap_share in 0..=1000_u16,
        births in prop::collection::vec(0..2_000_u64, 2..40),
        seed: u64,
    ) {
        let spread = Share::per_mille(spread).unwrap();
        let settings = Settings::new(MS(1), MS(age)).unwrap().spread(spread).unwrap();
        let width = settings.age_max() - settings.age_min();
        let gap = Share::per_mille(gap_share).unwrap().of_time(width);
        let mut planner = planner(settings.gap(gap).unwrap(), seed);
        let mut now = origin();
        let mut ends: Vec<Instant> = Vec::new();
        for after in births {
            now += MS(after);
            let at = planner.born(now).at();
            prop_assert!(at <= now + MS(age));
            prop_assert!(at >= now + MS(age) - width);
            // Past ends count for nothing; the calendar may still hold them.
            ends.retain(|end| *end + gap >= now);
            let fits = gap.min(width / (2 * (ends.len() as u32 + 1)));
            for end in &ends {
                let apart = at.max(*end) - at.min(*end);
                prop_assert!(apart + Duration::from_nanos(1) >= fits, "{apart:?} of {fits:?}");
            }
            ends.push(at);
        }
    }

    #[test]
    fn idle_deadlines_stay_within_their_spread_and_two_planners_differ(
        idle in 1_000..100_000_u64,
        seed: u64,
    ) {
        let maker = Maker::new(Settings::new(MS(idle), MS(idle)).unwrap(), seed);
        let now = origin();
        let draw = |_| {
            let mut planner = maker.planner();
            (0..8).map(|_| planner.idle_until(now).at() - now).collect::<Vec<_>>()
        };
        let (one, other) = (draw(0), draw(1));
        prop_assert_ne!(&one, &other);
        for drawn in one.iter().chain(&other) {
            prop_assert!(*drawn <= MS(idle) && *drawn >= MS(idle) * 3 / 4);
        }
    }
}
