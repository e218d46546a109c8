//! What an adaptive heartbeat does that a fixed one does not.

use super::*;

const MS: fn(u64) -> Duration = Duration::from_millis;

/// An answer takes this long in the scripts below.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// Polls `prober` until `end`, answers each probe after a round trip, and returns
/// when probes were due and what they named, in milliseconds.
fn answered_until(prober: &mut Prober, now: &mut Instant, end: Instant) -> Vec<(u64, u64)> {
    let start = *now;
    let mut probes = Vec::new();
    let mut answer_at: Option<Instant> = None;
    while *now < end {
        if answer_at.is_some_and(|at| at <= *now) {
            answer_at = None;
            prober.answered(*now);
        }
        match prober.poll(*now) {
            Next::Probe { next_interval } => {
                let at = u64::try_from((*now - start).as_millis()).unwrap();
                probes.push((at, u64::try_from(next_interval.as_millis()).unwrap()));
                answer_at = Some(*now + ROUND_TRIP);
            }
            Next::Wait(at) => *now = answer_at.map_or(at, |answer| answer.min(at)),
            Next::Dead(death) => panic!("{death}"),
        }
    }
    probes
}

/// A prober that has reached its longest interval, and just heard its peer and
/// sent something.
fn settled(policy: Adaptive) -> (Prober, Instant) {
    let mut now = origin();
    let mut prober = Prober::new(policy, now);
    let end = now + S(300);
    answered_until(&mut prober, &mut now, end);
    prober.received(now);
    prober.sent(now);
    assert_eq!(prober.interval(), policy.ladder().max);
    (prober, now)
}

/// Asks at each instant it is told, until the end: when probes came and what
/// they named, in milliseconds from `now`, and when the peer was given up.
fn silent(prober: &mut Prober, mut now: Instant) -> (Vec<(u64, u64)>, Duration) {
    let start = now;
    let mut probes = Vec::new();
    loop {
        match prober.poll(now) {
            Next::Probe { next_interval } => {
                let at = u64::try_from((now - start).as_millis()).unwrap();
                probes.push((at, u64::try_from(next_interval.as_millis()).unwrap()));
            }
            Next::Wait(at) => now = at,
            Next::Dead(_) => return (probes, now - start),
        }
    }
}

// contract: heart-5
#[test]
fn an_idle_link_starts_short_and_climbs_step_by_step_to_its_maximum() {
    let start = origin();
    let mut now = start;
    let mut prober = Prober::new(Adaptive::default(), now);
    assert_eq!(prober.interval(), S(1));
    let probes = answered_until(&mut prober, &mut now, start + S(215));
    let expected = [
        (1_000, 1_000),
        (2_000, 1_000),
        (3_000, 1_000),
        // Three answers at an interval, and the next probe names a longer one.
        (4_000, 4_000),
        (8_000, 4_000),
        (12_000, 4_000),
        (16_000, 4_000),
        (20_000, 8_000),
        (28_000, 8_000),
        (36_000, 8_000),
        (44_000, 8_000),
        (52_000, 16_000),
        (68_000, 16_000),
        (84_000, 16_000),
        (100_000, 16_000),
        (116_000, 25_000),
        (141_000, 25_000),
        (166_000, 25_000),
        (191_000, 25_000),
    ];
    assert_eq!(probes, expected);
    assert_eq!(prober.interval(), S(25));
    assert_eq!(prober.tally().round_trip, Some(ROUND_TRIP));
}

// contract: heart-2, heart-5
#[test]
fn at_the_first_missed_answer_probes_follow_fast_and_death_keeps_its_bound() {
    let (mut prober, now) = settled(Adaptive::default());
    assert_eq!(prober.silence_max(), S(29));
    let (probes, dead_after) = silent(&mut prober, now);
    let expected = [
        (25_000, 25_000),
        (26_000, 500),
        (26_500, 500),
        (27_000, 500),
        (27_500, 500),
        (28_000, 500),
        (28_500, 500),
    ];
    assert_eq!(probes, expected);
    assert_eq!(dead_after, S(29));
    assert_eq!(prober.tally().missed, 4);
}

