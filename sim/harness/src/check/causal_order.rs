//! Whether an answer ever stands before its question.
//!
//! Says nothing about what no process connects, and needs no time: what a process knew
//! is enough.

use std::collections::{BTreeMap, BTreeSet};

use self::graph::Graph;
use super::asks::asks;
use super::finals::Finals;
use super::named::Named;
use super::places::Places;
use super::{Check, Violation};
use crate::history::{History, Id, Name, Record, What};

mod graph;

/// What a process was handed, acknowledged or asked for before it asked for something
/// comes before that, in all streams taken together.
///
/// Rule `causal`: one thing comes before another if it stands lower in the same log, or
/// if a process knew the one when it asked for the other; nothing comes before itself.
/// The circle that is shown is one of the shortest. Whoever asks one stream and then,
/// without waiting, another has asked in that order too.
///
/// What counts as asked for is as with [`PublisherOrder`](super::PublisherOrder): an id
/// that its process gave up as unknown is excused. So is one that several processes asked
/// for, since nobody knows whose it is that stands there, and one that its process was
/// told of before it asked.
#[derive(Debug, Clone, Copy)]
pub struct CausalOrder;

/// What is known of one process that bears on what comes before what.
struct Step {
    /// The record.
    by: usize,
    /// Which of the places it is about.
    place: usize,
    /// Whether it was asked for; else it was handed or acknowledged.
    asked: bool,
}

// === impl CausalOrder ===

impl CausalOrder {
    /// The records that show a circle, such that no circle is left without any of them.
    fn proof(records: &[Record]) -> Option<Vec<usize>> {
        let mut proof = Self::circle(records)?;
        let mut at = 0;
        while at < proof.len() {
            let mut fewer = proof.clone();
            fewer.remove(at);
            let part: Vec<Record> = fewer.iter().map(|index| records[*index].clone()).collect();
            if Self::circle(&part).is_some() {
                proof = fewer;
            } else {
                at += 1;
            }
        }
        Some(proof)
    }

    /// The records that show one of the shortest circles, in order.
    fn circle(records: &[Record]) -> Option<Vec<usize>> {
        let finals = Finals::of(records);
        let (named, places) = (Named::of(records, &finals), Places::of(records));
        let mut graph = Graph::new(named.logs());
        for steps in steps(records, &named, &places).values() {
            // What the process knows, growing.
            let mut known = None;
            for step in steps {
                let now = graph.add_node();
                if let Some(before) = known {
                    graph.add_edge(before, now, None);
                    if step.asked {
                        graph.add_hop(before, step.place, step.by);
                    }
                }
                graph.add_edge(step.place, now, Some(step.by));
                known = Some(now);
            }
        }
        let mut proof = BTreeSet::new();
        for by in graph.shortest_circle()? {
            proof.insert(by);
            if let What::Invoked { stream, id } = &records[by].what {
                proof.extend(places.of_id(stream, *id).map(|(_, told)| told));
            }
        }
        Some(proof.into_iter().collect())
    }

    fn text(witness: &[&Record]) -> String {
        let asked = witness.iter().filter_map(|record| match &record.what {
            What::Invoked { stream, id } => Some((&record.process, stream, id)),
            _ => None,
        });
        let asked: Vec<String> = asked
            .map(|(process, stream, id)| format!("{process} asked {stream} for {id}"))
            .collect();
        let asked = asked.join(", ");
        format!(
            "by what was known when {asked}, and by where all of it stands, it comes before itself"
        )
    }
}

impl Check for CausalOrder {
    fn promise(&self) -> &'static str {
        "what a process knew when it asked for something comes before that in every stream"
    }

    fn verify(&self, history: &History) -> Result<(), Violation> {
        let records = history.records();
        let Some(proof) = Self::proof(records) else {
            return Ok(());
        };
        let witness: Vec<&Record> = proof.iter().map(|index| &records[*index]).collect();
        let text = Self::text(&witness);
        Err(Violation::shown_by(self, "causal", records, proof, text))
    }
}

/// What each process learned and asked for, in order.
fn steps<'a>(
    records: &'a [Record],
    named: &Named<'a>,
    places: &Places<'a>,
) -> BTreeMap<&'a Name, Vec<Step>> {
    let mut asked = BTreeMap::new();
    for ask in asks(records) {
        asked.insert(ask.by, ask);
    }
    let askers = askers(records);
    let mut told = BTreeSet::new();
    let mut steps: BTreeMap<&Name, Vec<Step>> = BTreeMap::new();
    for (by, record) in records.iter().enumerate() {
        let process = &record.process;
        let place = if let Some((stream, id, position)) = record.what.placed() {
            told.insert((process, stream, id));
            named.find(stream, position)
        } else if let Some(ask) = asked.get(&by)
            && askers
                .get(&(ask.stream, ask.id))
                .is_some_and(|who| who.len() == 1)
            && !told.contains(&(process, ask.stream, ask.id))
        {
            let place = places.of_id(ask.stream, ask.id);
            place.and_then(|(position, _)| named.find(ask.stream, position))
        } else {
            None
        };
        let asked = matches!(record.what, What::Invoked { .. });
        if let Some(place) = place {
            let step = Step { by, place, asked };
            steps.entry(process).or_default().push(step);
        }
    }
    steps
}

/// Who ever asked for each id.
fn askers(records: &[Record]) -> BTreeMap<(&Name, Id), BTreeSet<&Name>> {
    let mut askers: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for record in records {
        if let What::Invoked { stream, id } = &record.what {
            let who = askers.entry((stream, *id)).or_default();
            who.insert(&record.process);
        }
    }
    askers
}

#[cfg(test)]
mod tests;
