//! A pool's events as metrics. It counts what the pool says and asks it nothing.

use bowline_policy::Observe;
use bowline_pool::{Cause, CheckError, CloseReason, DialError, Doubt, Event};
use metrics::{Counter, Gauge, Histogram, Recorder};

use crate::{Family, Label, Metric, NET, WAIT, Word, Words};

const POOL: Label = Label::configured("pool");

const CAUSES: Words = Words::new(&["demand", "min", "succession", "move", "other"]);
const CLOSES: Words = Words::new(&[
    "ended",
    "failed",
    "unread",
    "silent",
    "unproved",
    "doubtful",
    "idle",
    "age",
    "dirty",
    "poisoned",
    "discarded",
    "detached",
    "cleared",
    "over_max",
    "yielded",
    "endpoint_gone",
    "moved",
    "pool_closed",
    "other",
]);
const DIAL_FAILURES: Words = Words::new(&["refused", "timeout", "stillborn", "panicked", "other"]);
const CHECKS: Words = Words::new(&["failed", "timeout", "left_unfit", "panicked", "other"]);
const DOUBTS: Words = Words::new(&["death", "leap", "other"]);
const CHECKOUT_FAILURES: Words = Words::new(&["timeout", "overloaded", "failed_fast"]);

const CONNECTIONS: Metric = Metric::gauge(
    "bowline_pool_connections",
    &[POOL],
    "Connections open, lent or parked.",
);
const OPENED: Metric = Metric::counter(
    "bowline_pool_connections_opened_total",
    &[POOL, Label::one_of("cause", CAUSES)],
    "Connections opened, by why they were dialed.",
);
const CLOSED: Metric = Metric::counter(
    "bowline_pool_connections_closed_total",
    &[POOL, Label::one_of("reason", CLOSES)],
    "Connections closed, by the first reason seen.",
);
const CONNECT: Metric = Metric::durations(
    "bowline_pool_connect_duration_seconds",
    NET,
    &[POOL],
    "How long the dials that succeeded took.",
);
const DIALS_FAILED: Metric = Metric::counter(
    "bowline_pool_dials_failed_total",
    &[POOL, Label::one_of("reason", DIAL_FAILURES)],
    "Dials that yielded no usable connection, by why.",
);
const WAITED: Metric = Metric::durations(
    "bowline_pool_wait_duration_seconds",
    WAIT,
    &[POOL],
    "How long those stood in line who then got a connection; who did not stand in line is not counted.",
);
const CHECKOUTS_FAILED: Metric = Metric::counter(
    "bowline_pool_checkouts_failed_total",
    &[POOL, Label::one_of("reason", CHECKOUT_FAILURES)],
    "Callers that got no connection, by why.",
);
const PINGED: Metric = Metric::durations(
    "bowline_pool_ping_duration_seconds",
    NET,
    &[POOL],
    "How long the answers to pings of parked connections took.",
);
const CHECKS_FAILED: Metric = Metric::counter(
    "bowline_pool_checks_failed_total",
    &[POOL, Label::one_of("reason", CHECKS)],
    "Connections that did not pass a check, by why.",
);
const DOUBTED: Metric = Metric::counter(
    "bowline_pool_doubts_total",
    &[POOL, Label::one_of("reason", DOUBTS)],
    "Times nothing parked was trusted any more until it proved itself.",
);
// Counted, not a gauge: a pool that is closed while it is down never comes up.
const OUTAGES: Metric = Metric::counter(
    "bowline_pool_outages_total",
    &[POOL],
    "Times callers were told at once from then on that nobody can be reached.",
);
const OUTAGE: Metric = Metric::durations(
    "bowline_pool_outage_duration_seconds",
    WAIT,
    &[POOL],
    "How long callers were told so, of the outages that ended.",
);
const SUSPENSIONS: Metric = Metric::counter(
    "bowline_pool_suspensions_total",
    &[POOL],
    "Times a pool was told to lend nothing until it is resumed.",
);
const LEAKS: Metric = Metric::counter(
    "bowline_pool_leaks_suspected_total",
    &[POOL],
    "Connections lent for so long that their caller may have forgotten them.",
);
const MOVES: Metric = Metric::counter(
    "bowline_pool_moves_total",
    &[POOL],
    "Connections that began to move to another endpoint.",
);
const LISTS_KEPT: Metric = Metric::counter(
    "bowline_pool_endpoint_lists_kept_total",
    &[POOL],
    "Times a new list of endpoints was refused or its source had a problem.",
);

pub(crate) const CATALOGUE: &[Metric] = &[
    CONNECTIONS,
    OPENED,
    CLOSED,
    CONNECT,
    DIALS_FAILED,
    WAITED,
    CHECKOUTS_FAILED,
    PINGED,
    CHECKS_FAILED,
    DOUBTED,
    OUTAGES,
    OUTAGE,
    SUSPENSIONS,
    LEAKS,
    MOVES,
    LISTS_KEPT,
];

