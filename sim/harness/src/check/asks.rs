//! What each process asked for, as far as it may be held to the order in which it asked.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::history::{Id, Name, Record, What};

/// One id that one process asked to append.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    /// The record from which it counts.
    pub(super) by: usize,
    pub(super) process: &'a Name,
    pub(super) stream: &'a Name,
    pub(super) id: Id,
}

/// Everything that was asked for, in the order in which it was.
///
/// An id counts from the first time it was asked for after it was last refused. One
/// that its process gave up as unknown is left out: it may come late.
pub(super) fn asks(records: &[Record]) -> Vec<Ask<'_>> {
    let mut asked = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let process = &record.process;
        match &record.what {
            What::Invoked { stream, id } => {
                asked.entry((process, stream, *id)).or_insert(Some(index));
            }
            What::Failed { stream, id } => {
                let key = (process, stream, *id);
                // What was given up stays excused: that attempt may come late.
                if let Entry::Occupied(entry) = asked.entry(key)
                    && entry.get().is_some()
                {
                    entry.remove();
                }
            }
            What::Unknown { stream, id } => {
                asked.insert((process, stream, *id), None);
            }
            _ => {}
        }
    }
    let asks = asked.into_iter().filter_map(|((process, stream, id), by)| {
        let by = by?;
        Some(Ask {
            by,
            process,
            stream,
            id,
        })
    });
    let mut asks: Vec<_> = asks.collect();
    asks.sort_unstable_by_key(|ask| ask.by);
    asks
}
