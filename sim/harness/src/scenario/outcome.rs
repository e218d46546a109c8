//! How one run ended and what its checks found.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::check::Violation;
use crate::history::History;
use crate::trace::Trace;
use crate::{Plan, Report, RunError};

/// One run, judged.
#[derive(Debug)]
pub struct Outcome {
    /// What happened to the world.
    pub plan: Plan,
    /// How the run ended: an error when a client in the core did not come to its end in
    /// time, something panicked or gave up.
    pub end: Result<Report, RunError>,
    /// The clients in the core that did not come to their end.
    pub unfinished: Vec<String>,
    /// How long after the faults were over each other client of the core came to its end:
    /// nothing for one that was done before.
    pub recovered: BTreeMap<String, Duration>,
    /// What the checks found. They judge what happened even when the run did not come to
    /// its end.
    pub violations: Vec<Violation>,
    /// What the checks judged.
    pub history: History,
    /// The last of what happened, and the hash of all of it.
    pub trace: Trace,
}

impl Outcome {
    /// Whether the run came to its end and no check found anything.
    pub fn is_good(&self) -> bool {
        self.end.is_ok() && self.violations.is_empty()
    }
}

/// The verdict in one line, and what was found below it.
impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seed, hash) = (self.plan.seed, self.trace.hash());
        match &self.end {
            Ok(report) if self.violations.is_empty() => {
                let seconds = report.simulated.as_secs_f64();
                write!(f, "seed {seed}: good after {seconds:.1} simulated seconds")?;
            }
            Ok(_) => write!(f, "seed {seed}: FAILED")?,
            Err(error) => {
                write!(f, "seed {seed}: FAILED: {error}")?;
                let mut cause = error.source();
                while let Some(error) = cause {
                    write!(f, ": {error}")?;
                    cause = error.source();
                }
                if !self.unfinished.is_empty() {
                    write!(f, ", unfinished: {}", self.unfinished.join(", "))?;
                }
            }
        }
        write!(f, ", trace {hash:016x}")?;
        for violation in &self.violations {
            write!(f, "\n{violation}")?;
        }
        Ok(())
    }
}
