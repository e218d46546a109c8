//! Ends of age already planned, and where another fits among them. It draws
//! nothing: it is told where somebody would like to be.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many planned retirements a planner keeps apart. More than these are
/// spread by jitter alone: at such numbers chance spreads well, and looking for
/// a place would cost more than it saves.
pub const PLANNED_MAX: usize = 4096;

/// Planned instants; several may coincide where nothing else fits.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    planned: BTreeMap<Instant, usize>,
    count: usize,
}

// === impl Calendar ===

impl Calendar {
    /// Enters the instant within `from..=to` that is nearest to `wish` and at
    /// least `gap` from all others; where there is none, the one farthest from
    /// its neighbours.
    ///
    /// With `n` others near, that one is at least `(to - from) / 2 (n + 1)`
    /// away from each: they leave `n + 1` holes, the widest of which is no
    /// smaller than their mean.
    ///
    /// `None` if the calendar is full.
    pub(super) fn enter(
        &mut self,
        wish: Instant,
        (from, to): (Instant, Instant),
        gap: Duration,
    ) -> Option<Instant> {
        if self.count >= PLANNED_MAX {
            return None;
        }
        let at = self
            .free_near(wish, (from, to), gap)
            .unwrap_or_else(|| self.loneliest((from, to)));
        *self.planned.entry(at).or_default() += 1;
        self.count += 1;
        Some(at)
    }

    /// Takes one entry at `at` out, if there is one.
    pub(super) fn strike(&mut self, at: Instant) {
        if let Some(together) = self.planned.get_mut(&at) {
            *together -= 1;
            self.count -= 1;
            if *together == 0 {
                self.planned.remove(&at);
            }
        }
    }

    /// Forgets what lies before `instant`.
    pub(super) fn forget_before(&mut self, instant: Instant) {
        while let Some(first) = self.planned.first_entry() {
            if *first.key() >= instant {
                return;
            }
            self.count -= first.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    fn free_near(
        &self,
        wish: Instant,
        (from, to): (Instant, Instant),
        gap: Duration,
    ) -> Option<Instant> {
        let before = self.free_before(wish, gap).filter(|at| *at >= from);
        let after = self.free_after(wish, gap);
        let after = Some(after).filter(|at| *at <= to);
        match (before, after) {
            (Some(before), Some(after)) if wish - before <= after - wish => Some(before),
            (before, after) => after.or(before),
        }
    }

    /// The first instant from `wish` on that keeps the gap to all.
    fn free_after(&self, wish: Instant, gap: Duration) -> Instant {
        let mut at = wish;
        let near = wish.checked_sub(gap).unwrap_or(wish);
        for &planned in self.planned.range(near..).map(|(at, _)| at) {
            if planned >= at + gap {
                break;
            }
            at = at.max(planned + gap);
        }
        at
    }

    /// The last instant up to `wish` that keeps the gap to all; `None` where it
    /// would lie before the clock began.
    fn free_before(&self, wish: Instant, gap: Duration) -> Option<Instant> {
        let mut at = wish;
        for &planned in self.planned.range(..=wish + gap).rev().map(|(at, _)| at) {
            if planned + gap <= at {
                break;
            }
            at = at.min(planned.checked_sub(gap)?);
        }
        Some(at)
    }

    /// The place within `from..=to` that is farthest from the nearest entry.
    fn loneliest(&self, (from, to): (Instant, Instant)) -> Instant {
        let before = self.planned.range(..from).next_back();
        let after = self.planned.range(to..).find(|(at, _)| **at > to);
        let inside = self.planned.range(from..=to);
        let mut edges: Vec<Option<Instant>> = vec![before.map(|(at, _)| *at)];
        edges.extend(inside.map(|(at, _)| Some(*at)));
        edges.push(after.map(|(at, _)| *at));

        let holes = edges
            .windows(2)
            .map(|hole| lonely(hole[0], hole[1], from, to));
        holes
            .max_by_key(|(distance, _)| *distance)
            .map_or(to, |(_, at)| at)
    }
}

/// The place within `from..=to` that is farthest from both sides of a hole,
/// and how far that is.
fn lonely(
    left: Option<Instant>,
    right: Option<Instant>,
    from: Instant,
    to: Instant,
) -> (Duration, Instant) {
    let at = match (left, right) {
        (Some(left), Some(right)) => (left + (right - left) / 2).clamp(from, to),
        (Some(_), None) | (None, None) => to,
        (None, Some(_)) => from,
    };
    let to_left = left.map_or(Duration::MAX, |left| at.saturating_duration_since(left));
    let to_right = right.map_or(Duration::MAX, |right| right.saturating_duration_since(at));
    (to_left.min(to_right), at)
}
