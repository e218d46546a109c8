//! Whether a silent peer is noticed in time, and not before.
//!
//! Says nothing about what is done then, nor about how silent the peer really was: bytes
//! leave no record.

use std::collections::BTreeMap;
use std::time::Duration;

use super::clock::micros;
use super::holds::Holds;
use super::{Check, Violation};
use crate::history::{History, Name, Record, What};

/// Who hears nothing notices, no later than within one bound and no sooner than
/// after another.
///
/// Rules:
///
/// * `noticed`: a connected process that is deaf for longer than the bound, without a
///   break, has lost its connection or given up on its peer within the bound, counted
///   from when it became deaf or connected, whichever came last. A run that ends before
///   that proves nothing;
/// * `not-too-soon`: who gives up was in silence for at least the other bound.
///
/// A [`What::Lost`] ends every connection of its process.
#[derive(Debug, Clone, Copy)]
pub struct DetectedInTime {
    within: Duration,
    least: Duration,
}

/// What bears on whether a process should have noticed.
#[derive(Default)]
struct Ear<'a> {
    holds: Holds<'a>,
    /// The record that made it deaf.
    deaf: Option<usize>,
    /// By peer, the record that says that it is connected.
    connected: BTreeMap<&'a Name, usize>,
}

// === impl DetectedInTime ===

impl DetectedInTime {
    /// Expects silence to be noticed `within` that time, and nobody to give up after
    /// `least` or less than that; with a `least` of zero nobody gives up too soon.
    pub fn new(within: Duration, least: Duration) -> Self {
        Self { within, least }
    }

    fn was_silent(self, records: &[Record], index: usize) -> Result<(), Violation> {
        let What::GaveUp { on, silent_us } = &records[index].what else {
            return Ok(());
        };
        let (silent, least) = (Duration::from_micros(*silent_us), self.least);
        if silent >= least {
            return Ok(());
        }
        let process = &records[index].process;
        let text = format!("{process} gave up on {on} after {silent:?} of silence, not {least:?}");
        let proof = [index];
        Err(Violation::shown_by(
            &self,
            "not-too-soon",
            records,
            proof,
            text,
        ))
    }

    /// When the connection must be noticed to be dead, by the records that say so.
    fn deadline(self, records: &[Record], deaf: usize, connected: usize) -> Option<u64> {
        let last = records[deaf].at?.max(records[connected].at?);
        last.checked_add(micros(self.within))
    }
}

impl Check for DetectedInTime {
    fn promise(&self) -> &'static str {
        "who hears nothing notices in time, and does not give up too soon"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let mut ears: BTreeMap<&Name, Ear<'_>> = BTreeMap::new();
        // By deadline, process and peer: what made the one deaf and connected.
        let mut owed: BTreeMap<(u64, &Name, &Name), [usize; 2]> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let process = &record.process;
            if let Some(now) = record.at
                && let Some(((deadline, deaf_one, peer), [deaf, connected])) =
                    owed.first_key_value()
                && *deadline < now
            {
                let within = self.within;
                let text = format!(
                    "{deaf_one} heard nothing for more than {within:?} and did not notice \
                     that its connection to {peer} was dead"
                );
                let proof = [*deaf, *connected, index];
                return Err(Violation::shown_by(self, "noticed", records, proof, text));
            }
            self.was_silent(records, index)?;
            let ear = ears.entry(process).or_default();
            if !ear.hears_of(index, &record.what) {
                continue;
            }
            owed.retain(|(_, other, _), _| *other != process);
            let Some(deaf) = ear.deaf else {
                continue;
            };
            for (peer, connected) in &ear.connected {
                if let Some(deadline) = self.deadline(records, deaf, *connected) {
                    owed.insert((deadline, process, *peer), [deaf, *connected]);
                }
            }
        }
        Ok(())
    }
}

// === impl Ear ===

impl<'a> Ear<'a> {
    /// Takes in what happened in the record `index`, and says whether it mattered.
    fn hears_of(&mut self, index: usize, what: &'a What) -> bool {
        match what {
            What::Connected { to } => {
                self.connected.insert(to, index);
            }
            What::GaveUp { on, .. } => {
                self.connected.remove(on);
            }
            What::Lost => self.connected.clear(),
            What::Struck { .. } | What::Relieved { .. } => {
                self.holds.change(what);
                let began = self.deaf.unwrap_or(index);
                self.deaf = self.holds.is_deaf().then_some(began);
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests;
