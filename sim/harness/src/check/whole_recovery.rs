//! Whether who came back got the whole gap or was told that it did not.
//!
//! Says nothing about what a fresh start shows.

use std::collections::BTreeMap;

use super::finals::Finals;
use super::named::Named;
use super::{Check, Violation};
use crate::history::{History, Name, Position, Record, What};

/// Recovery is whole or refused, never part of the gap.
///
/// A replay must be complete before the process joins again or the history ends,
/// unless its connection was lost ([`What::Lost`]) or it left. Rules:
///
/// * `asks-from-stand`: a process that comes back asks from where it stood;
/// * `answered`: it is told whether it was recovered exactly if it asked;
/// * `from-since`: recovered, it goes on from where it asked;
/// * `refusal-replays-nothing`: not recovered, nothing older follows;
/// * `counts-all`: recovered, the replay counts at least all that was known to exist
///   when its connection was lost;
/// * `whole-replay`: the replay has no hole, by what each delivery names as the one
///   before it and by every position that anybody was ever told of;
/// * `replay-ends`: as many deliveries follow as were announced.
#[derive(Debug, Clone, Copy)]
pub struct WholeRecovery;

/// A history being read from its beginning.
struct Reading<'a> {
    records: &'a [Record],
    named: Named<'a>,
    /// The last loss of every process.
    lost: BTreeMap<&'a str, usize>,
    /// By process and stream.
    seats: BTreeMap<(&'a str, &'a str), Seat>,
}

/// Where a process stands in a stream, and what it was announced.
struct Seat {
    at: Position,
    /// The record that put it there.
    by: usize,
    /// The join that announced a replay.
    joined: usize,
    /// How many deliveries of it are still to come.
    left: u64,
}

/// What a process was told when it joined.
struct Answer<'a> {
    stream: &'a Name,
    since: Option<Position>,
    recovered: Option<bool>,
    position: Position,
    count: u64,
}

impl Check for WholeRecovery {
    fn promise(&self) -> &'static str {
        "recovery is whole or refused, never part of what was missed"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let mut reading = Reading::new(records);
        for (index, record) in records.iter().enumerate() {
            let process = record.process.as_str();
            match &record.what {
                What::Lost => {
                    reading.lost.insert(process, index);
                }
                What::Left { stream } => {
                    reading.seats.remove(&(process, stream.as_str()));
                }
                What::Resumed {
                    stream,
                    since,
                    recovered,
                    position,
                    count,
                } => {
                    let answer = Answer {
                        stream,
                        since: *since,
                        recovered: *recovered,
                        position: *position,
                        count: *count,
                    };
                    reading.joins(index, &answer)?;
                }
                What::Delivered {
                    stream,
                    position,
                    prev,
                    ..
                } => reading.is_handed(index, stream, *position, *prev)?,
                _ => {}
            }
        }
        for ((process, _), seat) in &reading.seats {
            reading.replay_is_over(process, seat)?;
        }
        Ok(())
    }
}

// === impl Reading ===

impl<'a> Reading<'a> {
    fn new(records: &'a [Record]) -> Self {
        Self {
            records,
            named: Named::of(records, &Finals::of(records)),
            lost: BTreeMap::new(),
            seats: BTreeMap::new(),
        }
    }

    fn joins(&mut self, index: usize, answer: &Answer<'a>) -> Result<(), Violation> {
        let process = &self.records[index].process;
        let key = (process.as_str(), answer.stream.as_str());
        let seat = self.seats.get(&key);
        if let Some(seat) = seat {
            self.asks_from_its_stand(index, answer, seat)?;
            self.replay_is_over(key.0, seat)?;
        }
        self.is_answered(index, answer)?;
        if let (Some(since), Some(true)) = (answer.since, answer.recovered) {
            // What was known before the loss existed when the join was answered. With
            // no loss, the join was asked for after the process came to where it stands.
            let stood = seat.map(|seat| seat.by);
            let asked_after = self.lost.get(key.0).copied().max(stood);
            if let Some(asked_after) = asked_after {
                self.counts_all(index, answer, since, asked_after)?;
            }
        }
        let seat = Seat {
            at: answer.position,
            by: index,
            joined: index,
            left: answer.count,
        };
        self.seats.insert(key, seat);
        Ok(())
    }

    fn asks_from_its_stand(
        &self,
        index: usize,
        answer: &Answer<'_>,
        seat: &Seat,
    ) -> Result<(), Violation> {
        let (process, stream) = (&self.records[index].process, answer.stream);
        let (at, by) = (seat.at, seat.by);
        match answer.since {
            Some(since) if since != at => {
                let text = format!("{process} stood at {at} in {stream} but asked from {since}");
                Err(self.broken("asks-from-stand", &[by, index], text))
            }
            Some(_) => Ok(()),
            None => match self.lost.get(process.as_str()) {
                Some(lost) if *lost > by => {
                    let text = format!(
                        "{process} stood at {at} in {stream}, lost the connection and came back \
                         as if it had never been there"
                    );
                    Err(self.broken("asks-from-stand", &[by, *lost, index], text))
                }
                _ => Ok(()),
            },
        }
    }

