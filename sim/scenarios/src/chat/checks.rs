//! What only a chat promises: its clients say nothing twice, its server leaves no hole.

use std::collections::BTreeMap;

use bowline_sim::check::{Check, Violation};
use bowline_sim::history::{History, Record, What};

/// A client repeats what it published only while it knows that the store will notice.
///
/// Rule `said-twice`: no id stands at two places of one log. Retention is no excuse here:
/// where a repetition could stand beside an original that is gone, the client must not
/// repeat, and answer that nobody can tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct SaidOnce;

/// What the server sends on one connection has no hole.
///
/// Rule `needless-join`: nobody joins a stream again, from where they stand, on a connection
/// they did not lose. It is the client's way to mend a hole, and nothing is wrong where a
/// hole is not the server's: then it is not `owed`.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoHoles {
    pub(super) owed: bool,
}

/// Another check, but for what is said in two rooms without waiting in between: rule
/// `causal` asks there for an order that nobody promised.
pub(super) struct NotAcrossRooms(pub(super) Box<dyn Check>);

impl Check for SaidOnce {
    fn promise(&self) -> &'static str {
        "what a client publishes is said once"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let mut places = BTreeMap::new();
        for record in history.records() {
            let (What::Delivered {
                stream,
                id,
                position,
                ..
            }
            | What::Acked {
                stream,
                id,
                position,
                ..
            }) = &record.what
            else {
                continue;
            };
            let key = (stream, *id, position.epoch);
            let (first, told) = *places.entry(key).or_insert((*position, record));
            if first != *position {
                return Err(Violation {
                    promise: self.promise(),
                    rule: "said-twice",
                    witness: witness([told, record]),
                    explanation: format!("{id} stands in {stream} at {first} and at {position}"),
                });
            }
        }
        Ok(())
    }
}

impl Check for NoHoles {
    fn promise(&self) -> &'static str {
        "what the server sends on one connection has no hole"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        if !self.owed {
            return Ok(());
        }
        let mut joined = BTreeMap::new();
        for record in history.records() {
            let process = &record.process;
            match &record.what {
                What::Left { stream } => drop(joined.remove(&(process, stream))),
                What::Lost => joined.retain(|(who, _), _| *who != process),
                What::Resumed { stream, since, .. } => {
                    let before = joined.insert((process, stream), record);
                    if let (Some(before), Some(since)) = (before, since) {
                        return Err(Violation {
                            promise: self.promise(),
                            rule: "needless-join",
                            witness: witness([before, record]),
                            explanation: format!(
                                "{process} joined {stream} again from {since}, \
                                 though its connection was not lost"
                            ),
                        });
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Check for NotAcrossRooms {
    fn promise(&self) -> &'static str {
        self.0.promise()
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let found = self.0.verify(history);
        found.or_else(|found| match found.rule {
            "causal" => Ok(()),
            _ => Err(found),
        })
    }
}

fn witness(records: [&Record; 2]) -> Vec<Record> {
    records.into_iter().cloned().collect()
}
