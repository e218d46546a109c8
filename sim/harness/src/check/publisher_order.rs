//! Whether a stream holds what one process appended in the order in which it asked.
//!
//! Says nothing about the order between two processes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::finals::Finals;
use super::{Check, Violation};
use crate::history::{History, Id, Name, Position, Record, What};

/// What one process appends to a stream stands there in the order in which it asked,
/// whatever had to be repeated.
///
/// Rule `as-asked`. An id counts from the first time it was asked for after it was
/// last refused. One that its process gave up as unknown is excused: it may come late.
#[derive(Debug, Clone, Copy)]
pub struct PublisherOrder;

/// By process, stream and id: which record asked for it, `None` once it is given up.
type Asked<'a> = BTreeMap<(&'a Name, &'a Name, Id), Option<usize>>;

// === impl PublisherOrder ===

impl PublisherOrder {
    fn asked(records: &[Record]) -> Asked<'_> {
        let mut asked = Asked::new();
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
        asked
    }

    /// Where each id of a stream was first said to stand, and by which record.
    fn places(records: &[Record]) -> BTreeMap<(&str, Id), (Position, usize)> {
        let mut places = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            if let Some((stream, id, position)) = record.what.placed() {
                places
                    .entry((stream.as_str(), id))
                    .or_insert((position, index));
            }
        }
        for (stream, held) in Finals::of(records).iter() {
            for (position, id) in held.log {
                places.entry((stream, *id)).or_insert((*position, held.by));
            }
        }
        places
    }
}

impl Check for PublisherOrder {
    fn promise(&self) -> &'static str {
        "what one process appends to a stream stands there in the order in which it asked"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let places = Self::places(records);
        let asked = Self::asked(records).into_iter();
        let mut asked: Vec<_> = asked
            .filter_map(|((process, stream, id), by)| Some((by?, process, stream, id)))
            .collect();
        asked.sort_unstable_by_key(|(by, ..)| *by);
        let mut tops = BTreeMap::new();
        for (by, process, stream, id) in asked {
            let Some((position, told)) = places.get(&(stream.as_str(), id)).copied() else {
                continue;
            };
            let now = (position, by, told, id);
            let top = tops.entry((process, stream, position.epoch)).or_insert(now);
            let (highest, earlier, earlier_told, earlier_id) = *top;
            if position < highest {
                let text = format!(
                    "{process} asked for {earlier_id} before {id}, \
                     but {stream} holds them at {highest} and {position}"
                );
                let proof = [earlier, by, earlier_told, told];
                return Err(Violation::shown_by(self, "as-asked", records, proof, text));
            }
            *top = now;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
