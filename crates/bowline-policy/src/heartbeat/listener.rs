//! The side that answers, and times out by silence.

use std::time::{Duration, Instant};

use super::silence::Silence;
use super::{INTERVAL_MAX, Next, Policy};

/// The longest interval a probe can make a listener wait for unless told: an
/// hour, the most that a handshake would agree on. A peer that names more is
/// not believed.
pub const FOLLOW_MAX_DEFAULT: Duration = Duration::from_secs(60 * 60);

/// Decides when to give up, on the side that answers probes.
///
/// The other side sends something at least every interval, so this side needs
/// no probes of its own: silence of an interval and every timeout is death.
/// Answering is the owner's work.
#[derive(Debug)]
pub struct Listener {
    policy: Policy,
    silence: Silence,
    /// The interval last agreed on or named by a probe.
    interval: Duration,
    follow_max: Duration,
}

// === impl Listener ===

impl Listener {
    /// Begins at `now` with what the handshake told: the interval of a fixed
    /// heartbeat, the start of an adaptive one.
    pub fn new(policy: impl Into<Policy>, now: Instant) -> Self {
        let policy = policy.into();
        Self {
            silence: Silence::new(now, policy.paused_max()),
            interval: policy.ladder().start,
            follow_max: FOLLOW_MAX_DEFAULT.max(policy.ladder().max),
            policy,
        }
    }

    /// Follows probes up to this interval ([`FOLLOW_MAX_DEFAULT`] unless told),
    /// never less than to the handshake's own longest, and never further than
    /// any heartbeat goes, [`INTERVAL_MAX`].
    pub fn follow_max(self, interval: Duration) -> Self {
        Self {
            follow_max: interval.clamp(self.policy.ladder().max, INTERVAL_MAX),
            ..self
        }
    }

    /// Notes that bytes were received, of whatever kind.
    pub fn received(&mut self, now: Instant) {
        self.silence.received(now);
    }

    /// Notes a probe, which names the interval to the next one; the limit of
    /// silence follows it up and down, between the timeout (or the fast interval,
    /// where that is shorter) and the most that is followed.
    ///
    /// Whoever probes keeps to what it named last, so a limit that rises here
    /// never waits for what was to come sooner, and one that falls is kept.
    pub fn probed(&mut self, now: Instant, next_interval: Duration) {
        self.received(now);
        self.interval = next_interval.clamp(self.policy.interval_min(), self.follow_max);
    }

    /// Notes that we stop reading: silence is not counted until we resume, but
    /// the pause is limited.
    pub fn reading_paused(&mut self, now: Instant) {
        self.silence.pause(now);
    }

    /// Notes that we read again. The silence goes on where it stood; where that
    /// leaves less than one timeout, the peer gets one fresh interval and one
    /// timeout.
    pub fn reading_resumed(&mut self, now: Instant) {
        let (limit, least) = (self.silence_max(), self.policy.timeout());
        self.silence.resume(now, limit, least);
    }

    /// Notes that the wall clock jumped against the monotonic one, which stops
    /// in suspend. The peer then owes a probe within one interval, and one
    /// timeout is added.
    ///
    /// A late timer is noticed without being told. Either is granted
    /// [`GRACES_MAX`](super::GRACES_MAX) times in one silence.
    pub fn clock_jumped(&mut self, _now: Instant) {
        self.silence.clock_jumped();
    }

    /// The interval last agreed on or named by a probe.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long after its last byte the peer is dead, by what is agreed now.
    pub fn silence_max(&self) -> Duration {
        self.policy.silence_max_at(self.interval)
    }

    /// What to do at `now`; never to probe.
    pub fn poll(&mut self, now: Instant) -> Next {
        let limit = self.silence_max();
        if !self.silence.is_dead() && self.silence.pause_ends().is_none() {
            let late = now > self.silence.ends(limit) + self.policy.tick();
            if self.silence.take_doubt() || late {
                // Where none is granted any more, the limit below still holds.
                let _granted = self
                    .silence
                    .grant(now, self.interval + self.policy.timeout());
            }
        }
        match self.silence.death(now, limit) {
            Some(death) => Next::Dead(death),
            None => Next::Wait(
                self.silence
                    .pause_ends()
                    .unwrap_or_else(|| self.silence.ends(limit)),
            ),
        }
    }
}
