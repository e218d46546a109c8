//! Whether a stream holds what one process appended in the order in which it asked.
//!
//! Says nothing about the order between two processes.

use std::collections::BTreeMap;

use super::asks::{Ask, asks};
use super::places::Places;
use super::{Check, Violation};
use crate::history::History;

/// What one process appends to a stream stands there in the order in which it asked,
/// whatever had to be repeated.
///
/// Rule `as-asked`. An id counts from the first time it was asked for after it was
/// last refused. One that its process gave up as unknown is excused: it may come late.
#[derive(Debug, Clone, Copy)]
pub struct PublisherOrder;

// === impl PublisherOrder ===

impl Check for PublisherOrder {
    fn promise(&self) -> &'static str {
        "what one process appends to a stream stands there in the order in which it asked"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let places = Places::of(records);
        let mut tops = BTreeMap::new();
        for ask in asks(records) {
            let Ask {
                by,
                process,
                stream,
                id,
            } = ask;
            let Some((position, told)) = places.of_id(stream, id) else {
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
