//! A peer whose clock is known to the test, over ways of uneven length.

use proptest::prelude::*;
use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

const START: u64 = 1_700_000_000_000_000;

fn ms(random: &mut Pcg64, below: u64) -> Duration {
    Duration::from_micros(random.next_u64() % (below * 1000))
}

/// Answers at every `interval`, each way taking 1 ms and up to `jitter_ms` more,
/// from a peer that is `ahead` microseconds and drifts. Ends with the present.
fn play(
    seed: u64,
    ppm: f64,
    ahead: i64,
    interval: Duration,
    jitter_ms: u64,
) -> (PeerClock, Instant, u64, u64) {
    let mut random = Pcg64::seed_from_u64(seed);
    #[expect(
        clippy::disallowed_methods,
        reason = "any instant will do as the first"
    )]
    let origin = Instant::now();
    let theirs_at = |at: Instant| {
        let passed = (at - origin).as_secs_f64() * 1e6;
        START.saturating_add_signed(ahead) + (passed * (1.0 + ppm / 1e6)) as u64
    };
    let mut clock = PeerClock::default();
    let mut now = origin;
    for probe in 0..100 {
        let sent = origin + interval * probe;
        let there = sent + Duration::from_millis(1) + ms(&mut random, jitter_ms);
        now = there + Duration::from_millis(1) + ms(&mut random, jitter_ms);
        assert_eq!(clock.sample(now, now - sent, theirs_at(there)), None);
    }
    let wall = START + u64::try_from((now - origin).as_micros()).unwrap();
    (clock, now, wall, theirs_at(now))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_drift_is_found_within_its_own_error_and_a_few_parts_per_million(
        seed: u64, ppm in -500.0..500.0_f64,
    ) {
        let (clock, ..) = play(seed, ppm, 0, Duration::from_secs(10), 5);
        let drift = clock.drift().unwrap();
        let off = (drift.ppm - ppm).abs();
        prop_assert!(off <= drift.error_ppm + 0.1, "{drift:?} of {ppm}");
        prop_assert!(off < 8.0, "{drift:?} of {ppm}");
    }

    #[test]
    fn an_offset_is_found_within_its_own_error(
        seed: u64, ppm in -500.0..500.0_f64, ahead in -1_000_000_000_000..1_000_000_000_000_i64,
    ) {
        let (clock, now, wall, theirs) = play(seed, ppm, ahead, Duration::from_secs(2), 20);
        let offset = clock.offset(now, wall).unwrap();
        let truth = i64::try_from(theirs).unwrap() - i64::try_from(wall).unwrap();
        prop_assert!(
            u128::from(offset.micros.abs_diff(truth)) <= offset.error.as_micros() + 1,
            "{offset:?} of {truth}"
        );
    }

    #[test]
    fn no_clock_is_too_absurd(
        theirs: Vec<u64>, rtt_ms in 0..u64::MAX, wall: u64,
    ) {
        let (mut clock, now, ..) = play(1, 0.0, 0, Duration::from_secs(1), 1);
        for showed in theirs {
            clock.sample(now, Duration::from_millis(rtt_ms), showed);
            clock.offset(now, wall);
            clock.drift();
            clock.age(now, showed);
        }
        prop_assert!(clock.samples.len() <= CLOCK_SAMPLES_MAX);
    }
}

#[test]
fn a_jump_is_told_once_and_what_was_known_before_it_is_forgotten() {
    let (mut clock, now, wall, theirs) = play(7, 20.0, 0, Duration::from_secs(10), 5);
    let second = Duration::from_secs(1);
    let jumped = theirs + 3_600_000_000;

    let by = clock.sample(now + second, Duration::from_millis(4), jumped + 1_000_000);
    assert!((by.unwrap() - 3_600_000_000).abs() < 10_000, "{by:?}");
    assert_eq!(clock.samples.len(), 1);
    assert_eq!(clock.drift(), None);

    let two = now + second * 2;
    assert_eq!(
        clock.sample(two, Duration::from_millis(4), jumped + 2_000_000),
        None
    );
    let offset = clock.offset(two, wall + 2_000_000).unwrap();
    let truth = i64::try_from(jumped - wall).unwrap();
    assert!((offset.micros - truth).abs() < 3_000, "{offset:?}");
}

#[test]
fn a_slow_answer_is_no_jump() {
    let (mut clock, now, _, theirs) = play(7, 0.0, 0, Duration::from_secs(10), 5);
    // The answer took ten seconds, all of them on its way back.
    let rtt = Duration::from_secs(10);
    assert_eq!(clock.sample(now + rtt, rtt, theirs), None);
}

#[test]
fn an_age_is_told_on_the_peers_clock() {
    let (clock, now, _, theirs) = play(7, 100.0, 5_000_000, Duration::from_secs(10), 5);
    let age = clock.age(now, theirs - 30_000_000).unwrap();
    assert!(
        age > Duration::from_millis(29_950) && age <= Duration::from_millis(30_020),
        "{age:?}"
    );
    assert_eq!(clock.age(now, theirs + 30_000_000), Some(Duration::ZERO));
    assert_eq!(PeerClock::default().age(now, theirs), None);
}
