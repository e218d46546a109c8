//! A server's events as metrics, declared beside them. No address, nick or room
//! ever becomes a label: what a peer can choose, it can choose without end.

use bowline_policy::Observe;
use bowline_telemetry::{Counter, Family, Gauge, Histogram, Recorder};
use bowline_telemetry::{Label, Metric, NET, Word, Words};

use crate::protocol::{CloseCode, Wire};
use crate::server::{EndReason, Event};

const ENDS: Words = Words::new(&[
    "left",
    "failed",
    "unknown_format",
    "dropped",
    "shutdown",
    "silent",
    "slow",
    "hello_timeout",
    "store_failed",
    "log_replaced",
    "bad_frame",
    "unknown_command",
    "too_large",
    "version",
    "hello_first",
    "hello_twice",
    "inflight",
    "other",
]);
const REJECTIONS: Words = Words::new(&["limit"]);
const WIRES: Words = Words::new(&["binary", "json"]);
const RECOVERIES: Words = Words::new(&["recovered", "refused"]);
const BAD_INPUTS: Words = Words::new(&[
    "unknown_first_byte",
    "bad_frame",
    "unknown_command",
    "too_large",
    "version",
    "hello_first",
    "hello_twice",
    "inflight",
    "other",
]);
// A client's half of the heartbeat would be the other role.
const ROLES: Words = Words::new(&["server"]);

const CONNECTIONS: Metric = Metric::gauge(
    "bowline_server_connections",
    &[],
    "Connections accepted and not over.",
);
const OPENED: Metric = Metric::counter(
    "bowline_server_connections_opened_total",
    &[],
    "Connections accepted.",
);
const CLOSED: Metric = Metric::counter(
    "bowline_server_connections_closed_total",
    &[Label::one_of("reason", ENDS)],
    "Connections that are over, by why.",
);
const REJECTED: Metric = Metric::counter(
    "bowline_server_connections_rejected_total",
    &[Label::one_of("reason", REJECTIONS)],
    "Connections closed at once, by why.",
);
const ACCEPT_ERRORS: Metric = Metric::counter(
    "bowline_server_accept_errors_total",
    &[],
    "Accepts that the network failed.",
);
const WELCOMED: Metric = Metric::counter(
    "bowline_server_welcomed_total",
    &[Label::one_of("wire", WIRES)],
    "Clients welcomed, by what they speak.",
);
const RTT: Metric = Metric::durations(
    "bowline_heartbeat_rtt_seconds",
    NET,
    &[Label::one_of("role", ROLES)],
    "From a probe to its answer, by who probed.",
);
const STRAY_ANSWERS: Metric = Metric::counter(
    "bowline_heartbeat_stray_answers_total",
    &[Label::one_of("role", ROLES)],
    "Answers to a probe that was never sent, or answered before, by who probed.",
);
const COMMITS: Metric = Metric::counter(
    "bowline_chat_commits_total",
    &[],
    "Transactions committed to the store.",
);
const COMMITS_FAILED: Metric = Metric::counter(
    "bowline_chat_commits_failed_total",
    &[],
    "Commits that failed, of which it is not known whether they took effect.",
);
const STORE_FAILED: Metric = Metric::counter(
    "bowline_chat_store_failures_total",
    &[],
    "Times the store failed at anything but a commit: reading, or being opened again.",
);
const STORE_REOPENED: Metric = Metric::counter(
    "bowline_chat_store_reopened_total",
    &[],
    "Times the store was opened again after a failure.",
);
const COMMITTED: Metric = Metric::counter(
    "bowline_chat_messages_committed_total",
    &[],
    "Messages committed to the store for the first time.",
);
const DUPLICATES: Metric = Metric::counter(
    "bowline_chat_duplicates_total",
    &[],
    "Publishes whose message stood in the store already.",
);
const COPIES: Metric = Metric::counter(
    "bowline_chat_copies_total",
    &[],
    "Copies of messages queued for members.",
);
const RECOVERED: Metric = Metric::counter(
    "bowline_chat_recoveries_total",
    &[Label::one_of("outcome", RECOVERIES)],
    "Returns to a room from a position, by whether the whole gap followed.",
);
const REPLAYED: Metric = Metric::counter(
    "bowline_chat_messages_replayed_total",
    &[],
    "Messages in the gaps that followed.",
);
const REQUESTS_REFUSED: Metric = Metric::counter(
    "bowline_chat_requests_refused_total",
    &[],
    "Requests answered with an error on a connection that went on.",
);
const BAD_INPUT: Metric = Metric::counter(
    "bowline_chat_bad_input_total",
    &[Label::one_of("kind", BAD_INPUTS)],
    "Connections closed for what their client sent, by what that was.",
);