// contract: heart-5
#[test]
fn after_a_missed_answer_the_climb_begins_at_the_fast_interval() {
    let (mut prober, mut now) = settled(Adaptive::default());
    for (second, probes) in [(25, true), (26, true), (26, false)] {
        let next = prober.poll(now + S(second));
        assert_eq!(matches!(next, Next::Probe { .. }), probes, "{next:?}");
    }
    now += MS(26_200);
    prober.answered(now);
    assert_eq!(prober.interval(), MS(500));
    assert_eq!(prober.silence_max(), MS(4_500));
    let end = now + S(10);
    let probes = answered_until(&mut prober, &mut now, end);
    let expected = [
        // Half a second after the last probe.
        (300, 500),
        (800, 500),
        (1_300, 500),
        (1_800, 500),
        (2_300, 1_000),
        (3_300, 1_000),
        (4_300, 1_000),
        (5_300, 1_000),
        (6_300, 4_000),
    ];
    assert_eq!(probes, expected);
}

// contract: heart-3, heart-5
#[test]
fn traffic_is_good_order_too_but_a_longer_interval_waits_until_it_is_named() {
    let start = origin();
    let mut now = start;
    let mut prober = Prober::new(Adaptive::default(), now);
    for _ in 0..1_000 {
        now += MS(200);
        prober.sent(now);
        prober.received(now);
        assert!(
            matches!(prober.poll(now), Next::Wait(_)),
            "a needless probe"
        );
    }
    assert_eq!(prober.interval(), S(1), "the peer knows of no other");
    now += S(1);
    let next_interval = S(25);
    assert_eq!(prober.poll(now), Next::Probe { next_interval });
    assert_eq!(prober.interval(), S(1), "this silence keeps its bound");
    prober.received(now + ROUND_TRIP);
    assert_eq!(prober.interval(), S(25));
}

// contract: heart-4, heart-5
#[test]
fn time_that_nobody_watched_is_no_step_up_and_a_late_timer_no_miss() {
    let start = origin();
    let mut prober = Prober::new(Adaptive::default(), start);
    // An hour asleep, then a byte: it proves one interval at the most.
    let woken = start + S(3_600);
    prober.received(woken);
    assert_eq!(
        prober.poll(woken),
        Next::Probe {
            next_interval: S(1)
        }
    );
    // An hour asleep, then the timer: one fresh probe and one timeout.
    prober.received(woken + ROUND_TRIP);
    let late = woken + S(3_600);
    assert!(matches!(prober.poll(late), Next::Probe { .. }));
    assert_eq!(prober.tally().missed, 0);
    assert_eq!(prober.tally().doubted, 1);
    assert_eq!(prober.poll(late), Next::Wait(late + S(1)));
    prober.received(late + ROUND_TRIP);
    assert_eq!(prober.interval(), S(1), "the ladder stays as it was");
}

// contract: heart-4, heart-5
#[test]
fn a_suspend_at_the_longest_interval_is_decided_by_one_probe_and_one_timeout() {
    let (mut prober, now) = settled(Adaptive::default());
    prober.clock_jumped(now);
    assert!(matches!(prober.poll(now), Next::Probe { .. }));
    let (probes, dead_after) = silent(&mut prober, now);
    assert_eq!(probes, []);
    assert_eq!(dead_after, S(1));
    let tally = prober.tally();
    assert_eq!((tally.doubted, tally.missed), (1, 1));
}

// contract: heart-5, heart-6
#[test]
fn a_pause_is_neither_missed_nor_credited_and_has_its_limit() {
    let policy = Adaptive::default().pause_max(S(40)).unwrap();
    let (mut prober, mut now) = settled(policy);
    let paused_at = now;
    prober.reading_paused(now);
    let mut probes = 0;
    while now < paused_at + S(39) {
        match prober.poll(now) {
            Next::Wait(at) => now = at,
            Next::Probe { .. } => probes += 1,
            Next::Dead(death) => panic!("{death}"),
        }
    }
    assert_eq!(probes, 1, "for the peer's sake");
    prober.reading_resumed(paused_at + S(39));
    prober.received(paused_at + S(39));
    assert_eq!(prober.interval(), S(25));
    assert_eq!(prober.tally().missed, 0);

    let (mut prober, now) = settled(policy);
    prober.reading_paused(now);
    let (_, dead_after) = silent(&mut prober, now);
    assert_eq!(dead_after, S(40));
}

// contract: heart-3, heart-5
#[test]
fn a_listener_starts_at_the_start_and_follows_up_and_down() {
    let start = origin();
    let mut listener = Listener::new(Adaptive::default(), start);
    assert_eq!(listener.poll(start), Next::Wait(start + S(5)));
    listener.probed(start + S(1), S(25));
    assert_eq!(listener.poll(start + S(1)), Next::Wait(start + S(30)));
    listener.probed(start + S(26), MS(500));
    assert_eq!(listener.poll(start + S(26)), Next::Wait(start + MS(30_500)));
}

