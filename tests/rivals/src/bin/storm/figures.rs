//! What a storm came to, in numbers. Whether they are good is not said here.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::contender::BUDGET;
use crate::world::Storm;

/// What one seed came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figures {
    /// Dials from the hang-up until everybody is back, the one that succeeds included.
    pub(crate) dials: u32,
    pub(crate) clients: u32,
    /// Those of the client that dialed most.
    pub(crate) dials_max: u32,
    /// The most dials in any 100 ms of the whole storm.
    pub(crate) peak_100_ms: usize,
    /// The most in any second of it.
    pub(crate) peak_second: usize,
    /// The most in any 100 ms from when the server listens again.
    pub(crate) back_100_ms: usize,
    /// The most in any second of that.
    pub(crate) back_second: usize,
    /// The same as a multiple of the mean second.
    pub(crate) back_ratio: f64,
    /// From when the server listens again until half of the clients are back.
    pub(crate) half: Duration,
    /// Until 99 % are.
    pub(crate) most: Duration,
    /// Until all are.
    pub(crate) all: Duration,
    /// The least burst that a budget of our rate needs to let any process dial as it did.
    pub(crate) burst: f64,
    /// The most dials of one process that were under way at once.
    pub(crate) in_flight: usize,
}

const TENTH: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

// === impl Figures ===

impl Figures {
    pub(crate) fn of(storm: &Storm) -> Self {
        let Storm {
            clients,
            hit_at,
            listens_at,
            ref record,
        } = *storm;
        let mut of_client: BTreeMap<u32, u32> = BTreeMap::new();
        let mut of_process: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
        let mut dials = Vec::new();
        for dial in record.dials.iter().filter(|dial| dial.at >= hit_at) {
            *of_client.entry(dial.client).or_default() += 1;
            of_process.entry(dial.process).or_default().push(dial.at);
            dials.push(dial.at);
        }
        dials.sort_unstable();
        let begin = dials.partition_point(|at| *at < listens_at);
        let recovery = &dials[begin..];
        let back = back(storm);
        let all = back.last().copied().unwrap_or_default();
        let back_second = peak(recovery, SECOND);
        // Who is back within one second has a second as its mean.
        let seconds = all.max(SECOND).as_secs_f64();
        let bursts = of_process.values_mut().map(|dials| burst(dials));
        Self {
            dials: dials.len() as u32,
            clients,
            dials_max: of_client.into_values().max().unwrap_or_default(),
            peak_100_ms: peak(&dials, TENTH),
            peak_second: peak(&dials, SECOND),
            back_100_ms: peak(recovery, TENTH),
            back_second,
            back_ratio: back_second as f64 * seconds / recovery.len().max(1) as f64,
            half: share(&back, 50),
            most: share(&back, 99),
            all,
            burst: bursts.fold(0.0, f64::max),
            in_flight: record.dialing_max.iter().copied().max().unwrap_or_default(),
        }
    }

    pub(crate) fn dials_mean(&self) -> f64 {
        f64::from(self.dials) / f64::from(self.clients)
    }
}

/// How long after the server listened again each client was back, in order.
fn back(storm: &Storm) -> Vec<Duration> {
    let sessions = &storm.record.sessions;
    let since = sessions
        .iter()
        .filter_map(|(_, at)| at.checked_sub(storm.listens_at));
    let mut since: Vec<_> = since.collect();
    since.sort_unstable();
    since
}

/// The time within which so many of a hundred were back.
fn share(back: &[Duration], percent: usize) -> Duration {
    let rank = (back.len() * percent).div_ceil(100).saturating_sub(1);
    back.get(rank).copied().unwrap_or_default()
}

/// The most of `times`, which are in order, that lie within any such time: wherever it begins,
/// not only on the full second.
fn peak(times: &[Duration], within: Duration) -> usize {
    let counts = times.iter().enumerate().map(|(first, begin)| {
        let rest = &times[first..];
        rest.partition_point(|at| *at - *begin < within)
    });
    counts.max().unwrap_or_default()
}

/// The least burst with which a budget of our rate lets `dials` start when they did.
fn burst(dials: &mut [Duration]) -> f64 {
    dials.sort_unstable();
    let rate = f64::from(BUDGET.per_second);
    let (mut lowest, mut burst) = (f64::INFINITY, 0.0_f64);
    for (before, at) in dials.iter().enumerate() {
        let ahead = before as f64 - rate * at.as_secs_f64();
        lowest = lowest.min(ahead);
        burst = burst.max(ahead + 1.0 - lowest);
    }
    burst
}

#[cfg(test)]
mod tests;
