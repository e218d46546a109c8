//! Whether all that was taken is given back when nothing is going on any more.
//!
//! Knows only what processes say of themselves, and says nothing of what is held before
//! the end.

use std::collections::BTreeMap;

use super::{Check, Violation};
use crate::history::{History, Name, What};

/// At the end everybody holds what is held at rest: what was taken was given back.
///
/// Rules:
///
/// * `at-rest`: the last [`What::Gauge`] of that name has that value, of every process
///   that ever wrote one;
/// * `read`: somebody did.
#[derive(Debug, Clone)]
pub struct NoLeak {
    at_rest: BTreeMap<Name, u64>,
}

// === impl NoLeak ===

impl NoLeak {
    /// Expects each of these gauges to end at its value.
    ///
    /// # Panics
    ///
    /// If there is none: the check could not fail.
    pub fn new(at_rest: impl IntoIterator<Item = (Name, u64)>) -> Self {
        let at_rest: BTreeMap<Name, u64> = at_rest.into_iter().collect();
        assert!(!at_rest.is_empty(), "without a gauge nothing leaks");
        Self { at_rest }
    }
}

impl Check for NoLeak {
    fn promise(&self) -> &'static str {
        "at the end nobody holds more or less than at rest"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let mut last = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            if let What::Gauge { of, value, .. } = &record.what {
                last.insert((of, &record.process), (*value, index));
            }
        }
        for ((of, process), (value, index)) in &last {
            let Some(rest) = self.at_rest.get(*of).filter(|rest| *rest != value) else {
                continue;
            };
            let text = format!("{process} ends with {value} {of}, where {rest} is rest");
            return Err(Violation::shown_by(
                self,
                "at-rest",
                records,
                [*index],
                text,
            ));
        }
        // Last, since nothing can be shown of it.
        let read = |of| last.keys().any(|(read, _)| *read == of);
        if let Some(unread) = self.at_rest.keys().find(|of| !read(*of)) {
            let text = format!("nobody ever wrote down {unread}, so nothing is proved");
            return Err(Violation::shown_by(self, "read", records, [], text));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
