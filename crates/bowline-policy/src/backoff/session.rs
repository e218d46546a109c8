//! One connection's way through a schedule, and the maker that keeps sessions apart.

use std::time::{Duration, Instant};

use rand_pcg::Pcg64;

use super::Schedule;
use super::hint::HintLimits;
use super::plan::Cursor;
use super::schedule::DELAY_MAX;
use crate::random::{Purpose, Streams, draw, draw_up_to, nanos};

/// Hands out sessions, each with a jitter of its own.
///
/// Clones share the count, so sessions from any of them differ. The same seed
/// gives the same sessions in the same order; processes that must not move
/// together need seeds that differ.
#[derive(Debug, Clone)]
pub struct Maker {
    schedule: Schedule,
    streams: Streams,
}

/// What it takes for a connection to count as stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Time alone: no heartbeat runs, so silence means nothing.
    Time,
    /// Time, and something received after the handshake: an answer to a probe,
    /// a probe of the other side, or data. A black hole holds for a while too.
    TimeAndBytes,
}

/// The backoff of one connection.
///
/// It is not `Clone`: two copies would wait the same delays.
#[derive(Debug)]
pub struct Session {
    schedule: Schedule,
    random: Pcg64,
    cursor: Cursor,
    splay: Option<Duration>,
    attempts: u32,
    up: Option<Up>,
}

#[derive(Debug)]
struct Up {
    since: Instant,
    proof: Proof,
    heard: bool,
}

// === impl Maker ===

impl Maker {
    /// Makes sessions of `schedule`, their jitter drawn from `seed`.
    pub fn new(schedule: Schedule, seed: u64) -> Self {
        Self {
            schedule,
            streams: Streams::new(Purpose::Backoff, seed),
        }
    }

    /// Begins another connection's backoff.
    pub fn session(&self) -> Session {
        Session {
            cursor: self.schedule.plan().start(),
            splay: self.schedule.first_max(),
            schedule: self.schedule.clone(),
            random: self.streams.next(),
            attempts: 0,
            up: None,
        }
    }

    /// What the sessions follow.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

// === impl Session ===

impl Session {
    /// How long to wait before the next attempt, or `None` when the schedule
    /// has ended: what then is the caller's decision, and it should be visible.
    pub fn next_delay(&mut self, now: Instant) -> Option<Duration> {
        let delay = self.cursor.next(now, &mut self.random, &mut self.splay)?;
        self.attempts = self.attempts.saturating_add(1);
        Some(delay)
    }

    /// The same for a failure that does not say that the peer is busy (a time-out,
    /// silence): the first since the start comes at once, but splayed.
    ///
    /// Where the schedule has no [splay](Schedule::splay) of its own, that is a
    /// time drawn from nothing to its first delay. A schedule without any jitter
    /// keeps its delays to the letter.
    pub fn next_delay_soon(&mut self, now: Instant) -> Option<Duration> {
        let eager = self.attempts == 0 && self.splay.is_none() && self.schedule.varies();
        let delay = self.next_delay(now)?;
        Some(match eager {
            true => draw_up_to(&mut self.random, delay),
            false => delay,
        })
    }

    /// The wait that a peer asked for, anything from `from` to `to`, within
    /// `limits` and jittered. It takes the place of the next delay and counts as
    /// one; `None` when the schedule has ended.
    pub fn next_delay_hinted(
        &mut self,
        from: Duration,
        to: Duration,
        limits: HintLimits,
        now: Instant,
    ) -> Option<Duration> {
        self.next_delay(now)?;
        Some(limits.draw(from, to, &mut self.random))
    }

    /// Draws such a wait where no attempt failed: a peer said when to leave it.
    pub fn hinted(&mut self, from: Duration, to: Duration, limits: HintLimits) -> Duration {
        limits.draw(from, to, &mut self.random)
    }

    /// Draws a time evenly from `from` to `to`, both at most [`DELAY_MAX`], from
    /// the jitter of this session: for all who hear one thing in one moment and
    /// should not act on it in one.
    pub fn spread(&mut self, from: Duration, to: Duration) -> Duration {
        let to = nanos(to.min(DELAY_MAX));
        let from = nanos(from.min(DELAY_MAX)).min(to);
        Duration::from_nanos(draw(&mut self.random, from, to))
    }

    /// The delays given since the start or the last reset.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What this session follows.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// Starts the schedule over, at somebody's command. The jitter goes on
    /// where it was, so no sequence is seen twice.
    pub fn reset(&mut self) {
        self.cursor = self.schedule.plan().start();
        self.splay = self.schedule.first_max();
        self.attempts = 0;
    }

    /// Notes that a connection is up, its handshake done. This alone resets
    /// nothing.
    pub fn connected(&mut self, now: Instant, proof: Proof) {
        self.up = Some(Up {
            since: now,
            proof,
            heard: false,
        });
    }

    /// Notes that something was received after the handshake.
    pub fn heard(&mut self) {
        if let Some(up) = &mut self.up {
            up.heard = true;
        }
    }

    /// Notes the end of the connection, and starts over if it had been stable:
    /// up for `stable_after`, and heard from if its [`Proof`] asks for it.
    pub fn lost(&mut self, now: Instant) {
        let Some(up) = self.up.take() else {
            return;
        };
        let proved = match up.proof {
            Proof::Time => true,
            Proof::TimeAndBytes => up.heard,
        };
        if proved && now.saturating_duration_since(up.since) >= self.schedule.up_min() {
            self.reset();
        }
    }
}
