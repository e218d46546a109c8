//! Where each id of a stream was first said to stand.

use std::collections::BTreeMap;

use super::finals::Finals;
use crate::history::{Id, Name, Position, Record};

/// Every id that anybody was told of, or a final log holds.
pub(super) struct Places<'a> {
    by_id: BTreeMap<(&'a str, Id), (Position, usize)>,
}

// === impl Places ===

impl<'a> Places<'a> {
    pub(super) fn of(records: &'a [Record]) -> Self {
        let mut by_id = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            if let Some((stream, id, position)) = record.what.placed() {
                by_id
                    .entry((stream.as_str(), id))
                    .or_insert((position, index));
            }
        }
        for (stream, held) in Finals::of(records).iter() {
            for (position, id) in held.log {
                by_id.entry((stream, *id)).or_insert((*position, held.by));
            }
        }
        Self { by_id }
    }

    /// Where `id` stands in `stream`, and which record says so.
    pub(super) fn of_id(&self, stream: &Name, id: Id) -> Option<(Position, usize)> {
        self.by_id.get(&(stream.as_str(), id)).copied()
    }
}
