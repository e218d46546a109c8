//! Whether those who are there in the end have seen everything.
//!
//! Says nothing about when: the run must have given them the time.

use std::collections::{BTreeMap, BTreeSet};

use super::finals::Finals;
use super::{Check, Violation};
use crate::history::{History, Name, Position, Record, What};

/// Nothing is left out: who is joined in the end was shown everything that the final
/// log holds after the place where it last started.
///
/// A place to start from is a fresh join, or one that was not recovered. Rules:
///
/// * `joined`: each of the processes named is joined to a stream;
/// * `came-back`: it was joined again, or handed something, after it last lost its
///   connection;
/// * `final-log`: somebody wrote down what that stream holds;
/// * `same-epoch`: the process stands in the final log's epoch;
/// * `nothing-left-out`: it was handed all that the log holds after its start.
#[derive(Debug, Clone)]
pub struct Converged {
    joined: BTreeSet<Name>,
}

/// What a process saw of a stream since it last started there.
struct Seat {
    start: Position,
    /// The record that says so.
    by: usize,
    /// The last record that shows it joined.
    heard: usize,
    handed: BTreeSet<Position>,
}

// === impl Converged ===

impl Converged {
    /// Expects every one of `joined` to have seen all that there is, in every stream
    /// that it joined and did not leave.
    pub fn new(joined: impl IntoIterator<Item = Name>) -> Self {
        let joined = joined.into_iter().collect();
        Self { joined }
    }

    fn judge(
        &self,
        records: &[Record],
        finals: &Finals<'_>,
        (process, stream): (&str, &str),
        seat: &Seat,
    ) -> Result<(), Violation> {
        let broken = |rule, proof: &[usize], text| {
            Violation::shown_by(self, rule, records, proof.iter().copied(), text)
        };
        let Some(held) = finals.of_stream(stream) else {
            let text =
                format!("nobody wrote down what {stream} holds in the end, so nothing is proved");
            return Err(broken("final-log", &[seat.by], text));
        };
        let (start, proof) = (seat.start, [seat.by, held.by]);
        if start.epoch != held.first_kept.epoch {
            let first_kept = held.first_kept;
            let text = format!(
                "{process} started at {start} in {stream}, whose log is in the end another: \
                 it is kept from {first_kept}"
            );
            return Err(broken("same-epoch", &proof, text));
        }
        let owed = held.log.iter().map(|(position, _)| *position);
        let owed =
            owed.filter(|position| position.epoch == start.epoch && position.offset > start.offset);
        let missed: Vec<Position> = owed
            .filter(|position| !seat.handed.contains(position))
            .collect();
        let Some(first) = missed.first() else {
            return Ok(());
        };
        let text = format!(
            "{process} started at {start} in {stream} and in the end lacks {} of it, \
             the first at {first}",
            missed.len()
        );
        Err(broken("nothing-left-out", &proof, text))
    }
}

impl Check for Converged {
    fn promise(&self) -> &'static str {
        "who is joined in the end was shown everything after the place where it started"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let finals = Finals::of(records);
        let (seats, lost) = seats(records);
        let mut absent = None;
        for process in self.joined.iter().map(Name::as_str) {
            let streams = seats.get(process).filter(|streams| !streams.is_empty());
            let Some(streams) = streams else {
                absent.get_or_insert(process);
                continue;
            };
            for (stream, seat) in streams {
                if let Some(lost) = lost.get(process).filter(|lost| **lost > seat.heard) {
                    let text = format!("{process} never came back to {stream}");
                    let proof = [seat.heard, *lost];
                    return Err(Violation::shown_by(self, "came-back", records, proof, text));
                }
                self.judge(records, &finals, (process, stream), seat)?;
            }
        }
        // Last, since nothing can be shown of it.
        if let Some(process) = absent {
            let text = format!("{process} should be joined to a stream and is to none");
            return Err(Violation::shown_by(self, "joined", records, [], text));
        }
        Ok(())
    }
}

type Seats<'a> = BTreeMap<&'a str, BTreeMap<&'a str, Seat>>;

/// Where every process stands in every stream, and when it last lost its connection.
fn seats(records: &[Record]) -> (Seats<'_>, BTreeMap<&str, usize>) {
    let mut seats: Seats<'_> = BTreeMap::new();
    let mut lost = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        let process = record.process.as_str();
        let streams = seats.entry(process).or_default();
        let fresh = |start| Seat {
            start,
            by: index,
            heard: index,
            handed: BTreeSet::new(),
        };
        match &record.what {
            What::Resumed {
                stream,
                recovered: Some(true),
                position,
                ..
            } => {
                let seat = streams.entry(stream.as_str());
                seat.or_insert_with(|| fresh(*position)).heard = index;
            }
            What::Resumed {
                stream, position, ..
            } => {
                streams.insert(stream.as_str(), fresh(*position));
            }
            What::Delivered {
                stream, position, ..
            } => {
                let seat = streams.entry(stream.as_str());
                let seat = seat.or_insert_with(|| fresh(*position));
                seat.heard = index;
                seat.handed.insert(*position);
            }
            What::Left { stream } => {
                streams.remove(stream.as_str());
            }
            What::Lost => {
                lost.insert(process, index);
            }
            _ => {}
        }
    }
    (seats, lost)
}

#[cfg(test)]
mod tests;
