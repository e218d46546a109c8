//! How long nothing was heard, and when that counts against the peer. Both
//! sides of a heartbeat lean on it.

use std::time::{Duration, Instant};

use super::Death;

/// The most last chances in a row without a byte heard. A timer that is always
/// late must not keep a dead peer alive for ever.
pub const GRACES_MAX: u32 = 3;

#[derive(Debug)]
pub(super) struct Silence {
    /// The last byte, later by what was paused since.
    since: Instant,
    paused_at: Option<Instant>,
    pause_max: Duration,
    doubt: Option<Doubt>,
    chance: Option<Chance>,
    chances: u32,
    death: Option<Death>,
}

/// Why what we know of the time since the last byte is worth little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// What arrived in a pause may not have been read yet. A byte clears it.
    Unread,
    /// A clock jumped. Bytes read after a suspend may have lain in the buffer
    /// since before it, so none clears this.
    Jump,
}

/// The one timeout that replaces all other limits after a doubt.
#[derive(Debug, Clone, Copy)]
struct Chance {
    until: Instant,
    allowed: Duration,
}

// === impl Silence ===

impl Silence {
    pub(super) fn new(now: Instant, pause_max: Duration) -> Self {
        Self {
            since: now,
            paused_at: None,
            pause_max,
            doubt: None,
            chance: None,
            chances: 0,
            death: None,
        }
    }

    pub(super) fn received(&mut self, now: Instant) {
        self.since = self.since.max(now);
        if self.doubt == Some(Doubt::Unread) {
            self.doubt = None;
        }
        self.chance = None;
        self.chances = 0;
    }

    pub(super) fn pause(&mut self, now: Instant) {
        self.paused_at.get_or_insert(now);
    }

    /// Goes on where the silence stood when reading paused. If that leaves less
    /// than `least`, what arrived meanwhile needs time to be read: a doubt.
    pub(super) fn resume(&mut self, now: Instant, limit: Duration, least: Duration) {
        let Some(paused_at) = self.paused_at.take() else {
            return;
        };
        let uncounted = now.saturating_duration_since(paused_at.max(self.since));
        self.since += uncounted;
        if let Some(chance) = &mut self.chance {
            chance.until += uncounted;
        }
        if self.ends(limit) < now + least {
            self.doubt.get_or_insert(Doubt::Unread);
        }
    }

    pub(super) fn clock_jumped(&mut self) {
        self.doubt = Some(Doubt::Jump);
    }

    pub(super) fn take_doubt(&mut self) -> bool {
        self.doubt.take().is_some()
    }

    /// Replaces the limit by one last chance, if there were not too many.
    pub(super) fn grant(&mut self, now: Instant, allowed: Duration) -> bool {
        if self.chances == GRACES_MAX {
            return false;
        }
        self.chances += 1;
        self.chance = Some(Chance {
            until: now + allowed,
            allowed,
        });
        true
    }

    pub(super) fn has_last_chance(&self) -> bool {
        self.chance.is_some()
    }

    /// From when the silence counts.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// When the peer is dead, if all silence is limited by `limit`.
    pub(super) fn ends(&self, limit: Duration) -> Instant {
        match self.chance {
            Some(chance) => chance.until,
            None => self.since + limit,
        }
    }

    /// When the running pause ends the connection; `None` while reading.
    pub(super) fn pause_ends(&self) -> Option<Instant> {
        Some(self.paused_at? + self.pause_max)
    }

    /// Whether `now` is past a limit. Once dead, dead: no byte brings it back.
    pub(super) fn death(&mut self, now: Instant, limit: Duration) -> Option<Death> {
        if self.death.is_none() {
            self.death = match self.paused_at {
                Some(paused_at) => {
                    let paused = now.saturating_duration_since(paused_at);
                    (paused >= self.pause_max).then_some(Death::Pause {
                        paused,
                        allowed: self.pause_max,
                    })
                }
                None => (now >= self.ends(limit)).then(|| Death::Silence {
                    silent: now.saturating_duration_since(self.since),
                    allowed: self.chance.map_or(limit, |chance| chance.allowed),
                }),
            };
        }
        self.death
    }

    pub(super) fn is_dead(&self) -> bool {
        self.death.is_some()
    }
}
