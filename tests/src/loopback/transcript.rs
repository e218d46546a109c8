//! All that the processes of one test say, in the order in which it was read.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, PipeReader};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use serde_json::Value;

use super::DEADLINE;

/// How many of the last entries a failure shows.
const SHOWN: usize = 40;

/// Writes down what processes say; clones write to the same.
///
/// The order within a process is exact. Between two processes it is one that could
/// have happened as far as a test waits for what the one said before it lets the
/// other go on.
#[derive(Debug, Clone, Default)]
pub(super) struct Transcript(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    entries: Mutex<Vec<Entry>>,
    grown: Condvar,
}

/// One thing that one process said.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) who: String,
    /// A line; `None` when there will be no more of them.
    pub(super) line: Option<String>,
    /// The line as JSON, null where it is none.
    pub(super) json: Value,
}

// === impl Transcript ===

impl Transcript {
    /// Writes down every line that comes through `pipe`, and its end.
    pub(super) fn follow(&self, who: &str, pipe: PipeReader) {
        let (to, who) = (self.clone(), who.to_owned());
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut bytes = Vec::new();
            while pipe
                .read_until(b'\n', &mut bytes)
                .is_ok_and(|read| read > 0)
            {
                let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                to.push(Entry::new(&who, Some(line)));
                bytes.clear();
            }
            to.push(Entry::new(&who, None));
        });
    }

    /// Waits until `find` finds what it looks for among all that was said so far.
    ///
    /// # Panics
    ///
    /// After [`DEADLINE`], or when a process has panicked, with the last entries.
    #[track_caller]
    pub(super) fn wait_for<T>(&self, what: &str, mut find: impl FnMut(&[Entry]) -> Option<T>) -> T {
        let mut found = None;
        let missing = |entries: &mut Vec<Entry>| {
            found = find(entries);
            found.is_none() && !entries.iter().any(Entry::is_a_panic)
        };
        let waited = self
            .0
            .grown
            .wait_timeout_while(self.lock(), DEADLINE, missing);
        let (entries, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let tail = tail(&entries);
        drop(entries);
        assert!(!tail.contains(PANICKED), "a process panicked:\n{tail}");
        found.unwrap_or_else(|| panic!("waited in vain for: {what}\n{tail}"))
    }

    /// What was said so far.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    fn push(&self, entry: Entry) {
        self.lock().push(entry);
        self.0.grown.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        let entries = self.0.entries.lock();
        entries.unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a Rust program says of itself when it breaks.
const PANICKED: &str = "panicked at";

fn tail(entries: &[Entry]) -> String {
    let broken = entries.iter().position(Entry::is_a_panic);
    let end = broken.map_or(entries.len(), |at| entries.len().min(at + SHOWN / 2));
    let mut text = String::new();
    for entry in &entries[end.saturating_sub(SHOWN)..end] {
        let line = entry.line.as_deref().unwrap_or("(the end)");
        writeln!(text, "  {}: {line}", entry.who).unwrap();
    }
    text
}

// === impl Entry ===

impl Entry {
    fn new(who: &str, line: Option<String>) -> Self {
        let json = line.as_deref().map(serde_json::from_str);
        Self {
            who: who.to_owned(),
            json: json.and_then(Result::ok).unwrap_or_default(),
            line,
        }
    }

    /// The name of the notice this is, if it is one.
    pub(super) fn notice(&self) -> Option<&str> {
        self.json["notice"].as_str()
    }

    /// Whether this is a message of a room.
    pub(super) fn is_message(&self) -> bool {
        self.json.is_object() && self.notice().is_none()
    }

    fn is_a_panic(&self) -> bool {
        self.line
            .as_ref()
            .is_some_and(|line| line.contains(PANICKED))
    }
}
