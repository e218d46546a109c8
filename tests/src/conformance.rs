//! Our `Reconnect` before the laws that anybody's can be judged by.

use bowline_conformance::{Outcome, PolicyBackoff, Verdict, assert_holds, laws};
use bowline_policy::backoff::Schedule;

mod ours;

use ours::Ours;

/// Fails where a law is broken, and where it was not judged.
#[track_caller]
fn check(law: fn(&Ours) -> Verdict) {
    let verdict = law(&Ours::default());
    assert_ne!(verdict.outcome, Outcome::DoesNotApply, "{verdict}");
    assert_holds([verdict]);
}

// contract: again-1
#[test]
fn a_grant_stays_and_an_error_is_for_good() {
    check(laws::readiness);
}

// contract: again-2
#[test]
fn nobody_who_waits_is_forgotten() {
    check(laws::lost_wake_ups);
}

// contract: again-1
#[test]
fn a_balancer_finds_no_hot_loop() {
    check(laws::hot_loop);
}

// contract: backoff-4
#[test]
fn a_peer_that_accepts_and_hangs_up_is_called_less_and_less_often() {
    check(laws::flapping);
}

// contract: backoff-1
#[test]
fn two_links_do_not_dial_in_step() {
    check(laws::jitter_independence);
}

// contract: backoff-2
#[test]
fn the_longest_pauses_between_dials_vary_too() {
    check(laws::jitter_at_the_cap);
}

// contract: backoff-4
#[test]
fn an_hour_of_simulated_time_is_an_hour() {
    check(laws::simulated_time);
}

// contract: again-4
#[test]
fn an_error_says_whether_the_request_was_sent_and_none_is_sent_twice() {
    check(laws::in_flight_honesty);
}

// contract: again-5
#[test]
fn a_link_that_gave_up_says_so_and_is_revived() {
    check(laws::parked_not_dead);
}

// contract: backoff-1, backoff-2
#[test]
fn the_schedule_keeps_its_laws() {
    let schedule = PolicyBackoff::new(|pace| Schedule::exponential(pace.base, pace.cap));
    assert_holds(laws::of_backoff(&schedule));
}
