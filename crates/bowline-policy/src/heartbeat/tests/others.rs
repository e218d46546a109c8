//! Bugs that other heartbeats had, each of them reported in public, and what ours
//! does in the same place.

use super::*;

fn fixed() -> (Prober, Instant) {
    let now = origin();
    (Prober::new(ten_four_two(), now), now)
}

// In firezone/firezone#4484 a reply that came late was noticed at the next tick
// of the heartbeat only, 30 s later.
// contract: heart-1
#[test]
fn a_late_answer_counts_from_the_moment_it_came() {
    let (mut prober, start) = fixed();
    assert!(matches!(prober.poll(start + S(10)), Next::Probe { .. }));
    assert!(matches!(prober.poll(start + S(14)), Next::Probe { .. }));
    let came = start + Duration::from_millis(17_999);
    prober.answered(came);
    assert_eq!(prober.tally().in_a_row, 0);
    // The next verdict is a whole limit away from the answer, not from a tick.
    assert!(matches!(prober.poll(came), Next::Wait(_)));
    assert!(matches!(prober.poll(start + S(24)), Next::Probe { .. }));
    assert!(matches!(prober.poll(came + S(14)), Next::Probe { .. }));
    assert_eq!(prober.poll(came + S(16)), Next::Wait(came + S(18)));
    assert!(matches!(prober.poll(came + S(18)), Next::Dead(_)));
}

// In firezone/firezone#4484 too: a missed answer was found out at the next tick.
// contract: heart-2
#[test]
fn a_missing_answer_is_missed_at_its_timeout_not_at_the_next_interval() {
    let start = origin();
    let mut prober = Prober::new(Adaptive::default(), start);
    assert!(matches!(prober.poll(start + S(1)), Next::Probe { .. }));
    assert_eq!(prober.poll(start + S(1)), Next::Wait(start + S(2)));
    assert_eq!(prober.tally().missed, 0);
    assert!(matches!(prober.poll(start + S(2)), Next::Probe { .. }));
    assert_eq!(prober.tally().missed, 1);
}

// In firezone/firezone#12312 each send put the heartbeat off, so that a busy
// client sent none, and the server timed it out.
// contract: heart-1, heart-3
#[test]
fn a_busy_sender_that_hears_nothing_probes_all_the_same() {
    for policy in [Policy::from(ten_four_two()), Adaptive::default().into()] {
        let start = origin();
        let mut prober = Prober::new(policy, start);
        let interval = prober.interval();
        let mut now = start;
        while now < start + interval {
            assert!(matches!(prober.poll(now), Next::Wait(_)));
            now += interval / 100;
            prober.sent(now);
        }
        assert!(matches!(prober.poll(now), Next::Probe { .. }));
    }
}

// In nats-io/nats.rs#1593 ("ping starved", mended by #1594 in async-nats 0.49.1)
// a busy publisher reset its own ping timer and never noticed a black hole.
// contract: heart-1, heart-2
#[test]
fn a_busy_publisher_notices_a_black_hole_within_the_bound() {
    for policy in [Policy::from(ten_four_two()), Adaptive::default().into()] {
        let start = origin();
        let mut prober = Prober::new(policy, start);
        let bound = prober.silence_max();
        let mut now = start;
        loop {
            prober.sent(now);
            match prober.poll(now) {
                Next::Dead(_) => break,
                Next::Probe { .. } | Next::Wait(_) => now += Duration::from_millis(10),
            }
            assert!(now <= start + bound + policy.tick(), "never noticed");
        }
        assert!(now >= start + bound);
    }
}

// In socketio/socket.io#5450 it is the other way round: packets that arrive are
// not counted as life, only the heartbeat's own are.
// contract: heart-1
#[test]
fn a_peer_that_sends_but_never_answers_a_probe_lives() {
    for policy in [Policy::from(ten_four_two()), Adaptive::default().into()] {
        let start = origin();
        let mut prober = Prober::new(policy, start);
        let mut now = start;
        while now < start + S(600) {
            now += policy.timeout() / 2;
            prober.received(now);
            assert!(!matches!(prober.poll(now), Next::Dead(_)));
        }
        assert_eq!(prober.tally().missed, 0);
    }
}

// In firezone/firezone#4361 the timer went on across a reconnect, and the new
// connection timed out at once.
// contract: heart-2
#[test]
fn a_new_connection_owes_nothing_for_the_silence_of_the_last() {
    for policy in [Policy::from(ten_four_two()), Adaptive::default().into()] {
        let mut now = origin();
        let mut last = Prober::new(policy, now);
        loop {
            match last.poll(now) {
                Next::Dead(_) => break,
                Next::Probe { .. } => {}
                Next::Wait(at) => now = at,
            }
        }
        let mut prober = Prober::new(policy, now);
        assert_eq!(prober.interval(), policy.ladder().start);
        assert_eq!(prober.poll(now), Next::Wait(now + policy.ladder().start));
        assert_eq!(prober.tally(), Tally::default());
        let mut listener = Listener::new(policy, now);
        let limit = policy.silence_max_at(policy.ladder().start);
        assert_eq!(listener.poll(now), Next::Wait(now + limit));
    }
}

// In firezone/firezone#4296 any empty reply was taken for the heartbeat's. Ours
// takes every byte for life, on purpose, but no other frame for an answer.
// contract: heart-1
#[test]
fn another_frame_proves_life_but_is_never_taken_for_the_answer() {
    let (mut prober, start) = fixed();
    assert!(matches!(prober.poll(start + S(10)), Next::Probe { .. }));
    prober.received(start + S(11));
    assert_eq!(prober.tally().round_trip, None);
    assert_eq!(prober.answered(start + S(13)), Some(S(3)));
    assert_eq!(prober.answered(start + S(13)), None, "answers nothing");
    assert_eq!(prober.tally().round_trip, Some(S(3)));
}

// RFC 6298, section 3 (Karn's algorithm): an answer to one of two probes says
// nothing about either's time.
#[test]
fn a_round_trip_is_measured_only_where_it_is_certain() {
    let (mut prober, start) = fixed();
    assert!(matches!(prober.poll(start + S(10)), Next::Probe { .. }));
    assert!(matches!(prober.poll(start + S(14)), Next::Probe { .. }));
    assert_eq!(prober.answered(start + S(15)), None, "to which of them");
    assert_eq!(prober.answered(start + S(16)), Some(S(2)), "to the last");

    let (mut prober, start) = fixed();
    assert!(matches!(prober.poll(start + S(10)), Next::Probe { .. }));
    assert!(matches!(prober.poll(start + S(14)), Next::Probe { .. }));
    // The peer merged its answers; the next probe is certain again.
    assert_eq!(prober.answered(start + S(15)), None);
    assert!(matches!(prober.poll(start + S(24)), Next::Probe { .. }));
    assert_eq!(prober.answered(start + S(25)), Some(S(1)));
}
