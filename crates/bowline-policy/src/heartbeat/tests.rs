//! Scripts of what happens and what is advised, for both sides.

use std::time::{Duration, Instant, UNIX_EPOCH};

use proptest::prelude::*;

use super::*;

mod adaptive;
mod others;

const S: fn(u64) -> Duration = Duration::from_secs;

#[expect(
    clippy::disallowed_methods,
    reason = "an arbitrary origin: only differences from it are used"
)]
fn origin() -> Instant {
    Instant::now()
}

/// Probes at 10 s and 14 s of silence, death at 18 s, a tick of 1 s; a pause
/// may last 30 s.
fn ten_four_two() -> Fixed {
    Fixed::new(S(10), S(4), 2)
        .unwrap()
        .pause_max(S(30))
        .unwrap()
}

fn text(next: Next, start: Instant) -> String {
    match next {
        Next::Wait(at) => format!("wait {}", (at - start).as_secs_f64()),
        Next::Probe { next_interval } => {
            assert_eq!(next_interval, S(10));
            "probe".to_owned()
        }
        Next::Dead(Death::Silence { silent, allowed }) => {
            format!(
                "silent {} of {}",
                silent.as_secs_f64(),
                allowed.as_secs_f64()
            )
        }
        Next::Dead(Death::Pause { paused, allowed }) => {
            format!(
                "paused {} of {}",
                paused.as_secs_f64(),
                allowed.as_secs_f64()
            )
        }
    }
}

/// Plays `(second, event)`s to a prober; every `?` asks what to do.
fn check(script: &[(f64, &str)], expected: &[&str]) {
    let start = origin();
    let mut prober = Prober::new(ten_four_two(), start);
    let mut advice = Vec::new();
    for &(second, event) in script {
        let now = start + Duration::from_secs_f64(second);
        match event {
            "heard" => prober.received(now),
            "sent" => prober.sent(now),
            "pause" => prober.reading_paused(now),
            "resume" => prober.reading_resumed(now),
            "jump" => prober.clock_jumped(now),
            "?" => advice.push(text(prober.poll(now), start)),
            other => panic!("no event {other:?}"),
        }
    }
    assert_eq!(advice, expected);
}

/// Plays `(second, event)`s to a listener; `probe 20` names an interval of 20 s.
fn check_listener(script: &[(f64, &str)], expected: &[&str]) {
    let start = origin();
    let mut listener = Listener::new(ten_four_two(), start).follow_max(S(60));
    let mut advice = Vec::new();
    for &(second, event) in script {
        let now = start + Duration::from_secs_f64(second);
        match event {
            "heard" => listener.received(now),
            "pause" => listener.reading_paused(now),
            "resume" => listener.reading_resumed(now),
            "jump" => listener.clock_jumped(now),
            "?" => advice.push(text(listener.poll(now), start)),
            probe => {
                let seconds = probe.strip_prefix("probe ").unwrap().parse().unwrap();
                listener.probed(now, S(seconds));
            }
        }
    }
    assert_eq!(advice, expected);
}

// contract: heart-2
#[test]
fn a_silent_peer_gets_its_probes_and_is_given_up_at_the_bound() {
    check(
        &[
            (0., "?"),
            (10., "?"),
            (10., "?"),
            (14., "?"),
            (14.5, "?"),
            (18., "?"),
            (19., "?"),
        ],
        &[
            "wait 10",
            "probe",
            "wait 14",
            "probe",
            "wait 18",
            "silent 18 of 18",
            "silent 18 of 18",
        ],
    );
}

// contract: heart-1
#[test]
fn sending_neither_postpones_a_probe_nor_proves_life() {
    check(
        &[
            (9., "sent"),
            (10., "?"),
            (11., "sent"),
            (13., "sent"),
            (14., "?"),
            (17.9, "sent"),
            (17.9, "?"),
            (18., "?"),
        ],
        &["probe", "probe", "wait 18", "silent 18 of 18"],
    );
}

// contract: heart-1
#[test]
fn any_byte_counts_as_an_answer() {
    check(
        &[
            (10., "?"),
            (14., "?"),
            (17.9, "heard"),
            (18., "?"),
            (24., "?"),
            (28., "?"),
            (32., "?"),
        ],
        &["probe", "probe", "wait 24", "probe", "wait 31.9", "probe"],
    );
}

