//! Whether everybody was shown the same things in the same order, each once.
//!
//! Says nothing about what should have been shown and was not after the last
//! delivery: that is [`Converged`](super::Converged).

use std::collections::BTreeMap;

use super::finals::Finals;
use super::named::Named;
use super::{Check, Violation};
use crate::history::{History, Id, Position, Record, What};

/// Every process sees a stream in one order, each message once, across reconnects,
/// until it is told that it was not recovered or starts afresh.
///
/// Rules:
///
/// * `one-id`: a position holds the same id for everybody who is told of it;
/// * `once-each`: a process is handed an id once, unless retention dropped the first;
/// * `epoch-announced`: the epoch changes only where the process was told;
/// * `rising`: the positions handed to a process rise;
/// * `no-gap`: each names as the one before it the one that the process was handed
///   before, and nobody knows of one between;
/// * `no-refused`: what was definitely refused is neither shown nor stored;
/// * `no-phantom`: somebody asked for everything that is shown or stored.
#[derive(Debug, Clone, Copy)]
pub struct OneOrder;

/// Where a process stands in a stream.
struct Stand {
    at: Position,
    /// The record that put it there.
    by: usize,
    seen: BTreeMap<Id, (Position, usize)>,
}

/// What became of the attempts to append an id.
#[derive(Default)]
struct Attempts {
    invoked: usize,
    failed: usize,
    /// Somebody was acknowledged, or never learned.
    open: bool,
}

// === impl OneOrder ===

