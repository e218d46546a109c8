//! A pool's events as metrics. It counts what the pool says and asks it nothing.

use bowline_policy::Observe;
use bowline_pool::{CloseReason, Death, DialError, Event};
use metrics::{Counter, Gauge, Histogram, Recorder};

use crate::{Family, Label, Metric, NET, Word, Words};

const POOL: Label = Label::configured("pool");

const CLOSES: Words = Words::new(&[
    "ended",
    "failed",
    "unread",
    "idle",
    "dirty",
    "discarded",
    "pool_closed",
    "other",
]);
const DIAL_FAILURES: Words = Words::new(&["refused", "timeout", "stillborn", "panicked", "other"]);
const CHECKOUT_FAILURES: Words = Words::new(&["timeout", "overloaded"]);

const CONNECTIONS: Metric = Metric::gauge(
    "bowline_pool_connections",
    &[POOL],
    "Connections open, lent or parked.",
);
const OPENED: Metric = Metric::counter(
    "bowline_pool_connections_opened_total",
    &[POOL],
    "Connections opened: dials that succeeded.",
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
const CHECKOUTS_FAILED: Metric = Metric::counter(
    "bowline_pool_checkouts_failed_total",
    &[POOL, Label::one_of("reason", CHECKOUT_FAILURES)],
    "Callers that got no connection, by why.",
);

pub(crate) const CATALOGUE: &[Metric] = &[
    CONNECTIONS,
    OPENED,
    CLOSED,
    CONNECT,
    DIALS_FAILED,
    CHECKOUTS_FAILED,
];

/// Observes pools and keeps their metrics.
///
/// Several pools may share one, or one name: their numbers then add up.
#[derive(Debug)]
pub struct PoolMetrics {
    connections: Gauge,
    opened: Counter,
    closed: Family<Counter>,
    connect: Histogram,
    dials_failed: Family<Counter>,
    checkouts_failed: Family<Counter>,
}

impl PoolMetrics {
    /// Registers the metrics of the pool called `pool` in the settings.
    pub fn new(recorder: &dyn Recorder, pool: &str) -> Self {
        let names = &[pool];
        Self {
            connections: CONNECTIONS.one(recorder, names),
            opened: OPENED.one(recorder, names),
            closed: CLOSED.each(recorder, names),
            connect: CONNECT.one(recorder, names),
            dials_failed: DIALS_FAILED.each(recorder, names),
            checkouts_failed: CHECKOUTS_FAILED.each(recorder, names),
        }
    }
}

impl Observe<Event> for PoolMetrics {
    fn observe(&self, event: &Event) {
        match event {
            Event::Opened { took, .. } => {
                self.connections.increment(1.0);
                self.opened.increment(1);
                self.connect.record(*took);
            }
            Event::DialFailed { error, .. } => {
                self.dials_failed.of(dial_failed(error)).increment(1)
            }
            Event::Closed { reason, .. } => {
                self.connections.decrement(1.0);
                self.closed.of(closed(*reason)).increment(1);
            }
            Event::TimedOut { .. } => {
                let timeout = const { CHECKOUT_FAILURES.word("timeout") };
                self.checkouts_failed.of(timeout).increment(1);
            }
            Event::Overloaded { .. } => {
                let overloaded = const { CHECKOUT_FAILURES.word("overloaded") };
                self.checkouts_failed.of(overloaded).increment(1);
            }
            _ => {}
        }
    }
}

fn closed(reason: CloseReason) -> Word {
    match reason {
        CloseReason::Dead(Death::Ended) => const { CLOSES.word("ended") },
        CloseReason::Dead(Death::Failed) => const { CLOSES.word("failed") },
        CloseReason::Dead(Death::Unread) => const { CLOSES.word("unread") },
        CloseReason::Idle => const { CLOSES.word("idle") },
        CloseReason::Dirty => const { CLOSES.word("dirty") },
        CloseReason::Discarded => const { CLOSES.word("discarded") },
        CloseReason::PoolClosed => const { CLOSES.word("pool_closed") },
        _ => const { CLOSES.word("other") },
    }
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bowline_link::Endpoint;
    use bowline_pool::Cause;

    use super::*;
    use crate::Registry;
    use crate::registry::tests::changed;

    fn endpoint() -> Endpoint {
        "history.example:7400".parse().unwrap()
    }

    /// What `events` change, in exposition lines.
    fn check(events: &[Event], expected: &[&str]) {
        let registry = Registry::new(CATALOGUE);
        let metrics = PoolMetrics::new(registry.recorder(), "history");
        let before = registry.render();
        for event in events {
            metrics.observe(event);
        }
        assert_eq!(changed(&before, &registry.render()), expected, "{events:?}");
    }

    #[test]
    fn everything_stands_at_zero_before_any_event() {
        let registry = Registry::new(CATALOGUE);
        let _metrics = PoolMetrics::new(registry.recorder(), "history");
        let expected = r##"# HELP bowline_pool_checkouts_failed_total Callers that got no connection, by why.
# TYPE bowline_pool_checkouts_failed_total counter
bowline_pool_checkouts_failed_total{pool="history",reason="overloaded"} 0
bowline_pool_checkouts_failed_total{pool="history",reason="timeout"} 0
# HELP bowline_pool_connect_duration_seconds How long the dials that succeeded took.
# TYPE bowline_pool_connect_duration_seconds histogram
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.001"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.0025"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.005"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.01"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.025"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.05"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.1"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.25"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="0.5"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="1"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="2.5"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="5"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="10"} 0
bowline_pool_connect_duration_seconds_bucket{pool="history",le="+Inf"} 0
bowline_pool_connect_duration_seconds_sum{pool="history"} 0
bowline_pool_connect_duration_seconds_count{pool="history"} 0
# HELP bowline_pool_connections Connections open, lent or parked.
# TYPE bowline_pool_connections gauge
bowline_pool_connections{pool="history"} 0
# HELP bowline_pool_connections_closed_total Connections closed, by the first reason seen.
# TYPE bowline_pool_connections_closed_total counter
bowline_pool_connections_closed_total{pool="history",reason="dirty"} 0
bowline_pool_connections_closed_total{pool="history",reason="discarded"} 0
bowline_pool_connections_closed_total{pool="history",reason="ended"} 0
bowline_pool_connections_closed_total{pool="history",reason="failed"} 0
bowline_pool_connections_closed_total{pool="history",reason="idle"} 0
bowline_pool_connections_closed_total{pool="history",reason="other"} 0
bowline_pool_connections_closed_total{pool="history",reason="pool_closed"} 0
bowline_pool_connections_closed_total{pool="history",reason="unread"} 0
# HELP bowline_pool_connections_opened_total Connections opened: dials that succeeded.
# TYPE bowline_pool_connections_opened_total counter
bowline_pool_connections_opened_total{pool="history"} 0
# HELP bowline_pool_dials_failed_total Dials that yielded no usable connection, by why.
# TYPE bowline_pool_dials_failed_total counter
bowline_pool_dials_failed_total{pool="history",reason="other"} 0
bowline_pool_dials_failed_total{pool="history",reason="panicked"} 0
bowline_pool_dials_failed_total{pool="history",reason="refused"} 0
bowline_pool_dials_failed_total{pool="history",reason="stillborn"} 0
bowline_pool_dials_failed_total{pool="history",reason="timeout"} 0
"##;
        assert_eq!(registry.render(), expected);
    }

    #[test]
    fn an_opened_connection_is_one_until_it_is_closed() {
        let opened = || Event::Opened {
            id: 1,
            endpoint: endpoint(),
            cause: Cause::Demand,
            took: Duration::from_millis(2500),
        };
        check(
            &[opened()],
            &[
                r#"bowline_pool_connect_duration_seconds_bucket{pool="history",le="2.5"} 1"#,
                r#"bowline_pool_connect_duration_seconds_bucket{pool="history",le="5"} 1"#,
                r#"bowline_pool_connect_duration_seconds_bucket{pool="history",le="10"} 1"#,
                r#"bowline_pool_connect_duration_seconds_bucket{pool="history",le="+Inf"} 1"#,
                r#"bowline_pool_connect_duration_seconds_sum{pool="history"} 2.5"#,
                r#"bowline_pool_connect_duration_seconds_count{pool="history"} 1"#,
                r#"bowline_pool_connections{pool="history"} 1"#,
                r#"bowline_pool_connections_opened_total{pool="history"} 1"#,
            ],
        );
        let closed = Event::Closed {
            id: 1,
            endpoint: endpoint(),
            reason: CloseReason::Idle,
            age: Duration::from_secs(9),
        };
        let registry = Registry::new(CATALOGUE);
        let metrics = PoolMetrics::new(registry.recorder(), "history");
        for event in [opened(), opened(), closed.clone(), closed] {
            metrics.observe(&event);
        }
        let text = registry.render();
        assert!(
            text.contains("bowline_pool_connections{pool=\"history\"} 0\n"),
            "{text}"
        );
    }

    #[test]
    fn every_reason_has_its_word() {
        for (reason, word) in [
            (CloseReason::Dead(Death::Ended), "ended"),
            (CloseReason::Dead(Death::Failed), "failed"),
            (CloseReason::Dead(Death::Unread), "unread"),
            (CloseReason::Idle, "idle"),
            (CloseReason::Dirty, "dirty"),
            (CloseReason::Discarded, "discarded"),
            (CloseReason::PoolClosed, "pool_closed"),
        ] {
            let line = format!(
                r#"bowline_pool_connections_closed_total{{pool="history",reason="{word}"}} 1"#
            );
            check(
                &[Event::Closed {
                    id: 1,
                    endpoint: endpoint(),
                    reason,
                    age: Duration::from_secs(9),
                }],
                &[r#"bowline_pool_connections{pool="history"} -1"#, &line],
            );
        }
    }

    #[test]
    fn what_failed_is_counted_by_how() {
        let refused = DialError::Refused {
            endpoint: endpoint(),
            source: Arc::new(std::io::Error::other("no route")),
        };
        let timed_out = DialError::TimedOut {
            endpoint: endpoint(),
            limit: Duration::from_secs(1),
        };
        for (error, word) in [
            (refused, "refused"),
            (timed_out, "timeout"),
            (
                DialError::Stillborn {
                    endpoint: endpoint(),
                },
                "stillborn",
            ),
            (
                DialError::Panicked {
                    endpoint: endpoint(),
                },
                "panicked",
            ),
        ] {
            let line =
                format!(r#"bowline_pool_dials_failed_total{{pool="history",reason="{word}"}} 1"#);
            let retry_in = Duration::from_secs(1);
            check(&[Event::DialFailed { error, retry_in }], &[&line]);
        }
        let waited = Duration::from_secs(5);
        check(
            &[
                Event::TimedOut { waited },
                Event::Overloaded { waiting: 9 },
                Event::Overloaded { waiting: 9 },
            ],
            &[
                r#"bowline_pool_checkouts_failed_total{pool="history",reason="overloaded"} 2"#,
                r#"bowline_pool_checkouts_failed_total{pool="history",reason="timeout"} 1"#,
            ],
        );
    }
}