// contract: heart-3
#[test]
fn a_peer_that_only_sends_still_hears_from_us_each_interval() {
    check(
        &[
            (3., "heard"),
            (6., "heard"),
            (9., "heard"),
            (10., "?"),
            (12., "heard"),
            (19., "heard"),
            (20., "?"),
        ],
        &["probe", "probe"],
    );
}

// contract: heart-3
#[test]
fn traffic_both_ways_suppresses_probes() {
    check(
        &[
            (6., "sent"),
            (7., "heard"),
            (10., "?"),
            (15., "sent"),
            (16., "heard"),
            (17., "?"),
            (20., "sent"),
            (23., "heard"),
            (25., "?"),
        ],
        &["wait 16", "wait 25", "wait 30"],
    );
}

// contract: heart-3
#[test]
fn an_idle_link_whose_round_trip_grows_pays_one_probe_per_interval() {
    check(
        &[
            (10., "?"),
            (10.1, "heard"),
            (20., "?"),
            // Silent since 10.1, but the answer to the probe at 20 is on its way.
            (20.1, "?"),
            (20.5, "heard"),
            (20.5, "?"),
        ],
        &["probe", "probe", "wait 24.1", "wait 30"],
    );
}

// contract: heart-4
#[test]
fn a_late_caller_owes_one_probe_not_two() {
    check(
        &[(14.5, "?"), (14.5, "?"), (18., "?"), (18.5, "?")],
        &["probe", "wait 18.5", "wait 18.5", "silent 18.5 of 4"],
    );
}

// contract: heart-4
#[test]
fn after_a_late_timer_the_peer_has_one_timeout_to_answer() {
    check(
        &[
            (10., "?"),
            (500., "?"),
            (500., "?"),
            (503.9, "heard"),
            (504., "?"),
        ],
        &["probe", "probe", "wait 504", "wait 510"],
    );
    check(
        &[(10., "?"), (500., "?"), (504., "?")],
        &["probe", "probe", "silent 504 of 4"],
    );
}

// contract: heart-4
#[test]
fn a_timer_within_its_tick_is_not_late() {
    check(
        &[(11., "?"), (15., "?"), (18.9, "?")],
        &["probe", "probe", "silent 18.9 of 18"],
    );
}

// contract: heart-2, heart-4
#[test]
fn timers_that_are_always_late_end_a_dead_link_all_the_same() {
    check(
        &[(100., "?"), (200., "?"), (300., "?"), (400., "?")],
        &["probe", "probe", "probe", "silent 400 of 4"],
    );
}

// contract: heart-4
#[test]
fn a_clock_jump_asks_for_a_fresh_probe_and_one_timeout() {
    check(
        &[(3., "heard"), (4., "jump"), (4., "?"), (4., "?"), (8., "?")],
        &["probe", "wait 8", "silent 5 of 4"],
    );
    // What is read first after a suspend may have arrived before it.
    check(
        &[
            (4., "jump"),
            (4., "heard"),
            (4., "?"),
            (5., "heard"),
            (6., "?"),
        ],
        &["probe", "wait 14"],
    );
}

// contract: heart-6
#[test]
fn silence_is_not_counted_while_reading_is_paused() {
    check(
        &[
            (6., "pause"),
            (9., "?"),
            (10., "?"),
            (10., "?"),
            (20., "?"),
            (26., "resume"),
            // Six of the ten seconds had passed.
            (26., "?"),
            (30., "?"),
            (34., "?"),
            (38., "?"),
        ],
        &[
            "wait 10",
            "probe",
            "wait 20",
            "probe",
            "wait 30",
            "probe",
            "probe",
            "silent 18 of 18",
        ],
    );
}

// contract: heart-6
#[test]
fn a_pause_past_its_limit_ends_the_connection_as_a_pause() {
    check(
        &[
            (5., "pause"),
            (10., "?"),
            (20., "?"),
            (30., "?"),
            (30., "?"),
            (35., "?"),
            (36., "heard"),
            (36., "?"),
        ],
        &[
            "probe",
            "probe",
            "probe",
            "wait 35",
            "paused 30 of 30",
            "paused 30 of 30",
        ],
    );
}

// contract: heart-6
#[test]
fn what_arrived_in_a_pause_has_time_to_be_read() {
    check(
        &[
            (10., "?"),
            (14., "?"),
            (17.9, "pause"),
            (20., "resume"),
            (20., "?"),
            (20., "?"),
            (23.9, "heard"),
            (24., "?"),
        ],
        &["probe", "probe", "probe", "wait 24", "wait 30"],
    );
}

