//! Each cause, bare and behind others, and what the default says to it.

use std::time::Duration;

use bowline_link::BoxError;

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("no session")]
struct Wrapped(#[source] BoxError);

fn verdict(error: impl Into<BoxError>) -> Verdict {
    let error = error.into();
    ByCause.classify(&Failure {
        error: &*error,
        phase: Phase::Attempt(Step::Connect),
        endpoint: &Endpoint::new("chat.example", 7400),
        attempt: 1,
    })
}

fn io(kind: ErrorKind) -> io::Error {
    kind.into()
}

#[test]
fn each_cause_has_its_verdict_bare_or_behind_another_or_carried_by_io() {
    let death = || Death::Silence {
        silent: Duration::from_secs(35),
        allowed: Duration::from_secs(35),
    };
    let timeout = || ConnectTimeout {
        limit: Duration::from_secs(10),
        step: Step::Session,
        dial: None,
    };
    let hint = Hint::default().retry_after(Duration::from_secs(5));
    let turned_away = || TurnedAway {
        hint: hint.clone(),
        source: "busy".into(),
    };
    let causes: [(&dyn Fn() -> BoxError, Verdict); 10] = [
        (&|| death().into(), Verdict::Soon),
        (&|| timeout().into(), Verdict::Soon),
        (&|| io(ErrorKind::TimedOut).into(), Verdict::Soon),
        (
            &|| io(ErrorKind::ConnectionRefused).into(),
            Verdict::Failover,
        ),
        (&|| io(ErrorKind::HostUnreachable).into(), Verdict::Failover),
        (&|| io(ErrorKind::ConnectionReset).into(), Verdict::Retry),
        (&|| io(ErrorKind::UnexpectedEof).into(), Verdict::Retry),
        (&|| "anything else".into(), Verdict::Retry),
        (&|| turned_away().into(), Verdict::Obey(hint.clone())),
        (
            &|| Unauthorized("bad token".into()).into(),
            Verdict::Unauthorized,
        ),
    ];
    for (cause, expected) in causes {
        let label = format!("{:?}", cause());
        assert_eq!(verdict(cause()), expected, "{label}");
        assert_eq!(verdict(Wrapped(cause())), expected, "behind: {label}");
        let carried = io::Error::other(cause());
        assert_eq!(verdict(carried), expected, "carried: {label}");
    }
}

#[test]
fn the_outermost_cause_that_says_anything_counts() {
    let refused: BoxError = Unauthorized(io(ErrorKind::TimedOut).into()).into();
    assert_eq!(verdict(Wrapped(refused)), Verdict::Unauthorized);
    let resolve = tcp::DialError::Resolve {
        endpoint: Endpoint::new("no.example", 1),
        source: io(ErrorKind::TimedOut).into(),
    };
    assert_eq!(verdict(resolve), Verdict::Failover);
}

#[test]
fn what_a_transparent_error_stands_for_is_a_cause_too() {
    let timeout = || -> BoxError {
        let after = Duration::from_secs(10);
        let endpoint = Endpoint::new("chat.example", 7400);
        let step = bowline_link::DialStep::Resolving;
        tcp::DialError::Timeout {
            endpoint,
            after,
            step,
        }
        .into()
    };
    let passed_on: [BoxError; 2] = [
        ConnectTimeoutError::Connect(timeout()).into(),
        ResolvingError::Unresolved(timeout()).into(),
    ];
    for error in passed_on {
        assert_eq!(verdict(error), Verdict::Soon);
    }
}
