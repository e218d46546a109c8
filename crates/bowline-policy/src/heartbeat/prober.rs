//! The side that probes.

use std::time::{Duration, Instant};

use super::silence::Silence;
use super::{Fixed, Next};

/// Decides when to probe and when to give up, on the side that probes.
///
/// A probe is due when for one interval nothing was heard, or nothing was sent:
/// the first to learn whether the peer lives, the second so that the peer
/// learns that we do. Traffic in both directions makes probes needless.
///
/// Probes of a silence are due at the interval and at every timeout after it,
/// as often as misses are allowed; one timeout after the last, the peer is
/// dead. Nothing we send moves these points, nor does a probe that could not be
/// written.
#[derive(Debug)]
pub struct Prober {
    policy: Fixed,
    silence: Silence,
    sent_at: Instant,
    /// How many probes of this silence were due and done.
    probes: u32,
}

// === impl Prober ===

impl Prober {
    /// Begins at `now`, when both sides have just heard each other.
    pub fn new(policy: Fixed, now: Instant) -> Self {
        Self {
            policy,
            silence: Silence::new(now, policy.paused_max()),
            sent_at: now,
            probes: 0,
        }
    }

    /// Notes that bytes were received, of whatever kind: part of a frame is as
    /// good as an answer.
    pub fn received(&mut self, now: Instant) {
        self.silence.received(now);
        self.probes = 0;
    }

    /// Notes that bytes were sent. Only a probe for the peer's sake waits for
    /// this, never one of a silence.
    pub fn sent(&mut self, now: Instant) {
        self.sent_at = self.sent_at.max(now);
    }

    /// Notes that we stop reading. Until we resume, silence is not counted, but
    /// the pause is limited, and probes that keep the peer sure of us go on.
    pub fn reading_paused(&mut self, now: Instant) {
        self.silence.pause(now);
    }

    /// Notes that we read again. The silence goes on where it stood; where that
    /// leaves less than one timeout, there is one fresh probe and one timeout.
    pub fn reading_resumed(&mut self, now: Instant) {
        let (limit, least) = (self.policy.silence_max(), self.policy.timeout());
        self.silence.resume(now, limit, least);
    }

    /// Notes that the wall clock jumped against the monotonic one, which stops
    /// in suspend: nobody knows how long the peer was silent. One fresh probe
    /// follows, and one timeout.
    ///
    /// A late timer is noticed without being told. Either is granted
    /// [`GRACES_MAX`](super::GRACES_MAX) times in one silence.
    pub fn clock_jumped(&mut self, _now: Instant) {
        self.silence.clock_jumped();
    }

    /// What to do at `now`. A caller that comes late owes one probe, however
    /// many were due.
    pub fn poll(&mut self, now: Instant) -> Next {
        let limit = self.policy.silence_max();
        if self.silence.is_dead() || self.silence.pause_ends().is_some() {
            return self.poll_sending(now, self.silence.pause_ends());
        }
        let late = now > self.silence_due() + self.policy.tick();
        if (self.silence.take_doubt() || late) && self.silence.grant(now, self.policy.timeout()) {
            return self.probe(now);
        }
        if let Some(death) = self.silence.death(now, limit) {
            return Next::Dead(death);
        }
        if now >= self.silence_due() {
            return self.probe(now);
        }
        self.poll_sending(now, Some(self.silence_due()))
    }

    /// Only death, what the peer must hear from us, and another instant that
    /// may come first.
    fn poll_sending(&mut self, now: Instant, or_at: Option<Instant>) -> Next {
        if let Some(death) = self.silence.death(now, self.policy.silence_max()) {
            return Next::Dead(death);
        }
        let send_due = self.sent_at + self.policy.interval();
        if now >= send_due {
            return self.probe(now);
        }
        Next::Wait(or_at.map_or(send_due, |at| at.min(send_due)))
    }

    /// When the silence next asks for a probe, or after the last one, for the
    /// verdict.
    fn silence_due(&self) -> Instant {
        if self.silence.has_last_chance() {
            return self.silence.ends(self.policy.silence_max());
        }
        self.first_due() + self.policy.timeout() * self.probes
    }

    fn first_due(&self) -> Instant {
        self.silence.since() + self.policy.interval()
    }

    fn probe(&mut self, now: Instant) -> Next {
        self.sent_at = now;
        if self.silence.pause_ends().is_none() {
            let served = self.served_by(now).min(self.policy.misses());
            self.probes = self.probes.max(served);
        }
        Next::Probe {
            next_interval: self.policy.interval(),
        }
    }

    /// How many due probes of this silence one sent at `now` stands for.
    fn served_by(&self, now: Instant) -> u32 {
        let timeout = self.policy.timeout();
        match now.checked_duration_since(self.first_due()) {
            Some(overdue) => whole(overdue, timeout).saturating_add(1),
            // A probe for the peer's sake is answered too: one shortly before
            // the first of the silence makes that one needless, or an idle
            // link whose round trip grows would pay twice.
            None if self.first_due() < now + timeout => 1,
            None => 0,
        }
    }
}

/// How often `part` fits into `time`.
fn whole(time: Duration, part: Duration) -> u32 {
    u32::try_from(time.as_nanos() / part.as_nanos()).unwrap_or(u32::MAX)
}
