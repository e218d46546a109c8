//! Each event of a link moves exactly the series it should.

use std::sync::Arc;
use std::time::Duration;

use bowline_link::Endpoint;

use bowline_reconnect::Revival;

use super::*;
use crate::Registry;
use crate::registry::tests::changed;

fn endpoint() -> Endpoint {
    "chat.example:7400".parse().unwrap()
}

fn connecting() -> Event {
    Event::Connecting {
        endpoint: endpoint(),
        attempt: 1,
        reason: Reason::First,
    }
}

fn beside(reason: Reason) -> Event {
    Event::Connecting {
        endpoint: endpoint(),
        attempt: 1,
        reason,
    }
}

fn unauthorized() -> Event {
    Event::Unauthorized {
        endpoint: endpoint(),
        attempt: 1,
        error: Arc::new(io::Error::from(ErrorKind::PermissionDenied)),
    }
}

fn connected(resumption: Resumption) -> Event {
    Event::Connected {
        endpoint: endpoint(),
        epoch: 1,
        attempt: 1,
        took: Duration::from_secs(20),
        resumption,
    }
}

fn failed_with(error: impl Error + Send + Sync + 'static) -> Event {
    Event::Failed {
        endpoint: endpoint(),
        attempt: 1,
        took: Duration::from_secs(1),
        error: Arc::new(error),
    }
}

fn lost_by(reason: LostReason) -> Event {
    Event::Lost {
        endpoint: endpoint(),
        epoch: 1,
        reason,
        error: Arc::new(io::Error::from(ErrorKind::ConnectionReset)),
        lived: Duration::from_secs(500_000),
    }
}

fn backing_off() -> Event {
    Event::BackingOff {
        endpoint: endpoint(),
        attempt: 2,
        delay: Duration::from_secs(400),
    }
}

fn parked() -> Event {
    Event::Parked {
        endpoint: endpoint(),
        attempts: 5,
        error: Arc::new(io::Error::from(ErrorKind::ConnectionRefused)),
    }
}

fn revived() -> Event {
    Event::Revived {
        endpoint: endpoint(),
        by: Revival::Asked,
    }
}

fn closed_by(reason: ClosedReason) -> Event {
    Event::Closed {
        endpoint: endpoint(),
        reason,
    }
}

