//! Ours and those of others before the same laws, written down as a table.
//!
//! Each is used as its documentation shows and with the best settings it has; a pass is shown
//! as a pass. It prints, and neither fails for anybody nor leaves anybody out.
#![expect(clippy::print_stdout, reason = "the table is what it is run for")]

use bowline_conformance::{Backoff, PolicyBackoff, Subject, laws};
use bowline_policy::backoff::Schedule;

#[path = "../../../../src/conformance/ours.rs"]
mod ours;
mod plain;
mod resilience;
mod retrying;
mod stubborn;
mod table;
mod tower_own;

use table::Entry;

/// Why what only makes delays is not judged as a service.
const NO_CONNECTION: &str = "it makes delays and keeps no connection";

fn main() {
    let entries = [
        ours(),
        service(
            "tower `Reconnect`",
            "tower",
            "over a boxed maker; it has no settings",
            &tower_own::OverTower,
            "it has no delays",
        ),
        schedule(
            "tower `ExponentialBackoff`",
            "tower",
            "sessions from one `ExponentialBackoffMaker`, jitter 0.99 as in its default",
            &tower_own::TowerBackoff,
        ),
        both(
            "tower-resilience",
            "tower-resilience-reconnect",
            "`exponential_random` with factor 0.5; requests replayed, as by default",
            &resilience::Resilience { replays: true },
            &resilience::Policy,
        ),
        both(
            "tower-resilience, no replay",
            "tower-resilience-reconnect",
            "the same with `retry_on_reconnect(false)`",
            &resilience::Resilience { replays: false },
            &resilience::Policy,
        ),
        both(
            "stubborn-io",
            "stubborn-io",
            "`ExpBackoffStrategy` with jitter 0.5, `exit_if_first_connect_fails` off; a request is eight bytes written, its answer sixteen read",
            &stubborn::Stubborn,
            &stubborn::Strategy,
        ),
        schedule(
            "backoff",
            "backoff",
            "factor 2, randomization 0.5, a `Clock` that reads tokio's (its own reads the machine's)",
            &retrying::BackoffCrate,
        ),
        schedule(
            "backon",
            "backon",
            "`ExponentialBuilder` with jitter",
            &retrying::Backon,
        ),
        schedule(
            "tokio-retry2",
            "tokio-retry2",
            "`ExponentialBackoff` with `max_delay`, then `jitter_with_bounds(0.5, 1.0)` (the plain `jitter` of its README goes up to 1.5)",
            &retrying::Retry2,
        ),
        service(
            "a plain loop",
            "",
            "connect under a mutex, and again after a fixed delay: what one writes in a hurry",
            &plain::Plain,
            "one fixed delay is no schedule",
        ),
    ];
    print!("{}", table::page(&entries));
}

fn ours() -> Entry {
    let schedule = PolicyBackoff::new(|pace| Schedule::exponential(pace.base, pace.cap));
    both(
        "bowline",
        "bowline-reconnect",
        "`Reconnect` and `Schedule::exponential` with their defaults",
        &ours::Ours::default(),
        &schedule,
    )
}

/// Judges one that is a service and has no schedule, for the reason given.
fn service<S: Subject>(
    name: &'static str,
    package: &'static str,
    used: &'static str,
    subject: &S,
    no_schedule: &'static str,
) -> Entry {
    let verdicts = laws::of_service(subject);
    Entry::new(name, package, used, no_schedule, verdicts)
}

/// Judges one that only makes delays.
fn schedule<B: Backoff>(
    name: &'static str,
    package: &'static str,
    used: &'static str,
    backoff: &B,
) -> Entry {
    let verdicts = laws::of_backoff(backoff);
    Entry::new(name, package, used, NO_CONNECTION, verdicts)
}

/// Judges one by its service and by the schedule that this follows.
fn both<S: Subject, B: Backoff>(
    name: &'static str,
    package: &'static str,
    used: &'static str,
    subject: &S,
    backoff: &B,
) -> Entry {
    let mut verdicts = laws::of_service(subject);
    verdicts.extend(laws::of_backoff(backoff));
    Entry::new(name, package, used, "", verdicts)
}
