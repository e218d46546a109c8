//! Promises that a history keeps or breaks.
//!
//! A check reads a [`History`] and either finds nothing or says what was broken, by
//! which rule, and shows the few records that prove it. It sees no process, no network
//! and no clock but the times of records, so the same checks judge simulated runs and
//! runs of real processes. It never guesses: an append whose outcome nobody learned is neither
//! lost nor refused, and what a history cannot prove is not held against it, save
//! where a check says that it wants a record and finds none.

use std::fmt;

use serde::Serialize;

pub use self::acked_is_kept::AckedIsKept;
pub use self::availability::Availability;
pub use self::causal_order::CausalOrder;
pub use self::converged::Converged;
pub use self::detected_in_time::DetectedInTime;
pub use self::every_call_ends::EveryCallEnds;
pub use self::no_leak::NoLeak;
pub use self::no_stampede::NoStampede;
pub use self::one_order::OneOrder;
pub use self::publisher_order::PublisherOrder;
pub use self::real_time_order::RealTimeOrder;
pub use self::whole_recovery::WholeRecovery;
pub use self::within_limits::WithinLimits;
use crate::history::{History, Name, Record};

mod acked_is_kept;
mod asks;
mod availability;
mod calls;
mod causal_order;
mod clock;
mod converged;
mod detected_in_time;
mod every_call_ends;
mod finals;
mod holds;
mod named;
mod no_leak;
mod no_stampede;
mod one_order;
mod places;
mod publisher_order;
mod real_time_order;
#[cfg(test)]
mod story;
mod whole_recovery;
mod within_limits;

/// A promise that can be looked for in a history.
pub trait Check: Send + Sync {
    /// What is promised, as one sentence without a full stop.
    fn promise(&self) -> &'static str;

    /// Looks whether `history` keeps the promise.
    ///
    /// # Errors
    ///
    /// The first violation that was found.
    fn verify(&self, history: &History) -> Result<(), Violation>;
}

/// What the store under test claims of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Store {
    /// What it acknowledged survives everything: a stream has one epoch for ever.
    Durable,
    /// It may forget all at a crash, and then says so with another epoch.
    Volatile,
}

/// A promise that a history breaks, and the proof.
///
/// It prints as a person would want to be told: the promise, what happened, then
/// the proof, record by record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub struct Violation {
    /// The promise, in the words of its check.
    pub promise: &'static str,
    /// The rule that fired, by a short name that stays the same from run to run:
    /// two failures of one promise and one rule are of one kind.
    pub rule: &'static str,
    /// The records that prove it and no others, in the history's order. Judged as a
    /// history of their own they break the same rule.
    pub witness: Vec<Record>,
    /// What is wrong about them, in one sentence.
    pub explanation: String,
}

/// Judges `history` by every one of `checks` and returns all that was found: at most
/// one violation for each check.
pub fn all(checks: &[Box<dyn Check>], history: &History) -> Vec<Violation> {
    let verdicts = checks.iter().map(|check| check.verify(history));
    verdicts.filter_map(Result::err).collect()
}

/// Every check of what is in streams and who saw it, for a `store` and for the processes
/// that are still `joined` when the history ends.
///
/// Checks of time and of limits are not among them: those are each world's to add.
pub fn every(store: Store, joined: impl IntoIterator<Item = Name>) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(AckedIsKept::new(store)),
        Box::new(OneOrder),
        Box::new(PublisherOrder),
        Box::new(RealTimeOrder),
        Box::new(CausalOrder),
        Box::new(WholeRecovery),
        Box::new(Converged::new(joined)),
    ]
}

// === impl Violation ===

impl Violation {
    /// Takes from `records` those at `proof` as the witness.
    fn shown_by(
        check: &dyn Check,
        rule: &'static str,
        records: &[Record],
        proof: impl IntoIterator<Item = usize>,
        explanation: String,
    ) -> Self {
        let mut proof: Vec<usize> = proof.into_iter().collect();
        proof.sort_unstable();
        proof.dedup();
        let witness = proof.into_iter().map(|index| records[index].clone());
        Self {
            promise: check.promise(),
            rule,
            witness: witness.collect(),
            explanation,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "broken: {}", self.promise)?;
        write!(f, "  {} (rule {})", self.explanation, self.rule)?;
        for record in &self.witness {
            write!(f, "\n    {record}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