#[test]
fn a_ladder_out_of_order_is_refused_with_both_values() {
    let ladder = Ladder::default();
    let refused = |ladder, timeout, misses| {
        Adaptive::new(ladder, timeout, misses)
            .unwrap_err()
            .to_string()
    };
    for (wrong, expected) in [
        (
            Ladder {
                fast: S(2),
                ..ladder
            },
            "fast interval 2s is over start interval 1s",
        ),
        (
            Ladder {
                start: S(5),
                ..ladder
            },
            "start interval 5s is over steady interval 4s",
        ),
        (
            Ladder {
                max: S(3),
                ..ladder
            },
            "steady interval 4s is over maximum interval 3s",
        ),
        (
            Ladder {
                fast: S(0),
                ..ladder
            },
            "fast interval 0ns is below 10ms",
        ),
        (
            Ladder {
                max: S(90_000),
                ..ladder
            },
            "interval 90000s is over 86400s",
        ),
    ] {
        assert_eq!(refused(wrong, S(1), 4), expected);
    }
    assert_eq!(refused(ladder, S(2), 4), "timeout 2s is over interval 1s");
    assert_eq!(refused(ladder, S(0), 4), "timeout 0ns is below 10ms");
    assert_eq!(
        refused(ladder, S(1), 0),
        "0 misses are not between 1 and 100"
    );
    let adaptive = Adaptive::default();
    assert_eq!(
        adaptive.climb_after(0).unwrap_err().to_string(),
        "a step after 0 intervals is not between 1 and 1000"
    );
    assert_eq!(
        adaptive.pause_max(S(0)).unwrap_err().to_string(),
        "pause limit 0ns is not between 1ns and 86400s"
    );
    assert_eq!((adaptive.silence_max(), adaptive.tick()), (S(29), MS(250)));
}

// contract: heart-5
#[test]
fn a_thousand_steady_idle_links_stay_under_ten_kilobytes_a_second() {
    /// An IPv4 header of 20 bytes, a TCP header of 20, and 12 of timestamps.
    const HEADERS: u64 = 20 + 20 + 12;
    /// A frame header of 8 bytes, the 17 of a heartbeat, and 8 for the interval.
    const PROBE: u64 = HEADERS + 8 + 17 + 8;
    /// The same without the interval. It acknowledges the probe.
    const ANSWER: u64 = HEADERS + 8 + 17;
    /// The answer is acknowledged by a segment of its own.
    const ACK: u64 = HEADERS;
    const LINKS: u64 = 1_000;

    let (mut prober, mut now) = settled(Adaptive::default());
    let end = now + S(3_600) + MS(1);
    let probes = answered_until(&mut prober, &mut now, end).len() as u64;
    assert_eq!(probes, 3_600 / 25, "one per longest interval");
    let bytes_per_second = LINKS * probes * (PROBE + ANSWER + ACK) / 3_600;
    assert_eq!(bytes_per_second, 8_560);
    assert!(bytes_per_second < 10_000);
}

/// Ladders of every shape, in milliseconds.
fn adaptives() -> impl Strategy<Value = Adaptive> {
    let steps = (10..500_u64, 0..500_u64, 0..2_000_u64, 0..10_000_u64);
    (steps, 0..=100_u64, 1..6_u32, 1..5_u32).prop_map(|(steps, share, misses, climb_after)| {
        let fast = steps.0;
        let start = fast + steps.1;
        let steady = start + steps.2;
        let timeout = (start * share / 100).max(10);
        let ladder = Ladder {
            fast: MS(fast),
            start: MS(start),
            steady: MS(steady),
            max: MS(steady + steps.3),
        };
        let policy = Adaptive::new(ladder, MS(timeout), misses).unwrap();
        policy.climb_after(climb_after).unwrap()
    })
}

/// Something that happens to a prober.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Heard,
    Answered,
    Sent,
    Paused,
    Resumed,
    Jumped,
    /// Nothing until it is asked again, this share of its wait: up to five times.
    Asked(u32),
}

fn happenings() -> impl Strategy<Value = Vec<Happens>> {
    let one = prop_oneof![
        3 => Just(Happens::Heard),
        3 => Just(Happens::Answered),
        2 => Just(Happens::Sent),
        1 => Just(Happens::Paused),
        2 => Just(Happens::Resumed),
        1 => Just(Happens::Jumped),
        6 => Just(Happens::Asked(100)),
        4 => (0..110_u32).prop_map(Happens::Asked),
        1 => (100..500_u32).prop_map(Happens::Asked),
    ];
    prop::collection::vec(one, 0..200)
}

