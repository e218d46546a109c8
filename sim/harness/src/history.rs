//! What happened in a run, as plain data that checks can judge afterwards.
//!
//! A history comes from a simulation or from the lines that real processes print;
//! it knows streams, ids and positions, and nothing of what they are used for. It
//! judges nothing: that is [`check`](crate::check).

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_policy::Observe;
use serde::{Deserialize, Serialize};

pub use self::what::What;
pub use self::words::{Id, Malformed, Name, Position};

mod what;
mod words;

/// Everything that happened in a run, in the order in which it happened.
///
/// Records are only ever added. Within one process the order must be exact: checks
/// rest on it. Between processes it must be one that could have happened, and of two
/// that carry a time it must be exact too;
/// [`RealTimeOrder`](crate::check::RealTimeOrder) and the checks of time rest
/// on the latter, [`WholeRecovery`](crate::check::WholeRecovery) on the former for what
/// was known before a connection was lost. Its length is bounded by the run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct History {
    records: Vec<Record>,
}

/// One thing that happened to one process.
///
/// As JSON it is one flat object, `what` told by its field `did`:
///
/// ```
/// use bowline_sim::history::Record;
///
/// let line = r#"{"process":"ann","did":"lost"}"#;
/// let record: Record = serde_json::from_str(line)?;
/// assert_eq!(record.to_string(), "ann lost the connection");
/// assert_eq!(serde_json::to_string(&record)?, line);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Microseconds since the run began, where one clock kept the time of all. Checks of
    /// time judge by it; what lacks it is not judged by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// Who saw it. A process is one session: who comes back having forgotten
    /// its positions comes back under another name.
    pub process: Name,
    /// What it saw.
    #[serde(flatten)]
    pub what: What,
}

/// Writes one history from many tasks; clones write to the same.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    history: Arc<Mutex<History>>,
}

// === impl History ===

impl History {
    /// Adds what happened last.
    pub fn push(&mut self, record: Record) {
        self.records.push(record);
    }

    /// All records, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }
}

impl FromIterator<Record> for History {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let records = records.into_iter().collect();
        Self { records }
    }
}

impl Extend<Record> for History {
    fn extend<I: IntoIterator<Item = Record>>(&mut self, records: I) {
        self.records.extend(records);
    }
}

// === impl Record ===

impl Record {
    /// Says that `what` happened to `process`, at no known time.
    pub fn new(process: impl Into<Name>, what: What) -> Self {
        Self {
            at: None,
            process: process.into(),
            what,
        }
    }

    /// Adds when it happened, in microseconds since the run began.
    #[must_use]
    pub fn at(self, micros: u64) -> Self {
        let at = Some(micros);
        Self { at, ..self }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "[{}.{:06} s] ", at / 1_000_000, at % 1_000_000)?;
        }
        write!(f, "{} {}", self.process, self.what)
    }
}

// === impl Recorder ===

impl Recorder {
    /// Starts an empty history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what happened last.
    pub fn record(&self, record: Record) {
        self.lock().push(record);
    }

    /// What was recorded so far.
    pub fn history(&self) -> History {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, History> {
        // A push that panicked has added nothing: what is there still holds.
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observe<Record> for Recorder {
    fn observe(&self, record: &Record) {
        self.record(record.clone());
    }
}

#[cfg(test)]
mod tests;