/// What `events` change, in exposition lines without their common beginning and target.
fn check(events: &[Event], expected: &[&str]) {
    let registry = Registry::new(CATALOGUE);
    let metrics = ReconnectMetrics::new(registry.recorder(), "chat");
    let before = registry.render();
    for event in events {
        metrics.observe(event);
    }
    let after = registry.render();
    let found: Vec<_> = changed(&before, &after)
        .into_iter()
        .map(|line| {
            let line = line.strip_prefix("bowline_connector_").expect("our own");
            assert!(line.contains(r#"target="chat""#), "{line}");
            line.replace(r#"target="chat","#, "")
                .replace(r#"{target="chat"}"#, "")
        })
        .collect();
    assert_eq!(found, expected, "{events:?}");
}

#[test]
fn every_series_stands_at_zero_before_any_event() {
    let registry = Registry::new(CATALOGUE);
    let _metrics = ReconnectMetrics::new(registry.recorder(), "chat");
    let text = registry.render();
    for metric in CATALOGUE {
        let (name, help) = (metric.name(), metric.help());
        let kind = match metric.kind() {
            crate::Kind::Counter => "counter",
            crate::Kind::Gauge => "gauge",
            crate::Kind::Histogram(_) => "histogram",
        };
        let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        assert!(text.contains(&head), "{head} is not in {text}");
    }
    let series: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    // Words of closed sets, plain counters, and buckets with +Inf, sum and count.
    assert_eq!(series.len(), (6 + 4 + 6 + 2 + 5) + 4 + (16 + 14 + 16));
    for line in series {
        assert!(line.ends_with(" 0"), "{line}");
    }
}

#[test]
fn a_life_is_counted_step_by_step() {
    check(&[connecting()], &[r#"links{state="connecting"} 1"#]);
    check(
        &[connecting(), connected(Resumption::Fresh)],
        &[
            r#"attempts_total{outcome="ok"} 1"#,
            r#"connect_duration_seconds_bucket{le="+Inf"} 1"#,
            "connect_duration_seconds_sum 20",
            "connect_duration_seconds_count 1",
            r#"links{state="ready"} 1"#,
        ],
    );
    check(
        &[
            connecting(),
            connected(Resumption::Fresh),
            lost_by(LostReason::Died),
            backing_off(),
            connecting(),
            connected(Resumption::Resumed),
        ],
        &[
            r#"attempts_total{outcome="ok"} 2"#,
            r#"backoff_delay_seconds_bucket{le="900"} 1"#,
            r#"backoff_delay_seconds_bucket{le="+Inf"} 1"#,
            "backoff_delay_seconds_sum 400",
            "backoff_delay_seconds_count 1",
            r#"connect_duration_seconds_bucket{le="+Inf"} 2"#,
            "connect_duration_seconds_sum 40",
            "connect_duration_seconds_count 2",
            r#"disconnects_total{reason="died"} 1"#,
            r#"links{state="ready"} 1"#,
            r#"resumes_total{outcome="resumed"} 1"#,
            r#"session_duration_seconds_bucket{le="604800"} 1"#,
            r#"session_duration_seconds_bucket{le="+Inf"} 1"#,
            "session_duration_seconds_sum 500000",
            "session_duration_seconds_count 1",
        ],
    );
}

// contract: again-5
#[test]
fn a_parked_link_is_seen_and_counted() {
    let error = io::Error::from(ErrorKind::ConnectionRefused);
    check(
        &[connecting(), failed_with(error), parked()],
        &[
            r#"attempts_total{outcome="refused"} 1"#,
            r#"links{state="parked"} 1"#,
            "parked_total 1",
        ],
    );
    check(
        &[parked(), revived(), connecting()],
        &[
            r#"links{state="connecting"} 1"#,
            "parked_total 1",
            "revived_total 1",
        ],
    );
}

#[test]
fn a_closed_link_is_in_no_state_and_its_attempt_was_cancelled() {
    for (reason, word) in [
        (ClosedReason::Asked, "asked"),
        (ClosedReason::Released, "released"),
        (ClosedReason::Panicked, "panicked"),
    ] {
        check(
            &[connecting(), closed_by(reason)],
            &[
                r#"attempts_total{outcome="cancelled"} 1"#,
                &format!(r#"links_closed_total{{reason="{word}"}} 1"#),
            ],
        );
    }
    // Nothing was under way in a backoff.
    check(
        &[parked(), closed_by(ClosedReason::Asked)],
        &[r#"links_closed_total{reason="asked"} 1"#, "parked_total 1"],
    );
}

#[test]
fn every_loss_has_its_word() {
    for (reason, word) in [
        (LostReason::Died, "died"),
        (LostReason::NotReady, "not_ready"),
        (LostReason::LinkClosed, "link_closed"),
    ] {
        let line = format!(r#"disconnects_total{{reason="{word}"}} 1"#);
        check(
            &[lost_by(reason)],
            &[
                &line,
                r#"session_duration_seconds_bucket{le="604800"} 1"#,
                r#"session_duration_seconds_bucket{le="+Inf"} 1"#,
                "session_duration_seconds_sum 500000",
                "session_duration_seconds_count 1",
            ],
        );
    }
}

#[test]
fn a_failure_is_named_by_the_first_cause_that_says_more() {
    #[derive(Debug)]
    struct Dial(io::Error);
    impl std::fmt::Display for Dial {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("could not connect")
        }
    }
    impl Error for Dial {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }
    for (kind, word) in [
        (ErrorKind::ConnectionRefused, "refused"),
        (ErrorKind::ConnectionReset, "reset"),
        (ErrorKind::UnexpectedEof, "reset"),
        (ErrorKind::TimedOut, "timeout"),
        (ErrorKind::PermissionDenied, "failed"),
    ] {
        let line = format!(r#"attempts_total{{outcome="{word}"}} 1"#);
        check(&[failed_with(io::Error::from(kind))], &[&line]);
        check(&[failed_with(Dial(io::Error::from(kind)))], &[&line]);
    }
}

#[test]
fn links_of_one_name_add_up_and_a_dropped_one_is_gone() {
    let registry = Registry::new(CATALOGUE);
    let links = || {
        registry
            .render()
            .lines()
            .filter_map(|line| line.strip_prefix(r#"bowline_connector_links{target="chat",state="#))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let one = ReconnectMetrics::new(registry.recorder(), "chat");
    let other = ReconnectMetrics::new(registry.recorder(), "chat");
    one.observe(&connecting());
    other.observe(&connecting());
    other.observe(&connected(Resumption::Fresh));
    let both = [
        r#""backoff"} 0"#,
        r#""connecting"} 1"#,
        r#""parked"} 0"#,
        r#""ready"} 1"#,
    ];
    assert_eq!(links(), both);
    drop(other);
    let one_left = [
        r#""backoff"} 0"#,
        r#""connecting"} 1"#,
        r#""parked"} 0"#,
        r#""ready"} 0"#,
    ];
    assert_eq!(links(), one_left);
}

#[test]
fn an_attempt_beside_a_connection_moves_nobody_until_that_is_lost() {
    let up = [connecting(), connected(Resumption::Fresh)];
    let links = |events: &[Event]| {
        let registry = Registry::new(CATALOGUE);
        let metrics = ReconnectMetrics::new(registry.recorder(), "chat");
        for event in up.iter().chain(events) {
            metrics.observe(event);
        }
        let text = registry.render();
        let lines = text.lines().filter(|line| line.ends_with(" 1"));
        let states = lines.filter_map(|line| line.strip_prefix("bowline_connector_links{"));
        states.map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let trying = [beside(Reason::Drain)];
    assert!(links(&trying).contains("ready"));
    let orphaned = [beside(Reason::Drain), lost_by(LostReason::Died)];
    assert!(links(&orphaned).contains("connecting"));
}

#[test]
fn bad_credentials_of_either_side_are_counted() {
    let unproven = Event::Unproven {
        endpoint: endpoint(),
        attempt: 1,
        error: Arc::new(io::Error::other("a certificate for somebody else")),
    };
    check(&[unauthorized()], &["unauthorized_total 1"]);
    check(&[unproven], &["unproven_total 1"]);
}
