//! One connection's way through a schedule, and the maker that keeps sessions apart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand_pcg::Pcg64;

use super::Schedule;
use super::plan::Cursor;

/// Hands out sessions, each with a jitter of its own.
///
/// Clones share the count, so sessions from any of them differ. The same seed
/// gives the same sessions in the same order; processes that must not move
/// together need seeds that differ.
#[derive(Debug, Clone)]
pub struct Maker {
    schedule: Schedule,
    seed: u64,
    sessions: Arc<AtomicU64>,
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
            seed,
            sessions: Arc::new(AtomicU64::new(0)),
        }
    }

    /// Begins another connection's backoff.
    pub fn session(&self) -> Session {
        // Only that each number is given once matters, not what is seen beside it.
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        Session {
            cursor: self.schedule.plan().start(),
            splay: self.schedule.first_max(),
            schedule: self.schedule.clone(),
            random: stream(self.seed, number),
            attempts: 0,
            up: None,
        }
    }

    /// What the sessions follow.
    pub fn schedule(&self) -> &Schedule {
        &self.schedule
    }
}

/// The generator of session `number`: a stream of its own, which no other
/// session of this seed shares, from a state that differs too.
///
/// Streams from one state, or from neighbouring ones, begin alike; hence the
/// mixing.
fn stream(seed: u64, number: u64) -> Pcg64 {
    let high = mixed(seed ^ mixed(number));
    let low = mixed(high);
    Pcg64::new(
        (u128::from(high) << 64) | u128::from(low),
        u128::from(number),
    )
}

/// Spreads a small difference over all bits (the finisher of SplitMix64).
fn mixed(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
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
