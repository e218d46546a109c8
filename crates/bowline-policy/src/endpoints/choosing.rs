//! One of several, by order, by weight or by latency. Who may be chosen at all
//! is not decided here; of nobody, nobody is chosen.

use std::time::{Duration, Instant};

use rand_pcg::Pcg64;

use super::member::Member;
use crate::random::draw;

/// The first that is trusted, else the one with the fewest failures in a row.
pub(super) fn first<'a, K>(open: &[&'a Member<K>], now: Instant) -> Option<&'a Member<K>> {
    // Of equals, the minimum is the first.
    let best = open
        .iter()
        .min_by_key(|one| (!one.is_trusted(now), one.failures));
    best.copied()
}

/// By chance, each as often as its weight says.
pub(super) fn by_weight<'a, K>(
    open: &[&'a Member<K>],
    random: &mut Pcg64,
) -> Option<&'a Member<K>> {
    let total: u64 = open.iter().map(|one| u64::from(one.weight)).sum();
    let mut left = draw(random, 0, total.checked_sub(1)?);
    let mut open = open.iter();
    open.find(|one| {
        let hit = left < u64::from(one.weight);
        left = left.saturating_sub(one.weight.into());
        hit
    })
    .copied()
}

/// Of two drawn by chance, the one whose connects take less time.
pub(super) fn fastest_of_two<'a, K>(
    open: &[&'a Member<K>],
    half_life: Duration,
    random: &mut Pcg64,
    now: Instant,
) -> Option<&'a Member<K>> {
    let last = open.len().checked_sub(1)? as u64;
    let one = draw(random, 0, last);
    let Some(but_one) = last.checked_sub(1) else {
        return open.first().copied();
    };
    let other = draw(random, 0, but_one);
    let other = if other >= one { other + 1 } else { other };
    let [one, other] = [one, other].map(|at| {
        let at = usize::try_from(at).expect("an index into what was drawn from");
        open[at]
    });
    let faster = other.latency.at(now, half_life) < one.latency.at(now, half_life);
    Some(if faster { other } else { one })
}
