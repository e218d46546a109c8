//! Histories edited until exactly one rule breaks: no answer stands before its question.

use std::collections::BTreeSet;

use rand_core::Rng;

use super::super::story::{
    acked, breaks, delivered, failed, held, in_stream, invoked, is_minimal, ordeal, passes, story,
    unknown, verdict, with,
};
use super::super::{CausalOrder, Violation};
use crate::Streams;
use crate::history::{Record, What};

fn attic(record: Record) -> Record {
    in_stream("attic", record)
}

// contract: sim-3
#[test]
fn what_stands_behind_all_that_its_process_knew_passes() {
    passes(&CausalOrder, story());
    passes(&CausalOrder, ordeal());
}

// contract: sim-3
#[test]
fn an_answer_does_not_stand_before_the_question_that_was_handed_over() {
    let late = delivered("bob", 1, 4, 0);
    let proof = [late.clone(), invoked("bob", 2), delivered("ann", 2, 2, 1)];
    let records = with(&delivered("bob", 1, 1, 0), late);
    breaks(&CausalOrder, records, "causal", &proof);
}

// contract: sim-3
#[test]
fn nor_before_what_was_acknowledged_or_asked_for() {
    let late = acked("ann", 1, 5);
    let proof = [late.clone(), invoked("ann", 3), acked("ann", 3, 3)];
    breaks(
        &CausalOrder,
        with(&acked("ann", 1, 1), late),
        "causal",
        &proof,
    );
    let asked = vec![
        invoked("ann", 1),
        invoked("ann", 2),
        delivered("bob", 2, 1, 0),
        held(2, &[(2, 1)]),
    ];
    breaks(&CausalOrder, asked.clone(), "causal", &asked);
}

/// Ann sees 1 in the lobby and says 2 in the attic; bob sees 2 there, and says 3 in the
/// lobby.
fn through_the_attic() -> Vec<Record> {
    vec![
        invoked("cid", 1),
        delivered("ann", 1, 7, 0),
        attic(invoked("ann", 2)),
        attic(acked("ann", 2, 1)),
        attic(delivered("bob", 2, 1, 0)),
        invoked("bob", 3),
        acked("bob", 3, 8),
    ]
}

// contract: sim-3
#[test]
fn an_answer_through_another_stream_does_not_stand_before_its_question_either() {
    passes(&CausalOrder, through_the_attic());
    let early = acked("bob", 3, 6);
    let mut records = through_the_attic();
    records[6] = early.clone();
    let proof = [
        delivered("ann", 1, 7, 0),
        attic(invoked("ann", 2)),
        attic(delivered("bob", 2, 1, 0)),
        invoked("bob", 3),
        early,
    ];
    breaks(&CausalOrder, records, "causal", &proof);
}

// contract: sim-3
#[test]
fn the_shortest_circle_is_shown() {
    let mut records = through_the_attic();
    records[6] = acked("bob", 3, 6);
    // Behind the long circle a short one, which is met later.
    let short = [
        delivered("eve", 1, 7, 0),
        invoked("eve", 4),
        acked("eve", 4, 2),
    ];
    records.extend(short.clone());
    breaks(&CausalOrder, records, "causal", &short);
}

// contract: sim-3
#[test]
fn two_who_see_neither_the_other_are_in_no_order() {
    let records = vec![
        invoked("ann", 1),
        invoked("bob", 2),
        acked("bob", 2, 1),
        acked("ann", 1, 2),
        attic(invoked("ann", 3)),
        attic(invoked("bob", 4)),
        attic(acked("ann", 3, 1)),
        attic(acked("bob", 4, 2)),
    ];
    passes(&CausalOrder, records);
}