impl OneOrder {
    fn everybody_agrees(self, records: &[Record]) -> Result<(), Violation> {
        let mut ids = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let Some((stream, id, position)) = record.what.placed() else {
                continue;
            };
            let (first, by) = *ids.entry((stream, position)).or_insert((id, index));
            if first != id {
                let text = format!("{stream} holds {first} at {position}, and also {id}");
                return Err(self.broken("one-id", records, &[by, index], text));
            }
        }
        Ok(())
    }

    fn each_in_its_turn(self, records: &[Record], finals: &Finals<'_>) -> Result<(), Violation> {
        let named = Named::of(records, finals);
        let mut stands: BTreeMap<(&str, &str), Stand> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            match &record.what {
                What::Resumed {
                    stream,
                    since,
                    recovered,
                    position,
                    ..
                } => {
                    let key = (record.process.as_str(), stream.as_str());
                    let stand = Stand {
                        at: *position,
                        by: index,
                        seen: BTreeMap::new(),
                    };
                    if since.is_some() && *recovered == Some(true) {
                        // Recovery moves nobody: what follows must fit to what was.
                        stands.entry(key).or_insert(stand);
                    } else {
                        stands.insert(key, stand);
                    }
                }
                What::Delivered {
                    stream,
                    id,
                    position,
                    ..
                } => {
                    let key = (record.process.as_str(), stream.as_str());
                    if let Some(stand) = stands.get(&key) {
                        self.in_its_turn(records, finals, &named, stand, index)?;
                    }
                    let stand = stands.entry(key).or_insert_with(|| Stand {
                        at: *position,
                        by: index,
                        seen: BTreeMap::new(),
                    });
                    (stand.at, stand.by) = (*position, index);
                    stand.seen.insert(*id, (*position, index));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Judges the delivery at `index` to a process that stands at `stand`.
    fn in_its_turn(
        self,
        records: &[Record],
        finals: &Finals<'_>,
        named: &Named<'_>,
        stand: &Stand,
        index: usize,
    ) -> Result<(), Violation> {
        let What::Delivered {
            stream,
            id,
            position,
            prev,
        } = &records[index].what
        else {
            return Ok(());
        };
        let process = &records[index].process;
        let (at, stream) = (stand.at, stream.as_str());
        if let Some((first, by)) = stand.seen.get(id)
            && (first == position || !finals.may_have_dropped(stream, *first))
        {
            let text =
                format!("{process} was handed {id} of {stream} at {first}, again at {position}");
            return Err(self.broken("once-each", records, &[*by, index], text));
        }
        let turn = [stand.by, index];
        if position.epoch != at.epoch {
            let text = format!("{process} stood at {at} in {stream} and was handed {position}");
            return Err(self.broken("epoch-announced", records, &turn, text));
        }
        if position.offset <= at.offset {
            let text = format!(
                "{process} stood at {at} in {stream} and was handed {position}, no later one"
            );
            return Err(self.broken("rising", records, &turn, text));
        }
        if let Some(prev) = prev.filter(|prev| *prev != at.offset) {
            let text = format!(
                "{process} stood at {at} in {stream} and was handed {position}, \
                 which comes after offset {prev}"
            );
            return Err(self.broken("no-gap", records, &turn, text));
        }
        if let Some(missed) = named.between(stream, at, position.offset).first() {
            let text = format!(
                "{process} stood at {at} in {stream} and was handed {position}, without {}",
                missed.position
            );
            return Err(self.broken("no-gap", records, &[stand.by, index, missed.by], text));
        }
        Ok(())
    }

    fn nothing_from_nowhere(
        self,
        records: &[Record],
        finals: &Finals<'_>,
    ) -> Result<(), Violation> {
        let attempts = Attempts::of(records);
        let shown = records.iter().enumerate().filter_map(|(index, record)| {
            let (stream, id, _) = record.what.placed()?;
            matches!(record.what, What::Delivered { .. }).then_some((stream.as_str(), id, index))
        });
        let stored = finals.iter().flat_map(|(stream, held)| {
            let ids = held.log.iter();
            ids.map(move |(_, id)| (stream, *id, held.by))
        });
        let mut phantom = None;
        for (stream, id, index) in shown.chain(stored) {
            let tried = attempts.get(&(stream, id));
            if tried.is_none_or(|tried| tried.invoked == 0) {
                phantom.get_or_insert((stream, id, index));
            } else if tried.is_some_and(Attempts::were_all_refused) {
                let told = records.iter().enumerate().filter(|(_, record)| {
                    matches!(&record.what,
                        What::Invoked { stream: to, id: what } | What::Failed { stream: to, id: what }
                            if to.as_str() == stream && *what == id)
                });
                let mut proof: Vec<usize> = told.map(|(index, _)| index).collect();
                proof.push(index);
                let text = format!("{id} was refused by {stream} and is there nevertheless");
                return Err(self.broken("no-refused", records, &proof, text));
            }
        }
        let Some((stream, id, index)) = phantom else {
            return Ok(());
        };
        let text = format!("{id} is in {stream}, though nobody asked for it");
        Err(self.broken("no-phantom", records, &[index], text))
    }

    fn broken(
        self,
        rule: &'static str,
        records: &[Record],
        proof: &[usize],
        text: String,
    ) -> Violation {
        Violation::shown_by(&self, rule, records, proof.iter().copied(), text)
    }
}

impl Check for OneOrder {
    fn promise(&self) -> &'static str {
        "everybody sees a stream in one order, each message once, across reconnects"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let finals = Finals::of(records);
        self.everybody_agrees(records)?;
        self.each_in_its_turn(records, &finals)?;
        self.nothing_from_nowhere(records, &finals)
    }
}

// === impl Attempts ===

impl Attempts {
    fn of(records: &[Record]) -> BTreeMap<(&str, Id), Self> {
        let mut attempts: BTreeMap<(&str, Id), Self> = BTreeMap::new();
        for record in records {
            match &record.what {
                What::Invoked { stream, id } => {
                    attempts.entry((stream.as_str(), *id)).or_default().invoked += 1;
                }
                What::Failed { stream, id } => {
                    attempts.entry((stream.as_str(), *id)).or_default().failed += 1;
                }
                What::Unknown { stream, id } | What::Acked { stream, id, .. } => {
                    attempts.entry((stream.as_str(), *id)).or_default().open = true;
                }
                _ => {}
            }
        }
        attempts
    }

    fn were_all_refused(&self) -> bool {
        !self.open && self.failed > 0 && self.failed >= self.invoked
    }
}

#[cfg(test)]
mod tests;