/// Plays a history, and checks after each step what holds whatever happens.
/// Returns the time, or nothing if the peer was given up.
fn play(prober: &mut Prober, policy: Adaptive, history: &[Happens]) -> Option<Instant> {
    let ladder = policy.ladder();
    let bounds = ladder.fast..=ladder.max;
    let mut now = origin();
    let mut wait_until = now;
    for &happens in history {
        let missed = prober.tally().in_a_row > 0;
        match happens {
            Happens::Heard => prober.received(now),
            Happens::Answered => {
                prober.answered(now);
            }
            Happens::Sent => prober.sent(now),
            Happens::Paused => prober.reading_paused(now),
            Happens::Resumed => prober.reading_resumed(now),
            Happens::Jumped => prober.clock_jumped(now),
            Happens::Asked(percent) => {
                now += wait_until.saturating_duration_since(now) * percent / 100;
            }
        }
        if missed && matches!(happens, Happens::Heard | Happens::Answered) {
            assert_eq!(prober.interval(), ladder.fast, "not fast after a miss");
        }
        for asked in 0.. {
            match prober.poll(now) {
                Next::Wait(at) => {
                    assert!(at > now, "a wait that is over spins");
                    wait_until = at;
                    break;
                }
                Next::Probe { next_interval } => {
                    assert!(bounds.contains(&next_interval), "{next_interval:?}");
                    assert!(asked < 3, "a burst of probes");
                }
                Next::Dead(_) => return None,
            }
        }
        assert!(
            bounds.contains(&prober.interval()),
            "{:?}",
            prober.interval()
        );
    }
    Some(now)
}

proptest! {
    // contract: heart-2, heart-5
    #[test]
    fn whatever_happened_bounds_hold_and_silence_is_found_in_time(
        policy in adaptives(),
        history in happenings(),
        lateness in prop::collection::vec(0..=100_u32, 1..40),
    ) {
        let mut prober = Prober::new(policy, origin());
        let start = origin();
        let Some(now) = play(&mut prober, policy, &history) else {
            return Ok(());
        };
        let mut now = now.max(start);
        prober.reading_resumed(now);
        while let Next::Probe { .. } = prober.poll(now) {}
        prober.received(now);

        // From here the peer is silent.
        let (last_byte, bound) = (now, prober.silence_max());
        prop_assert_eq!(bound, prober.interval() + policy.timeout() * policy.misses());
        prop_assert!(bound <= policy.silence_max());
        let mut lateness = lateness.iter().cycle();
        let missed_before = prober.tally().missed;
        loop {
            match prober.poll(now) {
                Next::Dead(_) => break,
                Next::Probe { .. } => {}
                Next::Wait(at) => {
                    prop_assert!(at > now);
                    now = at + policy.tick() * *lateness.next().unwrap() / 100;
                }
            }
            prop_assert!(now <= last_byte + bound + policy.tick(), "still alive");
        }
        prop_assert!(now >= last_byte + bound, "too early");
        prop_assert_eq!(prober.tally().missed - missed_before, u64::from(policy.misses()));
    }

    // contract: heart-2, heart-5
    #[test]
    fn a_peer_that_answers_in_time_never_dies_and_its_interval_reaches_the_maximum(
        policy in adaptives(),
        round_trips in prop::collection::vec(0..75_u32, 1..50),
        lateness in prop::collection::vec(0..100_u32, 1..50),
    ) {
        let start = origin();
        let (mut round_trips, mut lateness) = (round_trips.iter().cycle(), lateness.iter().cycle());
        let mut prober = Prober::new(policy, start);
        let mut now = start;
        let mut answers: Vec<Instant> = Vec::new();
        let ladder = policy.ladder();
        // At the most ten steps, of climb_after intervals and one that names it.
        let reached = start + (ladder.max + policy.timeout()) * 10 * 7;
        let end = reached + ladder.max * 20;
        let mut probes_at_max = 0;
        while now < end {
            while let Some(at) = answers.first().copied().filter(|at| *at <= now) {
                answers.remove(0);
                prober.answered(at);
            }
            match prober.poll(now) {
                Next::Probe { .. } => {
                    let round_trip = policy.timeout() * *round_trips.next().unwrap() / 100;
                    let at = answers.last().map_or(now, |last| now.max(*last));
                    answers.push((now + round_trip).max(at));
                    if now >= reached {
                        prop_assert_eq!(prober.interval(), ladder.max);
                        probes_at_max += 1;
                    }
                }
                Next::Wait(at) => {
                    let late = policy.tick() * *lateness.next().unwrap() / 100;
                    let next = at + late;
                    now = answers.first().map_or(next, |answer| next.min(now.max(*answer)));
                }
                Next::Dead(death) => prop_assert!(false, "{death}"),
            }
        }
        prop_assert_eq!(prober.tally().missed, 0);
        prop_assert!(probes_at_max <= 21, "{} probes in 20 intervals", probes_at_max);
    }

    // contract: heart-3, heart-5
    #[test]
    fn a_listener_that_follows_never_gives_up_a_peer_that_keeps_its_word(
        policy in adaptives(),
        delays in prop::collection::vec((0..100_u32, 0..100_u32, 0..100_u32), 1..60),
        data in prop::collection::vec((1..3_000_u64, any::<bool>()), 0..60),
    ) {
        Pair::new(policy, &delays).run(&data);
    }
}