/// Observes pools and keeps their metrics.
///
/// Several pools may share one, or one name: their numbers then add up.
#[derive(Debug)]
pub struct PoolMetrics {
    connections: Gauge,
    opened: Family<Counter>,
    closed: Family<Counter>,
    connect: Histogram,
    dials_failed: Family<Counter>,
    waited: Histogram,
    checkouts_failed: Family<Counter>,
    pinged: Histogram,
    checks_failed: Family<Counter>,
    doubted: Family<Counter>,
    outages: Counter,
    outage: Histogram,
    suspensions: Counter,
    leaks: Counter,
    moves: Counter,
    lists_kept: Counter,
}

impl PoolMetrics {
    /// Registers the metrics of the pool called `pool` in the settings.
    pub fn new(recorder: &dyn Recorder, pool: &str) -> Self {
        let names = &[pool];
        Self {
            connections: CONNECTIONS.one(recorder, names),
            opened: OPENED.each(recorder, names),
            closed: CLOSED.each(recorder, names),
            connect: CONNECT.one(recorder, names),
            dials_failed: DIALS_FAILED.each(recorder, names),
            waited: WAITED.one(recorder, names),
            checkouts_failed: CHECKOUTS_FAILED.each(recorder, names),
            pinged: PINGED.one(recorder, names),
            checks_failed: CHECKS_FAILED.each(recorder, names),
            doubted: DOUBTED.each(recorder, names),
            outages: OUTAGES.one(recorder, names),
            outage: OUTAGE.one(recorder, names),
            suspensions: SUSPENSIONS.one(recorder, names),
            leaks: LEAKS.one(recorder, names),
            moves: MOVES.one(recorder, names),
            lists_kept: LISTS_KEPT.one(recorder, names),
        }
    }
}

impl Observe<Event> for PoolMetrics {
    fn observe(&self, event: &Event) {
        match event {
            Event::Opened { cause, took, .. } => {
                self.connections.increment(1.0);
                self.opened.of(opened(*cause)).increment(1);
                self.connect.record(*took);
            }
            Event::DialFailed { error, .. } => {
                self.dials_failed.of(dial_failed(error)).increment(1);
            }
            Event::Closed { reason, .. } => {
                self.connections.decrement(1.0);
                self.closed.of(closed(*reason)).increment(1);
            }
            Event::Pinged { took, .. } => self.pinged.record(*took),
            Event::CheckFailed { error, .. } => {
                self.checks_failed.of(check_failed(error)).increment(1);
            }
            Event::Doubted { doubt } => self.doubted.of(doubted(*doubt)).increment(1),
            Event::Served { waited } => self.waited.record(*waited),
            Event::TimedOut { .. } => {
                let timeout = const { CHECKOUT_FAILURES.word("timeout") };
                self.checkouts_failed.of(timeout).increment(1);
            }
            Event::Overloaded { .. } => {
                let overloaded = const { CHECKOUT_FAILURES.word("overloaded") };
                self.checkouts_failed.of(overloaded).increment(1);
            }
            Event::FailedFast => {
                let failed_fast = const { CHECKOUT_FAILURES.word("failed_fast") };
                self.checkouts_failed.of(failed_fast).increment(1);
            }
            Event::WentDown { .. } => self.outages.increment(1),
            Event::CameUp { down_for } => self.outage.record(*down_for),
            Event::Suspended => self.suspensions.increment(1),
            Event::LeakSuspected(_) => self.leaks.increment(1),
            Event::Moving { .. } => self.moves.increment(1),
            Event::EndpointsKept { .. } => self.lists_kept.increment(1),
            // What somebody asked for is in the logs.
            _ => {}
        }
    }
}

fn opened(cause: Cause) -> Word {
    match cause {
        Cause::Demand => const { CAUSES.word("demand") },
        Cause::Min => const { CAUSES.word("min") },
        Cause::Succession => const { CAUSES.word("succession") },
        Cause::Move => const { CAUSES.word("move") },
        _ => const { CAUSES.word("other") },
    }
}

fn closed(reason: CloseReason) -> Word {
    let other = const { CLOSES.word("other") };
    CLOSES.find(reason.as_str()).unwrap_or(other)
}

fn dial_failed(error: &DialError) -> Word {
    match error {
        DialError::Refused { .. } => const { DIAL_FAILURES.word("refused") },
        DialError::TimedOut { .. } => const { DIAL_FAILURES.word("timeout") },
        DialError::Stillborn { .. } => const { DIAL_FAILURES.word("stillborn") },
        DialError::Panicked { .. } => const { DIAL_FAILURES.word("panicked") },
        _ => const { DIAL_FAILURES.word("other") },
    }
}

fn check_failed(error: &CheckError) -> Word {
    match error {
        CheckError::Failed { .. } => const { CHECKS.word("failed") },
        CheckError::TimedOut { .. } => const { CHECKS.word("timeout") },
        CheckError::LeftUnfit => const { CHECKS.word("left_unfit") },
        CheckError::Panicked => const { CHECKS.word("panicked") },
        _ => const { CHECKS.word("other") },
    }
}

fn doubted(doubt: Doubt) -> Word {
    match doubt {
        Doubt::Death(_) => const { DOUBTS.word("death") },
        Doubt::Leap(_) => const { DOUBTS.word("leap") },
        _ => const { DOUBTS.word("other") },
    }
}

#[cfg(test)]
mod tests;
