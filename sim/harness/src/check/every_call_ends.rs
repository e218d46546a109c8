//! Whether everybody who asks gets an answer, and in time.
//!
//! Says nothing about what the answer is: being refused, and learning that nobody knows,
//! are answers too.

use std::collections::BTreeSet;
use std::time::Duration;

use super::calls::{Call, calls};
use super::clock::{healed, micros};
use super::{Check, Violation};
use crate::history::{History, Name, Record};

/// Whatever certain processes ask for has an outcome: it is acknowledged, refused or
/// given up as unknown, within a bound once the world is healed.
///
/// Rules:
///
/// * `ends`: it has an outcome by the end of the history;
/// * `in-time`: the outcome comes no later than the bound after it was asked for, or
///   after [`What::Healed`](crate::history::What::Healed) where that came later.
#[derive(Debug, Clone)]
pub struct EveryCallEnds {
    of: BTreeSet<Name>,
    within: Duration,
}

// === impl EveryCallEnds ===

impl EveryCallEnds {
    /// Expects of every call of the processes `of` an outcome `within` that time.
    ///
    /// # Panics
    ///
    /// If `of` is empty: the check could not fail.
    pub fn new(of: impl IntoIterator<Item = Name>, within: Duration) -> Self {
        let of: BTreeSet<Name> = of.into_iter().collect();
        assert!(!of.is_empty(), "calls of no process always end");
        Self { of, within }
    }

    fn in_time(
        &self,
        records: &[Record],
        call: &Call<'_>,
        healed: Option<usize>,
    ) -> Result<(), Violation> {
        let Some(ended) = call.ended else {
            return Ok(());
        };
        let healed = healed.filter(|healed| *healed > call.asked);
        let owed_from = healed.unwrap_or(call.asked);
        let (Some(asked_at), Some(owed_at), Some(ended_at)) = (
            records[call.asked].at,
            records[owed_from].at,
            records[ended].at,
        ) else {
            return Ok(());
        };
        if ended_at <= owed_at.saturating_add(micros(self.within)) {
            return Ok(());
        }
        let Call { process, id, .. } = call;
        let took = Duration::from_micros(ended_at.saturating_sub(asked_at));
        let healed = healed.map_or_else(String::new, |_| {
            let after = Duration::from_micros(ended_at.saturating_sub(owed_at));
            format!(", {after:?} of it after all was healed")
        });
        let within = self.within;
        let text = format!(
            "{process} waited {took:?} for what became of {id}{healed}; {within:?} is owed"
        );
        let proof = [call.asked, ended];
        Err(Violation::shown_by(self, "in-time", records, proof, text))
    }
}

impl Check for EveryCallEnds {
    fn promise(&self) -> &'static str {
        "whoever asks learns what became of it, and in time"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let mut calls = calls(records);
        calls.retain(|call| self.of.contains(call.process));
        if let Some(call) = calls.iter().find(|call| call.ended.is_none()) {
            let Call {
                process,
                stream,
                id,
                ..
            } = call;
            let text = format!("{process} never learned what became of {id} in {stream}");
            let proof = [call.asked];
            return Err(Violation::shown_by(self, "ends", records, proof, text));
        }
        let healed = healed(records);
        calls
            .iter()
            .try_for_each(|call| self.in_time(records, call, healed))
    }
}

#[cfg(test)]
mod tests;
