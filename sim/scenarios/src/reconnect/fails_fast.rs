//! Whether a caller is told in time that there is no connection, also while faults strike.
//!
//! Says nothing about callers whose connection is up: how long those wait is not the link's
//! to say.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_sim::check::{Check, Violation};
use bowline_sim::history::{History, Id, Name, Record, What};

use super::gauge::GRANTED;

/// While a client has no connection, no call of its handles waits for one for longer than
/// this, counted from when it was asked for or the connection was lost, whichever came last.
///
/// One that was let through waits for nothing any more: its connection may be another than
/// the one that counts, and being left.
///
/// A handle is a process whose name begins with that of its client and a slash. Rule:
/// `fails-fast`.
#[derive(Debug, Clone)]
pub(super) struct FailsFast {
    clients: Vec<Name>,
    within: Duration,
}

/// What is known of one client.
#[derive(Debug, Default)]
struct Line {
    is_up: bool,
    /// The record that says that the connection was lost.
    lost: Option<usize>,
    /// The records that asked, of what is still open.
    open: BTreeMap<(Name, Id), usize>,
}

// === impl FailsFast ===

impl FailsFast {
    pub(super) fn new<'a>(clients: impl IntoIterator<Item = &'a str>, within: Duration) -> Self {
        let clients = clients.into_iter().map(Name::from).collect();
        Self { clients, within }
    }

    /// Judges a call that was asked for in the record `asked` and still open just before `now`.
    fn judge(
        &self,
        records: &[Record],
        line: &Line,
        asked: usize,
        now: usize,
    ) -> Result<(), Violation> {
        let at = |index: usize| records[index].at.map(Duration::from_micros);
        let (Some(asked_at), Some(now_at)) = (at(asked), at(now)) else {
            return Ok(());
        };
        let from = line.lost.and_then(at).unwrap_or_default().max(asked_at);
        if line.is_up || now_at <= from + self.within {
            return Ok(());
        }
        let process = &records[asked].process;
        let (waited, within) = (now_at - from, self.within);
        let proof = line.lost.into_iter().chain([asked, now]);
        let mut proof: Vec<usize> = proof.collect();
        proof.sort_unstable();
        proof.dedup();
        Err(Violation {
            promise: self.promise(),
            rule: "fails-fast",
            witness: proof.into_iter().map(|by| records[by].clone()).collect(),
            explanation: format!(
                "{process} was kept waiting for {waited:?} without a connection, not {within:?}"
            ),
        })
    }
}

impl Check for FailsFast {
    fn promise(&self) -> &'static str {
        "who asks while there is no connection is told so in time"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let mut lines: BTreeMap<&str, Line> = BTreeMap::new();
        for (index, record) in records.iter().enumerate() {
            let process = record.process.as_str();
            let client = process
                .split_once('/')
                .map_or(process, |(client, _)| client);
            if !self.clients.iter().any(|name| name.as_str() == client) {
                continue;
            }
            let line = lines.entry(client).or_default();
            match &record.what {
                What::Invoked { id, .. } => {
                    line.open.insert((record.process.clone(), *id), index);
                }
                What::Acked { id, .. } | What::Failed { id, .. } | What::Unknown { id, .. } => {
                    if let Some(asked) = line.open.remove(&(record.process.clone(), *id)) {
                        self.judge(records, line, asked, index)?;
                    }
                }
                What::Gauge { of, .. } if of.as_str() == GRANTED => {
                    let theirs = |(process, _): &(Name, Id)| *process == record.process;
                    while let Some(key) = line.open.keys().find(|key| theirs(key)).cloned() {
                        if let Some(asked) = line.open.remove(&key) {
                            self.judge(records, line, asked, index)?;
                        }
                    }
                }
                What::Connected { .. } => {
                    for asked in line.open.values() {
                        self.judge(records, line, *asked, index)?;
                    }
                    line.is_up = true;
                }
                What::Lost => (line.is_up, line.lost) = (false, Some(index)),
                _ => {}
            }
        }
        let Some(last) = records.len().checked_sub(1) else {
            return Ok(());
        };
        let mut open = lines.values().flat_map(|line| {
            let asked = line.open.values();
            asked.map(move |asked| (line, *asked))
        });
        open.try_for_each(|(line, asked)| self.judge(records, line, asked, last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Id = Id(7);

    fn check(records: &[(u64, &str, What)]) -> Option<usize> {
        let record = |(secs, who, what): &(u64, &str, What)| {
            Record::new(*who, what.clone()).at(secs * 1_000_000)
        };
        let history: History = records.iter().map(record).collect();
        let verdict = FailsFast::new(["ann"], Duration::from_secs(2)).verify(&history);
        let violation = verdict.err()?;
        // The witness alone breaks the same rule.
        let again: History = violation.witness.iter().cloned().collect();
        let fewer = FailsFast::new(["ann"], Duration::from_secs(2)).verify(&again);
        assert_eq!(fewer.unwrap_err().rule, "fails-fast");
        Some(violation.witness.len())
    }

    fn asked() -> What {
        let stream = "log".into();
        What::Invoked { stream, id: ID }
    }

    fn failed() -> What {
        let stream = "log".into();
        What::Failed { stream, id: ID }
    }

    fn connected() -> What {
        What::Connected {
            to: "server".into(),
        }
    }

    #[test]
    fn who_is_told_in_time_or_connected_in_time_was_told_in_time() {
        assert_eq!(
            check(&[(0, "ann/0", asked()), (2, "ann/0", failed())]),
            None
        );
        assert_eq!(
            check(&[
                (0, "ann/0", asked()),
                (2, "ann", connected()),
                (9, "ann", What::Lost),
                (11, "ann/0", failed()),
            ]),
            None
        );
        // Nobody promised anything to Bob.
        assert_eq!(
            check(&[(0, "bob/0", asked()), (9, "bob/0", failed())]),
            None
        );
    }

    #[test]
    fn who_was_let_through_waits_for_no_connection() {
        let (value, at_most) = (1, u64::MAX);
        let of = GRANTED.into();
        let let_through = What::Gauge { of, value, at_most };
        let left_alone = [
            (0, "ann", connected()),
            (1, "ann/0", asked()),
            (1, "ann/0", let_through.clone()),
            (4, "ann", What::Lost),
            (7, "ann/0", failed()),
        ];
        assert_eq!(check(&left_alone), None);
        let too_late = [(0, "ann/0", asked()), (3, "ann/0", let_through)];
        assert_eq!(check(&too_late), Some(2));
    }

    #[test]
    fn who_waits_for_longer_without_a_connection_is_found() {
        let told_late = [(0, "ann/0", asked()), (3, "ann/0", failed())];
        assert_eq!(check(&told_late), Some(2));
        let lost_and_told_late = [
            (0, "ann", connected()),
            (1, "ann/0", asked()),
            (4, "ann", What::Lost),
            (7, "ann/0", failed()),
        ];
        assert_eq!(check(&lost_and_told_late), Some(3));
        let connected_late = [(0, "ann/0", asked()), (3, "ann", connected())];
        assert_eq!(check(&connected_late), Some(2));
        let never_told = [(0, "ann/0", asked()), (9, "ann", What::Healed)];
        assert_eq!(check(&never_told), Some(2));
    }
}
