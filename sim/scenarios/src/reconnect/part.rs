//! Checks that look at a part of a history, or at some histories only.

use bowline_sim::Plan;
use bowline_sim::check::{Check, Violation};
use bowline_sim::history::{History, Name, Record, What};

use super::gauge::GUESTS;

/// A check of those whom no fault holds for ever and who have left of their own will: that is
/// told by the gauge they write last.
#[derive(Debug, Clone)]
pub(super) struct OfThoseWhoLeft<C> {
    core: Vec<Name>,
    check: C,
}

/// A check of histories in which everybody dialed once all was well: where a few did, chance
/// alone may bring them close together.
#[derive(Debug, Clone)]
pub(super) struct WhereAllDialed<C> {
    all: Vec<Name>,
    check: C,
}

// === impl OfThoseWhoLeft ===

impl<C> OfThoseWhoLeft<C> {
    pub(super) fn new(plan: &Plan, check: C) -> Self {
        let core = plan.core().map(Name::from).collect();
        Self { core, check }
    }

    fn has_left(&self, record: &Record) -> bool {
        let last = matches!(&record.what, What::Gauge { of, .. } if of.as_str() == GUESTS);
        last && self.core.contains(&record.process)
    }
}

impl<C: Check> Check for OfThoseWhoLeft<C> {
    fn promise(&self) -> &'static str {
        self.check.promise()
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let left = records.iter().filter(|record| self.has_left(record));
        let left: Vec<_> = left.map(|record| &record.process).collect();
        // Where nobody could leave, the run did not come to its end, and says so.
        if left.is_empty() {
            return Ok(());
        }
        let theirs = records
            .iter()
            .filter(|record| left.contains(&&record.process));
        self.check.verify(&theirs.cloned().collect())
    }
}

// === impl WhereAllDialed ===

impl<C> WhereAllDialed<C> {
    pub(super) fn new<'a>(all: impl IntoIterator<Item = &'a str>, check: C) -> Self {
        let all = all.into_iter().map(Name::from).collect();
        Self { all, check }
    }
}

impl<C: Check> Check for WhereAllDialed<C> {
    fn promise(&self) -> &'static str {
        self.check.promise()
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records().iter();
        let after = records.skip_while(|record| record.what != What::Healed);
        let dialed = after.filter(|record| matches!(record.what, What::Dialed { .. }));
        let dialed: Vec<_> = dialed.map(|record| &record.process).collect();
        match self.all.iter().all(|name| dialed.contains(&name)) {
            true => self.check.verify(history),
            false => Ok(()),
        }
    }
}
