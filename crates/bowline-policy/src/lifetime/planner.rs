//! Deadlines as values, and who draws them.

use std::time::{Duration, Instant};

use rand_pcg::Pcg64;

use super::Settings;
use super::calendar::Calendar;
use crate::random::{Purpose, Streams, draw_up_to};

/// Hands out planners, each with a jitter of its own.
///
/// Clones share the count, so planners from any of them differ. The same seed
/// gives the same planners in the same order.
#[derive(Debug, Clone)]
pub struct Maker {
    settings: Settings,
    streams: Streams,
}

/// Draws the deadlines of one pool's connections.
///
/// It is not `Clone`: two copies would retire in step.
#[derive(Debug)]
pub struct Planner {
    settings: Settings,
    random: Pcg64,
    calendar: Calendar,
}

/// When a connection is too old, fixed at its birth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Age {
    at: Instant,
    planned: bool,
}

/// When a connection has lain idle for too long, fixed at its return.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Idle {
    at: Instant,
}

// === impl Maker ===

impl Maker {
    /// Makes planners of `settings`, their jitter drawn from `seed`.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            streams: Streams::new(Purpose::Lifetime, seed),
        }
    }

    /// Begins another pool's planning.
    pub fn planner(&self) -> Planner {
        Planner {
            settings: self.settings.clone(),
            random: self.streams.next(),
            calendar: Calendar::default(),
        }
    }

    /// What the planners follow.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

// === impl Planner ===

impl Planner {
    /// Fixes the end of age of a connection that was opened at `now`.
    ///
    /// It lies within the settings' shortest and longest age, evenly drawn, and
    /// then moved to the nearest place at least `gap` from every other end of
    /// age that this planner planned and that is neither past nor given back.
    /// Where none is left, it takes the place farthest from its neighbours:
    /// among `n` of them, at least `(age_max - age_min) / 2 (n + 1)` from each.
    /// Only [`PLANNED_MAX`](super::PLANNED_MAX) are kept apart; further ones
    /// have jitter alone.
    pub fn born(&mut self, now: Instant) -> Age {
        let gap = self.settings.gap_min();
        // What ended less than a gap ago may still be under way.
        if let Some(past) = now.checked_sub(gap) {
            self.calendar.forget_before(past);
        }
        let window = (now + self.settings.age_min(), now + self.settings.age_max());
        let wish = window.1 - self.drawn(self.settings.age_min(), self.settings.age_max());
        let planned = self.calendar.enter(wish, window, gap);
        Age {
            at: planned.unwrap_or(wish),
            planned: planned.is_some(),
        }
    }

    /// Gives the place of a connection back that ended before its age did.
    ///
    /// Without it the place stays taken until its time is past, which only
    /// makes the plan tighter than it had to be.
    pub fn gone(&mut self, age: Age) {
        if age.planned {
            self.calendar.strike(age.at);
        }
    }

    /// Fixes the end of idleness of a connection that was returned at `now`.
    ///
    /// Ends of idleness are spread by jitter and not kept a gap apart: whoever
    /// closes an idle connection opens no other in its place.
    pub fn idle_until(&mut self, now: Instant) -> Idle {
        let (min, max) = (self.settings.idle_min(), self.settings.idle_max());
        Idle {
            at: now + max - self.drawn(min, max),
        }
    }

    /// Draws a time evenly from nothing to `most`, for whatever else a pool
    /// spreads.
    pub fn splay(&mut self, most: Duration) -> Duration {
        draw_up_to(&mut self.random, most)
    }

    /// How many ends of age are planned at present.
    pub fn planned(&self) -> usize {
        self.calendar.len()
    }

    /// What this planner follows.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn drawn(&mut self, min: Duration, max: Duration) -> Duration {
        draw_up_to(&mut self.random, max - min)
    }
}

// === impl Age ===

impl Age {
    /// From when on the connection is too old.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Whether it is too old at `now`.
    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.at
    }
}

// === impl Idle ===

impl Idle {
    /// From when on the connection has lain idle for too long.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Whether that is so at `now`.
    pub fn is_over(&self, now: Instant) -> bool {
        now >= self.at
    }
}
