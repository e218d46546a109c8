//! Checks that look at a part of a history, or at some histories only.

use std::collections::BTreeMap;

use bowline_sim::Plan;
use bowline_sim::check::{Check, Violation};
use bowline_sim::history::{History, Name, Record, What};

use super::gauge::{GRANTED, GUESTS};

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

/// A check of some processes, their handles and the world.
#[derive(Debug, Clone)]
pub(super) struct Among<C> {
    who: Vec<Name>,
    check: C,
}

/// A check of what each handle asked for on each connection, as if that were a process of its
/// own: what goes out on two connections has no order.
#[derive(Debug, Clone)]
pub(super) struct ByConnection<C>(pub(super) C);

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

// === impl Among ===

impl<C> Among<C> {
    pub(super) fn new<'a>(who: impl IntoIterator<Item = &'a str>, check: C) -> Self {
        let who = who.into_iter().map(Name::from).collect();
        Self { who, check }
    }

    fn is_of(&self, process: &Name) -> bool {
        let process = process.as_str();
        let client = process
            .split_once('/')
            .map_or(process, |(client, _)| client);
        client == "world" || self.who.iter().any(|name| name.as_str() == client)
    }
}

impl<C: Check> Check for Among<C> {
    fn promise(&self) -> &'static str {
        self.check.promise()
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records().iter();
        let theirs = records.filter(|record| self.is_of(&record.process));
        self.check.verify(&theirs.cloned().collect())
    }
}

// === impl ByConnection ===

impl<C: Check> Check for ByConnection<C> {
    fn promise(&self) -> &'static str {
        self.0.promise()
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        // A handle asks for one thing at a time, until that is let through.
        let mut asking = BTreeMap::new();
        let mut on = BTreeMap::new();
        for record in history.records() {
            match &record.what {
                What::Invoked { id, .. } => {
                    asking.insert(&record.process, *id);
                }
                What::Gauge { of, value, .. } if of.as_str() == GRANTED => {
                    if let Some(id) = asking.get(&record.process) {
                        on.insert((&record.process, *id), *value);
                    }
                }
                _ => {}
            }
        }
        let renamed = history.records().iter().map(|record| {
            let mut renamed = record.clone();
            if let What::Invoked { id, .. }
            | What::Acked { id, .. }
            | What::Failed { id, .. }
            | What::Unknown { id, .. } = &record.what
                && let Some(connection) = on.get(&(&record.process, *id))
            {
                renamed.process = Name::from(format!("{} on {connection}", record.process));
            }
            renamed
        });
        self.0.verify(&renamed.collect())
    }
}
