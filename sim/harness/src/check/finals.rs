//! What the stores hold when all is over, looked up by stream.

use std::collections::BTreeMap;

use crate::history::{Id, Position, Record, What};

/// The last [`What::Final`] of every stream.
pub(super) struct Finals<'a> {
    by_stream: BTreeMap<&'a str, Held<'a>>,
}

/// One stream's.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    /// Which record says so.
    pub(super) by: usize,
    /// The log's epoch, and the lowest offset that retention still owes.
    pub(super) first_kept: Position,
    /// All that is in it, in the order in which it was read.
    pub(super) log: &'a [(Position, Id)],
}

// === impl Finals ===

impl<'a> Finals<'a> {
    pub(super) fn of(records: &'a [Record]) -> Self {
        let mut by_stream = BTreeMap::new();
        for (by, record) in records.iter().enumerate() {
            if let What::Final {
                stream,
                first_kept,
                log,
            } = &record.what
            {
                let first_kept = *first_kept;
                let held = Held {
                    by,
                    first_kept,
                    log,
                };
                by_stream.insert(stream.as_str(), held);
            }
        }
        Self { by_stream }
    }

    pub(super) fn of_stream(&self, stream: &str) -> Option<Held<'a>> {
        self.by_stream.get(stream).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a str, Held<'a>)> {
        self.by_stream.iter().map(|(stream, held)| (*stream, *held))
    }

    /// Whether retention may have dropped what stood at `position`: its id may then
    /// stand elsewhere, appended once more.
    pub(super) fn may_have_dropped(&self, stream: &str, position: Position) -> bool {
        self.of_stream(stream).is_some_and(|held| {
            held.first_kept.epoch == position.epoch && position.offset < held.first_kept.offset
        })
    }
}
