//! The side that probes.

use std::time::{Duration, Instant};

use super::climb::Climb;
use super::policy::whole;
use super::round_trip::RoundTrip;
use super::silence::Silence;
use super::{Next, Policy, Tally};

/// Decides when to probe and when to give up, on the side that probes.
///
/// A probe is due when for one interval nothing was heard, or nothing was sent:
/// the first to learn whether the peer lives, the second so that the peer
/// learns that we do. Traffic in both directions makes probes needless.
///
/// The first probe of a silence is due at the interval. Once its timeout has
/// passed its answer is missed, and more follow: at every timeout of a
/// [`Fixed`](super::Fixed) heartbeat, at the fast interval of an
/// [`Adaptive`](super::Adaptive) one. As many timeouts after the first as misses
/// are allowed, the peer is dead. Nothing we send moves these points, nor does a
/// probe that could not be written.
#[derive(Debug)]
pub struct Prober {
    policy: Policy,
    climb: Climb,
    silence: Silence,
    sent_at: Instant,
    /// In force since the last byte. What drops or rises meanwhile is for the
    /// next silence: this one keeps the bound it began with.
    interval: Duration,
    /// What the peer was last told, by a probe or in the handshake.
    named: Duration,
    /// How many probes of this silence were due and done.
    probes: u32,
    tally: Tally,
    round_trip: RoundTrip,
}

// === impl Prober ===

impl Prober {
    /// Begins at `now`, when both sides have just heard each other. An adaptive
    /// heartbeat begins at its start interval, which is what the handshake has
    /// to tell.
    pub fn new(policy: impl Into<Policy>, now: Instant) -> Self {
        let policy = policy.into();
        Self {
            climb: Climb::new(&policy),
            silence: Silence::new(now, policy.paused_max()),
            sent_at: now,
            interval: policy.ladder().start,
            named: policy.ladder().start,
            probes: 0,
            tally: Tally::default(),
            round_trip: RoundTrip::default(),
            policy,
        }
    }

    /// Notes that bytes were received, of whatever kind: part of a frame is as
    /// good as an answer.
    pub fn received(&mut self, now: Instant) {
        let in_order = self.tally.in_a_row == 0 && !self.silence.has_last_chance();
        if in_order {
            let silence = now.saturating_duration_since(self.silence.since());
            self.climb.well_for(silence, &self.policy);
        }
        self.silence.received(now);
        self.probes = 0;
        self.tally.in_a_row = 0;
        self.interval = self.sending_interval();
    }

    /// Notes that what was received is an answer to a probe, and returns its
    /// round trip, counted from when the probe was advised.
    ///
    /// An answer does not say which probe it answers, so as in Karn's algorithm
    /// (RFC 6298) nothing is measured while several are under way. Life needs no
    /// answers: [`received`](Self::received) alone keeps a peer alive.
    pub fn answered(&mut self, now: Instant) -> Option<Duration> {
        self.received(now);
        let round_trip = self.round_trip.answered(now)?;
        self.tally.round_trip = Some(round_trip);
        Some(round_trip)
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
        let (limit, least) = (self.silence_max(), self.policy.timeout());
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

    /// The interval in force for the silence that runs.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// How long after its last byte the peer is dead, give or take one tick,
    /// unless it is heard from.
    pub fn silence_max(&self) -> Duration {
        self.policy.silence_max_at(self.interval)
    }

    /// What was counted until now.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What to do at `now`. A caller that comes late owes one probe, however
    /// many were due.
    pub fn poll(&mut self, now: Instant) -> Next {
        if self.silence.is_dead() || self.silence.pause_ends().is_some() {
            return self.poll_sending(now, self.silence.pause_ends());
        }
        let late = now > self.silence_due() + self.policy.tick();
        if (self.silence.take_doubt() || late) && self.silence.grant(now, self.policy.timeout()) {
            self.tally.doubted += 1;
            return self.probe(now);
        }
        self.note_misses(now);
        if let Some(death) = self.silence.death(now, self.silence_max()) {
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
        if let Some(death) = self.silence.death(now, self.silence_max()) {
            return Next::Dead(death);
        }
        let send_due = self.sent_at + self.sending_interval();
        if now >= send_due {
            return self.probe(now);
        }
        Next::Wait(or_at.map_or(send_due, |at| at.min(send_due)))
    }

    /// What the peer may rely on hearing from us at least: never longer than it
    /// was told, so a step up waits for the probe that names it.
    fn sending_interval(&self) -> Duration {
        self.climb.rung().min(self.named)
    }

    /// When the silence next asks for a probe, or after the last one, for the
    /// verdict.
    fn silence_due(&self) -> Instant {
        if self.silence.has_last_chance() {
            return self.silence.ends(self.silence_max());
        }
        self.first_due() + self.policy.probe_due(self.probes)
    }

    fn first_due(&self) -> Instant {
        self.silence.since() + self.interval
    }

    fn note_misses(&mut self, now: Instant) {
        let in_a_row = if !self.silence.has_last_chance() {
            let overdue = now.saturating_duration_since(self.first_due());
            whole(overdue, self.policy.timeout()).min(self.policy.misses())
        } else if now >= self.silence_due() {
            self.tally.in_a_row + 1
        } else {
            return;
        };
        if in_a_row > self.tally.in_a_row {
            self.tally.missed += u64::from(in_a_row - self.tally.in_a_row);
            self.tally.in_a_row = in_a_row;
            self.climb.drop_to_fast(&self.policy);
        }
    }

    fn probe(&mut self, now: Instant) -> Next {
        self.sent_at = now;
        if self.silence.pause_ends().is_none() {
            self.probes = self.probes.max(self.served_by(now));
        }
        self.named = self.climb.rung();
        self.tally.probes += 1;
        self.round_trip
            .asked(now, self.policy.silence_max_at(Duration::ZERO));
        Next::Probe {
            next_interval: self.named,
        }
    }

    /// How many due probes of this silence one sent at `now` stands for.
    fn served_by(&self, now: Instant) -> u32 {
        match now.checked_duration_since(self.first_due()) {
            Some(overdue) => self.policy.probes_due(overdue),
            // A probe for the peer's sake is answered too: one shortly before
            // the first of the silence makes that one needless, or an idle
            // link whose round trip grows would pay twice.
            None => u32::from(self.first_due() < now + self.policy.timeout()),
        }
    }
}
