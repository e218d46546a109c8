//! The times of a history's records, and when the world was healed.

use std::time::Duration;

use crate::history::{Record, What};

/// A duration in the unit of [`Record::at`]; what does not fit outlasts every run.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// The record from which on recovery is owed.
pub(super) fn healed(records: &[Record]) -> Option<usize> {
    let mut records = records.iter();
    records.position(|record| matches!(record.what, What::Healed))
}