/// All metrics of a chat server.
pub const CATALOGUE: &[Metric] = &[
    CONNECTIONS,
    OPENED,
    CLOSED,
    REJECTED,
    ACCEPT_ERRORS,
    WELCOMED,
    RTT,
    STRAY_ANSWERS,
    COMMITS,
    COMMITS_FAILED,
    STORE_FAILED,
    STORE_REOPENED,
    COMMITTED,
    DUPLICATES,
    COPIES,
    RECOVERED,
    REPLAYED,
    REQUESTS_REFUSED,
    BAD_INPUT,
];

/// Observes a server and keeps its metrics.
///
/// ```
/// use bowline_chat::metrics::{CATALOGUE, ServerMetrics};
/// use bowline_chat::server::Event;
/// use bowline_policy::Observe;
/// use bowline_telemetry::Registry;
///
/// let registry = Registry::new(CATALOGUE);
/// // In earnest it is the observer of the server's `Environment`, in an `Arc`.
/// let metrics = ServerMetrics::new(registry.recorder());
/// metrics.observe(&Event::Accepted);
/// assert!(registry.render().contains("bowline_server_connections 1\n"));
/// ```
#[derive(Debug)]
pub struct ServerMetrics {
    connections: Gauge,
    opened: Counter,
    closed: Family<Counter>,
    rejected: Family<Counter>,
    accept_errors: Counter,
    welcomed: Family<Counter>,
    rtt: Family<Histogram>,
    stray_answers: Family<Counter>,
    commits: Counter,
    commits_failed: Counter,
    store_failures: Counter,
    store_reopened: Counter,
    committed: Counter,
    duplicates: Counter,
    copies: Counter,
    recovered: Family<Counter>,
    replayed: Counter,
    requests_refused: Counter,
    bad_input: Family<Counter>,
}

// === impl ServerMetrics ===

impl ServerMetrics {
    /// Registers the metrics of a server.
    pub fn new(recorder: &dyn Recorder) -> Self {
        Self {
            connections: CONNECTIONS.one(recorder, &[]),
            opened: OPENED.one(recorder, &[]),
            closed: CLOSED.each(recorder, &[]),
            rejected: REJECTED.each(recorder, &[]),
            accept_errors: ACCEPT_ERRORS.one(recorder, &[]),
            welcomed: WELCOMED.each(recorder, &[]),
            rtt: RTT.each(recorder, &[]),
            stray_answers: STRAY_ANSWERS.each(recorder, &[]),
            commits: COMMITS.one(recorder, &[]),
            commits_failed: COMMITS_FAILED.one(recorder, &[]),
            store_failures: STORE_FAILED.one(recorder, &[]),
            store_reopened: STORE_REOPENED.one(recorder, &[]),
            committed: COMMITTED.one(recorder, &[]),
            duplicates: DUPLICATES.one(recorder, &[]),
            copies: COPIES.one(recorder, &[]),
            recovered: RECOVERED.each(recorder, &[]),
            replayed: REPLAYED.one(recorder, &[]),
            requests_refused: REQUESTS_REFUSED.one(recorder, &[]),
            bad_input: BAD_INPUT.each(recorder, &[]),
        }
    }

