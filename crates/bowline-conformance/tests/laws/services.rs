//! Each law of services, kept and broken.

use bowline_conformance::{
    Law, Outcome, Pace, Peer, Request, Subject, Verdict, Wire, assert_holds, laws,
};

use crate::small::{Fault, Handle, Small};

/// Judges the small service with `fault` by every law, and says which it breaks.
fn broken(fault: Fault) -> Vec<Law> {
    let verdicts = laws::of_service(&Small::with(fault));
    let broken = verdicts
        .iter()
        .filter(|verdict| verdict.outcome == Outcome::Broken);
    broken.map(|verdict| verdict.law).collect()
}

fn check(fault: Fault, expected: &[Law]) {
    let found = broken(fault);
    assert_eq!(found, expected, "{fault:?}");
}

#[test]
fn a_service_that_keeps_the_laws_is_found_to_keep_them() {
    let verdicts = laws::of_service(&Small::with(Fault::Nothing));
    for verdict in &verdicts {
        assert_eq!(verdict.outcome, Outcome::Holds, "{verdict}");
        assert!(!verdict.evidence.is_empty(), "{verdict}");
    }
    assert_eq!(verdicts.len(), 9);
    assert_holds(verdicts);
}

#[test]
fn a_grant_that_is_taken_back_is_seen() {
    check(Fault::ForgetsGrants, &[Law::Readiness]);
}

#[test]
fn an_error_that_is_taken_back_is_seen() {
    check(Fault::TakesErrorsBack, &[Law::Readiness]);
}

#[test]
fn a_wake_up_for_one_of_several_is_seen() {
    check(Fault::WakesOne, &[Law::LostWakeUps]);
    check(Fault::WakesOneAndPolls, &[Law::LostWakeUps]);
}

#[test]
fn a_call_that_is_forgotten_on_a_broken_connection_is_seen() {
    check(Fault::ForgetsCalls, &[Law::LostWakeUps]);
}

#[test]
fn a_service_that_wakes_itself_is_seen_and_does_not_hang_the_suite() {
    let found = broken(Fault::Spins);
    assert!(found.contains(&Law::HotLoop), "{found:?}");
}

#[test]
fn a_member_that_a_balancer_throws_out_is_seen() {
    let verdict = laws::hot_loop(&Small::with(Fault::FailsReadiness));
    assert_eq!(verdict.outcome, Outcome::Broken, "{verdict}");
    assert!(verdict.to_string().contains("0 left"), "{verdict}");
}

#[test]
fn a_backoff_that_starts_over_with_each_connection_is_seen() {
    check(Fault::NeverSlowsDown, &[Law::Flapping]);
}

#[test]
fn sessions_that_wait_the_same_are_seen() {
    check(Fault::InStep, &[Law::JitterIndependence]);
}

#[test]
fn delays_that_stand_still_at_the_cap_are_seen() {
    check(Fault::FixedAtTheCap, &[Law::JitterAtTheCap]);
}

#[test]
fn a_thread_that_sleeps_is_seen() {
    let verdict = laws::simulated_time(&Small::with(Fault::SleepsTheThread));
    assert_eq!(verdict.outcome, Outcome::Broken, "{verdict}");
}

#[test]
fn an_hour_that_does_not_count_is_seen() {
    check(Fault::MissesTheHour, &[Law::SimulatedTime]);
}

#[test]
fn a_request_that_is_sent_again_is_seen() {
    check(Fault::Replays, &[Law::InFlightHonesty]);
}

#[test]
fn an_error_that_says_nothing_is_seen() {
    check(Fault::Mute, &[Law::InFlightHonesty]);
}

#[test]
fn an_error_that_lies_is_seen() {
    check(Fault::Lies, &[Law::InFlightHonesty]);
}

#[test]
fn who_dies_silently_is_seen() {
    check(Fault::DiesSilently, &[Law::ParkedNotDead]);
}

#[test]
fn who_cannot_be_revived_is_seen() {
    check(Fault::StaysDead, &[Law::ParkedNotDead]);
}

/// Something that offers the least there is.
struct Least(Small);

impl Subject for Least {
    type Service = Handle;

    fn service(&self, peer: &Peer, pace: Pace) -> Handle {
        self.0.service(peer, pace)
    }

    fn exempt(&self, law: Law) -> Option<&'static str> {
        (law == Law::HotLoop).then_some("it is no service")
    }
}

#[test]
fn what_a_subject_lacks_does_not_apply_and_the_verdict_says_why() {
    let least = Least(Small::with(Fault::Nothing));
    let check = |verdict: Verdict, reason: &str| {
        assert_eq!(verdict.outcome, Outcome::DoesNotApply, "{verdict}");
        assert!(verdict.to_string().contains(reason), "{verdict}");
    };
    check(laws::parked_not_dead(&least), "never gives up");
    check(laws::hot_loop(&least), "it is no service");
}

#[test]
fn one_handle_is_judged_by_its_calls_in_flight() {
    let verdict = laws::lost_wake_ups(&Least(Small::with(Fault::Nothing)));
    assert_eq!(verdict.outcome, Outcome::Holds);
    assert!(verdict.to_string().contains("not `Clone`"), "{verdict}");
    let verdict = laws::lost_wake_ups(&Least(Small::with(Fault::ForgetsCalls)));
    assert_eq!(verdict.outcome, Outcome::Broken);
}

/// Panics when it is built.
struct Panics;

impl Subject for Panics {
    type Service = Handle;

    fn service(&self, _: &Peer, _: Pace) -> Handle {
        panic!("no such pace")
    }
}

#[test]
fn a_panic_is_a_verdict() {
    let verdict = laws::flapping(&Panics);
    assert_eq!(verdict.outcome, Outcome::Broken);
    assert!(verdict.to_string().contains("no such pace"), "{verdict}");
}

/// Dials for each request: with the peer down it spends a dial for each, at the caller's pace.
struct Bare;

impl Subject for Bare {
    type Service = tower::util::BoxService<
        Request,
        bowline_conformance::Answer,
        bowline_conformance::BoxError,
    >;

    fn service(&self, peer: &Peer, _: Pace) -> Self::Service {
        let peer = peer.clone();
        Self::Service::new(tower::service_fn(move |request| {
            let peer = peer.clone();
            async move {
                let wire: Wire = peer.dial().await?;
                Ok(tower::ServiceExt::oneshot(wire, request).await?)
            }
        }))
    }
}

#[test]
fn errors_that_are_passed_on_as_they_are_say_whether_the_request_was_sent() {
    let verdict = laws::in_flight_honesty(&Bare);
    assert_eq!(verdict.outcome, Outcome::Holds, "{verdict}");
}

#[test]
fn a_broken_law_fails_a_test_with_its_evidence() {
    let verdict = laws::flapping(&Bare);
    let failed = std::panic::catch_unwind(|| assert_holds([verdict])).unwrap_err();
    let text = failed.downcast_ref::<String>().unwrap();
    assert!(text.contains("flapping: BROKEN"), "{text}");
    assert!(text.contains("dials in ten minutes"), "{text}");
}
