//! Whether those who come back come back apart from each other.
//!
//! Says nothing about how long anybody takes to come back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::clock::{healed, micros};
use super::{Check, Violation};
use crate::history::{History, Name, Record, What};

/// Nobody is dialed by more than so many at a time once the world is healed, whatever
/// it was that all of them lost.
///
/// What counts is dialed after [`What::Healed`], or at any time where that never came.
/// Rules:
///
/// * `herd`: in no window of the given length is one target dialed more often than the
///   limit; what is dialed exactly that long after something else is outside its window;
/// * `lockstep`, where [`spread`](Self::spread) asks for it: what each process dials
///   first does not fall into fewer slots of time than that.
#[derive(Debug, Clone, Copy)]
pub struct NoStampede {
    within: Duration,
    at_most: usize,
    spread: Option<Spread>,
}

/// Into how many slots of which width the first dials fall at least.
#[derive(Debug, Clone, Copy)]
struct Spread {
    buckets: usize,
    width: Duration,
}

/// What was dialed, when, by which record.
struct Dial<'a> {
    by: usize,
    process: &'a Name,
    to: &'a Name,
    at: Option<u64>,
}

// === impl NoStampede ===

impl NoStampede {
    /// Expects one target to be dialed `at_most` so often `within` any such time.
    ///
    /// # Panics
    ///
    /// If `within` is less than a microsecond: the check could not fail.
    pub fn new(within: Duration, at_most: usize) -> Self {
        assert!(micros(within) > 0, "nothing happens within no time");
        Self {
            within,
            at_most,
            spread: None,
        }
    }

    /// Expects what each process dials first to fall into at least so many `buckets`, each
    /// of that `width` and counted from the beginning of the run; judged where at least as
    /// many processes dialed.
    ///
    /// # Panics
    ///
    /// If there are fewer than two buckets, which could not fail, or if they have no width.
    #[must_use]
    pub fn spread(self, buckets: usize, width: Duration) -> Self {
        assert!(buckets >= 2, "whatever is dialed falls into one bucket");
        assert!(micros(width) > 0, "a bucket has a width");
        let spread = Some(Spread { buckets, width });
        Self { spread, ..self }
    }

    fn is_no_herd(&self, records: &[Record], dials: &[Dial<'_>]) -> Result<(), Violation> {
        let mut by_target: BTreeMap<&Name, Vec<(u64, usize)>> = BTreeMap::new();
        for dial in dials {
            if let Some(at) = dial.at {
                by_target.entry(dial.to).or_default().push((at, dial.by));
            }
        }
        let within = self.within;
        for (to, mut dials) in by_target {
            dials.sort_unstable();
            let mut windows = dials.windows(self.at_most.saturating_add(1));
            let herd = windows.find(|window| {
                let (first, last) = (window[0].0, window[window.len() - 1].0);
                last - first < micros(within)
            });
            if let Some(herd) = herd {
                let (count, at_most) = (herd.len(), self.at_most);
                let text = format!(
                    "{to} was dialed {count} times within {within:?}, where {at_most} is the limit"
                );
                let proof = herd.iter().map(|(_, by)| *by);
                return Err(Violation::shown_by(self, "herd", records, proof, text));
            }
        }
        Ok(())
    }

    fn is_spread(
        &self,
        records: &[Record],
        dials: &[Dial<'_>],
        spread: Spread,
    ) -> Result<(), Violation> {
        let Spread { buckets, width } = spread;
        let mut seen = BTreeSet::new();
        let firsts = dials.iter().filter(|dial| seen.insert(dial.process));
        let firsts: Vec<_> = firsts
            .filter_map(|dial| Some((dial.by, dial.at?)))
            .collect();
        let slots: BTreeSet<u64> = firsts.iter().map(|(_, at)| at / micros(width)).collect();
        if slots.len() >= buckets || firsts.len() < buckets {
            return Ok(());
        }
        let (all, hit) = (firsts.len(), slots.len());
        let text = format!(
            "what {all} processes dialed first falls into {hit} slots of {width:?}, not {buckets}"
        );
        // So many processes are enough to be judged, and hit no more slots than all.
        let proof = firsts.iter().take(buckets).map(|(by, _)| *by);
        Err(Violation::shown_by(self, "lockstep", records, proof, text))
    }
}

impl Check for NoStampede {
    fn promise(&self) -> &'static str {
        "who comes back comes back apart from the others"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let from = healed(records).unwrap_or(0);
        let dials = records.iter().enumerate().skip(from);
        let dials = dials.filter_map(|(by, record)| match &record.what {
            What::Dialed { to } => Some(Dial {
                by,
                process: &record.process,
                to,
                at: record.at,
            }),
            _ => None,
        });
        let dials: Vec<_> = dials.collect();
        self.is_no_herd(records, &dials)?;
        match self.spread {
            Some(spread) => self.is_spread(records, &dials, spread),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
