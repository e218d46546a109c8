//! Histories edited until exactly one rule breaks: nobody holds more than it may.

use super::super::WithinLimits;
use super::super::story::{breaks, gauge, ms, ordeal, passes, replaced};

// contract: sim-3
#[test]
fn as_many_as_there_may_be_pass() {
    passes(&WithinLimits, ordeal());
}

// contract: sim-3
#[test]
fn one_more_than_there_may_be_is_too_many_even_if_it_goes_away() {
    let over = gauge("server", 3).at(ms(320));
    let records = replaced(ordeal(), &gauge("server", 2).at(ms(320)), [over.clone()]);
    breaks(&WithinLimits, records, "at-most", &[over]);
}
