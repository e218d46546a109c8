//! Which positions are known to hold something, and since when.

use std::collections::BTreeMap;

use super::finals::Finals;
use crate::history::{Name, Position, Record};

/// Every position that anybody named: acknowledged, delivered or in the end stored.
///
/// Offsets need not be consecutive, so this is all a history knows about what lies
/// between two of them.
pub(super) struct Named<'a> {
    /// In order, each once.
    places: Vec<Place<'a>>,
    /// For every log the highest offset named so far, at each record that raised it.
    highest: BTreeMap<(&'a str, u64), Vec<(usize, u64)>>,
}

/// A position somebody named.
pub(super) struct Place<'a> {
    stream: &'a str,
    pub(super) position: Position,
    /// The first record that named it; a final log only where no other did.
    pub(super) by: usize,
}

// === impl Named ===

impl<'a> Named<'a> {
    pub(super) fn of(records: &'a [Record], finals: &Finals<'a>) -> Self {
        let mut places = Vec::new();
        let mut highest: BTreeMap<_, Vec<(usize, u64)>> = BTreeMap::new();
        for (by, record) in records.iter().enumerate() {
            let Some((stream, _, position)) = record.what.placed() else {
                continue;
            };
            let stream = stream.as_str();
            places.push(Place {
                stream,
                position,
                by,
            });
            let raised = highest.entry((stream, position.epoch)).or_default();
            if raised.last().is_none_or(|(_, top)| *top < position.offset) {
                raised.push((by, position.offset));
            }
        }
        for (stream, held) in finals.iter() {
            let by = held.by;
            places.extend(held.log.iter().map(|(position, _)| Place {
                stream,
                position: *position,
                by,
            }));
        }
        // Stable, so that of each position's records the first stays in front.
        places.sort_by_key(Place::key);
        places.dedup_by_key(|place| place.key());
        Self { places, highest }
    }

    /// What is in the log of `after` behind it and before the offset `before`.
    pub(super) fn between(&self, stream: &str, after: Position, before: u64) -> &[Place<'a>] {
        let end = Position {
            offset: before,
            ..after
        };
        let first = self
            .places
            .partition_point(|place| place.key() <= (stream, after));
        let behind = &self.places[first..];
        &behind[..behind.partition_point(|place| place.key() < (stream, end))]
    }

    /// How many positions each log has, the logs in the order of their positions.
    pub(super) fn logs(&self) -> impl Iterator<Item = usize> {
        let one_log = |a: &Place<'_>, b: &Place<'_>| {
            (a.stream, a.position.epoch) == (b.stream, b.position.epoch)
        };
        self.places.chunk_by(one_log).map(<[_]>::len)
    }

    /// The number of a position among those of all logs.
    pub(super) fn find(&self, stream: &Name, position: Position) -> Option<usize> {
        let key = (stream.as_str(), position);
        self.places.binary_search_by_key(&key, Place::key).ok()
    }

    /// The highest position of the log `epoch` that was named before the record
    /// `index`, and by which record.
    pub(super) fn highest_before(
        &self,
        stream: &str,
        epoch: u64,
        index: usize,
    ) -> Option<(Position, usize)> {
        let raised = self.highest.get(&(stream, epoch))?;
        let known = raised.partition_point(|(at, _)| *at < index);
        let (by, offset) = *raised.get(known.checked_sub(1)?)?;
        Some((Position { epoch, offset }, by))
    }
}

// === impl Place ===

impl<'a> Place<'a> {
    fn key(&self) -> (&'a str, Position) {
        (self.stream, self.position)
    }
}
