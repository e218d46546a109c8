//! The laws, a function each. None of them knows any subject.
//!
//! A law builds its own runtime with tokio's clock paused, builds the subject in
//! it, and asks the peer what it saw. None of them panics for what a subject
//! does: a subject's panic, where it is polled, breaks the law.

mod delays;
mod flapping;
mod honesty;
mod hot_loop;
mod in_step;
mod parking;
mod readiness;
mod time;
mod waking;

pub use delays::{ending_delays, independent_delays, million_attempts, varied_delays};
pub use flapping::flapping;
pub use honesty::in_flight_honesty;
pub use hot_loop::hot_loop;
pub use in_step::{jitter_at_the_cap, jitter_independence};
pub use parking::parked_not_dead;
pub use readiness::readiness;
pub use time::simulated_time;
pub use waking::lost_wake_ups;

use std::time::Duration;

use crate::{Backoff, Pace, Subject, Verdict};

/// A law of services.
type OfService<S> = fn(&S) -> Verdict;

/// The pace of every trial that does not ask for another.
const PACE: Pace = Pace {
    base: Duration::from_millis(100),
    cap: Duration::from_secs(10),
};

/// Judges a service by every law of services, in the order of [`Law::ALL`](crate::Law::ALL).
pub fn of_service<S: Subject>(subject: &S) -> Vec<Verdict> {
    let laws: [OfService<S>; 9] = [
        readiness,
        lost_wake_ups,
        hot_loop,
        flapping,
        jitter_independence,
        jitter_at_the_cap,
        simulated_time,
        in_flight_honesty,
        parked_not_dead,
    ];
    laws.iter().map(|law| law(subject)).collect()
}

/// Judges a schedule by every law of schedules, in the order of [`Law::ALL`](crate::Law::ALL).
pub fn of_backoff<B: Backoff>(backoff: &B) -> Vec<Verdict> {
    vec![
        independent_delays(backoff),
        varied_delays(backoff),
        million_attempts(backoff),
        ending_delays(backoff),
    ]
}