// contract: heart-6
#[test]
fn a_byte_read_after_a_pause_settles_the_doubt() {
    check(
        &[
            (10., "?"),
            (14., "?"),
            (17.9, "pause"),
            (20., "resume"),
            (20., "heard"),
            (20., "?"),
        ],
        &["probe", "probe", "wait 24"],
    );
}

// contract: heart-2, heart-6
#[test]
fn short_pauses_without_end_do_not_keep_a_dead_peer_alive() {
    let start = origin();
    let mut prober = Prober::new(ten_four_two(), start);
    let mut now = start;
    let mut read = Duration::ZERO;
    loop {
        prober.reading_paused(now);
        now += Duration::from_millis(50);
        prober.reading_resumed(now);
        if let Next::Dead(death) = prober.poll(now) {
            assert!(matches!(death, Death::Silence { .. }), "{death}");
            break;
        }
        now += Duration::from_millis(50);
        read += Duration::from_millis(50);
        assert!(read <= S(18 + 3 * 4), "alive after {read:?} of reading");
    }
    assert!(read >= S(18), "dead after {read:?} of reading");
}

// contract: heart-2, heart-3
#[test]
fn a_listener_gives_up_after_interval_and_timeouts() {
    check_listener(
        &[
            (0., "?"),
            (17.9, "?"),
            (18., "?"),
            (18., "heard"),
            (18., "?"),
        ],
        &["wait 18", "wait 18", "silent 18 of 18", "silent 18 of 18"],
    );
}

// contract: heart-3
#[test]
fn a_listener_follows_the_interval_that_a_probe_names_within_bounds() {
    check_listener(
        &[(10., "probe 20"), (10., "?"), (20., "heard"), (20., "?")],
        &["wait 38", "wait 48"],
    );
    check_listener(&[(10., "probe 0"), (10., "?")], &["wait 22"]);
    check_listener(&[(10., "probe 86400"), (10., "?")], &["wait 78"]);
}

// contract: heart-3
#[test]
fn a_listener_that_would_follow_for_ever_follows_for_a_day() {
    let start = origin();
    let mut listener = Listener::new(ten_four_two(), start).follow_max(Duration::MAX);
    listener.probed(start, Duration::MAX);
    assert_eq!(listener.interval(), INTERVAL_MAX);
    assert_eq!(
        listener.poll(start),
        Next::Wait(start + INTERVAL_MAX + S(8))
    );
}

// contract: heart-4, heart-6
#[test]
fn a_listener_grants_an_interval_and_a_timeout_after_a_doubt() {
    check_listener(
        &[(2., "jump"), (2., "?"), (16., "?")],
        &["wait 16", "silent 16 of 14"],
    );
    check_listener(
        &[(300., "?"), (301., "heard"), (301., "?")],
        &["wait 314", "wait 319"],
    );
    check_listener(
        &[
            (5., "pause"),
            (20., "?"),
            (25., "resume"),
            (25., "?"),
            (38., "?"),
        ],
        &["wait 35", "wait 38", "silent 18 of 18"],
    );
    check_listener(&[(5., "pause"), (35., "?")], &["paused 30 of 30"]);
}

// contract: heart-4
#[test]
fn a_wall_clock_that_left_the_monotonic_one_behind_jumped() {
    let (start, epoch) = (origin(), UNIX_EPOCH + S(1_700_000_000));
    let mut clocks = ClockJump::default();
    let mut look = |mono, wall| clocks.look(start + S(mono), epoch + Duration::from_millis(wall));
    assert_eq!(look(0, 0), None);
    assert_eq!(look(10, 10_900), None, "within the tolerance");
    assert_eq!(look(20, 21_800), None, "drift does not add up");
    assert_eq!(look(21, 3_622_800), Some(Jump::Ahead(S(3_600))));
    assert_eq!(look(22, 3_623_800), None, "one jump, one report");
    assert_eq!(look(23, 3_599_800), Some(Jump::Back(S(25))));
}