    fn is_answered(&self, index: usize, answer: &Answer<'_>) -> Result<(), Violation> {
        let (process, stream) = (&self.records[index].process, answer.stream);
        let (position, count) = (answer.position, answer.count);
        let (rule, text) = match (answer.since, answer.recovered) {
            (Some(since), Some(true)) if position != since => (
                "from-since",
                format!(
                    "{process} asked from {since} in {stream}, was recovered, and goes on \
                     from {position}"
                ),
            ),
            (Some(since), Some(false)) if count > 0 => (
                "refusal-replays-nothing",
                format!(
                    "{process} asked from {since} in {stream}, was not recovered, \
                     and got a replay of {count} all the same"
                ),
            ),
            (Some(since), None) => (
                "answered",
                format!(
                    "{process} asked from {since} in {stream} and was not told whether \
                     it was recovered"
                ),
            ),
            (None, Some(recovered)) => (
                "answered",
                format!("{process} started afresh in {stream} and was told recovered: {recovered}"),
            ),
            (Some(_), Some(_)) | (None, None) => return Ok(()),
        };
        Err(self.broken(rule, &[index], text))
    }

    fn counts_all(
        &self,
        index: usize,
        answer: &Answer<'a>,
        since: Position,
        asked_after: usize,
    ) -> Result<(), Violation> {
        let (process, stream, count) = (&self.records[index].process, answer.stream, answer.count);
        let name = stream.as_str();
        let top = self.named.highest_before(name, since.epoch, asked_after);
        let Some((top, by)) = top.filter(|(top, _)| *top > since) else {
            return Ok(());
        };
        let enough = usize::try_from(count).unwrap_or(usize::MAX);
        let between = self.named.between(name, since, top.offset);
        let Some(uncounted) = between.get(..enough) else {
            return Ok(());
        };
        let mut proof: Vec<usize> = uncounted.iter().map(|place| place.by).collect();
        proof.extend([by, asked_after, index]);
        let text = format!(
            "{process} was recovered in {stream} from {since} with {count}, \
             but more than that were known up to {top} before it asked"
        );
        Err(self.broken("counts-all", &proof, text))
    }

    fn is_handed(
        &mut self,
        index: usize,
        stream: &'a Name,
        position: Position,
        prev: Option<u64>,
    ) -> Result<(), Violation> {
        let process = self.records[index].process.as_str();
        let key = (process, stream.as_str());
        let Some(seat) = self.seats.get(&key) else {
            let seat = Seat {
                at: position,
                by: index,
                joined: index,
                left: 0,
            };
            self.seats.insert(key, seat);
            return Ok(());
        };
        let mut left = seat.left;
        if self.is_replaying(process, seat) {
            self.is_next(index, stream, seat, position, prev)?;
            left -= 1;
        }
        let seat = Seat {
            at: position,
            by: index,
            joined: seat.joined,
            left,
        };
        self.seats.insert(key, seat);
        Ok(())
    }

    fn is_next(
        &self,
        index: usize,
        stream: &'a Name,
        seat: &Seat,
        position: Position,
        prev: Option<u64>,
    ) -> Result<(), Violation> {
        let process = &self.records[index].process;
        let at = seat.at;
        let follows = position.epoch == at.epoch
            && position.offset > at.offset
            && prev.is_none_or(|prev| prev == at.offset);
        let mut proof = vec![seat.joined, seat.by, index];
        if follows {
            let between = self.named.between(stream.as_str(), at, position.offset);
            let Some(missed) = between.first() else {
                return Ok(());
            };
            proof.push(missed.by);
        }
        let text = format!(
            "{process} was replayed {stream}, stood at {at}, and was handed {position}, \
             which is not the next"
        );
        Err(self.broken("whole-replay", &proof, text))
    }

    fn replay_is_over(&self, process: &str, seat: &Seat) -> Result<(), Violation> {
        if !self.is_replaying(process, seat) {
            return Ok(());
        }
        let left = seat.left;
        let text = format!(
            "{process} was announced a replay of which {left} never came, \
             though its connection was not lost"
        );
        Err(self.broken("replay-ends", &[seat.joined], text))
    }

    fn is_replaying(&self, process: &str, seat: &Seat) -> bool {
        let cut = |lost: &usize| *lost > seat.joined;
        seat.left > 0 && !self.lost.get(process).is_some_and(cut)
    }

    fn broken(&self, rule: &'static str, proof: &[usize], text: String) -> Violation {
        let proof = proof.iter().copied();
        Violation::shown_by(&WholeRecovery, rule, self.records, proof, text)
    }
}

#[cfg(test)]
mod tests;
