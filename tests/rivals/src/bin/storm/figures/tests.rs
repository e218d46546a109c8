//! Storms that are small enough to count by hand.

use super::*;
use crate::diary::{Dial, Record};

const MS: fn(u64) -> Duration = Duration::from_millis;

fn dial(client: u32, at: u64) -> Dial {
    Dial {
        process: 0,
        client,
        at: MS(at),
    }
}

#[test]
fn only_what_follows_the_hang_up_counts() {
    let storm = Storm {
        clients: 2,
        hit_at: MS(1_000),
        listens_at: MS(5_000),
        record: Record {
            dials: [(0, 10), (1, 20), (0, 1_500), (0, 5_100), (1, 7_000)]
                .map(|(client, at)| dial(client, at))
                .to_vec(),
            sessions: vec![(0, MS(30)), (1, MS(40)), (0, MS(5_140)), (1, MS(7_050))],
            listens: vec![MS(0), MS(5_000)],
            dialing_max: vec![2],
        },
    };
    let figures = Figures::of(&storm);
    assert_eq!((figures.dials, figures.dials_max), (3, 2));
    assert_eq!((figures.half, figures.all), (MS(140), MS(2_050)));
    assert_eq!((figures.peak_second, figures.back_second), (1, 1));
    assert!((figures.back_ratio - 1.025).abs() < 1e-9, "{figures:?}");
}

#[test]
fn a_peak_is_looked_for_wherever_it_begins() {
    let times = [900, 950, 1_000, 1_050, 1_899, 1_900].map(MS);
    assert_eq!(peak(&times, SECOND), 5);
    assert_eq!(peak(&times, MS(100)), 2);
    assert_eq!(peak(&[], SECOND), 0);
}

#[test]
fn a_dial_too_early_shows_as_a_larger_burst() {
    let step = 1_000 / u64::from(BUDGET.per_second);
    let even =
        |burst: u64| (0..20).map(move |nth: u64| MS((nth.saturating_sub(burst - 1)) * (step + 1)));
    let mut kept: Vec<_> = even(3).collect();
    assert!(burst(&mut kept) <= 3.0);
    let mut broken: Vec<_> = even(3).chain([MS(0)]).collect();
    assert!(burst(&mut broken) > 3.0);
}