#[test]
fn contradictions_are_refused_with_both_values() {
    let refused = |interval, timeout, misses| {
        Fixed::new(interval, timeout, misses)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(refused(S(5), S(6), 1), "timeout 6s is over interval 5s");
    assert_eq!(refused(S(5), S(0), 1), "timeout 0ns is below 10ms");
    assert_eq!(refused(S(0), S(0), 1), "timeout 0ns is below 10ms");
    assert_eq!(
        refused(S(90_000), S(6), 1),
        "interval 90000s is over 86400s"
    );
    assert_eq!(refused(S(5), S(5), 0), "0 misses are not between 1 and 100");
    assert_eq!(
        refused(S(5), S(5), 101),
        "101 misses are not between 1 and 100"
    );
    assert_eq!(
        ten_four_two().pause_max(S(0)).unwrap_err().to_string(),
        "pause limit 0ns is not between 1ns and 86400s"
    );
    let policy = Fixed::new(S(25), S(5), 2).unwrap();
    assert_eq!((policy.silence_max(), policy.paused_max()), (S(35), S(35)));
}

/// Sizes a policy so that a second of silence is some probes' worth.
fn policies() -> impl Strategy<Value = Fixed> {
    (10..2_000_u64, 0..3_000_u64, 1..6_u32).prop_map(|(timeout, longer, misses)| {
        let timeout = Duration::from_millis(timeout);
        Fixed::new(timeout + Duration::from_millis(longer), timeout, misses).unwrap()
    })
}

proptest! {
    // contract: heart-1, heart-2
    #[test]
    fn a_silent_peer_is_dead_by_the_bound_and_not_before(
        policy in policies(),
        chatter in prop::collection::vec((0..400_u64, any::<bool>()), 0..40),
        sends_ms in prop::collection::vec(1..500_u64, 1..40),
        lateness in prop::collection::vec(0..=100_u32, 1..40),
    ) {
        let start = origin();
        let mut now = start;
        let mut prober = Prober::new(policy, now);
        let mut last_byte = now;
        for (wait, received) in chatter {
            now += Duration::from_millis(wait);
            if received {
                prober.received(now);
                last_byte = now;
            } else {
                prober.sent(now);
            }
            prop_assume!(!matches!(prober.poll(now), Next::Dead(_)));
        }
        // A gap in the chatter may have been a late timer, which has rules of its own.
        prober.received(now);
        let last_byte = last_byte.max(now);

        // From here the peer is silent, while we never stop sending.
        let (mut lateness, mut sends) = (lateness.iter().cycle(), sends_ms.iter().cycle());
        let mut send_at = now;
        let mut silence_probes = 0;
        let death = loop {
            prop_assert!(now <= last_byte + policy.silence_max() * 2, "still alive");
            match prober.poll(now) {
                Next::Dead(_) => break now,
                Next::Probe { .. } => {
                    silence_probes += u32::from(now >= last_byte + policy.interval());
                }
                Next::Wait(at) => {
                    prop_assert!(at > now, "a wait that is over spins");
                    let late = policy.tick() * *lateness.next().unwrap() / 100;
                    while send_at <= at + late {
                        prober.sent(send_at);
                        send_at += Duration::from_millis(*sends.next().unwrap());
                    }
                    now = at + late;
                }
            }
        };
        let silent = death - last_byte;
        prop_assert!(silent >= policy.silence_max(), "{silent:?}");
        prop_assert!(silent <= policy.silence_max() + policy.tick(), "{silent:?}");
        prop_assert!(silence_probes <= policy.misses());
        prop_assert!(silence_probes + 1 >= policy.misses());
    }

    // contract: heart-3
    #[test]
    fn an_idle_link_costs_one_probe_per_interval_and_lives(
        policy in policies(),
        round_trips in prop::collection::vec(0..=100_u32, 1..50),
    ) {
        let start = origin();
        let mut prober = Prober::new(policy, start);
        let mut listener = Listener::new(policy, start);
        let mut probes = 0_u32;
        let mut answer_at: Option<Instant> = None;
        let mut now = start;
        let mut round_trips = round_trips.iter().cycle();
        let end = start + policy.interval() * 50;
        while now < end {
            if answer_at.is_some_and(|at| at <= now) {
                prober.received(now);
                answer_at = None;
            }
            prop_assert!(!matches!(listener.poll(now), Next::Dead(_)));
            match prober.poll(now) {
                Next::Probe { next_interval } => {
                    probes += 1;
                    listener.probed(now, next_interval);
                    // An answer within half the timeout, now sooner, now later.
                    answer_at = Some(now + policy.timeout() / 2 * *round_trips.next().unwrap() / 100);
                }
                Next::Wait(at) => now = answer_at.map_or(at, |answer| answer.min(at)),
                Next::Dead(death) => prop_assert!(false, "{death}"),
            }
        }
        prop_assert!(probes <= 50, "{probes} probes in 50 intervals");
    }
}