    fn ended(&self, reason: &EndReason) {
        self.connections.decrement(1.0);
        self.closed.of(ended(reason)).increment(1);
        if let EndReason::Closed(close) = reason
            && let Some(kind) = bad_input(close.code)
        {
            self.bad_input.of(kind).increment(1);
        }
    }
}

impl Observe<Event> for ServerMetrics {
    fn observe(&self, event: &Event) {
        match event {
            Event::Accepted => {
                self.connections.increment(1.0);
                self.opened.increment(1);
            }
            Event::Refused { max: _ } => {
                let limit = const { REJECTIONS.word("limit") };
                self.rejected.of(limit).increment(1);
            }
            Event::AcceptFailed { error: _ } => self.accept_errors.increment(1),
            Event::UnknownFirstByte { first: _ } => {
                let unknown = const { BAD_INPUTS.word("unknown_first_byte") };
                self.bad_input.of(unknown).increment(1);
            }
            Event::Welcomed { wire } => {
                let wire = match wire {
                    Wire::Binary => const { WIRES.word("binary") },
                    Wire::Json => const { WIRES.word("json") },
                };
                self.welcomed.of(wire).increment(1);
            }
            Event::Ended { reason } => self.ended(reason),
            Event::Committed { new, duplicates } => {
                self.commits.increment(1);
                self.committed.increment(*new as u64);
                self.duplicates.increment(*duplicates as u64);
            }
            Event::CommitFailed { .. } => self.commits_failed.increment(1),
            Event::StoreFailed { .. } => self.store_failures.increment(1),
            Event::StoreReopened => self.store_reopened.increment(1),
            Event::Recovered { recovered, count } => {
                let outcome = if *recovered {
                    const { RECOVERIES.word("recovered") }
                } else {
                    const { RECOVERIES.word("refused") }
                };
                self.recovered.of(outcome).increment(1);
                self.replayed.increment(*count);
            }
            Event::Delivered { copies } => self.copies.increment(*copies as u64),
            Event::StrayAnswer => {
                self.stray_answers
                    .of(const { ROLES.word("server") })
                    .increment(1);
            }
            Event::RoundTrip { took } => {
                self.rtt.of(const { ROLES.word("server") }).record(*took);
            }
            Event::RequestRefused => self.requests_refused.increment(1),
        }
    }
}

fn ended(reason: &EndReason) -> Word {
    match reason {
        EndReason::Closed(close) => match close.code {
            CloseCode::SHUTDOWN => const { ENDS.word("shutdown") },
            CloseCode::SILENT => const { ENDS.word("silent") },
            CloseCode::SLOW => const { ENDS.word("slow") },
            CloseCode::HELLO_TIMEOUT => const { ENDS.word("hello_timeout") },
            CloseCode::STORE_FAILED => const { ENDS.word("store_failed") },
            CloseCode::LOG_REPLACED => const { ENDS.word("log_replaced") },
            CloseCode::BAD_FRAME => const { ENDS.word("bad_frame") },
            CloseCode::UNKNOWN_COMMAND => const { ENDS.word("unknown_command") },
            CloseCode::TOO_LARGE => const { ENDS.word("too_large") },
            CloseCode::VERSION => const { ENDS.word("version") },
            CloseCode::HELLO_FIRST => const { ENDS.word("hello_first") },
            CloseCode::HELLO_TWICE => const { ENDS.word("hello_twice") },
            CloseCode::INFLIGHT => const { ENDS.word("inflight") },
            _ => const { ENDS.word("other") },
        },
        EndReason::Left => const { ENDS.word("left") },
        EndReason::Failed { error: _ } => const { ENDS.word("failed") },
        EndReason::UnknownFormat => const { ENDS.word("unknown_format") },
        EndReason::Dropped => const { ENDS.word("dropped") },
    }
}

