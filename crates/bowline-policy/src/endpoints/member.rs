//! What a set remembers of one endpoint. It compares itself with no other.

use std::time::{Duration, Instant};

use rand_pcg::Pcg64;

use super::ejection::Ejection;
use super::latency::Latency;
use super::list::Endpoint;
use super::settings::{Failback, Settings};
use crate::random::draw_up_to;

#[derive(Debug)]
pub(super) struct Member<K> {
    pub(super) key: K,
    pub(super) weight: u32,
    /// Failures since the last success.
    pub(super) failures: u32,
    /// Failures since the last success or ejection.
    pub(super) strikes: u32,
    pub(super) ejection: Ejection,
    pub(super) latency: Latency,
    pub(super) trust: Trust,
    pub(super) probe_at: Instant,
}

/// Whether an endpoint is preferred to those after it in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// From this instant on.
    From(Instant),
    /// Not before it has proved its health, of which there is evidence since.
    Doubted { well_since: Option<Instant> },
}

// === impl Member ===

impl<K> Member<K> {
    pub(super) fn new(endpoint: Endpoint<K>, trust: Trust, now: Instant) -> Self {
        Self {
            key: endpoint.key,
            weight: endpoint.weight,
            failures: 0,
            strikes: 0,
            ejection: Ejection::none(now),
            latency: Latency::new(now),
            trust,
            probe_at: now,
        }
    }

    pub(super) fn succeeded(
        &mut self,
        took: Duration,
        settings: &Settings,
        random: &mut Pcg64,
        now: Instant,
    ) {
        self.failures = 0;
        self.strikes = 0;
        // It was out on suspicion, and this is knowledge.
        self.ejection.readmit(now);
        self.latency.took(took, settings.half_life, now);
        let Trust::Doubted { well_since } = &mut self.trust else {
            return;
        };
        let since = *well_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= settings.failback.prefer_after {
            // All who watched it recover would else return in this moment.
            self.trust = Trust::From(now + draw_up_to(random, settings.failback.splay));
        }
    }

    pub(super) fn failed(&mut self, settings: &Settings, random: &mut Pcg64, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        self.strikes = self.strikes.saturating_add(1);
        self.ejection.relapse(&settings.penalty, now);
        self.latency
            .failed(settings.failure_cost, settings.half_life, now);
        self.trust = Trust::Doubted { well_since: None };
        self.probe_later(&settings.failback, random, now);
    }

    /// Keeps it from being probed for a while.
    pub(super) fn probe_later(&mut self, failback: &Failback, random: &mut Pcg64, now: Instant) {
        let every = failback.probe_every;
        self.probe_at = now + every - every / 4 + draw_up_to(random, every / 2);
    }

    /// Postpones being preferred, so that not everybody who was told of a new
    /// order moves at once.
    pub(super) fn prefer_later(&mut self, splay: Duration, now: Instant) {
        if let Trust::From(from) = &mut self.trust {
            *from = now.max(*from) + splay;
        }
    }

    pub(super) fn is_out(&self, now: Instant) -> bool {
        self.ejection.until(now).is_some()
    }

    pub(super) fn is_trusted(&self, now: Instant) -> bool {
        match self.trust {
            Trust::From(from) => from <= now,
            Trust::Doubted { .. } => false,
        }
    }

    /// When it next wants a probe, or may be preferred.
    pub(super) fn due_at(&self, now: Instant) -> Instant {
        let due = match self.trust {
            Trust::From(from) => from,
            Trust::Doubted { .. } => self.probe_at,
        };
        self.ejection.until(now).map_or(due, |until| due.max(until))
    }
}