// contract: sim-3
#[test]
fn what_may_come_late_or_be_another_s_is_excused() {
    let late = [
        invoked("ann", 2),
        acked("ann", 2, 1),
        delivered("ann", 1, 2, 1),
    ];
    for excuse in [
        vec![invoked("ann", 1), unknown("ann", 1)],
        vec![invoked("ann", 1), failed("ann", 1)],
        vec![invoked("bob", 1), invoked("ann", 1)],
    ] {
        passes(&CausalOrder, [&excuse[..], &late].concat());
    }
    let owed = [&[invoked("ann", 1)][..], &late].concat();
    assert!(verdict(&CausalOrder, owed).is_err());
    let told_before = vec![
        delivered("ann", 2, 1, 0),
        delivered("ann", 1, 2, 1),
        invoked("ann", 2),
    ];
    passes(&CausalOrder, told_before);
}

// contract: sim-3
#[test]
fn a_circle_is_found_exactly_where_there_is_one_and_its_witness_is_minimal() {
    let (mut none, mut short, mut long) = (0, 0, 0);
    for seed in 0..2_000 {
        let records = muddle(seed);
        let violation = verdict(&CausalOrder, records.clone()).err();
        assert_eq!(violation.is_some(), is_circular(&records), "seed {seed}");
        let Some(Violation { witness, .. }) = violation else {
            none += 1;
            continue;
        };
        is_minimal(&CausalOrder, "causal", &witness);
        let people: BTreeSet<_> = witness.iter().filter_map(asks).collect();
        *if people.len() > 1 {
            &mut long
        } else {
            &mut short
        } += 1;
    }
    let each = [none, short, long];
    assert!(each.iter().all(|count| *count > 50), "{each:?}");
}

fn asks(record: &Record) -> Option<&str> {
    matches!(record.what, What::Invoked { .. }).then_some(record.process.as_str())
}

/// Eight things said by three people in two rooms, and handed to some of them, in places
/// that may or may not be possible.
fn muddle(seed: u64) -> Vec<Record> {
    let mut chance = Streams::new(seed).workload(0);
    let mut below = |bound: u64| chance.next_u64() % bound;
    let people = ["ann", "bob", "cid"];
    let room = |id: u64| ["lobby", "attic"][id as usize % 2];
    // Of each room mostly in the order in which they are said.
    let mut offsets: Vec<u64> = (0..8).collect();
    for _ in 0..below(4) {
        let from = below(6) as usize;
        offsets.swap(from, from + 2);
    }
    let mut records = Vec::new();
    for id in 0..8 {
        let who = people[below(3) as usize];
        records.push(in_stream(room(id), invoked(who, id.into())));
        for told in [id, below(id + 1)] {
            let (whom, offset) = (people[below(3) as usize], offsets[told as usize]);
            let handed = delivered(whom, told.into(), offset, 0);
            records.push(in_stream(room(told), handed));
        }
    }
    records
}

/// The same by walking from everything to everything.
fn is_circular(records: &[Record]) -> bool {
    let placed = |record: &Record| {
        let (stream, id, position) = record.what.placed()?;
        Some((stream.clone(), id, position))
    };
    let told: Vec<_> = records.iter().filter_map(placed).collect();
    let about = |record: &Record| match &record.what {
        What::Invoked { stream, id } => told
            .iter()
            .position(|(of, what, _)| (of, what) == (stream, id)),
        _ => {
            let this = placed(record)?;
            told.iter().position(|other| *other == this)
        }
    };
    let count = told.len();
    let mut before = vec![vec![false; count]; count];
    for (one, (stream, _, position)) in told.iter().enumerate() {
        for (other, (of, _, behind)) in told.iter().enumerate() {
            before[one][other] = stream == of && position < behind;
        }
    }
    for (index, record) in records.iter().enumerate() {
        if !matches!(record.what, What::Invoked { .. }) {
            continue;
        }
        let own = records[..index].iter();
        for known in own.filter(|known| known.process == record.process) {
            if let (Some(one), Some(other)) = (about(known), about(record)) {
                before[one][other] = true;
            }
        }
    }
    for by in 0..count {
        for one in 0..count {
            for other in 0..count {
                before[one][other] |= before[one][by] && before[by][other];
            }
        }
    }
    (0..count).any(|one| before[one][one])
}
