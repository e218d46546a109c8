//! Whether what was acknowledged or shown is still there in the end.
//!
//! Says nothing about who was shown what in which order: that is
//! [`OneOrder`](super::OneOrder).

use std::collections::BTreeMap;

use super::finals::{Finals, Held};
use super::{Check, Store, Violation};
use crate::history::{History, Id, Position, Record, What};

/// Acknowledged is never lost, and nobody is shown what a crash can take back.
///
/// The store's final log is the judge; a stream in which something was acknowledged
/// or shown and that has no [`What::Final`] is a violation too, since nothing would
/// be proved. Positions below its `first_kept` are excused. Rules:
///
/// * `log-order`: a final log rises;
/// * `once-in-log`: it holds an id once, however often it was repeated;
/// * `one-epoch`: the stream of a durable store never changes its epoch;
/// * `one-place`: an id is acknowledged and shown at one position, unless the first
///   was dropped by retention;
/// * `duplicate-place`: so is one that is acknowledged as a duplicate;
/// * `duplicate-told`: of the acknowledgements of one message one at most is the first;
/// * `ack-taken-back`: what a process was acknowledged it is not refused afterwards;
/// * `ack-lost`: the final log holds every acknowledged id where it was acknowledged;
/// * `shown-lost`: the same for what was delivered;
/// * `final-log`: there is one.
///
/// Of a volatile store only what bears the final epoch is owed.
#[derive(Debug, Clone, Copy)]
pub struct AckedIsKept {
    store: Store,
}

// === impl AckedIsKept ===

impl AckedIsKept {
    /// Judges by what `store` claims of itself.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    fn logs_are_sound(&self, records: &[Record], finals: &Finals<'_>) -> Result<(), Violation> {
        for (stream, held) in finals.iter() {
            let broken = |rule, text| Violation::shown_by(self, rule, records, [held.by], text);
            if let Some(pair) = held.log.windows(2).find(|pair| pair[0].0 >= pair[1].0) {
                let ((before, _), (after, _)) = (pair[0], pair[1]);
                let text = format!("the final log of {stream} holds {after} behind {before}");
                return Err(broken("log-order", text));
            }
            let mut places = BTreeMap::new();
            for (position, id) in held.log {
                if let Some(first) = places.insert((*id, position.epoch), *position) {
                    let text = format!(
                        "the final log of {stream} holds {id} twice, at {first} and at {position}"
                    );
                    return Err(broken("once-in-log", text));
                }
            }
        }
        Ok(())
    }

    fn epochs_stay(&self, records: &[Record]) -> Result<(), Violation> {
        let mut epochs = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let (stream, position) = match &record.what {
                What::Resumed {
                    stream, position, ..
                } => (stream, *position),
                What::Final {
                    stream, first_kept, ..
                } => (stream, *first_kept),
                what => match what.placed() {
                    Some((stream, _, position)) => (stream, position),
                    None => continue,
                },
            };
            let (first, by) = *epochs.entry(stream).or_insert((position.epoch, index));
            if first != position.epoch {
                let other = position.epoch;
                let text = format!(
                    "{stream} went from epoch {first:016x} to {other:016x}, \
                     though its store is durable"
                );
                return Err(Violation::shown_by(
                    self,
                    "one-epoch",
                    records,
                    [by, index],
                    text,
                ));
            }
        }
        Ok(())
    }

    fn places_stay(&self, records: &[Record], finals: &Finals<'_>) -> Result<(), Violation> {
        let mut places: BTreeMap<(&str, u64, Id), (Position, usize)> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let Some((stream, id, position)) = record.what.placed() else {
                continue;
            };
            let key = (stream.as_str(), position.epoch, id);
            let (first, by) = *places.entry(key).or_insert((position, index));
            if first == position {
                continue;
            }
            let lower = first.min(position);
            if finals.may_have_dropped(stream.as_str(), lower) {
                places.insert(key, (position, index));
                continue;
            }
            let again = matches!(
                record.what,
                What::Acked {
                    duplicate: true,
                    ..
                }
            );
            let rule = if again {
                "duplicate-place"
            } else {
                "one-place"
            };
            let text = format!("{id} stood at {first} in {stream}, and then at {position}");
            return Err(Violation::shown_by(self, rule, records, [by, index], text));
        }
        Ok(())
    }

    fn acks_stay(&self, records: &[Record]) -> Result<(), Violation> {
        let mut firsts: BTreeMap<(&str, Position), usize> = BTreeMap::new();
        let mut answered: BTreeMap<(&str, &str, Id), usize> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let process = record.process.as_str();
            match &record.what {
                What::Invoked { stream, id } => {
                    answered.remove(&(process, stream.as_str(), *id));
                }
                What::Acked {
                    stream,
                    id,
                    position,
                    duplicate,
                } => {
                    answered.insert((process, stream.as_str(), *id), index);
                    if *duplicate {
                        continue;
                    }
                    if let Some(by) = firsts.insert((stream.as_str(), *position), index) {
                        let text = format!(
                            "{id} at {position} in {stream} was acknowledged twice, \
                             both times as the first"
                        );
                        let proof = [by, index];
                        return Err(Violation::shown_by(
                            self,
                            "duplicate-told",
                            records,
                            proof,
                            text,
                        ));
                    }
                }
                What::Failed { stream, id } => {
                    let Some(by) = answered.get(&(process, stream.as_str(), *id)) else {
                        continue;
                    };
                    let text = format!("{process} was acknowledged {id} in {stream}, then refused");
                    let proof = [*by, index];
                    return Err(Violation::shown_by(
                        self,
                        "ack-taken-back",
                        records,
                        proof,
                        text,
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn all_is_there(&self, records: &[Record], finals: &Finals<'_>) -> Result<(), Violation> {
        let logs: BTreeMap<&str, (Held<'_>, BTreeMap<Position, Id>)> = finals
            .iter()
            .map(|(stream, held)| (stream, (held, held.log.iter().copied().collect())))
            .collect();
        let mut unproved = None;
        for (index, record) in records.iter().enumerate() {
            let Some((stream, id, position)) = record.what.placed() else {
                continue;
            };
            let Some((held, log)) = logs.get(stream.as_str()) else {
                unproved.get_or_insert((index, stream));
                continue;
            };
            let owed = position.epoch == held.first_kept.epoch
                && position.offset >= held.first_kept.offset;
            let found = log.get(&position);
            if !owed || found == Some(&id) {
                continue;
            }
            let (rule, did) = match record.what {
                What::Acked { .. } => ("ack-lost", "acknowledged"),
                _ => ("shown-lost", "shown"),
            };
            let found = found.map_or("nothing".to_owned(), Id::to_string);
            let process = &record.process;
            let text = format!(
                "{process} was {did} {id} at {position}, where {stream} in the end holds {found}"
            );
            let proof = [index, held.by];
            return Err(Violation::shown_by(self, rule, records, proof, text));
        }
        let Some((index, stream)) = unproved else {
            return Ok(());
        };
        let text =
            format!("nobody wrote down what {stream} holds in the end, so nothing is proved");
        Err(Violation::shown_by(
            self,
            "final-log",
            records,
            [index],
            text,
        ))
    }
}

impl Check for AckedIsKept {
    fn promise(&self) -> &'static str {
        "what was acknowledged or shown is never lost, moved or taken back"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let finals = Finals::of(records);
        self.logs_are_sound(records, &finals)?;
        if self.store == Store::Durable {
            self.epochs_stay(records)?;
        }
        self.places_stay(records, &finals)?;
        self.acks_stay(records)?;
        self.all_is_there(records, &finals)
    }
}

#[cfg(test)]
mod tests;
