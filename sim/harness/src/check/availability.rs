//! Whether those whom no fault held were served.
//!
//! Says nothing about those who were held: whatever they get is more than is owed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::calls::{Call, calls};
use super::clock::micros;
use super::holds::Holds;
use super::{Check, Violation};
use crate::history::{History, Name, Record, What};

/// Of what is asked for by processes that no fault holds, at least a share is acknowledged.
///
/// Rule `available`. A call counts if no fault held its process when it asked, nor in the
/// time of grace before, nor until its outcome. One that is still open when the history
/// ends counts, as not acknowledged, once more than the time of grace has passed since it
/// was asked for.
///
/// A fault holds whomever the world says that it holds: of one that holds a server, the
/// world must say that it holds those who need the server.
#[derive(Debug, Clone, Copy)]
pub struct Availability {
    percent: u8,
    grace: Duration,
}

/// What bears on whether a process is owed an answer.
#[derive(Default)]
struct Health<'a> {
    holds: Holds<'a>,
    /// When a fault last let go of it, where one did and that is known.
    relieved: Option<Option<u64>>,
    /// Every record in which a fault strikes it.
    struck: Vec<usize>,
    /// Every record in which it asked for something while it was well.
    asked_well: BTreeSet<usize>,
}

// === impl Availability ===

impl Availability {
    /// Expects so many `percent` to be acknowledged, of what is asked for when all was
    /// well for the time of `grace`.
    ///
    /// # Panics
    ///
    /// If `percent` is zero, which could not fail, or above 100.
    pub fn new(percent: u8, grace: Duration) -> Self {
        assert!(percent > 0, "to acknowledge nothing is always enough");
        assert!(percent <= 100, "{percent} percent is more than everything");
        Self { percent, grace }
    }

    /// Whether `call` is still open after the time of grace, as `record` shows.
    fn is_overdue(self, records: &[Record], call: &Call<'_>, record: &Record) -> bool {
        let asked = records[call.asked].at;
        let open = asked
            .zip(record.at)
            .map(|(asked, at)| at.saturating_sub(asked));
        open.is_some_and(|open| open > micros(self.grace))
    }

    fn healths(self, records: &[Record]) -> BTreeMap<&Name, Health<'_>> {
        let grace = micros(self.grace);
        let mut healths: BTreeMap<&Name, Health<'_>> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let health = healths.entry(&record.process).or_default();
            health.holds.change(&record.what);
            match &record.what {
                What::Struck { .. } => health.struck.push(index),
                What::Relieved { .. } => health.relieved = Some(record.at),
                What::Invoked { .. } if health.is_well(record.at, grace) => {
                    health.asked_well.insert(index);
                }
                _ => {}
            }
        }
        healths
    }
}

impl Check for Availability {
    fn promise(&self) -> &'static str {
        "who is held by no fault is served"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let healths = self.healths(records);
        let mut calls = calls(records);
        calls.retain(|call| {
            let health = healths.get(call.process);
            let end = call.ended.unwrap_or(records.len());
            health.is_some_and(|health| health.lasts(call.asked, end))
        });
        // By their asking: which record shows that it was not acknowledged.
        let mut denied = Vec::new();
        let mut acked = 0_usize;
        for call in &calls {
            let shown = match call.ended {
                Some(ended) if matches!(records[ended].what, What::Acked { .. }) => {
                    acked += 1;
                    continue;
                }
                Some(ended) => Some(ended),
                None => {
                    let mut after = records.iter().skip(call.asked);
                    let late = after.position(|record| self.is_overdue(records, call, record));
                    late.map(|late| call.asked + late)
                }
            };
            denied.extend(shown.map(|shown| (call, shown)));
        }
        let (all, percent) = (acked + denied.len(), self.percent);
        let Some((call, shown)) = denied.first() else {
            return Ok(());
        };
        if acked * 100 >= all * usize::from(percent) {
            return Ok(());
        }
        let Call { process, id, .. } = call;
        let text = format!(
            "of {all} calls of processes that no fault held, {acked} were acknowledged, not \
             {percent} percent; the first that was not is {id} of {process}"
        );
        // One alone is less than any share.
        let proof = [call.asked, *shown];
        Err(Violation::shown_by(self, "available", records, proof, text))
    }
}

// === impl Health ===

impl Health<'_> {
    /// Whether no fault holds it `now`, nor did in the time of `grace` before.
    fn is_well(&self, now: Option<u64>, grace: u64) -> bool {
        let since = match (self.relieved, now) {
            (_, None) | (Some(None), _) => return false,
            (None, Some(_)) => u64::MAX,
            (Some(Some(relieved)), Some(now)) => now.saturating_sub(relieved),
        };
        self.holds.is_free() && since >= grace
    }

    /// Whether it was well when it asked for something, and stayed so until the `end`.
    fn lasts(&self, asked: usize, end: usize) -> bool {
        let next = self.struck.partition_point(|struck| *struck < asked);
        let struck = self.struck.get(next).is_some_and(|struck| *struck < end);
        self.asked_well.contains(&asked) && !struck
    }
}

#[cfg(test)]
mod tests;