/// What the client did wrong, if `code` says that it did.
fn bad_input(code: CloseCode) -> Option<Word> {
    Some(match code {
        CloseCode::BAD_FRAME => const { BAD_INPUTS.word("bad_frame") },
        CloseCode::UNKNOWN_COMMAND => const { BAD_INPUTS.word("unknown_command") },
        CloseCode::TOO_LARGE => const { BAD_INPUTS.word("too_large") },
        CloseCode::VERSION => const { BAD_INPUTS.word("version") },
        CloseCode::HELLO_FIRST => const { BAD_INPUTS.word("hello_first") },
        CloseCode::HELLO_TWICE => const { BAD_INPUTS.word("hello_twice") },
        CloseCode::INFLIGHT => const { BAD_INPUTS.word("inflight") },
        // A code that comes later is counted before it has a word.
        CloseCode(3500..=3999) => const { BAD_INPUTS.word("other") },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use bowline_telemetry::{Kind, Registry, Values};

    use super::*;
    use crate::protocol::Close;

    fn closed(code: CloseCode) -> Event {
        Event::Ended {
            reason: EndReason::Closed(Close::because(code, "ann@127.0.0.1 said so")),
        }
    }

    fn observed(events: &[Event]) -> String {
        let registry = Registry::new(CATALOGUE);
        let metrics = ServerMetrics::new(registry.recorder());
        for event in events {
            metrics.observe(event);
        }
        registry.render()
    }

    /// What `events` change, in exposition lines.
    fn check(events: &[Event], expected: &[&str]) {
        let (before, after) = (observed(&[]), observed(events));
        let known: BTreeSet<_> = before.lines().collect();
        let changed: Vec<_> = after.lines().filter(|line| !known.contains(line)).collect();
        assert_eq!(changed, expected, "{events:?}");
    }

    #[test]
    fn every_series_stands_at_zero_before_any_event() {
        let text = observed(&[]);
        for metric in CATALOGUE {
            let (name, help) = (metric.name(), metric.help());
            let kind = match metric.kind() {
                Kind::Counter => "counter",
                Kind::Gauge => "gauge",
                Kind::Histogram(_) => "histogram",
            };
            let head = format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
            assert!(text.contains(&head), "{head} is not in {text}");
            for label in metric.labels() {
                let Values::OneOf(words) = label.values else {
                    panic!("{name} has a label that nobody configured");
                };
                for word in words.all() {
                    let label = format!("{{{}=\"{word}\"", label.name);
                    assert!(text.contains(&label), "{name}{label} is not in {text}");
                }
            }
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            assert!(line.ends_with(" 0"), "{line}");
        }
    }

    #[test]
    fn a_connection_is_one_until_it_is_over() {
        check(
            &[
                Event::Accepted,
                Event::Accepted,
                Event::Welcomed { wire: Wire::Json },
            ],
            &[
                "bowline_server_connections 2",
                "bowline_server_connections_opened_total 2",
                r#"bowline_server_welcomed_total{wire="json"} 1"#,
            ],
        );
        let error = "reset by 127.0.0.1:9".to_owned();
        check(
            &[
                Event::Accepted,
                Event::Ended {
                    reason: EndReason::Failed { error },
                },
                Event::Accepted,
                Event::Ended {
                    reason: EndReason::Left,
                },
            ],
            &[
                r#"bowline_server_connections_closed_total{reason="failed"} 1"#,
                r#"bowline_server_connections_closed_total{reason="left"} 1"#,
                "bowline_server_connections_opened_total 2",
            ],
        );
    }

    #[test]
    fn every_close_has_its_word_and_every_bad_input_is_counted() {
        for (code, word, bad) in [
            (CloseCode::SHUTDOWN, "shutdown", None),
            (CloseCode::SILENT, "silent", None),
            (CloseCode::SLOW, "slow", None),
            (CloseCode::HELLO_TIMEOUT, "hello_timeout", None),
            (CloseCode::STORE_FAILED, "store_failed", None),
            (CloseCode::LOG_REPLACED, "log_replaced", None),
            (CloseCode::BAD_FRAME, "bad_frame", Some("bad_frame")),
            (
                CloseCode::UNKNOWN_COMMAND,
                "unknown_command",
                Some("unknown_command"),
            ),
            (CloseCode::TOO_LARGE, "too_large", Some("too_large")),
            (CloseCode::VERSION, "version", Some("version")),
            (CloseCode::HELLO_FIRST, "hello_first", Some("hello_first")),
            (CloseCode::HELLO_TWICE, "hello_twice", Some("hello_twice")),
            (CloseCode::INFLIGHT, "inflight", Some("inflight")),
            (CloseCode(3999), "other", Some("other")),
            (CloseCode(4500), "other", None),
        ] {
            let bad = bad.map(|kind| format!(r#"bowline_chat_bad_input_total{{kind="{kind}"}} 1"#));
            let close = format!(r#"bowline_server_connections_closed_total{{reason="{word}"}} 1"#);
            let opened = "bowline_server_connections_opened_total 1";
            let lines: Vec<_> = bad
                .iter()
                .map(String::as_str)
                .chain([&*close, opened])
                .collect();
            check(&[Event::Accepted, closed(code)], &lines);
        }
    }

    #[test]
    fn an_unknown_first_byte_is_bad_input_and_silence_is_not() {
        let unknown = Event::Ended {
            reason: EndReason::UnknownFormat,
        };
        let over = [
            r#"bowline_server_connections_closed_total{reason="unknown_format"} 1"#,
            "bowline_server_connections_opened_total 1",
        ];
        check(&[Event::Accepted, unknown.clone()], &over);
        let counted = r#"bowline_chat_bad_input_total{kind="unknown_first_byte"} 1"#;
        check(
            &[
                Event::Accepted,
                Event::UnknownFirstByte { first: 0x16 },
                unknown,
            ],
            &[counted, over[0], over[1]],
        );
    }

    #[test]
    fn a_room_at_work_is_counted() {
        check(
            &[
                Event::Committed {
                    new: 3,
                    duplicates: 1,
                },
                Event::Delivered { copies: 12 },
                Event::Recovered {
                    recovered: true,
                    count: 7,
                },
                Event::Recovered {
                    recovered: false,
                    count: 0,
                },
                Event::RequestRefused,
                Event::RoundTrip {
                    took: Duration::from_secs(8),
                },
            ],
            &[
                "bowline_chat_commits_total 1",
                "bowline_chat_copies_total 12",
                "bowline_chat_duplicates_total 1",
                "bowline_chat_messages_committed_total 3",
                "bowline_chat_messages_replayed_total 7",
                r#"bowline_chat_recoveries_total{outcome="recovered"} 1"#,
                r#"bowline_chat_recoveries_total{outcome="refused"} 1"#,
                "bowline_chat_requests_refused_total 1",
                r#"bowline_heartbeat_rtt_seconds_bucket{role="server",le="10"} 1"#,
                r#"bowline_heartbeat_rtt_seconds_bucket{role="server",le="+Inf"} 1"#,
                r#"bowline_heartbeat_rtt_seconds_sum{role="server"} 8"#,
                r#"bowline_heartbeat_rtt_seconds_count{role="server"} 1"#,
            ],
        );
    }

    #[test]
    fn what_the_machine_denies_is_counted() {
        let error = "disk full".to_owned();
        check(
            &[
                Event::Refused { max: 100 },
                Event::AcceptFailed {
                    error: error.clone(),
                },
                Event::CommitFailed {
                    publishes: 4,
                    error: error.clone(),
                },
                Event::StoreFailed { error },
                Event::StoreReopened,
            ],
            &[
                "bowline_chat_commits_failed_total 1",
                "bowline_chat_store_failures_total 1",
                "bowline_chat_store_reopened_total 1",
                "bowline_server_accept_errors_total 1",
                r#"bowline_server_connections_rejected_total{reason="limit"} 1"#,
            ],
        );
    }
}
