//! The penalty of one endpoint: how long it is out, and how that is forgiven.
//! It does not know how many others are out.

use std::time::Instant;

use rand_pcg::Pcg64;

use super::Penalty;
use crate::random::draw_up_to;

/// What one endpoint is charged with.
#[derive(Debug, Clone)]
pub(super) struct Ejection {
    until: Option<Instant>,
    /// Ejections not yet forgiven, as of `healthy_since`.
    times: u32,
    healthy_since: Instant,
}

// === impl Ejection ===

impl Ejection {
    pub(super) fn none(now: Instant) -> Self {
        Self {
            until: None,
            times: 0,
            healthy_since: now,
        }
    }

    /// Until when it is out, if it is out at `now`.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }

    pub(super) fn eject(&mut self, penalty: &Penalty, random: &mut Pcg64, now: Instant) {
        // More ejections than reach the longest penalty would only take longer
        // to forgive.
        let reach = penalty.longest.as_nanos().div_ceil(penalty.base.as_nanos());
        let reach = u32::try_from(reach).unwrap_or(u32::MAX);
        self.times = self.times(penalty, now).saturating_add(1).min(reach);
        let longest = penalty.base.saturating_mul(self.times).min(penalty.longest);
        let spread = penalty.spread.of_time(longest);
        let until = now + longest - draw_up_to(random, spread);
        self.until = Some(until);
        self.healthy_since = until;
    }

    /// Lets it back in before its time; what it is charged with stays.
    pub(super) fn readmit(&mut self, now: Instant) {
        if self.until(now).is_some() {
            self.healthy_since = now;
        }
        self.until = None;
    }

    /// A failure that does not eject: health is counted from here again.
    pub(super) fn relapse(&mut self, penalty: &Penalty, now: Instant) {
        self.times = self.times(penalty, now);
        self.healthy_since = self.healthy_since.max(now);
    }

    /// How many ejections are not forgiven at `now`.
    pub(super) fn times(&self, penalty: &Penalty, now: Instant) -> u32 {
        let healthy = now.saturating_duration_since(self.healthy_since);
        let forgiven = healthy.as_nanos() / penalty.healthy.as_nanos();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        self.times.saturating_sub(forgiven)
    }
}
