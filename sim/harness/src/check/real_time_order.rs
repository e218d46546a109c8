//! Whether what was acknowledged stands before what was asked for afterwards.
//!
//! Says nothing about appends that were under way at the same time.

use std::collections::{BTreeMap, BTreeSet};

use super::places::Places;
use super::{Check, Violation};
use crate::history::{History, What};

/// What was acknowledged before something else was asked for stands before it in the
/// stream, whoever asked.
///
/// Rule `real-time`. Of an id the first asking and the first acknowledgement count, so
/// that no repetition is taken for either. Positions are compared within one epoch.
///
/// The records' order decides. Of two processes it is judged only where both records
/// carry a time: what two real processes print is read in an order that proves nothing.
/// An id that somebody was told of before it was asked for is not judged.
#[derive(Debug, Clone, Copy)]
pub struct RealTimeOrder;

// === impl RealTimeOrder ===

impl Check for RealTimeOrder {
    fn promise(&self) -> &'static str {
        "what was acknowledged stands before whatever was asked for afterwards"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let places = Places::of(records);
        let (mut asked, mut acked) = (BTreeSet::new(), BTreeSet::new());
        // By stream, epoch and process the highest that was acknowledged; under no process
        // the highest that anybody was acknowledged at a known time.
        let mut tops = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let process = &record.process;
            let judged = [Some(process), None].into_iter();
            let judged = judged.take(if record.at.is_some() { 2 } else { 1 });
            match &record.what {
                What::Acked {
                    stream,
                    id,
                    position,
                    ..
                } if acked.insert((stream, *id)) => {
                    let now = (*position, index, *id);
                    for whose in judged {
                        let key = (stream, position.epoch, whose);
                        let top = tops.entry(key).or_insert(now);
                        *top = (*top).max(now);
                    }
                }
                What::Invoked { stream, id } if asked.insert((stream, *id)) => {
                    let Some((position, told)) = places.of_id(stream, *id) else {
                        continue;
                    };
                    let before = judged.filter_map(|by| tops.get(&(stream, position.epoch, by)));
                    let Some((highest, by, earlier)) = before.max().copied() else {
                        continue;
                    };
                    if told > index && highest > position {
                        let other = &records[by].process;
                        let text = format!(
                            "{process} asked for {id} after {other} was acknowledged {earlier}, \
                             but {stream} holds them at {position} and {highest}"
                        );
                        let proof = [by, index, told];
                        return Err(Violation::shown_by(self, "real-time", records, proof, text));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