/// Both sides of a link whose delays in both directions together stay just under
/// what is tolerated, which is far above the timeout of a single probe.
struct Pair<'a> {
    policy: Adaptive,
    prober: Prober,
    listener: Listener,
    delays: std::iter::Cycle<std::slice::Iter<'a, (u32, u32, u32)>>,
    /// When what is under way arrives, in order; to the listener with what it
    /// names, if it is a probe.
    to_listener: Vec<(Instant, Option<Duration>)>,
    to_prober: Vec<Instant>,
}

impl<'a> Pair<'a> {
    fn new(policy: Adaptive, delays: &'a [(u32, u32, u32)]) -> Self {
        let now = origin();
        Self {
            policy,
            prober: Prober::new(policy, now),
            listener: Listener::new(policy, now),
            delays: delays.iter().cycle(),
            to_listener: Vec::new(),
            to_prober: Vec::new(),
        }
    }

    /// Each direction may take half of what is tolerated, less a tick.
    fn delay(&self, percent: u32) -> Duration {
        let most = self.policy.timeout() * self.policy.misses() / 2 - self.policy.tick();
        most * percent / 100
    }

    fn send(&mut self, now: Instant, names: Option<Duration>) {
        let percent = self.delays.next().unwrap().0;
        let delay = self.delay(percent);
        let before = self.to_listener.last().map_or(now, |last| last.0);
        self.to_listener.push(((now + delay).max(before), names));
        self.prober.sent(now);
    }

    fn answer(&mut self, now: Instant) {
        let percent = self.delays.next().unwrap().1;
        let delay = self.delay(percent);
        let before = self.to_prober.last().copied().unwrap_or(now);
        self.to_prober.push((now + delay).max(before));
    }

    fn arrive(&mut self, now: Instant) {
        while self.to_listener.first().is_some_and(|first| first.0 <= now) {
            match self.to_listener.remove(0) {
                (at, Some(names)) => {
                    self.listener.probed(at, names);
                    self.answer(now);
                }
                (at, None) => self.listener.received(at),
            }
        }
        while self.to_prober.first().is_some_and(|first| *first <= now) {
            self.prober.received(self.to_prober.remove(0));
        }
    }

    /// Runs until all data is sent and for some intervals more.
    fn run(mut self, data: &[(u64, bool)]) {
        let mut now = origin();
        let mut data_at = now;
        let mut data = data.iter();
        let mut next = data.next();
        let end = now + self.policy.ladder().max * 40 + S(30);
        while now < end {
            self.arrive(now);
            while let Some(&(pause, ours)) = next.filter(|_| data_at <= now) {
                data_at = now + MS(pause);
                next = data.next();
                if ours {
                    self.send(now, None);
                } else {
                    self.answer(now);
                }
            }
            let listens_until = match self.listener.poll(now) {
                Next::Wait(at) => at,
                other => panic!("the listener: {other:?}"),
            };
            let wait_until = match self.prober.poll(now) {
                Next::Wait(at) => at + self.policy.tick() * self.delays.next().unwrap().2 / 100,
                Next::Probe { next_interval } => {
                    self.send(now, Some(next_interval));
                    continue;
                }
                Next::Dead(death) => panic!("the prober: {death}"),
            };
            now = [
                Some(wait_until),
                Some(listens_until),
                self.to_listener.first().map(|first| first.0),
                self.to_prober.first().copied(),
                next.map(|_| data_at),
            ]
            .into_iter()
            .flatten()
            .min()
            .unwrap();
        }
    }
}
