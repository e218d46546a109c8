//! Histories edited until exactly one rule breaks: what was taken is given back.

use super::super::NoLeak;
use super::super::story::{breaks, gauge, ms, ordeal, passes, replaced, story};

fn all_closed() -> NoLeak {
    NoLeak::new([("open".into(), 0)])
}

// contract: sim-3
#[test]
fn what_ends_at_rest_passes_whatever_was_held_before() {
    passes(&all_closed(), ordeal());
}

// contract: sim-3
#[test]
fn what_is_still_held_at_the_end_leaked() {
    let last = gauge("server", 0).at(ms(4_000));
    let left_over = gauge("server", 2).at(ms(3_120));
    breaks(
        &all_closed(),
        replaced(ordeal(), &last, []),
        "at-rest",
        &[left_over],
    );
    let one_open = NoLeak::new([("open".into(), 1)]);
    breaks(&one_open, ordeal(), "at-rest", &[last]);
}

// contract: sim-3
#[test]
fn each_process_gives_back_its_own() {
    let other = gauge("spare", 1).at(ms(10));
    let mut records = ordeal();
    records.insert(0, other.clone());
    breaks(&all_closed(), records, "at-rest", &[other]);
}

// contract: sim-3
#[test]
fn what_nobody_wrote_down_is_not_proved() {
    breaks(&all_closed(), story(), "read", &[]);
    let more = NoLeak::new([("open".into(), 0), ("queued".into(), 0)]);
    breaks(&more, ordeal(), "read", &[]);
}
