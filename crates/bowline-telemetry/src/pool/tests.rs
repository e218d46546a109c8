//! What each event of a pool changes, in exposition lines.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::Endpoint;
use bowline_pool::Death;

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
    let text = registry.render();
    let mut names = std::collections::BTreeSet::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.ends_with(" 0"), "{line}");
        names.extend(line.split(['{', ' ']).next());
    }
    for metric in CATALOGUE {
        let name = metric.name();
        let count = format!("{name}_count");
        assert!(names.contains(name) || names.contains(&*count), "{name}");
    }
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
            r#"bowline_pool_connections_opened_total{pool="history",cause="demand"} 1"#,
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
fn every_reason_to_close_has_its_word() {
    let deaths = [Death::Ended, Death::Failed, Death::Unread, Death::Silent];
    let others = [
        CloseReason::Unproved,
        CloseReason::Doubtful,
        CloseReason::Idle,
        CloseReason::Age,
        CloseReason::Dirty,
        CloseReason::Poisoned,
        CloseReason::Discarded,
        CloseReason::Detached,
        CloseReason::Cleared,
        CloseReason::OverMax,
        CloseReason::Yielded,
        CloseReason::EndpointGone,
        CloseReason::Moved,
        CloseReason::PoolClosed,
    ];
    let reasons: Vec<_> = deaths
        .map(CloseReason::Dead)
        .into_iter()
        .chain(others)
        .collect();
    assert_eq!(reasons.len() + 1, CLOSES.all().len(), "and one for others");
    for reason in reasons {
        let word = reason.as_str();
        let line =
            format!(r#"bowline_pool_connections_closed_total{{pool="history",reason="{word}"}} 1"#);
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
fn what_became_of_checks_and_doubts_is_counted_by_why() {
    let failed = |error| Event::CheckFailed {
        id: 1,
        endpoint: endpoint(),
        error,
    };
    let limit = Duration::from_secs(2);
    let source = Arc::new(std::io::Error::other("LOADING"));
    let doubt = |doubt| Event::Doubted { doubt };
    check(
        &[
            failed(CheckError::Failed { source }),
            failed(CheckError::TimedOut { limit }),
            failed(CheckError::LeftUnfit),
            failed(CheckError::Panicked),
            doubt(Doubt::Death(Death::Ended)),
            doubt(Doubt::Leap(limit)),
        ],
        &[
            r#"bowline_pool_checks_failed_total{pool="history",reason="failed"} 1"#,
            r#"bowline_pool_checks_failed_total{pool="history",reason="left_unfit"} 1"#,
            r#"bowline_pool_checks_failed_total{pool="history",reason="panicked"} 1"#,
            r#"bowline_pool_checks_failed_total{pool="history",reason="timeout"} 1"#,
            r#"bowline_pool_doubts_total{pool="history",reason="death"} 1"#,
            r#"bowline_pool_doubts_total{pool="history",reason="leap"} 1"#,
        ],
    );
}

#[test]
fn what_happens_to_the_pool_as_a_whole_is_counted() {
    let second = Duration::from_secs(1);
    let registry = Registry::new(CATALOGUE);
    let metrics = PoolMetrics::new(registry.recorder(), "history");
    let before = registry.render();
    for event in [
        Event::WentDown {
            failing_for: second,
        },
        Event::FailedFast,
        Event::CameUp { down_for: second },
        Event::Suspended,
        Event::Resumed,
        Event::Served { waited: second },
        Event::Pinged {
            id: 1,
            endpoint: endpoint(),
            took: second,
        },
        Event::Moving {
            from: endpoint(),
            to: endpoint(),
        },
        Event::EndpointsKept {
            problem: "a list without targets".into(),
        },
    ] {
        metrics.observe(&event);
    }
    let after = registry.render();
    let mut counted = changed(&before, &after);
    counted.retain(|line| !line.contains("_bucket"));
    assert_eq!(
        counted,
        [
            r#"bowline_pool_checkouts_failed_total{pool="history",reason="failed_fast"} 1"#,
            r#"bowline_pool_endpoint_lists_kept_total{pool="history"} 1"#,
            r#"bowline_pool_moves_total{pool="history"} 1"#,
            r#"bowline_pool_outage_duration_seconds_sum{pool="history"} 1"#,
            r#"bowline_pool_outage_duration_seconds_count{pool="history"} 1"#,
            r#"bowline_pool_outages_total{pool="history"} 1"#,
            r#"bowline_pool_ping_duration_seconds_sum{pool="history"} 1"#,
            r#"bowline_pool_ping_duration_seconds_count{pool="history"} 1"#,
            r#"bowline_pool_suspensions_total{pool="history"} 1"#,
            r#"bowline_pool_wait_duration_seconds_sum{pool="history"} 1"#,
            r#"bowline_pool_wait_duration_seconds_count{pool="history"} 1"#,
        ]
    );
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
